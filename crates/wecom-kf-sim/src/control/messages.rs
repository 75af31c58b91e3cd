//! Control API: the messages that people write: their kind, their body, their file.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::body::{MAX_NAME_CHARS, Problem};
use crate::platform::{MediaKind, Platform};

/// What a message has besides its body: no kind is called so. Events come by what people do.
const COMMON_FIELDS: [&str; 8] =
    ["msgid", "open_kfid", "external_userid", "send_time", "origin", "servicer_userid", "msgtype", "event"];

/// Returns the kind and the body of a message that somebody writes.
pub(super) fn read_message(
    mut message: Map<String, Value>,
    platform: &mut Platform,
    now: Duration,
) -> Result<(String, Value), Problem> {
    let Some(Value::String(msgtype)) = message.remove("msgtype") else {
        return Err(Problem::bad_request("`msgtype` is missing, or no text"));
    };
    let is_name = (1..=MAX_NAME_CHARS).contains(&msgtype.len())
        && msgtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || COMMON_FIELDS.contains(&msgtype.as_str()) {
        return Err(Problem::bad_request("`msgtype` must be a kind of message, such as text"));
    }
    let body = match (msgtype.as_str(), message.remove(&msgtype)) {
        ("text", Some(Value::String(content))) => json!({ "content": content }),
        ("text", Some(Value::Object(text))) if text.get("content").is_some_and(Value::is_string) => text.into(),
        ("text", _) => return Err(Problem::bad_request("`text` must be a text, or an object with `content`")),
        (_, None) => json!({}),
        (_, Some(Value::Object(body))) => body.into(),
        (_, Some(_)) => return Err(Problem::bad_request(format!("`{msgtype}` must be an object"))),
    };
    if let Some(other) = message.keys().next() {
        return Err(Problem::bad_request(format!("msgtype is `{msgtype}`, so there must be no `{other}`")));
    }
    let body = with_media(&msgtype, body, platform, now)?;
    Ok((msgtype, body))
}

/// Adds the file of a message of files: one that is there, or one that is made up where none is named.
fn with_media(msgtype: &str, mut body: Value, platform: &mut Platform, now: Duration) -> Result<Value, Problem> {
    let Some(kind) = MediaKind::of(msgtype) else { return Ok(body) };
    match body.get("media_id").map(Value::as_str) {
        None => body["media_id"] = json!(platform.made_up_media(now, kind)),
        Some(media_id) => {
            let check = platform.check_media(media_id.unwrap_or_default(), kind, now);
            check.map_err(|_| {
                Problem::conflict(format!("there is no {kind} with this `media_id`: POST /sim/v1/media"))
            })?;
        }
    }
    Ok(body)
}
