//! Seeds from the examples of the documents in `spec/dist`.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::Seeds;

pub(crate) fn write(root: &Path, seeds: &Seeds) -> Result<(), Box<dyn Error>> {
    let document = read(&root.join("spec/dist/wecom-kf.openapi.json"))?;
    for item in document["paths"].as_object().ok_or("the document has no paths")?.values() {
        for operation in item.as_object().into_iter().flat_map(|item| item.values()) {
            for reply in examples(&operation["responses"]["200"]["content"]["application/json"]) {
                seeds.add_reply(&reply.to_string())?;
            }
        }
    }
    let callback = read(&root.join("spec/dist/wecom-kf-callback.openapi.json"))?;
    for schema in callback["components"]["schemas"].as_object().into_iter().flatten().map(|(_, schema)| schema) {
        if schema["xml"]["name"] == "xml" && schema["example"].is_object() {
            seeds.add_xml(&xml(&schema["example"]))?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

fn examples(media: &Value) -> Vec<&Value> {
    let named = media["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
    named.chain(media.get("example")).collect()
}

/// Returns the XML of an example: an element for each member, and one for each entry of a list.
fn xml(example: &Value) -> String {
    let members = example.as_object().into_iter().flatten();
    let elements: String = members.flat_map(|(name, value)| elements(name, value)).collect();
    format!("<xml>{elements}</xml>")
}

fn elements(name: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Array(entries) => entries.iter().flat_map(|entry| elements(name, entry)).collect(),
        Value::String(text) => vec![format!("<{name}><![CDATA[{text}]]></{name}>")],
        other => vec![format!("<{name}>{other}</{name}>")],
    }
}
