//! Replaces formats that generators of other languages do not know.

use serde_json::{Map, Value, json};

use super::tree::{Sides, components, each_schema, every_schema};
use crate::lower::Step;

/// Removes or replaces formats. Returns how often each step applied.
pub fn known_formats(root: &mut Value, sides: &Sides) -> Vec<Step> {
    let (mut secrets, mut unsigned, mut widened) = (0, 0, 0);
    let replies = components(root).into_iter().flatten().filter(|(name, _)| sides.is_reply(name));
    replies.for_each(|(_, schema)| each_schema(schema, &mut |schema| widened += widen(schema)));
    every_schema(root, &mut |schema| {
        secrets += plain_secret(schema);
        unsigned += signed(schema);
    });
    vec![
        Step { name: "secret becomes a plain string", count: secrets },
        Step { name: "unsigned format becomes a signed one with a minimum", count: unsigned },
        Step { name: "int32 of a reply becomes int64", count: widened },
    ]
}

/// Removes the format `password`: pydantic makes a redacting type of it and would send asterisks.
fn plain_secret(schema: &mut Map<String, Value>) -> usize {
    let is_secret = schema.get("format").is_some_and(|format| format == "password");
    if is_secret {
        schema.remove("format");
    }
    usize::from(is_secret)
}

/// Replaces unsigned formats, because OpenAPI has `int32` and `int64` only.
fn signed(schema: &mut Map<String, Value>) -> usize {
    if !schema.get("format").is_some_and(|format| format == "uint32" || format == "uint64") {
        return 0;
    }
    let largest = schema.get("maximum").and_then(Value::as_i64).unwrap_or(i64::MAX);
    let format = if largest <= i64::from(i32::MAX) { "int32" } else { "int64" };
    schema.insert("format".to_owned(), json!(format));
    schema.entry("minimum").or_insert(json!(0));
    1
}

/// Widens integers to 64 bits, because counters and times outgrow 32 bits without notice.
fn widen(schema: &mut Map<String, Value>) -> usize {
    let narrow = schema.get("format").is_some_and(|format| format == "int32" || format == "uint32");
    if narrow {
        schema.insert("format".to_owned(), json!("int64"));
    }
    usize::from(narrow)
}
