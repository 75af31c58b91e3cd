//! Control API: the stream of events that the console listens to.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, StreamExt};

use super::body::Problem;
use super::query::Query;
use crate::world::World;

/// A comment so often keeps proxies from closing the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) async fn events(
    State(world): State<Arc<World>>,
    headers: HeaderMap,
    query: Query,
) -> Result<impl IntoResponse, Problem> {
    let (stream, last) = world.hub.stream();
    // Browsers set the header on a reconnect, while the query stays that of the first time: the header is newer.
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default().parse());
    let header = header.transpose().map_err(|_| Problem::bad_request("Last-Event-ID must be a number"))?;
    let after: u64 = header.or(query.number("after")?).unwrap_or(last);
    let batches = stream::unfold((stream, after), async |(stream, after)| {
        let events = stream.after(after).await;
        let last = events.last().map_or(after, |event| event.number);
        Some((stream::iter(events), (stream, last)))
    });
    let events = batches.flatten().map(|event| {
        Ok::<_, Infallible>(Event::default().id(event.number.to_string()).event(event.kind).data(&*event.data))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
