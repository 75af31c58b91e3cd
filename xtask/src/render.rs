//! From the documents to the texts of the generated files.

use anyhow::{Context, Result};
use proc_macro2::TokenStream;
use serde_json::{Value, json};

/// Rust as a person would lay it out.
pub fn pretty(tokens: TokenStream) -> Result<String> {
    let file = syn::parse2(tokens).context("the generator wrote text that is no Rust")?;
    Ok(prettyplease::unparse(&file))
}

/// JSON has no comments, so the header is its first member, on the first line.
pub fn json_file(mut root: Value, header: &str) -> Result<String> {
    root.as_object_mut().map(|root| root.remove("x-generated"));
    let text = serde_json::to_string_pretty(&root)?;
    let rest = text.strip_prefix("{\n").context("a document is an object")?;
    Ok(format!("{{ \"x-generated\": {},\n{rest}\n", json!(header)))
}
