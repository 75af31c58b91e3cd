//! How a file leaves.

use axum::http::{HeaderName, HeaderValue, StatusCode, header, response};
use axum::response::Response;
use serde_json::{Value, json};

use crate::platform::{Extent, Served};

/// A file as the journal shows it: without its bytes.
pub(crate) fn shown(file: &Served) -> Value {
    json!({ "content_type": file.content_type, "filename": file.file_name, "bytes": file.bytes.len() })
}

/// Status and headers of a file; its bytes are the body.
pub(crate) fn head(file: &Served) -> response::Builder {
    let disposition = format!("attachment; filename=\"{}\"", file.file_name);
    let builder = Response::builder()
        .header(header::CONTENT_TYPE, file.content_type)
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_DISPOSITION, value(&disposition));
    let range: HeaderName = header::CONTENT_RANGE;
    match file.extent {
        Extent::Whole => builder.status(StatusCode::OK),
        Extent::Part { first, last, total } => {
            builder.status(StatusCode::PARTIAL_CONTENT).header(range, format!("bytes {first}-{last}/{total}"))
        }
        Extent::Nothing { total } => {
            builder.status(StatusCode::RANGE_NOT_SATISFIABLE).header(range, format!("bytes */{total}"))
        }
    }
}

/// With raw UTF-8, which HTTP calls opaque.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).expect("the platform leaves no control character in a file name")
}
