//! Control API: the clock of all corps.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::Answer;
use super::body::Optional;
use crate::world::World;
use crate::world::clock::Pace;
use crate::world::input::duration;
use crate::world::view::Clock;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockChange {
    manual: Option<bool>,
    advance: Option<String>,
}

pub(super) async fn clock(State(world): State<Arc<World>>) -> Answer<Clock> {
    Ok(Json(world.show_clock()))
}

pub(super) async fn clock_set(
    State(world): State<Arc<World>>,
    Optional(change): Optional<ClockChange>,
) -> Answer<Clock> {
    let advance = change.advance.as_deref().map(|text| duration("advance", text)).transpose()?;
    if let Some(manual) = change.manual {
        world.clock.set_pace(if manual { Pace::Manual } else { Pace::Running });
    }
    world.advance(advance.unwrap_or_default());
    Ok(Json(world.show_clock()))
}
