//! Scenarios: their JSON schema, with which editors complete and check them.

use serde_json::{Map, Value, json};
use wecom_kf_sim::{FindingName, op};

use super::steps::{MEDIA, RATINGS, STATES};

/// The schema of one document of a file.
pub(in crate::program) fn schema() -> Value {
    let findings = FindingName::ALL.map(FindingName::as_str);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scenario of wecom-kf-sim",
        "type": "object",
        "required": ["steps"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "description": "What the scenario is called." },
            "accounts": { "$ref": "#/$defs/texts", "description": "Names of the accounts." },
            "servicers": { "$ref": "#/$defs/texts", "description": "Userids of servicers, who serve every account." },
            "customers": {
                "type": "object",
                "description": "Customers by name, where something about them matters.",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "account": { "$ref": "#/$defs/text", "description": "The account they write to." },
                        "gender": { "enum": [0, 1, 2] },
                        "avatar": { "$ref": "#/$defs/text" },
                        "unionid": { "$ref": "#/$defs/text" },
                    },
                },
            },
            "corp": { "type": "object", "description": "As `PATCH /corp` of the control API takes it." },
            "departments": { "type": "array", "items": { "type": "object" } },
            "clock": { "enum": ["real", "manual"], "description": "manual: it stands still except for `advance`." },
            "disabled_assumptions": { "$ref": "#/$defs/texts", "description": "Ids of assumptions that do not hold." },
            "allow": {
                "type": "array", "items": { "enum": findings },
                "description": "Findings that the scenario provokes.",
            },
            "within": { "$ref": "#/$defs/time", "description": "How long a step waits for the bot; 60s by default." },
            "steps": { "type": "array", "minItems": 1, "items": { "oneOf": steps() } },
        },
        "$defs": definitions(),
    })
}

fn definitions() -> Value {
    let media = MEDIA.map(|kind| (kind.to_owned(), json!({ "type": ["string", "object"] })));
    let count = json!({ "type": "integer", "minimum": 0 });
    json!({
        // YAML reads 1.10 as a number.
        "text": { "type": ["string", "number", "boolean"] },
        "texts": { "type": "array", "items": { "$ref": "#/$defs/text" } },
        "time": { "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" },
        "nothing": { "type": ["null", "object"], "maxProperties": 0 },
        "message": {
            "oneOf": [
                { "enum": MEDIA },
                {
                    "type": "object", "minProperties": 1, "maxProperties": 1,
                    "properties": Map::from_iter(media), "additionalProperties": { "type": "object" },
                },
            ],
        },
        "expected": {
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "text": { "$ref": "#/$defs/text" },
                        "contains": { "oneOf": [{ "type": "string" }, { "$ref": "#/$defs/texts" }] },
                        "matches": { "type": "string", "format": "regex" },
                        "menu": { "$ref": "#/$defs/texts", "description": "The labels that can be tapped." },
                        "kind": { "type": "string", "description": "Such as `image`." },
                        "body": { "type": "object", "description": "Members of the message's body." },
                    },
                },
            ],
        },
        "calls": {
            "type": "object",
            "propertyNames": { "enum": op::ALL.iter().map(|operation| operation.id).collect::<Vec<_>>() },
            "additionalProperties": {
                "oneOf": [
                    count,
                    {
                        "type": "object", "required": ["count"], "additionalProperties": false,
                        "properties": { "count": count, "errcode": { "type": "integer" } },
                    },
                ],
            },
        },
        "fault": {
            "type": "object",
            "required": ["operation", "effect"],
            "properties": { "operation": { "type": "string" }, "effect": { "type": "string" } },
        },
    })
}

/// One schema for each verb: who does it, and what else the step may have.
fn steps() -> Vec<Value> {
    let of = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    let text = of("text");
    let customer = [
        ("enters", json!({ "type": ["null", "object"] })),
        ("says", text.clone()),
        ("sends", of("message")),
        (
            "taps",
            json!({ "oneOf": [
                { "type": "string" },
                {
                    "type": "object", "required": ["id"], "additionalProperties": false,
                    "properties": { "id": text, "content": text },
                },
            ] }),
        ),
        ("recalls", json!({ "type": ["null", "string"] })),
        ("rates", json!({ "enum": RATINGS })),
        ("accepts_offer", of("nothing")),
    ];
    let servicer = [
        ("takes", text.clone(), ""),
        ("says", text.clone(), "to"),
        ("sends", of("message"), "to"),
        ("transfers", text.clone(), "to"),
        ("ends", text.clone(), ""),
        ("recalls", json!({ "type": ["null", "string"] }), "to"),
        ("asks_to_rate", text.clone(), ""),
        ("rejects", text.clone(), ""),
        ("stops_rejecting", text.clone(), ""),
        ("stops", of("nothing"), ""),
        ("suspends", of("nothing"), ""),
        ("resumes", of("nothing"), ""),
    ];
    let bot = [
        ("bot_answers", of("expected"), &["to", "within"][..]),
        ("bot_stays_silent", of("time"), &["to"]),
        ("bot_offers", json!({ "type": ["null", "string"] }), &["to", "within"]),
        ("session_is", json!({ "enum": STATES }), &["of", "within"]),
        ("session_is_with", text, &["of", "within"]),
        ("calls", of("calls"), &["within"]),
        ("fault", json!({ "oneOf": [of("fault"), { "type": "array", "minItems": 1, "items": of("fault") }] }), &[]),
        ("clear_faults", of("nothing"), &[]),
        ("advance", of("time"), &[]),
        ("token", json!({ "enum": ["expires", "is_revoked"] }), &[]),
    ];
    let customer = customer.map(|(verb, value)| step(verb, value, Some("customer"), &[]));
    let servicer = servicer.map(|(verb, value, more)| {
        let more = if more.is_empty() { &[][..] } else { &[more] };
        step(verb, value, Some("servicer"), more)
    });
    let bot = bot.map(|(verb, value, more)| step(verb, value, None, more));
    customer.into_iter().chain(servicer).chain(bot).collect()
}

fn step(verb: &str, value: Value, who: Option<&str>, more: &[&str]) -> Value {
    let mut properties = Map::from_iter([(verb.to_owned(), value)]);
    let texts = who.iter().chain(more).filter(|name| **name != "within");
    properties.extend(texts.map(|name| ((*name).to_owned(), json!({ "$ref": "#/$defs/text" }))));
    if more.contains(&"within") {
        properties.insert("within".to_owned(), json!({ "$ref": "#/$defs/time" }));
    }
    let mut required = vec![verb];
    required.extend(who);
    // Nothing else says to whom a session is transferred.
    required.extend((verb == "transfers").then_some("to"));
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}
