//! Walks an OpenAPI document as JSON: its operations, its schemas, and whether requests or replies use a schema.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::document::METHODS;

/// Calls `f` with every operation.
pub fn each_operation(root: &mut Value, mut f: impl FnMut(&mut Map<String, Value>)) {
    let paths = root.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(|paths| paths.values_mut());
    for item in paths.filter_map(Value::as_object_mut) {
        let operations = item.iter_mut().filter(|(method, _)| METHODS.contains(&method.as_str()));
        operations.filter_map(|(_, operation)| operation.as_object_mut()).for_each(&mut f);
    }
}

/// Returns the schemas below `components.schemas`.
pub fn components(root: &mut Value) -> Option<&mut Map<String, Value>> {
    root.get_mut("components")?.get_mut("schemas")?.as_object_mut()
}

/// Calls `f` with every schema of the document: the named ones, those of parameters and headers, and all below them.
pub fn every_schema(root: &mut Value, f: &mut impl FnMut(&mut Map<String, Value>)) {
    for schema in components(root).into_iter().flat_map(|schemas| schemas.values_mut()) {
        each_schema(schema, f);
    }
    each_operation(root, |operation| operation_schemas(operation, &mut |schema| each_schema(schema, f)));
}

/// Calls `f` with the schemas that are written in the operation itself: in parameters, bodies and headers.
pub fn operation_schemas(operation: &mut Map<String, Value>, f: &mut impl FnMut(&mut Value)) {
    for value in operation.values_mut() {
        schemas_below(value, f);
    }
}

fn schemas_below(value: &mut Value, f: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                match key.as_str() {
                    "schema" => f(child),
                    "example" | "examples" => {}
                    _ => schemas_below(child, f),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| schemas_below(item, f)),
        _ => {}
    }
}

/// Calls `f` with `schema` and every schema below it, outermost first. Examples are not schemas.
pub fn each_schema(schema: &mut Value, f: &mut impl FnMut(&mut Map<String, Value>)) {
    let Some(map) = schema.as_object_mut() else { return };
    f(map);
    each_child(map, &mut |_, child| each_schema(child, f));
}

/// Calls `f` with every schema directly below `schema`, and with the part that progenitor adds to its name.
pub fn each_child(schema: &mut Map<String, Value>, f: &mut impl FnMut(&str, &mut Value)) {
    for (key, value) in schema {
        match key.as_str() {
            "properties" => {
                for (name, property) in value.as_object_mut().into_iter().flatten() {
                    f(name, property);
                }
            }
            "items" => f("item", value),
            "additionalProperties" if value.is_object() => f("value", value),
            "allOf" | "oneOf" | "anyOf" => {
                value.as_array_mut().into_iter().flatten().for_each(|part| f("", part));
            }
            _ => {}
        }
    }
}

/// The names of the schemas that requests use, and of those that replies use.
pub struct Sides {
    requests: BTreeSet<String>,
    replies: BTreeSet<String>,
}

impl Sides {
    pub fn of(root: &Value) -> Self {
        let mut sides = Self { requests: BTreeSet::new(), replies: BTreeSet::new() };
        let items = root["paths"].as_object().into_iter().flat_map(|paths| paths.values());
        for operation in items.filter_map(Value::as_object).flat_map(|item| item.values()) {
            collect(root, &operation["requestBody"], &mut sides.requests);
            collect(root, &operation["responses"], &mut sides.replies);
        }
        sides
    }

    pub fn is_request(&self, name: &str) -> bool {
        self.requests.contains(name)
    }

    pub fn is_reply(&self, name: &str) -> bool {
        self.replies.contains(name)
    }
}

/// Adds the names of the schemas that `value` refers to, also indirectly.
fn collect(root: &Value, value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(name) = crate::document::reference(value)
                && names.insert(name.to_owned())
            {
                collect(root, &root["components"]["schemas"][name], names);
            }
            map.values().for_each(|child| collect(root, child, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(root, item, names)),
        _ => {}
    }
}

/// Calls `f` with every object in `value` and its place. Examples are included.
pub fn visit(value: &Value, place: &str, f: &mut impl FnMut(&str, &Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            f(place.trim_start_matches('.'), map);
            map.iter().for_each(|(key, child)| visit(child, &format!("{place}.{key}"), f));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, child)| visit(child, &format!("{place}[{index}]"), f));
        }
        _ => {}
    }
}
