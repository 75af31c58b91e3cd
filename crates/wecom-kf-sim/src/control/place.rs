//! Control API: finds the customer and the session that a request names, and answers with the customer.

use std::time::Duration;

use axum::Json;

use super::Answer;
use super::body::Problem;
use crate::platform::view::ShownCustomer;
use crate::platform::{Chat, Platform};
use crate::world::World;

/// The path of a session: `open_kfid` and `external_userid`.
pub(super) type SessionPath = (String, String);

/// Changes the chat of a customer.
pub(super) fn at_customer<T>(
    world: &World,
    external_userid: &str,
    change: impl FnOnce(&mut Platform, Duration, Chat<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    world.update(|platform, now| {
        let open_kfid = account_of(platform, external_userid)?;
        change(platform, now, Chat { open_kfid: &open_kfid, external_userid })
    })
}

/// Changes the chat of a customer, who must be at this account.
pub(super) fn at_session<T>(
    world: &World,
    (open_kfid, external_userid): &SessionPath,
    change: impl FnOnce(&mut Platform, Duration, Chat<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    at_customer(world, external_userid, |platform, now, chat| {
        if chat.open_kfid != open_kfid {
            let why = format!("the customer {external_userid} is not at the account {open_kfid}");
            return Err(Problem::not_found(why));
        }
        change(platform, now, chat)
    })
}

/// Changes the chat of a customer, and answers with the customer.
pub(super) fn change_customer(
    world: &World,
    external_userid: &str,
    change: impl FnOnce(&mut Platform, Duration, Chat<'_>) -> Result<(), Problem>,
) -> Answer<ShownCustomer> {
    at_customer(world, external_userid, |platform, now, chat| {
        change(platform, now, chat)?;
        show_customer(platform, now, chat)
    })
}

/// Changes a session, and answers with the customer.
pub(super) fn change_session(
    world: &World,
    path: &SessionPath,
    change: impl FnOnce(&mut Platform, Duration, Chat<'_>) -> Result<(), Problem>,
) -> Answer<ShownCustomer> {
    at_session(world, path, |platform, now, chat| {
        change(platform, now, chat)?;
        show_customer(platform, now, chat)
    })
}

/// Returns the account of a customer.
pub(super) fn account_of(platform: &Platform, external_userid: &str) -> Result<String, Problem> {
    let open_kfid = platform.account_of(external_userid).map(str::to_owned);
    open_kfid.ok_or_else(|| no_customer(external_userid))
}

pub(super) fn show_customer(platform: &Platform, now: Duration, chat: Chat<'_>) -> Answer<ShownCustomer> {
    platform.show_customer(now, chat).map(Json).ok_or_else(|| no_customer(chat.external_userid))
}

pub(super) fn check_account(platform: &Platform, open_kfid: &str) -> Result<(), Problem> {
    if platform.has_account(open_kfid) { Ok(()) } else { Err(no_account(open_kfid)) }
}

pub(super) fn no_account(open_kfid: &str) -> Problem {
    Problem::not_found(format!("there is no account {open_kfid}"))
}

fn no_customer(external_userid: &str) -> Problem {
    Problem::not_found(format!("there is no customer {external_userid}"))
}
