//! The OpenAPI document as JSON (feature `document`).
//!
//! Its request schemas are strict: they refuse unknown properties (`additionalProperties: false`). Its reply schemas
//! describe what WeCom documents.
//!
//! [`JsonRequest`] calls any operation with JSON, for programs whose users write the request. [`schema`] is the check of
//! requests alone.

mod json_request;
pub mod schema;

use serde_json::{Value, json};

use crate::Operation;

pub use json_request::{InvalidArguments, JsonReply, JsonRequest, arguments};

/// The text of the document. Its first member, `x-generated`, names the files from which it was generated.
pub const JSON: &str = include_str!("generated/document.json");

/// Parses the document.
pub fn parsed() -> Value {
    serde_json::from_str(JSON).expect("the generator wrote this JSON")
}

/// Returns a self-contained JSON Schema for the request body of `operation`, or `None` if the operation has no body.
pub fn request_schema(operation: Operation) -> Option<Value> {
    let document = parsed();
    let method = operation.method.to_ascii_lowercase();
    let schema = &document["paths"][operation.path][method]["requestBody"]["content"]["application/json"]["schema"];
    let reference = schema.get("$ref")?;
    Some(json!({ "$ref": reference, "components": { "schemas": document["components"]["schemas"] } }))
}
