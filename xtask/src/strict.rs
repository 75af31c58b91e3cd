//! The strict view: the normal form of the document, whose requests refuse properties that it does not name.

use jsonschema::{Keyword, ValidationError, ValidationOptions};
use openapiv3::{AdditionalProperties, SchemaKind, Type};
use serde_json::{Value, json};

use crate::document::Document;
use crate::schema::{Slot, schemas_mut, walk_mut};

/// Returns the normal form with closed request schemas.
pub fn document(normal: &Document) -> Document {
    let mut api = normal.api.clone();
    for name in normal.request_schemas() {
        if let Some(schema) = schemas_mut(&mut api).get_mut(&name) {
            walk_mut("", schema, &mut |_, slot| close(slot));
        }
    }
    Document::from_api(api)
}

/// Forbids further properties in an object that names its properties. An object that names none is free JSON, or a map.
fn close(slot: &mut dyn Slot) {
    let Some(schema) = slot.schema_mut() else { return };
    if let SchemaKind::Type(Type::Object(object)) = &mut schema.schema_kind
        && !object.properties.is_empty()
    {
        object.additional_properties = Some(AdditionalProperties::Any(false));
    }
}

/// Converts a schema of OpenAPI 3.0, where null is a flag, to JSON Schema, where null is a type.
pub fn to_json_schema(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let is_nullable = map.get("nullable") == Some(&json!(true));
            if is_nullable && let Some(kind) = map.get_mut("type").filter(|kind| kind.is_string()) {
                *kind = json!([kind.clone(), "null"]);
            }
            if is_nullable && let Some(Value::Array(values)) = map.get_mut("enum") {
                values.push(Value::Null);
            }
            map.values_mut().for_each(to_json_schema);
        }
        Value::Array(items) => items.iter_mut().for_each(to_json_schema),
        _ => {}
    }
}

/// Returns the options of a validator that also checks our limits.
pub fn options<'i>() -> ValidationOptions<'i> {
    jsonschema::options()
        .with_keyword("x-max-bytes", |_, limit, _| Ok(Box::new(Limit::new(limit, |value| Some(value.as_str()?.len())))))
        .with_keyword("x-max-chars", |_, limit, _| {
            Ok(Box::new(Limit::new(limit, |value| Some(value.as_str()?.chars().count()))))
        })
        .with_keyword("x-max-items", |_, limit, _| {
            Ok(Box::new(Limit::new(limit, |value| Some(value.as_array()?.len()))))
        })
}

struct Limit {
    max: u64,
    measure: fn(&Value) -> Option<usize>,
}

impl Limit {
    fn new(limit: &Value, measure: fn(&Value) -> Option<usize>) -> Self {
        // `check` has refused limits that are not numbers.
        Self { max: limit.as_u64().unwrap_or(u64::MAX), measure }
    }
}

impl<'i> Keyword<'i> for Limit {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        match self.is_valid(instance) {
            true => Ok(()),
            false => Err(ValidationError::custom(format!("it is longer than {}", self.max))),
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        (self.measure)(instance).is_none_or(|size| size as u64 <= self.max)
    }
}
