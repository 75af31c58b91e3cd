//! Control API: export and import of the whole state.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Answer;
use super::body::{Problem, Text};
use super::simulator::{WholeState, show_state};
use crate::world::World;
use crate::world::export::{self, Export, StateError};

pub(super) async fn state_export(State(world): State<Arc<World>>) -> Answer<Export> {
    Ok(Json(world.export()))
}

pub(super) async fn state_import(State(world): State<Arc<World>>, Text(state): Text) -> Answer<WholeState> {
    let imported = export::State::read(&state).and_then(|state| world.import(state));
    imported.map_err(|error| match error {
        StateError::Malformed(_) => Problem::bad_request(error.to_string()),
        _ => Problem::conflict(error.to_string()),
    })?;
    Ok(Json(show_state(&world)))
}
