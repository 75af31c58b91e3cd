//! Replies: JSON that is written once, and what the simulator itself needs to know of it.

use serde::Serialize;
use wecom_kf_raw::ErrCode;

/// A reply of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) json: String,
    /// 0 for success, also where the reply does not say so.
    pub(crate) errcode: i32,
    pub(crate) content: Content,
}

/// What a successful reply says, as far as the simulator needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Content {
    #[default]
    Other,
    Sent {
        msgid: String,
    },
    Page {
        next_cursor: String,
        has_more: bool,
        messages: usize,
    },
}

impl Reply {
    /// Writes the reply of a success. `errmsg` is `None` where success is not said: then `errcode` is absent, too.
    pub(crate) fn success(reply: &impl Serialize, errmsg: Option<&str>, content: Content) -> Self {
        let mut json = match errmsg {
            Some(errmsg) => format!(r#"{{"errcode":0,"errmsg":"{errmsg}""#),
            None => "{".to_owned(),
        }
        .into_bytes();
        let start = json.len();
        serde_json::to_writer(&mut json, reply).expect("the keys of a reply are strings");
        // What was written begins with a brace, where the members of an object continue.
        match (json[start + 1], errmsg) {
            (b'}', _) | (_, None) => drop(json.remove(start)),
            _ => json[start] = b',',
        }
        Self { json: String::from_utf8(json).expect("JSON is UTF-8"), errcode: 0, content }
    }

    pub(crate) fn refusal(code: ErrCode, json: String) -> Self {
        Self { json, errcode: code.0, content: Content::Other }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn success_is_said_before_the_members_of_the_reply() {
        let written = |reply, errmsg| Reply::success(&reply, errmsg, Content::Other).json;
        assert_eq!(written(json!({ "a": [1] }), Some("ok")), r#"{"errcode":0,"errmsg":"ok","a":[1]}"#);
        assert_eq!(written(json!({}), Some("")), r#"{"errcode":0,"errmsg":""}"#);
        assert_eq!(written(json!({ "a": 1 }), None), r#"{"a":1}"#);
        assert_eq!(written(json!({}), None), "{}");
    }
}
