//! Bodies and paths of the control API, and its refusals.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::http::arrival::{MAX_UPLOAD_BYTES, room_for_upload};
use crate::platform::NotPossible;
use crate::world::World;
use crate::world::input::{InvalidInput, described};

/// No body of the control API comes near.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// All files together have at most 256 MiB, and a third more in base64.
const MAX_STATE_BYTES: usize = 512 * 1024 * 1024;
const JSON: &str = "application/json";
pub(super) const MAX_NAME_CHARS: usize = 64;

/// Why a request of the control API was refused, and what to do.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    text: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    pub(crate) fn conflict(text: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, text)
    }
}

/// `Error` of `control.yaml`.
#[derive(Serialize)]
struct Error {
    error: String,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, axum::Json(Error { error: self.text })).into_response()
    }
}

impl From<NotPossible> for Problem {
    fn from(why: NotPossible) -> Self {
        Self::conflict(why.to_string())
    }
}

impl From<InvalidInput> for Problem {
    fn from(why: InvalidInput) -> Self {
        Self::bad_request(why.to_string())
    }
}

/// A JSON body. A form of a foreign page cannot send one.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<World>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<World>) -> Result<Self, Problem> {
        check_content_type(&request, JSON)?;
        parse(&whole(request, MAX_BODY_BYTES).await?).map(Self)
    }
}

/// A JSON body that may be left out: nothing at all is an empty object.
pub(crate) struct Optional<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<World>> for Optional<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<World>) -> Result<Self, Problem> {
        let is_json = check_content_type(&request, JSON);
        let body = whole(request, MAX_BODY_BYTES).await?;
        if body.is_empty() {
            return parse(b"{}").map(Self);
        }
        is_json?;
        parse(&body).map(Self)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let parsed = serde_json::from_slice(body).map_err(|error| InvalidInput::not_described(&error))?;
    Ok(described(parsed)?)
}

/// A JSON body as a text, which may be as large as a whole state.
pub(crate) struct Text(pub(crate) String);

impl FromRequest<Arc<World>> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<World>) -> Result<Self, Problem> {
        check_content_type(&request, JSON)?;
        let body = whole(request, MAX_STATE_BYTES).await?;
        String::from_utf8(body.into()).map(Self).map_err(|_| Problem::bad_request("the body is not UTF-8"))
    }
}

/// Bytes. A form of a foreign page cannot send this Content-Type either.
pub(crate) struct Raw(pub(crate) Bytes);

impl FromRequest<Arc<World>> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<World>) -> Result<Self, Problem> {
        let _room = room_for_upload(request.headers()).await;
        check_content_type(&request, "application/octet-stream")?;
        whole(request, MAX_UPLOAD_BYTES).await.map(Self)
    }
}

fn check_content_type(request: &Request, wanted: &str) -> Result<(), Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if content_type.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("send it with Content-Type: {wanted}")))
}

/// Reads the whole body.
async fn whole(request: Request, max_bytes: usize) -> Result<Bytes, Problem> {
    let too_large =
        |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {max_bytes} bytes"));
    to_bytes(request.into_body(), max_bytes).await.map_err(too_large)
}

/// No body, or `{}`.
pub(crate) struct Nothing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

impl FromRequest<Arc<World>> for Nothing {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<World>) -> Result<Self, Problem> {
        Optional::<Empty>::from_request(request, state).await.map(|_| Self)
    }
}

/// The parts of the path that vary.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<World>> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<World>) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(segments)| Self(segments)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// Checks the name of an account or of somebody.
pub(super) fn check_name(name: &str, max_chars: usize) -> Result<(), Problem> {
    if name.trim().is_empty() || name.chars().count() > max_chars {
        return Err(Problem::bad_request(format!("a name has 1 to {max_chars} characters, and not only blanks")));
    }
    Ok(())
}
