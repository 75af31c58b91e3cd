//! Control API: accounts and their links.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use wecom_kf_raw::limits;

use super::Answer;
use super::body::{Body, Segments, check_name};
use super::place::{check_account, no_account};
use crate::platform::Platform;
use crate::platform::view::{ShownAccount, ShownContactWay};
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    name: String,
}

#[derive(Serialize)]
pub(super) struct AccountList {
    accounts: Vec<ShownAccount>,
}

#[derive(Serialize)]
pub(super) struct ContactWayList {
    contact_ways: Vec<ShownContactWay>,
}

pub(super) async fn accounts(State(world): State<Arc<World>>) -> Answer<AccountList> {
    Ok(Json(AccountList { accounts: world.read(|platform, _| platform.show_accounts()) }))
}

pub(super) async fn account_open(State(world): State<Arc<World>>, Body(new): Body<NewAccount>) -> Answer<ShownAccount> {
    check_name(&new.name, limits::account_add::NAME_MAX_CHARS)?;
    world.update(|platform, _| {
        let open_kfid = platform.grant_account(&new.name);
        show_account(platform, &open_kfid)
    })
}

pub(super) async fn account_withdraw(
    State(world): State<Arc<World>>,
    Segments(open_kfid): Segments<String>,
) -> Answer<ShownAccount> {
    world.update(|platform, _| {
        check_account(platform, &open_kfid)?;
        platform.withdraw_account(&open_kfid)?;
        show_account(platform, &open_kfid)
    })
}

pub(super) async fn contact_ways(State(world): State<Arc<World>>) -> Answer<ContactWayList> {
    Ok(Json(ContactWayList { contact_ways: world.read(|platform, _| platform.show_contact_ways()) }))
}

fn show_account(platform: &Platform, open_kfid: &str) -> Answer<ShownAccount> {
    let shown = platform.show_account(open_kfid);
    shown.map(Json).ok_or_else(|| no_account(open_kfid))
}
