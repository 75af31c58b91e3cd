//! Checks that the schemas that `schemars` derives from the Rust types match the lowered document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wecom_kf::raw::{Operation, op, types};

use crate::derived;

/// The lowered document, which `cargo xtask codegen` writes.
const LOWERED: &str = include_str!("lowered.json");

/// Returns the derived schemas as JSON.
fn derived() -> BTreeMap<&'static str, Value> {
    derived::derived().into_iter().map(|(name, schema)| (name, schema.into())).collect()
}

/// Returns the shape of a schema without its texts: types, formats, properties and `required`. Follows references.
fn shape(schema: &Value, root: &Value) -> Value {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target = root.pointer(pointer.trim_start_matches('#')).unwrap_or_else(|| panic!("{pointer} leads nowhere"));
        return shape(target, root);
    }
    // A reference with a description around it.
    if let Some([one]) = schema["allOf"].as_array().map(Vec::as_slice) {
        return shape(one, root);
    }
    // The schema of an Option is "this or null", in one of two forms.
    if let Some(options) = schema["anyOf"].as_array() {
        let one = options.iter().find(|option| option["type"] != "null").expect("an option that is not null");
        return shape(one, root);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").expect("a type that is not null").clone(),
        kind => kind.clone(),
    };
    match kind.as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let required = schema["required"].as_array().into_iter().flatten().collect::<Vec<_>>();
            let properties = properties.map(|(name, property)| {
                let is_required = required.contains(&&json!(name));
                (name.clone(), json!([is_required, shape(property, root)]))
            });
            Value::Object(properties.collect())
        }
        Some("array") => json!([shape(&schema["items"], root)]),
        Some("integer" | "number") => json!([kind, schema["format"]]),
        _ => kind,
    }
}

/// Properties that WeCom requires although they are optional in the document and in Rust: the request, and the property.
const REQUIRED_BY_WECOM: [(&str, &str); 5] = [
    ("SendRequest", "/msgtype"),
    ("SendRequest", "/open_kfid"),
    ("SendRequest", "/text/1/content"),
    ("SendRequest", "/touser"),
    ("SyncRequest", "/open_kfid"),
];

#[test]
fn derived_schemas_are_those_of_the_lowered_document() {
    let lowered: Value = serde_json::from_str(LOWERED).unwrap();
    let documented = lowered["components"]["schemas"].as_object().unwrap();
    let derived = derived();
    assert!(documented.keys().eq(derived.keys()), "{:?}\n{:?}", documented.keys(), derived.keys());
    for (name, schema) in documented {
        let root = &derived[name.as_str()];
        let mut expected = shape(schema, &lowered);
        for (_, property) in REQUIRED_BY_WECOM.iter().filter(|(required_in, _)| required_in == name) {
            expected.pointer_mut(property).unwrap()[0] = json!(true);
        }
        assert_eq!(shape(root, root), expected, "{name}");
    }
}

/// Returns `schema`, or the schema to which it refers. The schema of an `Option` is "this or null".
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    if let Some(options) = schema["anyOf"].as_array() {
        return resolved(options.iter().find(|option| option["type"] != "null").expect("an option"), root);
    }
    match schema["$ref"].as_str() {
        Some(pointer) => root.pointer(pointer.trim_start_matches('#')).expect("a target"),
        None => schema,
    }
}

/// Every keyword that limits a value. An unsigned type also has `minimum: 0`.
const LIMITS: [&str; 6] = ["maxItems", "maxLength", "maximum", "minLength", "minimum", "pattern"];

/// Returns the limits of a schema of the strict document as keywords of JSON Schema.
fn documented_limits(schema: &Value) -> Map<String, Value> {
    let mut limits: Map<String, Value> =
        LIMITS.iter().filter_map(|keyword| Some(((*keyword).to_owned(), schema.get(keyword)?.clone()))).collect();
    // A text of n bytes has at most n characters.
    let longest = ["x-max-chars", "x-max-bytes"].iter().filter_map(|keyword| schema[keyword].as_u64()).min();
    limits.extend(longest.map(|longest| ("maxLength".to_owned(), json!(longest))));
    limits.extend(schema["x-max-items"].as_u64().map(|longest| ("maxItems".to_owned(), json!(longest))));
    if schema["format"].as_str().is_some_and(|format| format.starts_with("uint")) {
        limits.entry("minimum").or_insert(json!(0));
    }
    limits
}

