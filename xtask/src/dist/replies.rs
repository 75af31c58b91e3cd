//! Types replies as WeCom sends them, not as it documents them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};

use super::tree::{Sides, components, each_schema};
use crate::document::reference;
use crate::lower::Step;

/// The values that occur in two types: schema, property and the other type. For a list, the type is that of its items.
/// Sources disagree on all of these, and we cannot know which server sends which type.
const TWO_TYPES: [(&str, &str, &str); 13] = [
    // The document: string. Two SDKs: integer.
    ("MessageChannelsShopProduct", "sales_price", "integer"),
    // The document: string. Several SDKs and replies: integer.
    ("MediaUploadResponse", "created_at", "integer"),
    // The document: number. Two SDKs: string.
    ("MessageLocation", "latitude", "string"),
    ("MessageLocation", "longitude", "string"),
    // Mostly string; one source shows an integer.
    ("MergedMessageItem", "msgtype", "integer"),
    // JSON in a string. Its nesting differs, so some server may send an object.
    ("MergedMessageItem", "msg_content", "object"),
    // The document: integer. One SDK each: string.
    ("CustomerEnterSessionContextWechatChannels", "scene", "string"),
    ("MessageEventWechatChannels", "scene", "string"),
    ("GetUpgradeServiceConfigResponseMemberRange", "department_id_list", "string"),
    ("GetUpgradeServiceConfigResponseMemberRange", "department_list", "string"),
    // The same ids in other replies.
    ("Servicer", "department_id", "string"),
    ("ServicerResult", "department_id", "string"),
    // Like `send_time` of a message, but written by the client that forwarded it, possibly as a string.
    ("MergedMessageItem", "send_time", "string"),
];

/// Makes the schemas of replies accept what servers are known to send.
pub fn lenient(root: &mut Value, sides: &Sides) -> Result<Vec<Step>> {
    let schemas = components(root).context("components.schemas: is missing; add it")?;
    for (schema, property, other) in TWO_TYPES {
        two_types(schemas, schema, property, other)?;
    }
    let types = types(schemas);
    let (mut required, mut nullable) = (0, 0);
    let replies = schemas.iter_mut().filter(|(name, _)| sides.is_reply(name));
    for (_, schema) in replies {
        each_schema(schema, &mut |schema| {
            required += usize::from(schema.remove("required").is_some());
            nullable += nullable_properties(schema, &types);
        });
    }
    Ok(vec![
        Step { name: "disputed value takes both types", count: TWO_TYPES.len() },
        Step { name: "nothing required in a reply", count: required },
        Step { name: "property of a reply may be null", count: nullable },
    ])
}

fn two_types(schemas: &mut Map<String, Value>, schema: &str, property: &str, other: &str) -> Result<()> {
    let remedy = "change TWO_TYPES in xtask/src/dist/replies.rs";
    let found = schemas
        .get_mut(schema)
        .and_then(|schema| schema.get_mut("properties")?.get_mut(property))
        .with_context(|| format!("components.schemas.{schema}.properties.{property}: no longer exists; {remedy}"))?;
    let value = if found["type"] == "array" { &mut found["items"] } else { found };
    ensure!(
        value["type"].is_string() && value["type"] != other,
        "components.schemas.{schema}.properties.{property}: its type is {}; {remedy}",
        value["type"]
    );
    let description = value.as_object_mut().and_then(|value| value.remove("description"));
    // `anyOf`, not `oneOf`: a decoder that also reads "17" as a number would complain that both types fit.
    let mut both = json!({ "anyOf": [value.take(), { "type": other }] });
    if other == "integer" {
        // Otherwise generators for Go and Java take 32 bits.
        both["anyOf"][1]["format"] = json!("int64");
    }
    if let Some(description) = description {
        both["description"] = description;
    }
    *value = both;
    Ok(())
}

/// Returns the `type` of every schema that has one.
fn types(schemas: &Map<String, Value>) -> BTreeMap<String, Value> {
    schemas.iter().filter_map(|(name, schema)| Some((name.clone(), schema.get("type")?.clone()))).collect()
}

/// Allows null for every property. A refusal has only `errcode` and `errmsg`, and WeCom omits documented values or sends
/// null for them, on which generated decoders would fail.
fn nullable_properties(schema: &mut Map<String, Value>, types: &BTreeMap<String, Value>) -> usize {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    let mut count = 0;
    for property in properties.into_iter().flat_map(|properties| properties.values_mut()) {
        // OpenAPI 3.0 ignores keys beside a reference, and `nullable` needs a `type` beside it.
        if let Some(name) = reference(property) {
            let Some(kind) = types.get(name) else { continue };
            *property = json!({ "type": kind, "allOf": [property.take()] });
        }
        match property.get_mut("anyOf").and_then(Value::as_array_mut) {
            Some(branches) => branches[0]["nullable"] = json!(true),
            None => property["nullable"] = json!(true),
        }
        count += 1;
    }
    count
}
