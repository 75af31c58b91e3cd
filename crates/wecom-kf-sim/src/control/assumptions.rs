//! Control API: the rules of WeCom that the simulator follows, and the switches of those that can be switched off.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::body::{Body, Problem, Segments};
use crate::lists::rule_named;
use crate::world::rules::{self, ShownRule};
use crate::world::{Holds, World};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    holds: bool,
}

#[derive(Serialize)]
pub(super) struct AssumptionList {
    assumptions: Vec<ShownRule>,
}

pub(super) async fn assumptions(State(world): State<Arc<World>>) -> Answer<AssumptionList> {
    let assumptions = world.read(|platform, _| platform.assumptions.clone());
    Ok(Json(AssumptionList { assumptions: rules::show_all(&assumptions) }))
}

pub(super) async fn assumption_switch(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(switch): Body<Switch>,
) -> Answer<ShownRule> {
    if rule_named(&id).is_none() {
        return Err(Problem::not_found(format!("there is no rule `{id}`: GET /sim/v1/assumptions")));
    }
    let holds = if switch.holds { Holds::Yes } else { Holds::No };
    Ok(Json(world.switch_assumption(&id, holds)?))
}
