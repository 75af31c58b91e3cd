//! The one part of an upload.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::stream;
use multer::Multipart;
use wecom_kf_raw::ErrCode;

use crate::platform::Part;
use crate::platform::refusal::Refusal;

/// Returns the part of a `multipart/form-data` body.
pub(crate) async fn part(headers: &HeaderMap, body: Bytes) -> Result<Part, Refusal> {
    rule!(upload_is_multipart);
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| bad("the Content-Type is not `multipart/form-data` with a boundary"))?;
    let mut multipart = Multipart::new(stream::iter([Ok::<_, std::convert::Infallible>(body)]), boundary);
    let Some(field) = multipart.next_field().await.map_err(|_| broken())? else {
        return Err(bad("there is no part"));
    };
    let name = field.name().unwrap_or_default().to_owned();
    rule!(file_name_from_filename);
    let file_name = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
    let file_name = file_name.ok_or_else(|| bad("the part has no `filename=`"))?;
    let bytes = field.bytes().await.map_err(|_| broken())?;
    rule!(upload_has_one_part);
    if multipart.next_field().await.map_err(|_| broken())?.is_some() {
        return Err(bad("there is more than one part"));
    }
    Ok(Part { name, file_name, bytes })
}

fn broken() -> Refusal {
    bad("the parts do not begin and end as the boundary says")
}

fn bad(why: &str) -> Refusal {
    Refusal::because(ErrCode::EMPTY_MEDIA_DATA, why)
}
