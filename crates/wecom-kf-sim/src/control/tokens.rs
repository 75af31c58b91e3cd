//! Control API: access tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Answer;
use super::body::Nothing;
use crate::world::World;
use crate::world::view::Token;

pub(super) async fn token_expire(State(world): State<Arc<World>>, _: Nothing) -> Answer<Token> {
    world.update(|platform, now| platform.access_tokens.expire(now));
    Ok(Json(world.show_token()))
}

pub(super) async fn token_revoke(State(world): State<Arc<World>>, _: Nothing) -> Answer<Token> {
    world.update(|platform, _| platform.access_tokens.revoke());
    Ok(Json(world.show_token()))
}
