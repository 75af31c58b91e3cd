//! Control API: what servicers do in sessions.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Answer;
use super::body::{Body, Nothing, Problem, Segments};
use super::customers::Recall;
use super::messages::read_message;
use super::place::{SessionPath, at_session, change_session};
use crate::platform::view::ShownCustomer;
use crate::platform::{Chat, Platform, Rejecting};
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByServicer {
    servicer_userid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Transfer {
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reject {
    servicer_userid: String,
    rejecting: bool,
}

#[derive(Serialize)]
pub(super) struct Written {
    msgid: String,
    customer: Option<ShownCustomer>,
}

pub(super) async fn session_take(
    State(world): State<Arc<World>>,
    Segments(path): Segments<SessionPath>,
    Body(by): Body<ByServicer>,
) -> Answer<ShownCustomer> {
    change_session(&world, &path, |platform, now, chat| {
        check_servicer(platform, chat, &by.servicer_userid)?;
        platform.servicer_takes(now, chat, &by.servicer_userid);
        Ok(())
    })
}

pub(super) async fn session_transfer(
    State(world): State<Arc<World>>,
    Segments(path): Segments<SessionPath>,
    Body(transfer): Body<Transfer>,
) -> Answer<ShownCustomer> {
    change_session(&world, &path, |platform, now, chat| {
        let servicer = whose(platform, now, chat)?;
        Ok(platform.servicer_transfers(now, chat, &servicer, &transfer.to)?)
    })
}

pub(super) async fn session_end(
    State(world): State<Arc<World>>,
    Segments(path): Segments<SessionPath>,
    _: Nothing,
) -> Answer<ShownCustomer> {
    change_session(&world, &path, |platform, now, chat| {
        let servicer = whose(platform, now, chat)?;
        Ok(platform.servicer_ends(now, chat, &servicer)?)
    })
}

pub(super) async fn session_reply(
    State(world): State<Arc<World>>,
    Segments(path): Segments<SessionPath>,
    Body(mut message): Body<Map<String, Value>>,
) -> Answer<Written> {
    at_session(&world, &path, |platform, now, chat| {
        let servicer = match message.remove("servicer_userid") {
            None => whose(platform, now, chat)?,
            Some(Value::String(userid)) => userid,
            Some(_) => return Err(Problem::bad_request("`servicer_userid` must be a text")),
        };
        check_servicer(platform, chat, &servicer)?;
        let (msgtype, body) = read_message(message, platform, now)?;
        let msgid = platform.servicer_writes(now, chat, &servicer, &msgtype, body);
        written(platform, now, chat, msgid)
    })
}

pub(super) async fn session_recall(
    State(world): State<Arc<World>>,
    Segments(path): Segments<SessionPath>,
    Body(recall): Body<Recall>,
) -> Answer<Written> {
    at_session(&world, &path, |platform, now, chat| {
        let msgid = platform.servicer_recalls(now, chat, &recall.msgid)?;
        written(platform, now, chat, msgid)
    })
}

pub(super) async fn session_reject(
    State(world): State<Arc<World>>,
    Segments(path): Segments<SessionPath>,
    Body(reject): Body<Reject>,
) -> Answer<ShownCustomer> {
    change_session(&world, &path, |platform, now, chat| {
        check_servicer(platform, chat, &reject.servicer_userid)?;
        let rejecting = if reject.rejecting { Rejecting::Yes } else { Rejecting::No };
        platform.servicer_rejects(now, chat, &reject.servicer_userid, rejecting);
        Ok(())
    })
}

pub(super) async fn rating_ask(
    State(world): State<Arc<World>>,
    Segments(path): Segments<SessionPath>,
    Body(by): Body<ByServicer>,
) -> Answer<ShownCustomer> {
    change_session(&world, &path, |platform, now, chat| {
        check_servicer(platform, chat, &by.servicer_userid)?;
        Ok(platform.servicer_asks_to_rate(now, chat, &by.servicer_userid)?)
    })
}

/// Who has the session.
fn whose(platform: &mut Platform, now: Duration, chat: Chat<'_>) -> Result<String, Problem> {
    let servicer = platform.session_servicer(now, chat);
    servicer.ok_or_else(|| Problem::conflict("no servicer has the session: take it first"))
}

fn check_servicer(platform: &Platform, chat: Chat<'_>, userid: &str) -> Result<(), Problem> {
    let set = format!("PUT /sim/v1/servicers/{userid}");
    if !platform.has_member(userid) {
        return Err(Problem::not_found(format!("there is no servicer {userid}: {set}")));
    }
    if !platform.is_served_by(chat.open_kfid, userid) {
        return Err(Problem::conflict(format!("{userid} does not serve this account: servicer/add, or {set}")));
    }
    Ok(())
}

fn written(platform: &Platform, now: Duration, chat: Chat<'_>, msgid: String) -> Answer<Written> {
    Ok(Json(Written { msgid, customer: platform.show_customer(now, chat) }))
}
