//! Control API: the simulator itself: information, the whole state, reset.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wecom_kf_raw::op;

use super::body::Nothing;
use super::{Answer, DOCUMENT};
use crate::platform::view::{ShownAccount, ShownCorp, ShownCustomer, ShownServicer};
use crate::world::finding::ShownFinding;
use crate::world::setup::Strictness;
use crate::world::view::{CallbackSettings, Clock, Fault, Token};
use crate::world::{World, point};

/// `Info` of `control.yaml`.
#[derive(Serialize)]
pub(super) struct Info {
    version: &'static str,
    base_url: String,
    corp_id: String,
    corps: Vec<String>,
    /// As a text: JavaScript's numbers end before those of 64 bits do.
    seed: Option<String>,
    strictness: &'static str,
    vars: Vec<Variable>,
    point: Vec<Lines>,
    operations: Vec<Operation>,
}

/// A variable of the bot's environment.
#[derive(Serialize)]
struct Variable {
    name: &'static str,
    value: String,
}

/// What to paste for a client.
#[derive(Serialize)]
struct Lines {
    name: &'static str,
    title: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Operation {
    id: &'static str,
    method: &'static str,
    path: &'static str,
    official_page: Option<u64>,
}

/// `State` of `control.yaml`.
#[derive(Serialize)]
pub(super) struct WholeState {
    event: u64,
    instance: String,
    corp_id: String,
    accounts: Vec<ShownAccount>,
    customers: Vec<ShownCustomer>,
    servicers: Vec<ShownServicer>,
    corp: ShownCorp,
    token: Token,
    clock: Clock,
    faults: Vec<Fault>,
    callback: CallbackSettings,
    findings: Vec<ShownFinding>,
    calls: usize,
}

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/yaml")], DOCUMENT).into_response()
}

pub(super) async fn info(
    State(world): State<Arc<World>>,
    axum::Extension(address): axum::Extension<SocketAddr>,
) -> Answer<Info> {
    let base_url = point::base_url(&world.setup, address);
    let vars = point::vars(&world, &base_url);
    let lines = |(name, title)| Some(Lines { name, title, text: point::lines(name, &vars)? });
    let operations = op::ALL.into_iter().map(|operation| Operation {
        id: operation.id,
        method: operation.method,
        path: operation.path,
        official_page: operation.official_page,
    });
    Ok(Json(Info {
        version: env!("CARGO_PKG_VERSION"),
        corp_id: world.corp_id.clone(),
        corps: world.corps().iter().map(|corp| corp.corp_id.clone()).collect(),
        seed: world.setup.is_seeded.then(|| world.setup.seed.to_string()),
        strictness: if world.setup.strictness == Strictness::Strict { "strict" } else { "lenient" },
        point: point::CLIENTS.into_iter().filter_map(lines).collect(),
        operations: operations.collect(),
        vars: vars.into_iter().map(|(name, value)| Variable { name, value }).collect(),
        base_url,
    }))
}

pub(super) async fn state(State(world): State<Arc<World>>) -> Answer<WholeState> {
    Ok(Json(show_state(&world)))
}

pub(super) async fn reset(State(world): State<Arc<World>>, _: Nothing) -> Answer<WholeState> {
    world.reset();
    Ok(Json(show_state(&world)))
}

pub(super) fn show_state(world: &World) -> WholeState {
    // Before looking: what changes meanwhile comes as an event too.
    let event = world.hub.watch();
    let findings = world.report().findings.iter().map(|finding| finding.show()).collect();
    let calls = world.journal().counted_in_all();
    let token = world.show_token();
    world.read(|platform, now| WholeState {
        event,
        instance: format!("{:016x}", world.setup.instance),
        corp_id: world.corp_id.clone(),
        accounts: platform.show_accounts(),
        customers: platform.show_customers(now),
        servicers: platform.show_servicers(now),
        corp: platform.show_corp(),
        token,
        clock: world.show_clock(),
        faults: world.faults.show(),
        callback: world.show_callback(),
        findings,
        calls,
    })
}
