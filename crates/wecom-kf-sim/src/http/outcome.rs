//! The result of a call, and the response that is made of it.

use axum::body::Body;
use axum::http::{StatusCode, header, response};
use axum::response::Response;
use bytes::Bytes;

use crate::http::download;
use crate::platform::Served;
use crate::platform::reply::{Content, Reply};
use crate::world::body::Body as Shown;
use crate::world::masking::Masking;

pub(super) const JSON: &str = "application/json; charset=UTF-8";
pub(super) const VALID: &str = "status and headers are valid";

/// The result of a call.
pub(super) enum Outcome {
    Reply(Reply),
    File(Served),
}

/// A response, and what the journal needs of it.
pub(super) struct Answer {
    /// The status and the headers.
    pub(super) head: response::Builder,
    pub(super) body: Bytes,
    /// For the journal.
    pub(super) told: Told,
}

/// What the journal and the findings need of an answer.
#[derive(Default)]
pub(super) struct Told {
    /// `None` if it is not a reply of the platform.
    pub(super) errcode: Option<i32>,
    pub(super) content: Content,
    /// The reply as the journal shows it. A file is shown without its content.
    pub(super) shown: Shown,
}

impl Outcome {
    /// The id of the message that was sent.
    pub(super) fn msgid(&self) -> Option<&str> {
        match self {
            Self::Reply(Reply { content: Content::Sent { msgid }, .. }) => Some(msgid),
            _ => None,
        }
    }

    pub(super) fn answer(self, content_type: &str, masking: &Masking) -> Answer {
        match self {
            Self::Reply(Reply { json, errcode, content }) => {
                let told = Told { errcode: Some(errcode), content, shown: Shown::json(&json, masking) };
                rule!(status_is_always_200);
                let head = Response::builder().header(header::CONTENT_TYPE, content_type);
                Answer { head, body: json.into(), told }
            }
            Self::File(file) => {
                let shown = Shown::json(&download::shown(&file).to_string(), masking);
                let told = Told { errcode: Some(0), content: Content::Other, shown };
                Answer { head: download::head(&file), body: file.bytes, told }
            }
        }
    }
}

pub(super) fn response(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, content_type).body(body.into()).expect(VALID)
}
