//! Generates the file `client.rs`: runs progenitor, and adapts its types and client.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use anyhow::{Context, Result, anyhow, bail};
use openapiv3::OpenAPI;
use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle};

use crate::adapt::adapt;
use crate::document::Document;
use crate::generated_types::GeneratedTypes;
use crate::lower::{Lowered, MESSAGE_JSON, SECRETS, Step};
use crate::schema::{Slot, schemas_mut};

/// Returns the text of the file, the types in it, and how often each edit applied.
pub fn render(lowered: &Lowered) -> Result<(String, GeneratedTypes, Vec<Step>)> {
    let tokens = generate(lowered, &lowered.document.api).map_err(|problem| blame(lowered, &problem))?;
    let mut file =
        syn::parse2(tokens).context("progenitor generated invalid Rust; change the lowering in xtask/src/lower.rs")?;
    let steps = adapt(&mut file, lowered)?;
    let types = GeneratedTypes::of(&file);
    Ok((prettyplease::unparse(&file), types, steps))
}

/// Runs progenitor on `api`, a part of the lowered document. progenitor panics on some documents; a panic is returned as an
/// error.
fn generate(lowered: &Lowered, api: &OpenAPI) -> Result<TokenStream, String> {
    let mut settings = GenerationSettings::default();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_hooks(HooksMode::Expected)
        .with_derive("PartialEq")
        // A sorted map, so that the same request always has the same bytes.
        .with_map_type("::std::collections::BTreeMap");
    for name in SECRETS.iter().map(|(_, secret)| *secret).chain([MESSAGE_JSON]) {
        settings.with_replacement(name, format!("crate::{name}"), std::iter::empty());
    }
    for name in lowered.enums.keys() {
        settings.with_replacement(name, format!("crate::types::{name}"), std::iter::empty());
    }
    match catch_panic(|| Generator::new(&settings).generate_tokens(api)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(panic),
    }
}

thread_local! {
    /// The message of a panic on this thread. `Some` only while `catch_panic` runs.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `f`. Returns the message of a panic as an error, and prints nothing.
fn catch_panic<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_caught =
                PANIC.with_borrow_mut(|panic| panic.as_mut().map(|text| *text = info.to_string()).is_some());
            if !is_caught {
                usual(info);
            }
        }));
    });
    PANIC.set(Some(String::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    let message = PANIC.take().unwrap_or_default();
    result.map_err(|_| message.lines().skip(1).collect::<Vec<_>>().join(" ").trim().to_owned())
}

/// Returns an error that names the operation, and if possible the schema, that progenitor cannot generate code for.
fn blame(lowered: &Lowered, problem: &str) -> anyhow::Error {
    const REMEDY: &str = "use a form that spec/README.md lists as supported";
    let document = &lowered.document;
    for operation in document.operations() {
        let alone = only(document, operation.path, operation.method);
        let Err(problem) = generate(lowered, &alone) else { continue };
        let id = operation.id();
        for name in document.names_in(&operation.slots()) {
            if let Err(problem) = generate(lowered, &only_schema(&alone, document, &name)) {
                return anyhow!(
                    "operation {id}, schema {name}: progenitor cannot generate code for it: {problem}; {REMEDY}"
                );
            }
        }
        return anyhow!("operation {id}: progenitor cannot generate code for it: {problem}; {REMEDY}");
    }
    anyhow!(
        "progenitor can generate code for each operation alone, but not for all together: {problem}; look for two names that clash"
    )
}

/// Returns the document with only one operation and the schemas that it needs.
fn only(document: &Document, path: &str, method: &str) -> OpenAPI {
    let mut api = document.api.clone();
    api.paths.paths.retain(|other, _| other == path);
    for item in api.paths.paths.values_mut() {
        if let openapiv3::ReferenceOr::Item(item) = item {
            for (name, operation) in [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ] {
                if name != method {
                    *operation = None;
                }
            }
        }
    }
    let operations = document.operations();
    let operation = operations.iter().find(|operation| operation.path == path && operation.method == method);
    let needed = operation.map(|operation| document.names_in(&operation.slots())).unwrap_or_default();
    schemas_mut(&mut api).retain(|name, _| needed.contains(name));
    api
}

/// Returns the document with only one schema and the schemas that it needs, without operations.
fn only_schema(alone: &OpenAPI, document: &Document, name: &str) -> OpenAPI {
    let mut api = alone.clone();
    api.paths.paths.clear();
    let slot = document.api.components.as_ref().and_then(|components| components.schemas.get(name));
    let mut needed = slot.map(|slot| document.names_in(&[slot as &dyn Slot])).unwrap_or_default();
    needed.insert(name.to_owned());
    schemas_mut(&mut api).retain(|name, _| needed.contains(name));
    api
}

/// Fails if the generated client lacks a function for an operation.
pub fn expect_operations(document: &Document, types: &GeneratedTypes) -> Result<()> {
    for operation in document.operations() {
        if types.arguments(operation.id()).is_none() {
            bail!(
                "operation {}: progenitor generated no function with this name; choose another operationId",
                operation.id()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use openapiv3::{ReferenceOr, StatusCode};

    use super::*;
    use crate::{check, codegen, document, lower};

    #[test]
    fn a_panic_of_progenitor_names_the_operation() {
        let text = std::fs::read_to_string(codegen::workspace_root().join(document::FILE)).unwrap();
        let mut lowered = lower::lower(&check::check(&Document::read(&text).unwrap()).unwrap()).unwrap();
        // Give one operation two replies of different types. The checks would refuse this.
        let mut api = lowered.document.api.clone();
        crate::schema::each_operation_mut(&mut api, &mut |_, operation| {
            if operation.operation_id.as_deref() == Some("send_msg") {
                let reference = "#/components/schemas/SyncResponse".to_owned();
                let media =
                    openapiv3::MediaType { schema: Some(ReferenceOr::Reference { reference }), ..Default::default() };
                let mut other = openapiv3::Response { description: "x".to_owned(), ..Default::default() };
                other.content.insert("application/json".to_owned(), media);
                operation.responses.responses.insert(StatusCode::Code(202), ReferenceOr::Item(other));
            }
        });
        lowered.document = Document::from_api(api);
        let Err(error) = render(&lowered) else { panic!("progenitor accepted it") };
        let error = error.to_string();
        assert!(error.starts_with("operation send_msg: progenitor cannot generate code for it: "), "{error}");
        assert!(error.contains("assertion failed"), "{error}");
    }
}
