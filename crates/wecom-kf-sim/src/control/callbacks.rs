//! Control API: where callbacks go, and their verification.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::Answer;
use super::body::{Body, Nothing, Problem, Segments};
use crate::delivery;
use crate::world::World;
use crate::world::carrier::Carrier;
use crate::world::entry::ShownRow;
use crate::world::journal::Row;
use crate::world::view::CallbackSettings;

const NO_URL: &str = "no URL is set: PUT /sim/v1/callback";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCallback {
    url: String,
    token: Option<String>,
    encoding_aes_key: Option<String>,
}

pub(super) async fn callback(State(world): State<Arc<World>>) -> Answer<CallbackSettings> {
    Ok(Json(world.show_callback()))
}

pub(super) async fn callback_set(
    State(world): State<Arc<World>>,
    Body(new): Body<NewCallback>,
) -> Answer<CallbackSettings> {
    let set = world.set_callback(&new.url, new.token.as_deref(), new.encoding_aes_key.as_deref());
    set.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(world.show_callback()))
}

pub(super) async fn callback_unset(State(world): State<Arc<World>>) -> Answer<CallbackSettings> {
    world.unset_callback();
    Ok(Json(world.show_callback()))
}

pub(super) async fn callback_verify(State(world): State<Arc<World>>, _: Nothing) -> Answer<ShownRow> {
    let row = delivery::verify(&world).await.ok_or_else(|| Problem::conflict(NO_URL))?;
    Ok(Json(ShownRow(row)))
}

pub(super) async fn callback_repeat(
    State(world): State<Arc<World>>,
    Segments(n): Segments<u64>,
    _: Nothing,
) -> Answer<ShownRow> {
    let row = world.journal().find(n).cloned();
    let row = row.ok_or_else(|| Problem::not_found(format!("row {n} is not in the journal")))?;
    let Row::Callback(delivery) = &*row else {
        return Err(Problem::conflict(format!("row {n} is no callback")));
    };
    if matches!(delivery.carrier, Carrier::Verification { .. }) {
        return Err(Problem::conflict("a verification is not repeated so: POST /sim/v1/callback/verify"));
    }
    let row = delivery::repeat(&world, delivery).await.ok_or_else(|| Problem::conflict(NO_URL))?;
    Ok(Json(ShownRow(row)))
}
