//! Reads requests: how large a body may be, and how much memory uploads may take at once.

use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use wecom_kf_raw::Operation;

use crate::http::parameters::parameter;
use crate::platform::ops::Handler;
use crate::world::World;

rule!(bodies_up_to_1_mib);
const MAX_BODY_BYTES: usize = 1024 * 1024;
rule!(uploads_up_to_32_mib);
pub(crate) const MAX_UPLOAD_BYTES: usize = 32 * 1024 * 1024;
/// The size that all uploads in progress may have together, in KiB. Further uploads wait.
static UPLOADS: Semaphore = Semaphore::const_new(4 * MAX_UPLOAD_BYTES / 1024);
/// The rest of a body that is not needed is read for this long.
const DRAINED_WITHIN: Duration = Duration::from_secs(10);

/// A request, and when it came.
pub(super) struct Arrival {
    pub(super) parts: Parts,
    /// `None` if the body was too large, or did not arrive whole.
    pub(super) body: Option<Bytes>,
    pub(super) at: Duration,
    /// Its place in the order in which calls and callbacks began.
    pub(super) begun: u64,
    pub(super) started: Instant,
}

pub(super) fn access_token(parts: &Parts) -> Option<String> {
    parameter(&parts.uri, "access_token")
}

/// Reads the body. Also returns the permit of an upload, which is held as long as the body is in memory.
pub(super) async fn read(
    world: &World,
    parts: &Parts,
    body: Body,
    handled: Option<(Operation, Handler)>,
) -> (Option<Bytes>, Option<SemaphorePermit<'static>>) {
    if !matches!(handled, Some((_, Handler::Upload(_)))) {
        return (whole(body, MAX_BODY_BYTES).await, None);
    }
    // Checked before the body is read, so that a file that will be refused takes no memory.
    let access_token = access_token(parts);
    if world.read(|platform, now| platform.check_access_token(now, access_token.as_deref()).is_err()) {
        drain(body);
        return (Some(Bytes::new()), None);
    }
    let room = room_for_upload(&parts.headers).await;
    (whole(body, MAX_UPLOAD_BYTES).await, room)
}

/// Waits until an upload of this length may be read.
pub(crate) async fn room_for_upload(headers: &HeaderMap) -> Option<SemaphorePermit<'static>> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes = length.unwrap_or(MAX_UPLOAD_BYTES).min(MAX_UPLOAD_BYTES);
    UPLOADS.acquire_many(u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)).await.ok()
}

/// Reads a body without keeping it, on a task of its own. A client that still writes when the connection closes may never
/// see the answer.
fn drain(body: Body) {
    let mut chunks = body.into_data_stream().take_while(|chunk| std::future::ready(chunk.is_ok()));
    tokio::spawn(timeout(DRAINED_WITHIN, async move { while chunks.next().await.is_some() {} }));
}

/// Returns the body, or `None` if it is larger than this or does not arrive whole. A larger body is still read to its end,
/// because a client that still writes when the connection closes may never see the answer.
async fn whole(body: Body, max_bytes: usize) -> Option<Bytes> {
    let (mut read, mut size) = (BytesMut::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        size += chunk.len();
        if size <= max_bytes {
            read.extend_from_slice(&chunk);
        }
    }
    (size <= max_bytes).then(|| read.freeze())
}
