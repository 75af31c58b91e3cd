//! Control API: faults. What a fault may be is in `world/script.rs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::Answer;
use super::body::{Body, Problem, Segments};
use crate::world::World;
use crate::world::view::FaultList;

pub(super) async fn faults(State(world): State<Arc<World>>) -> Answer<FaultList> {
    Ok(Json(world.show_faults()))
}

pub(super) async fn fault_add(State(world): State<Arc<World>>, Body(new): Body<Value>) -> Answer<FaultList> {
    Ok(Json(world.add_faults(new)?))
}

pub(super) async fn faults_clear(State(world): State<Arc<World>>) -> Answer<FaultList> {
    world.faults.clear();
    world.tell_faults();
    Ok(Json(world.show_faults()))
}

pub(super) async fn fault_remove(State(world): State<Arc<World>>, Segments(id): Segments<u64>) -> Answer<FaultList> {
    if !world.faults.remove(id) {
        return Err(Problem::not_found(format!("there is no fault {id}")));
    }
    world.tell_faults();
    Ok(Json(world.show_faults()))
}
