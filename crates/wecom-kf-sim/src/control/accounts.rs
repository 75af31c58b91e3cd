//! Control API: accounts and their links.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use wecom_kf_raw::limits;

use super::Answer;
use super::body::{Body, Segments, check_name};
use super::place::{check_account, no_account};
use crate::platform::Platform;
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    name: String,
}

pub(super) async fn accounts(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(json!({ "accounts": world.read(|platform, _| platform.show_accounts()) })))
}

pub(super) async fn account_open(State(world): State<Arc<World>>, Body(new): Body<NewAccount>) -> Answer {
    check_name(&new.name, limits::account_add::NAME_MAX_CHARS)?;
    world.update(|platform, _| {
        let open_kfid = platform.grant_account(&new.name);
        show_account(platform, &open_kfid)
    })
}

pub(super) async fn account_withdraw(State(world): State<Arc<World>>, Segments(open_kfid): Segments<String>) -> Answer {
    world.update(|platform, _| {
        check_account(platform, &open_kfid)?;
        platform.withdraw_account(&open_kfid)?;
        show_account(platform, &open_kfid)
    })
}

pub(super) async fn contact_ways(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(json!({ "contact_ways": world.read(|platform, _| platform.show_contact_ways()) })))
}

fn show_account(platform: &Platform, open_kfid: &str) -> Answer {
    let shown = platform.show_account(open_kfid);
    shown.map(|shown| Json(json!(shown))).ok_or_else(|| no_account(open_kfid))
}
