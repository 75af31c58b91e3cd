//! Converts the portable document from OpenAPI 3.0.3 to 3.1.0, and adds the callback as `webhooks`.

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::tree::every_schema;

/// Returns the portable document in 3.1.0, with the operations of the callback document as webhooks.
pub fn with_webhooks(portable: &Value, callback: &Value) -> Result<Value> {
    let mut root = upgrade(portable);
    let mut callback = upgrade(callback);
    let item = callback["paths"]["/callback"].take();
    root["webhooks"] = json!({ "callback": item });
    let schemas = root["components"]["schemas"].as_object_mut().context("components.schemas: is missing; add it")?;
    for (name, schema) in callback["components"]["schemas"].as_object_mut().into_iter().flatten() {
        ensure!(
            schemas.insert(name.clone(), schema.take()).is_none(),
            "components.schemas.{name}: is in spec/wecom-kf.yaml and in spec/wecom-kf-callback.yaml; rename one"
        );
    }
    let tags = callback["tags"].as_array().cloned().unwrap_or_default();
    root.get_mut("tags").and_then(Value::as_array_mut).into_iter().for_each(|all| all.extend(tags.clone()));
    Ok(root)
}

fn upgrade(root: &Value) -> Value {
    let mut root = root.clone();
    root["openapi"] = json!("3.1.0");
    root["info"]["license"] = json!({ "name": root["info"]["license"]["name"], "identifier": "MIT OR Apache-2.0" });
    every_schema(&mut root, &mut upgrade_schema);
    root
}

/// Turns `nullable` into a type, and an example into a list of examples.
fn upgrade_schema(schema: &mut Map<String, Value>) {
    let nullable = schema.remove("nullable").is_some_and(|nullable| nullable == true);
    if nullable {
        match (schema.get("type").cloned(), schema.remove("allOf")) {
            (_, Some(reference)) => {
                let mut branches = reference.as_array().cloned().unwrap_or_default();
                branches.push(json!({ "type": "null" }));
                schema.remove("type");
                schema.insert("anyOf".to_owned(), json!(branches));
            }
            (Some(one), None) => _ = schema.insert("type".to_owned(), json!([one, "null"])),
            (None, None) => {}
        }
    }
    if let Some(example) = schema.remove("example") {
        schema.insert("examples".to_owned(), json!([example]));
    }
}
