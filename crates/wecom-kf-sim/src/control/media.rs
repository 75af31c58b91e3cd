//! Control API: temporary files, to look at and to send.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Answer;
use super::body::{Problem, Raw, Segments};
use super::query::Query;
use crate::platform::Contents;
use crate::platform::MediaKind;
use crate::world::World;

#[derive(Serialize)]
pub(super) struct MediaAdded {
    media_id: String,
}

pub(super) async fn media_add(State(world): State<Arc<World>>, query: Query, Raw(bytes): Raw) -> Answer<MediaAdded> {
    let kind = query.name("type", "kind of file", &MediaKind::ALL.map(MediaKind::as_str))?.and_then(MediaKind::of);
    let kind = kind.ok_or_else(|| Problem::bad_request("`type` is missing: image, voice, video or file"))?;
    world.update(|platform, now| {
        let media_id = platform.store(now, kind, query.text("filename").unwrap_or(kind.as_str()), bytes);
        Ok(Json(MediaAdded { media_id }))
    })
}

pub(super) async fn media(
    State(world): State<Arc<World>>,
    Segments(media_id): Segments<String>,
) -> Result<Response, Problem> {
    world.read(|platform, now| {
        let file = platform.media(now, &media_id);
        let file = file.ok_or_else(|| Problem::not_found("this media_id is unknown or older than 3 days"))?;
        // Whatever is in it, no browser is to take it for a page.
        let headers = [
            (header::CONTENT_TYPE, content_type(&file)),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "sandbox"),
        ];
        Ok((headers, file.bytes).into_response())
    })
}

/// What browsers call it; `media/get` has other names.
fn content_type(file: &Contents) -> &'static str {
    match file.kind {
        MediaKind::Image if file.bytes.starts_with(b"\x89PNG") => "image/png",
        MediaKind::Image => "image/jpeg",
        MediaKind::Voice => "audio/amr",
        MediaKind::Video => "video/mp4",
        MediaKind::File => "application/octet-stream",
    }
}
