//! Makes every inline object and enum a component of its own.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::tree::{components, each_child, each_operation};
use crate::lower::Step;
use crate::names::type_name;

/// Gives each inline schema the name of its Rust type, which consists of the names of the schema and of the property.
/// Otherwise, generators invent names such as `Text1` to `Text9`, and a new schema renumbers them all.
pub fn name_inline_schemas(root: &mut Value) -> Result<Step> {
    let mut named = Map::new();
    name_parts(root, &mut named)?;
    let schemas = components(root).map(std::mem::take).unwrap_or_default();
    for (name, mut schema) in schemas {
        take_children(&mut schema, &name, &mut named)?;
        insert(&mut named, name, schema)?;
    }
    let inline = named.len();
    if let Some(schemas) = components(root) {
        *schemas = named;
    }
    Ok(Step { name: "schema named, inline ones included", count: inline })
}

/// Names the bodies of uploads, which are inline objects, too.
fn name_parts(root: &mut Value, named: &mut Map<String, Value>) -> Result<()> {
    let mut result = Ok(());
    each_operation(root, |operation| {
        let name = type_name(operation.get("operationId").and_then(Value::as_str).unwrap_or_default()) + "Request";
        let content = operation.get_mut("requestBody").and_then(|body| body.get_mut("content")?.as_object_mut());
        let media = content.into_iter().flat_map(|content| content.values_mut());
        for schema in media.filter_map(|media| media.get_mut("schema")) {
            let step = take(schema, name.clone(), named);
            if result.is_ok() {
                result = step;
            }
        }
    });
    result
}

/// Replaces `schema` by a reference if it is an inline object or enum. The schemas below it are replaced first.
fn take(schema: &mut Value, name: String, named: &mut Map<String, Value>) -> Result<()> {
    take_children(schema, &name, named)?;
    let is_object = schema["type"] == "object" && schema.get("properties").is_some();
    if is_object || schema.get("enum").is_some() {
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        let object = std::mem::replace(schema, reference);
        insert(named, name, object)?;
    }
    Ok(())
}

fn take_children(schema: &mut Value, name: &str, named: &mut Map<String, Value>) -> Result<()> {
    let mut result = Ok(());
    let Some(schema) = schema.as_object_mut() else { return result };
    each_child(schema, &mut |part, child| {
        let step = match part {
            // The parts of an `allOf` are one object with one name.
            "" => take_children(child, name, named),
            part => take(child, name.to_owned() + &type_name(part), named),
        };
        if result.is_ok() {
            result = step;
        }
    });
    result
}

/// Adds a schema whose name must be free.
pub fn insert(named: &mut Map<String, Value>, name: String, schema: Value) -> Result<()> {
    if named.contains_key(&name) {
        bail!(
            "components.schemas.{name}: is also the name of an inline schema, which consists of the names of its schema and property; rename one of the two"
        );
    }
    named.insert(name, schema);
    Ok(())
}
