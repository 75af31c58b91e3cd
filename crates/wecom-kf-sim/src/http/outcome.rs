//! What a call comes to, and the response that is made of it.

use axum::body::Body;
use axum::http::{StatusCode, header, response};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::http::download;
use crate::platform::Served;

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

    /// As the journal shows it.
    pub(super) fn shown(&self) -> Value {
        match self {
            Self::Reply(reply) => reply.clone(),
            Self::File(file) => download::shown(file),
        }
    }

    /// Status and headers, and the body.
    pub(super) fn into_parts(self, content_type: &str) -> (response::Builder, Bytes) {
        match self {
            // HTTP 200 for success and for refusals alike [seen in practice].
            Self::Reply(reply) => {
                (Response::builder().header(header::CONTENT_TYPE, content_type), reply.to_string().into())
            }
            Self::File(file) => (download::head(&file), file.bytes),
        }
    }
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
