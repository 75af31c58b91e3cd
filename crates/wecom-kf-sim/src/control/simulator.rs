//! Control API: the simulator itself: information, the whole state, reset.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use wecom_kf_raw::op;

use super::body::Nothing;
use super::{Answer, DOCUMENT, tokens};
use crate::world::setup::Strictness;
use crate::world::{World, point};

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/yaml")], DOCUMENT).into_response()
}

pub(super) async fn info(
    State(world): State<Arc<World>>,
    axum::Extension(address): axum::Extension<SocketAddr>,
) -> Answer {
    let base_url = point::base_url(&world.setup, address);
    let vars = point::vars(&world, &base_url);
    let points = point::CLIENTS
        .iter()
        .filter_map(|(name, title)| Some(json!({ "name": name, "title": title, "text": point::lines(name, &vars)? })));
    let operations = op::ALL.iter().map(|operation| {
        json!({
            "id": operation.id,
            "method": operation.method,
            "path": operation.path,
            "official_page": operation.official_page,
        })
    });
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "base_url": base_url,
        "corp_id": world.corp_id,
        "corps": world.corps().iter().map(|corp| corp.corp_id.clone()).collect::<Vec<_>>(),
        // As a text: JavaScript's numbers end before those of 64 bits do.
        "seed": world.setup.is_seeded.then(|| world.setup.seed.to_string()),
        "strictness": if world.setup.strictness == Strictness::Strict { "strict" } else { "lenient" },
        "vars": vars.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>(),
        "point": points.collect::<Vec<_>>(),
        "operations": operations.collect::<Vec<_>>(),
    })))
}

pub(super) async fn state(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(show_state(&world)))
}

pub(super) async fn reset(State(world): State<Arc<World>>, _: Nothing) -> Answer {
    world.reset();
    Ok(Json(show_state(&world)))
}

fn show_state(world: &World) -> Value {
    // Before looking: what changes meanwhile comes as an event too.
    let event = world.hub.watch();
    let findings: Vec<_> = world.report().findings.iter().map(|finding| finding.show()).collect();
    let calls = world.journal().counted_in_all();
    let token = tokens::show_token(world);
    world.read(|platform, now| {
        json!({
            "event": event,
            "instance": format!("{:016x}", world.setup.instance),
            "corp_id": world.corp_id,
            "accounts": platform.show_accounts(),
            "customers": platform.show_customers(now),
            "servicers": platform.show_servicers(now),
            "corp": platform.show_corp(),
            "token": token,
            "clock": world.show_clock(),
            "faults": world.faults.show(),
            "callback": world.show_callback(),
            "findings": findings,
            "calls": calls,
        })
    })
}