/// Asserts that the derived schema has the limits and descriptions of the documented one. Returns the number of limits.
fn same_limits(place: &str, derived: (&Value, &Value), documented: (&Value, &Value)) -> usize {
    let (schema, root) = derived;
    let derived = resolved(schema, root);
    let target = resolved(documented.0, documented.1);
    let limits = documented_limits(target);
    // Limits may also be beside a reference.
    let said = |keyword: &str| schema.get(keyword).or_else(|| derived.get(keyword)).cloned();
    let found: Map<String, Value> =
        LIMITS.iter().filter_map(|keyword| Some(((*keyword).to_owned(), said(keyword)?))).collect();
    assert_eq!(found, limits, "{place}");
    assert_eq!(said("x-max-bytes"), target.get("x-max-bytes").cloned(), "{place}");
    let mut count = limits.len();
    for (name, property) in target["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        let own = &derived["properties"][name];
        let described = property.get("description").unwrap_or(&resolved(property, documented.1)["description"]);
        assert_eq!(own["description"], *described, "{place}");
        count += same_limits(&place, (own, root), (property, documented.1));
    }
    if target["items"].is_object() {
        count += same_limits(&format!("{place}[]"), (&derived["items"], root), (&target["items"], documented.1));
    }
    count
}

#[test]
fn derived_schemas_of_requests_have_limits_and_descriptions() {
    let document = wecom_kf_raw::document::parsed();
    let derived = derived();
    let mut count = 0;
    for operation in op::ALL {
        let method = operation.method.to_ascii_lowercase();
        let content = &document["paths"][operation.path][method]["requestBody"]["content"]["application/json"];
        let Some(name) = content["schema"]["$ref"].as_str() else { continue };
        let name = name.trim_start_matches("#/components/schemas/");
        let schema = &derived[name];
        count += same_limits(name, (schema, schema), (&content["schema"], &document));
        assert_eq!(schema["additionalProperties"], false, "{name}");
    }
    assert!(count > 150, "{count} limits");
}

#[test]
fn the_schema_of_a_request_is_self_contained() {
    let of = |operation: Operation| operation.request_schema().map(Value::from);
    for operation in op::ALL {
        assert!(operation.summary.ends_with('.'), "{}", operation.id);
        let moves_files = operation.tag == "media";
        let schema = of(operation);
        assert_eq!(schema.is_none(), moves_files, "{}", operation.id);
        let Some(schema) = schema else { continue };
        assert_eq!(schema["type"], "object", "{}", operation.id);
        assert_eq!(schema["additionalProperties"], false, "{}", operation.id);
        assert!(!schema.to_string().contains("$ref"), "{}", operation.id);
        jsonschema::meta::validate(&schema).unwrap();
    }
    let schema = of(op::SERVICE_STATE_TRANS).unwrap();
    assert_eq!(schema["required"], json!(["external_userid", "open_kfid", "service_state"]));
    let expected = json!({
        "type": "object",
        "properties": {
            "open_kfid": {
                "type": "string",
                "description": "Id of the account, at most 64 bytes.",
                "minLength": 1,
                "maxLength": 64,
                "x-max-bytes": 64,
            },
        },
        "required": ["open_kfid"],
        "additionalProperties": false,
    });
    assert_eq!(of(op::SERVICER_LIST).unwrap(), expected);
}

/// The derived schema accepts and refuses the same calls as the strict schema of the document.
#[test]
fn derived_and_strict_schemas_agree_on_calls() {
    let text = |content: &str| json!({ "touser": "wm1", "open_kfid": "wk1", "msgtype": "text", "text": { "content": content } });
    let rows = [
        (text("您好"), true),
        (json!({ "touser": "", "open_kfid": "wk1", "msgtype": "text", "text": { "content": "x" } }), false),
        (text(&"甲".repeat(3000)), false),
        (json!({ "touser": "wm1", "open_kfid": "wk1", "msgtype": "text", "txt": { "content": "x" } }), false),
        (
            json!({ "touser": "wm1", "open_kfid": "wk1", "msgtype": "text", "text": { "content": "x", "more": 1 } }),
            false,
        ),
        (json!({ "open_kfid": "wk1" }), false),
    ];
    let derived = jsonschema::validator_for(&op::SEND_MSG.request_schema().unwrap().into()).unwrap();
    let strict = jsonschema::validator_for(&wecom_kf_raw::document::request_schema(op::SEND_MSG).unwrap()).unwrap();
    for (call, is_valid) in rows {
        assert_eq!(derived.is_valid(&call), is_valid, "{call}");
        // The strict schema limits bytes with our own keyword, which this validator ignores, so it may accept more.
        assert!(strict.is_valid(&call) >= is_valid, "{call}");
    }
    let _: types::SendRequest = serde_json::from_value(text("您好")).unwrap();
}

#[test]
fn the_json_document_has_strict_requests_and_open_replies() {
    let document = wecom_kf_raw::document::parsed();
    assert_eq!(document["openapi"], "3.0.3");
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["SendRequest"]["additionalProperties"], false);
    assert_eq!(schemas["SendRequest"]["properties"]["text"]["additionalProperties"], false);
    assert_eq!(schemas["SendMenuItem"]["properties"]["click"]["additionalProperties"], false);
    assert!(schemas["SyncResponse"].get("additionalProperties").is_none());
    assert_eq!(schemas["SyncResponse"]["required"], json!(["errcode", "errmsg"]));
}
