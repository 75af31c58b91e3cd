//! Generates `errcodes.json`, the errcodes for programs in any language, and its JSON Schema.

use anyhow::Result;
use serde_json::{Value, json};

use super::operations::official_page;
use crate::errcodes::{CLASSES, Errcode, Errcodes, Source};

/// What a caller should do about a code of each class, in English and Chinese.
pub const CLASS_TEXTS: [(&str, &str, &str); CLASSES.len()] = [
    ("ok", "Success.", "成功。"),
    (
        "token",
        "The access token is invalid. Drop it, fetch a new one, and repeat the call once.",
        "access_token 无效。丢弃后重新获取，再将该调用重试一次。",
    ),
    (
        "busy",
        "WeCom is busy. If the call may be repeated at all, repeat it with back-off, at most three times.",
        "系统繁忙。如果该调用可以重试，请退避后重试，最多三次。",
    ),
    (
        "rate_limited",
        "Too many calls. Wait a few seconds (45033) or at least a minute (other codes), then call less often.",
        "调用过于频繁。45033 等待数秒，其他返回码至少等待一分钟，之后降低调用频率。",
    ),
    (
        "permission",
        "A permission or a setting in the admin console is missing. Repeating the call does not help.",
        "缺少权限或管理后台的设置，重试无效。",
    ),
    ("invalid_param", "The request is wrong. Repeating it does not help.", "请求本身有误，重试无效。"),
    ("not_found", "The object does not exist, or no longer exists.", "对象不存在或已被删除。"),
    (
        "quota",
        "A business limit is reached. A message from the customer or a higher quota lifts it.",
        "达到业务上限。客户再次发消息或提高配额后解除。",
    ),
    (
        "state_conflict",
        "The session, the code or the time window does not allow the call. Read the state again, then decide.",
        "会话状态、code 或时间窗口不允许该调用。请重新读取状态后再决定。",
    ),
    ("unknown", "The code is not known. Please report it.", "未知返回码，请反馈。"),
];

/// Renders the table as JSON.
pub fn json(errcodes: &Errcodes) -> Result<String> {
    let rows: Vec<Value> = errcodes.errcodes.iter().map(row).collect();
    let classes: serde_json::Map<String, Value> =
        CLASS_TEXTS.iter().map(|(name, en, zh)| ((*name).to_owned(), json!({ "en": en, "zh": zh }))).collect();
    let root = json!({ "$schema": "errcodes.schema.json", "classes": classes, "errcodes": rows });
    super::file(&root, "generated", "spec/errcodes.yaml")
}

/// Returns a row with all members, so that a reader needs no defaults.
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

/// Returns the address of an official page, or the text of another source.
fn source(source: &Source) -> String {
    match source {
        Source::Page(page) => official_page(u64::from(*page)),
        Source::Other(words) => words.clone(),
    }
}

/// Renders the schema of `errcodes.json` in JSON Schema 2020-12.
pub fn schema() -> Result<String> {
    let root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Errcodes of WeCom customer service",
        "description": "The meaning of each errcode, its class, and what the person on call should do.",
        "type": "object",
        "required": ["classes", "errcodes"],
        "additionalProperties": false,
        "properties": {
            "$schema": { "type": "string" },
            "classes": {
                "description": "What a caller should do about a code, by its class.",
                "type": "object",
                "required": CLASSES,
                "additionalProperties": { "$ref": "#/$defs/text" },
            },
            "generated": { "type": "string", "description": "How this file is generated." },
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
                    "name": { "type": "string", "pattern": "^[A-Z][A-Z0-9_]*$", "description": "A unique name, for constants." },
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
                        "description": "Whether the code, or its use by this API, is known from one source only or disputed.",
                    },
                    "stale_token": {
                        "type": "boolean",
                        "description": "Whether WeCom also returns it for an access token that was issued before a change in the admin console. If true, fetch a new token and repeat the call once.",
                    },
                    "source": {
                        "description": "The sources of the code: addresses of official pages, or other sources in words.",
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
                "description": "The class, by which programs decide what to do.",
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
