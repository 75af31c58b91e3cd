//! Control API: faults, the clock, and switches of assumptions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use wecom_kf_raw::op;

use super::Answer;
use super::body::{Body, Nothing, Problem, Segments};
use crate::world::clock::Pace;
use crate::world::input::duration;
use crate::world::{Holds, World, rules};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    holds: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockChange {
    manual: Option<bool>,
    advance: Option<String>,
}

pub(super) async fn assumptions(State(world): State<Arc<World>>) -> Answer {
    let assumptions = world.read(|platform, _| platform.assumptions.clone());
    Ok(Json(json!({ "assumptions": rules::show_all(&assumptions) })))
}

pub(super) async fn assumption_switch(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(switch): Body<Switch>,
) -> Answer {
    if !rules::is_known(&id) {
        return Err(Problem::not_found(format!("there is no rule `{id}`: GET /sim/v1/assumptions")));
    }
    let holds = if switch.holds { Holds::Yes } else { Holds::No };
    Ok(Json(world.switch_assumption(&id, holds)?))
}

pub(super) async fn clock(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(world.show_clock()))
}

pub(super) async fn clock_set(State(world): State<Arc<World>>, Body(change): Body<ClockChange>) -> Answer {
    let advance = change.advance.as_deref().map(|text| duration("advance", text)).transpose()?;
    if let Some(manual) = change.manual {
        world.clock.set_pace(if manual { Pace::Manual } else { Pace::Running });
    }
    world.advance(advance.unwrap_or_default());
    Ok(Json(world.show_clock()))
}

pub(super) async fn faults(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(json!({ "faults": world.faults.show() })))
}

pub(super) async fn fault_add(State(world): State<Arc<World>>, Body(new): Body<Value>) -> Answer {
    Ok(Json(json!({ "faults": world.add_faults(new)? })))
}

pub(super) async fn faults_clear(State(world): State<Arc<World>>) -> Answer {
    world.faults.clear();
    world.tell_faults();
    Ok(Json(json!({ "faults": world.faults.show() })))
}

pub(super) async fn fault_remove(State(world): State<Arc<World>>, Segments(id): Segments<u64>) -> Answer {
    if !world.faults.remove(id) {
        return Err(Problem::not_found(format!("there is no fault {id}")));
    }
    world.tell_faults();
    Ok(Json(json!({ "faults": world.faults.show() })))
}

pub(super) async fn token_expire(State(world): State<Arc<World>>, _: Nothing) -> Answer {
    world.update(|platform, now| platform.access_tokens.expire(now));
    Ok(Json(show_token(&world)))
}

pub(super) async fn token_revoke(State(world): State<Arc<World>>, _: Nothing) -> Answer {
    world.update(|platform, _| platform.access_tokens.revoke());
    Ok(Json(show_token(&world)))
}

/// A `Token` of `control.yaml`.
pub(super) fn show_token(world: &World) -> Value {
    let mut token = world.read(|platform, now| platform.show_token(now));
    token["gettoken_calls"] = json!(world.journal().counted(op::GETTOKEN.id));
    token
}
