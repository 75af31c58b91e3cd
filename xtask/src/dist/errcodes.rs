//! `errcodes.json`, the table of errcodes for programs in any language, and its JSON Schema.

use anyhow::Result;
use serde_json::{Value, json};

use super::operations::official_page;
use crate::errcodes::{CLASSES, Errcode, Errcodes, Source};

/// The table as JSON.
pub fn json(errcodes: &Errcodes) -> Result<String> {
    let rows: Vec<Value> = errcodes.errcodes.iter().map(row).collect();
    let root = json!({ "$schema": "errcodes.schema.json", "errcodes": rows });
    super::file(&root, "generated", "spec/errcodes.yaml")
}

/// A row in which everything is spelt out, so that a reader needs no defaults.
fn row(row: &Errcode) -> Value {
    let at: serde_json::Map<String, Value> = row
        .at
        .iter()
        .map(|(operation, at)| {
            let meaning = at.meaning.as_ref().unwrap_or(&row.meaning);
            (operation.clone(), json!({ "class": at.class, "meaning": meaning, "remedy": at.remedy }))
        })
        .collect();
    json!({
        "code": row.code,
        "name": row.name,
        "class": row.class,
        "meaning": row.meaning,
        "remedy": row.remedy,
        "operations": row.operations,
        "at": at,
        "unconfirmed": row.unconfirmed,
        "stale_token": row.stale_token,
        "source": row.source.iter().map(source).collect::<Vec<_>>(),
    })
}

/// The address of an official page, or the words as they are.
fn source(source: &Source) -> String {
    match source {
        Source::Page(page) => official_page(u64::from(*page)),
        Source::Other(words) => words.clone(),
    }
}

/// What `errcodes.json` looks like, JSON Schema 2020-12.
pub fn schema() -> Result<String> {
    let root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Errcodes of WeCom customer service",
        "description": "What each errcode means, what kind of trouble it is, and what the person on call should do.",
        "type": "object",
        "required": ["errcodes"],
        "additionalProperties": false,
        "properties": {
            "$schema": { "type": "string" },
            "generated": { "type": "string", "description": "How this file is made." },
            "errcodes": {
                "description": "One row for each code, ascending.",
                "type": "array",
                "items": { "$ref": "#/$defs/errcode" },
            },
        },
        "$defs": {
            "errcode": {
                "type": "object",
                "required": ["code", "name", "class", "meaning", "remedy", "operations", "at", "unconfirmed", "stale_token", "source"],
                "additionalProperties": false,
                "properties": {
                    "code": { "type": "integer", "description": "The number in `errcode` of a reply." },
                    "name": { "type": "string", "pattern": "^[A-Z][A-Z0-9_]*$", "description": "A unique name for constants." },
                    "class": { "$ref": "#/$defs/class" },
                    "meaning": { "$ref": "#/$defs/text", "description": "Completes \"refused: 95001, <meaning>\"." },
                    "remedy": { "$ref": "#/$defs/text", "description": "What to do now." },
                    "operations": {
                        "description": "The operationIds where it is known to occur; empty means any.",
                        "type": "array",
                        "items": { "type": "string" },
                    },
                    "at": {
                        "description": "What differs for an operation, by operationId.",
                        "type": "object",
                        "additionalProperties": { "$ref": "#/$defs/override" },
                    },
                    "unconfirmed": {
                        "type": "boolean",
                        "description": "Whether the code, or its use by this API, rests on one source or is disputed.",
                    },
                    "stale_token": {
                        "type": "boolean",
                        "description": "Whether it also comes with an access token that was issued before a change in the admin console, so that a fresh token may end it: fetch one, and repeat the call once.",
                    },
                    "source": {
                        "description": "Where the code is known from: addresses of official pages, or other sources in words.",
                        "type": "array",
                        "minItems": 1,
                        "items": { "type": "string" },
                    },
                },
            },
            "override": {
                "type": "object",
                "required": ["class", "meaning", "remedy"],
                "additionalProperties": false,
                "properties": {
                    "class": { "$ref": "#/$defs/class" },
                    "meaning": { "$ref": "#/$defs/text" },
                    "remedy": { "$ref": "#/$defs/text" },
                },
            },
            "class": {
                "description": "What kind of trouble it is, for programs.",
                "enum": CLASSES,
            },
            "text": {
                "description": "A text in English and Chinese.",
                "type": "object",
                "required": ["en", "zh"],
                "additionalProperties": false,
                "properties": { "en": { "type": "string" }, "zh": { "type": "string" } },
            },
        },
    });
    super::file(&root, "$comment", "xtask/src/dist/errcodes.rs")
}
