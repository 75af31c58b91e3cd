//! What a call comes to, and the response that is made of it.

use axum::body::Body;
use axum::http::{StatusCode, header, response};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::http::download;
use crate::platform::Served;
use crate::world::body::Body as Shown;
use crate::world::masking::Masking;

pub(super) const JSON: &str = "application/json; charset=UTF-8";
pub(super) const VALID: &str = "status and headers are valid";

/// What a call comes to.
pub(super) enum Outcome {
    Reply(Value),
    File(Served),
}

impl Outcome {
    /// Absent it means success [seen in practice], and a file has none.
    pub(super) fn errcode(&self) -> i32 {
        let Self::Reply(reply) = self else { return 0 };
        reply["errcode"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(0)
    }

    pub(super) fn msgid(&self) -> Option<&str> {
        if let Self::Reply(reply) = self { reply["msgid"].as_str() } else { None }
    }

    /// Writes the reply once, for the client and for the journal.
    pub(super) fn answer(self, content_type: &str, masking: &Masking) -> Answer {
        let errcode = self.errcode();
        match self {
            Self::Reply(reply) => {
                let text = reply.to_string();
                let shown = Shown::json(&text, masking);
                // HTTP 200 for success and for refusals alike [seen in practice].
                let head = Response::builder().header(header::CONTENT_TYPE, content_type);
                Answer { head, body: text.into(), errcode, reply, shown }
            }
            Self::File(file) => {
                let shown = Shown::json(&download::shown(&file).to_string(), masking);
                Answer { head: download::head(&file), body: file.bytes, errcode, reply: Value::Null, shown }
            }
        }
    }
}

/// What is answered.
pub(super) struct Answer {
    /// Status and headers.
    pub(super) head: response::Builder,
    pub(super) body: Bytes,
    pub(super) errcode: i32,
    /// Null for a file.
    pub(super) reply: Value,
    /// As the journal shows it: a file without its bytes.
    pub(super) shown: Shown,
}

/// errcode and errmsg of a success; some operations have an errmsg of their own.
pub(super) fn say_success(reply: &mut Value) {
    reply["errcode"] = json!(0);
    if reply.get("errmsg").is_none() {
        reply["errmsg"] = json!("ok");
    }
}

pub(super) fn response(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, content_type).body(body.into()).expect(VALID)
}
