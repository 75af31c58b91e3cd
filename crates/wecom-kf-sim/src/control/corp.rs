//! Control API: the settings of the corp's admin console.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::Answer;
use super::body::Optional;
use crate::platform::ManagedBy;
use crate::platform::view::ShownCorp;
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CorpChange {
    upgrade: Option<Upgrade>,
    wechat_channels_bound: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Upgrade {
    userids: Vec<String>,
    department_ids: Vec<u64>,
    chat_ids: Vec<String>,
    managed_in_console: bool,
}

pub(super) async fn corp(State(world): State<Arc<World>>) -> Answer<ShownCorp> {
    Ok(Json(world.read(|platform, _| platform.show_corp())))
}

pub(super) async fn corp_change(
    State(world): State<Arc<World>>,
    Optional(change): Optional<CorpChange>,
) -> Answer<ShownCorp> {
    world.update(|platform, _| {
        if let Some(upgrade) = change.upgrade {
            let range = &mut platform.upgrade_range;
            (range.userids, range.department_ids, range.chat_ids) =
                (upgrade.userids, upgrade.department_ids, upgrade.chat_ids);
            range.managed_by = if upgrade.managed_in_console { ManagedBy::Console } else { ManagedBy::Api };
        }
        if let Some(is_bound) = change.wechat_channels_bound {
            platform.is_wechat_channels_bound = is_bound;
        }
        Ok(Json(platform.show_corp()))
    })
}
