//! Control API: access tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use wecom_kf_raw::op;

use super::Answer;
use super::body::Nothing;
use crate::world::World;

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
    let mut token = json!(world.read(|platform, now| platform.show_token(now)));
    token["gettoken_calls"] = json!(world.journal().counted(op::GETTOKEN.id));
    token
}
