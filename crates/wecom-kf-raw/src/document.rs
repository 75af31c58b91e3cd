//! The OpenAPI document as JSON.
//!
//! Its request schemas are strict: they refuse what they do not name, as `additionalProperties: false` says. Its reply
//! schemas say what the platform documents.

use serde_json::{Value, json};

use crate::Operation;

/// The document. Its first member, `x-generated`, says what it was made from.
pub const JSON: &str = include_str!("generated/document.json");

/// The document, parsed.
pub fn parsed() -> Value {
    serde_json::from_str(JSON).expect("the generator wrote this JSON")
}

/// A self-contained JSON Schema of the body of `operation`, if it takes one.
pub fn request_schema(operation: Operation) -> Option<Value> {
    let document = parsed();
    let method = operation.method.to_ascii_lowercase();
    let schema = &document["paths"][operation.path][method]["requestBody"]["content"]["application/json"]["schema"];
    let reference = schema.get("$ref")?;
    Some(json!({ "$ref": reference, "components": { "schemas": document["components"]["schemas"] } }))
}
