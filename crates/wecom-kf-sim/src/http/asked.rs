//! The content of a request: its query, its body or its file. Also how the journal shows it.

use std::borrow::Cow;

use axum::http::{Method, header};
use serde_json::{Map, Value, json};
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::http::arrival::Arrival;
use crate::http::check::Checks;
use crate::http::multipart;
use crate::http::parameters::parameter;
use crate::platform::Part;
use crate::platform::ops::Handler;
use crate::platform::refusal::Refusal;
use crate::world::body::Body;
use crate::world::masking::{MASK, Masking};

/// The content of a request, or why it cannot be read.
pub(super) struct Asked {
    pub(super) request: Result<Value, Refusal>,
    /// The file of an upload.
    pub(super) part: Option<Result<Part, Refusal>>,
}

impl Asked {
    pub(super) async fn of(arrival: &Arrival, operation: Operation, handler: Handler) -> Self {
        let part = match (handler, arrival.body.clone()) {
            (Handler::Upload(_), Some(body)) => Some(multipart::part(&arrival.parts.headers, body).await),
            (Handler::Upload(_), None) => Some(Err(ErrCode::MEDIA_TOO_LARGE.into())),
            _ => None,
        };
        Self { request: arrival.request(operation, handler), part }
    }

    /// Returns the request, or why it or its file cannot be read.
    pub(super) fn readable(&self) -> Result<&Value, &Refusal> {
        let request = self.request.as_ref()?;
        match &self.part {
            Some(Err(refusal)) => Err(refusal),
            _ => Ok(request),
        }
    }

    /// Returns the request as the journal shows it: of a file only its name and size.
    pub(super) fn shown(&self, operation: Operation, arrival: &Arrival, masking: &Masking) -> Body {
        if operation == op::GETTOKEN {
            // The secret, the right one or not, may be anywhere in query and body, under any name.
            let corpid = parameter(&arrival.parts.uri, "corpid");
            return corpid.map_or(Body::None, |corpid| Body::json(&json!({ "corpid": corpid }).to_string(), masking));
        }
        let body = arrival.body.as_deref().unwrap_or_default();
        let Ok(request) = &self.request else {
            return if body.is_empty() { Body::None } else { Body::text(String::from_utf8_lossy(body), masking) };
        };
        let mut request = Cow::Borrowed(request);
        if let Some(part) = &self.part {
            let request = request.to_mut();
            request["bytes"] = json!(part.as_ref().map_or(body.len(), |part| part.bytes.len()));
            part.iter().for_each(|part| request["filename"] = json!(part.file_name));
        }
        if operation == op::SYNC_MSG && request.get("token").is_some() {
            // It is a callback token, known to the simulator or not.
            request.to_mut()["token"] = MASK.into();
        }
        let is_nothing = body.is_empty() && request.as_object().is_some_and(Map::is_empty);
        if is_nothing { Body::None } else { Body::json(&request.to_string(), masking) }
    }
}

impl Arrival {
    /// Returns the members of the query, and the header `Range` for `media/get`.
    fn query_members(&self, operation: Operation) -> Value {
        let query = self.parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut members = Checks::get().read_query(operation, pairs);
        if let Some(range) = self.parts.headers.get(header::RANGE).and_then(|range| range.to_str().ok()) {
            members.insert("Range".to_owned(), range.into());
        }
        Value::Object(members)
    }

    /// Reads the request from the query or from the body. The operation and the method decide which of them it is.
    fn request(&self, operation: Operation, handler: Handler) -> Result<Value, Refusal> {
        let body = self.body.as_deref();
        let is_get = self.parts.method == Method::GET;
        let is_empty = body.is_some_and(<[u8]>::is_empty);
        let is_in_query = match handler {
            Handler::Upload(_) | Handler::Download(_) => true,
            Handler::Query(_) => is_get || is_empty,
            Handler::Json(_) => is_get && is_empty,
        };
        if is_in_query {
            return Ok(self.query_members(operation));
        }
        serde_json::from_slice(body.ok_or(ErrCode::REQUEST_BODY_TOO_LARGE)?).map_err(|error| {
            let why = format!("the body is not JSON, line {} column {}", error.line(), error.column());
            Refusal::because(ErrCode::INVALID_PARAMETER, why)
        })
    }
}
