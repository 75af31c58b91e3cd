//! Control API: faults. What a fault may be is in `world/script.rs`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Answer;
use super::body::{Body, Problem, Segments};
use crate::world::World;

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
