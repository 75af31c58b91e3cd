//! Formats the generated files: Rust code and JSON.

use anyhow::{Context, Result};
use proc_macro2::TokenStream;
use serde_json::{Value, json};

/// Formats Rust code for readers.
pub fn pretty(tokens: TokenStream) -> Result<String> {
    let file = syn::parse2(tokens).context("the generator produced invalid Rust, which is a bug of xtask")?;
    Ok(prettyplease::unparse(&file))
}

/// Formats a JSON file. JSON has no comments, so `header` is the first member, on the first line.
pub fn json_file(mut root: Value, header: &str) -> Result<String> {
    root.as_object_mut().map(|root| root.remove("x-generated"));
    let text = serde_json::to_string_pretty(&root)?;
    let rest = text
        .strip_prefix("{\n")
        .context("the generator produced JSON that is not an object, which is a bug of xtask")?;
    Ok(format!("{{ \"x-generated\": {},\n{rest}\n", json!(header)))
}
