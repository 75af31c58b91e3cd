//! A call of the platform's API: finds its operation and the fault that affects it.

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use wecom_kf_raw::op;

use crate::http::arrival::{Arrival, read};
use crate::http::asked::Asked;
use crate::http::connection::Peer;
use crate::http::exchange::Exchange;
use crate::http::unknown_path;
use crate::platform::ops::handler;
use crate::world::World;
use tokio::time::Instant;

/// Answers a request that is for the platform. Unknown paths come here too.
pub(crate) async fn call(
    State(world): State<Arc<World>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    world.count_request();
    let (parts, body) = request.into_parts();
    let (at, begun) = (world.clock.now(), world.begin());
    let operation = op::ALL.into_iter().find(|operation| operation.path == parts.uri.path());
    let handled = operation.and_then(|operation| Some((operation, handler(operation)?)));
    // The permit is held until the answer is made, as long as the body is in memory.
    let (body, _room) = read(&world, &parts, body, handled).await;
    let arrival = Arrival { body, parts, at, begun, started: Instant::now() };
    let Some((operation, handler)) = handled else {
        return unknown_path::answer(&world, &arrival);
    };
    world.journal().count(operation.id);
    let effect = world.faults.hit(operation);
    if effect.is_some() {
        world.tell_faults();
    }
    let asked = Asked::of(&arrival, operation, handler).await;
    Arc::new(Exchange::new(world, operation, handler, arrival, asked, effect)).answer(&peer).await
}
