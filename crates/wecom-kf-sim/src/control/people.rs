//! Control API: what customers and servicers do.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};
use wecom_kf_raw::limits;

use super::Answer;
use super::body::{Body, Nothing, Problem, Segments};
use super::query::Query;
use crate::platform::MediaKind;
use crate::platform::{Chat, Entrance, Platform, Receiving, Rejecting};
use crate::world::World;

const MAX_NAME_CHARS: usize = 64;
/// What a message has besides its body: no kind is called so. Events come by what people do.
const COMMON_FIELDS: [&str; 8] =
    ["msgid", "open_kfid", "external_userid", "send_time", "origin", "servicer_userid", "msgtype", "event"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileChange {
    name: Option<String>,
    gender: Option<i64>,
    avatar: Option<String>,
    unionid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCustomer {
    name: String,
    open_kfid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entering {
    scene: Option<String>,
    scene_param: Option<String>,
    url: Option<String>,
    channels: Option<Channels>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Channels {
    scene: u32,
    nickname: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tap {
    menu_id: String,
    content: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recall {
    msgid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByServicer {
    pub(super) servicer_userid: String,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServicerSettings {
    #[serde(default = "yes")]
    receiving: bool,
    #[serde(default)]
    suspended: bool,
    open_kfids: Option<Vec<String>>,
}

fn yes() -> bool {
    true
}

pub(super) async fn accounts(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(json!({ "accounts": world.read(|platform, _| platform.show_accounts()) })))
}

pub(super) async fn account_open(State(world): State<Arc<World>>, Body(new): Body<Name>) -> Answer {
    check_name(&new.name, limits::account_add::NAME_MAX_CHARS)?;
    world.update(|platform, _| {
        let open_kfid = platform.grant_account(&new.name);
        show_account(platform, &open_kfid)
    })
}

pub(super) async fn account_withdraw(State(world): State<Arc<World>>, Segments(open_kfid): Segments<String>) -> Answer {
    world.update(|platform, _| {
        if !platform.has_account(&open_kfid) {
            return Err(no_account(&open_kfid));
        }
        platform.withdraw_account(&open_kfid)?;
        show_account(platform, &open_kfid)
    })
}

pub(super) async fn contact_ways(State(world): State<Arc<World>>) -> Answer {
    Ok(Json(json!({ "contact_ways": world.read(|platform, _| platform.show_contact_ways()) })))
}

pub(super) async fn customers(State(world): State<Arc<World>>) -> Answer {
    world.read(|platform, now| Ok(Json(json!({ "customers": platform.show_customers(now) }))))
}

pub(super) async fn customer_add(State(world): State<Arc<World>>, Body(new): Body<NewCustomer>) -> Answer {
    check_name(&new.name, MAX_NAME_CHARS)?;
    world.update(|platform, now| {
        let first = || platform.open_kfids().next().map(str::to_owned);
        let open_kfid = new.open_kfid.or_else(first).unwrap_or_default();
        if !platform.has_account(&open_kfid) {
            return Err(no_account(&open_kfid));
        }
        let external_userid = platform.meet_customer(&open_kfid, &new.name)?;
        show_customer(platform, now, Chat { open_kfid: &open_kfid, external_userid: &external_userid })
    })
}

pub(super) async fn customer(State(world): State<Arc<World>>, Segments(id): Segments<String>) -> Answer {
    world.read(|platform, now| {
        let place = find(platform, &id)?;
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn customer_change(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(new): Body<ProfileChange>,
) -> Answer {
    new.name.as_deref().map_or(Ok(()), |name| check_name(name, MAX_NAME_CHARS))?;
    if new.gender.is_some_and(|gender| !(0..=2).contains(&gender)) {
        return Err(Problem::bad_request("`gender` must be 0, 1 or 2"));
    }
    world.update(|platform, now| {
        let place = find(platform, &id)?;
        new.name.iter().for_each(|name| platform.rename_customer(place.chat(), name));
        let profile = platform.profile(place.chat());
        profile.gender = new.gender.unwrap_or(profile.gender);
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        new.avatar.into_iter().for_each(|avatar| profile.avatar = given(avatar));
        new.unionid.into_iter().for_each(|unionid| profile.unionid = given(unionid));
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn customer_enter(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(entering): Body<Entering>,
) -> Answer {
    world.update(|platform, now| {
        let place = find(platform, &id)?;
        let entrance = entering.entrance(platform, place.chat())?;
        let welcome_code = platform.customer_enters_by(now, place.chat(), entrance);
        let customer = platform.show_customer(now, place.chat());
        Ok(Json(json!({ "welcome_code": welcome_code, "customer": customer })))
    })
}

pub(super) async fn customer_write(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(message): Body<Map<String, Value>>,
) -> Answer {
    world.update(|platform, now| {
        let place = find(platform, &id)?;
        let (msgtype, body) = read_message(message, platform, now)?;
        let msgid = platform.customer_writes(now, place.chat(), &msgtype, body);
        written(platform, now, place.chat(), &msgid)
    })
}

pub(super) async fn customer_tap(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(tap): Body<Tap>,
) -> Answer {
    world.update(|platform, now| {
        let place = find(platform, &id)?;
        let content = tap.content.or_else(|| platform.menu_item(place.chat(), &tap.menu_id));
        let content = content.ok_or_else(|| {
            Problem::conflict(format!(
                "nothing this customer got has an item or link `{}`: give its `content`",
                tap.menu_id
            ))
        })?;
        let msgid = platform.customer_says(now, place.chat(), &content, Some(&tap.menu_id));
        written(platform, now, place.chat(), &msgid)
    })
}

pub(super) async fn customer_recall(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(recall): Body<Recall>,
) -> Answer {
    world.update(|platform, now| {
        let place = find(platform, &id)?;
        let msgid = platform.customer_recalls(now, place.chat(), &recall.msgid)?;
        written(platform, now, place.chat(), &msgid)
    })
}

pub(super) async fn customer_read(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    _: Nothing,
) -> Answer {
    world.update(|platform, now| {
        let place = find(platform, &id)?;
        platform.customer_reads(place.chat());
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn chat(State(world): State<Arc<World>>, Segments(id): Segments<String>, query: Query) -> Answer {
    query.allows(&["after", "before", "limit", "count", "wait"])?;
    let place = world.read(|platform, _| find(platform, &id))?;
    let after = query.number("after")?.unwrap_or(0);
    let before = query.number("before")?.unwrap_or(u64::MAX);
    let limit = query.count("limit")?.unwrap_or(usize::MAX);
    let count = query.count("count")?.unwrap_or(1);
    let deadline = Instant::now() + query.wait()?.unwrap_or(Duration::ZERO);
    loop {
        // Made before looking: it hears what is sent in between.
        let (sent, changed) = (world.sent.notified(), world.recorded.notified());
        let ((entries, has_older), answers) = world.update(|platform, now| {
            let shown = platform.show_chat(now, place.chat(), after..before, limit);
            (shown, platform.answers_after(place.chat(), after))
        });
        let is_complete = answers >= count || query.text("wait").is_none();
        let news = async {
            tokio::select! {
                () = sent => {}
                () = changed => {}
            }
        };
        if is_complete || timeout_at(deadline, news).await.is_err() {
            return Ok(Json(json!({ "entries": entries, "older": has_older, "complete": is_complete })));
        }
    }
}

pub(super) async fn session_take(
    State(world): State<Arc<World>>,
    Segments(path): Segments<(String, String)>,
    Body(by): Body<ByServicer>,
) -> Answer {
    world.update(|platform, now| {
        let place = find_session(platform, path)?;
        check_servicer(platform, &place, &by.servicer_userid)?;
        platform.servicer_takes(now, place.chat(), &by.servicer_userid);
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn session_transfer(
    State(world): State<Arc<World>>,
    Segments(path): Segments<(String, String)>,
    Body(transfer): Body<Transfer>,
) -> Answer {
    world.update(|platform, now| {
        let place = find_session(platform, path)?;
        let servicer = whose(platform, now, place.chat())?;
        platform.servicer_transfers(now, place.chat(), &servicer, &transfer.to)?;
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn session_end(
    State(world): State<Arc<World>>,
    Segments(path): Segments<(String, String)>,
    _: Nothing,
) -> Answer {
    world.update(|platform, now| {
        let place = find_session(platform, path)?;
        let servicer = whose(platform, now, place.chat())?;
        platform.servicer_ends(now, place.chat(), &servicer)?;
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn session_reply(
    State(world): State<Arc<World>>,
    Segments(path): Segments<(String, String)>,
    Body(mut message): Body<Map<String, Value>>,
) -> Answer {
    world.update(|platform, now| {
        let place = find_session(platform, path)?;
        let servicer = match message.remove("servicer_userid") {
            None => whose(platform, now, place.chat())?,
            Some(Value::String(userid)) => userid,
            Some(_) => return Err(Problem::bad_request("`servicer_userid` must be a text")),
        };
        check_servicer(platform, &place, &servicer)?;
        let (msgtype, body) = read_message(message, platform, now)?;
        let msgid = platform.servicer_writes(now, place.chat(), &servicer, &msgtype, body);
        written(platform, now, place.chat(), &msgid)
    })
}

pub(super) async fn session_recall(
    State(world): State<Arc<World>>,
    Segments(path): Segments<(String, String)>,
    Body(recall): Body<Recall>,
) -> Answer {
    world.update(|platform, now| {
        let place = find_session(platform, path)?;
        let msgid = platform.servicer_recalls(now, place.chat(), &recall.msgid)?;
        written(platform, now, place.chat(), &msgid)
    })
}

pub(super) async fn session_reject(
    State(world): State<Arc<World>>,
    Segments(path): Segments<(String, String)>,
    Body(reject): Body<Reject>,
) -> Answer {
    world.update(|platform, now| {
        let place = find_session(platform, path)?;
        check_servicer(platform, &place, &reject.servicer_userid)?;
        let rejecting = if reject.rejecting { Rejecting::Yes } else { Rejecting::No };
        platform.servicer_rejects(now, place.chat(), &reject.servicer_userid, rejecting);
        show_customer(platform, now, place.chat())
    })
}

pub(super) async fn servicers(State(world): State<Arc<World>>) -> Answer {
    world.read(|platform, now| Ok(Json(json!({ "servicers": platform.show_servicers(now) }))))
}

pub(super) async fn servicer_set(
    State(world): State<Arc<World>>,
    Segments(userid): Segments<String>,
    Body(settings): Body<ServicerSettings>,
) -> Answer {
    check_name(&userid, MAX_NAME_CHARS)?;
    world.update(|platform, now| {
        let open_kfids = settings.open_kfids.as_deref();
        if let Some(unknown) = open_kfids.unwrap_or_default().iter().find(|open_kfid| !platform.has_account(open_kfid))
        {
            return Err(no_account(unknown));
        }
        platform.meet_servicer(&userid);
        open_kfids.into_iter().for_each(|open_kfids| platform.set_served(&userid, open_kfids));
        let receiving = match (settings.suspended, settings.receiving) {
            (true, _) => Receiving::Suspended,
            (false, true) => Receiving::Yes,
            (false, false) => Receiving::No,
        };
        platform.set_receiving(now, &userid, receiving);
        let shown = platform.show_servicers(now).into_iter().find(|servicer| servicer["userid"] == userid);
        shown.map(Json).ok_or_else(|| Problem::not_found("there is no such servicer"))
    })
}

/// A customer and the account they talk to.
pub(super) struct Place {
    open_kfid: String,
    external_userid: String,
}

impl Entering {
    /// One way in is named, or none.
    fn entrance(self, platform: &Platform, chat: Chat<'_>) -> Result<Entrance, Problem> {
        match self {
            Self { scene, scene_param, url: None, channels: None } => {
                let entrance = Entrance::by_scene(scene.unwrap_or_default(), scene_param);
                entrance.map_err(|why| Problem::bad_request(why.to_string()))
            }
            Self { scene: None, scene_param: None, url: Some(url), channels: None } => {
                Ok(platform.entrance(chat, &url)?)
            }
            Self { scene: None, scene_param: None, url: None, channels: Some(Channels { scene, nickname }) } => {
                Ok(Entrance::from_channels(scene, &nickname))
            }
            _ => Err(Problem::bad_request("either `scene` with `scene_param`, or `url`, or `channels`")),
        }
    }
}

impl Place {
    pub(super) fn chat(&self) -> Chat<'_> {
        Chat { open_kfid: &self.open_kfid, external_userid: &self.external_userid }
    }
}

pub(super) fn find(platform: &Platform, external_userid: &str) -> Result<Place, Problem> {
    let open_kfid = platform.account_of(external_userid).map(str::to_owned);
    let open_kfid = open_kfid.ok_or_else(|| Problem::not_found(format!("there is no customer {external_userid}")))?;
    Ok(Place { open_kfid, external_userid: external_userid.to_owned() })
}

pub(super) fn find_session(
    platform: &Platform,
    (open_kfid, external_userid): (String, String),
) -> Result<Place, Problem> {
    let place = find(platform, &external_userid)?;
    if place.open_kfid != open_kfid {
        return Err(Problem::not_found(format!("the customer {external_userid} is not at the account {open_kfid}")));
    }
    Ok(place)
}

/// Who has the session.
fn whose(platform: &mut Platform, now: Duration, chat: Chat<'_>) -> Result<String, Problem> {
    let servicer = platform.session_servicer(now, chat);
    servicer.ok_or_else(|| Problem::conflict("no servicer has the session: take it first"))
}

pub(super) fn check_servicer(platform: &Platform, place: &Place, userid: &str) -> Result<(), Problem> {
    let set = format!("PUT /sim/v1/servicers/{userid}");
    if !platform.has_member(userid) {
        return Err(Problem::not_found(format!("there is no servicer {userid}: {set}")));
    }
    if !platform.is_served_by(&place.open_kfid, userid) {
        return Err(Problem::conflict(format!("{userid} does not serve this account: servicer/add, or {set}")));
    }
    Ok(())
}

fn check_name(name: &str, max_chars: usize) -> Result<(), Problem> {
    if name.trim().is_empty() || name.chars().count() > max_chars {
        return Err(Problem::bad_request(format!("a name has 1 to {max_chars} characters, and not only blanks")));
    }
    Ok(())
}

/// Kind and body of a message that somebody writes.
fn read_message(
    mut message: Map<String, Value>,
    platform: &mut Platform,
    now: Duration,
) -> Result<(String, Value), Problem> {
    let Some(Value::String(msgtype)) = message.remove("msgtype") else {
        return Err(Problem::bad_request("`msgtype` is missing, or no text"));
    };
    let is_name = (1..=MAX_NAME_CHARS).contains(&msgtype.len())
        && msgtype.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || COMMON_FIELDS.contains(&msgtype.as_str()) {
        return Err(Problem::bad_request("`msgtype` must be a kind of message, such as text"));
    }
    let body = match (msgtype.as_str(), message.remove(&msgtype)) {
        ("text", Some(Value::String(content))) => json!({ "content": content }),
        ("text", Some(Value::Object(text))) if text.get("content").is_some_and(Value::is_string) => text.into(),
        ("text", _) => return Err(Problem::bad_request("`text` must be a text, or an object with `content`")),
        (_, None) => json!({}),
        (_, Some(Value::Object(body))) => body.into(),
        (_, Some(_)) => return Err(Problem::bad_request(format!("`{msgtype}` must be an object"))),
    };
    if let Some(other) = message.keys().next() {
        return Err(Problem::bad_request(format!("msgtype is `{msgtype}`, so there must be no `{other}`")));
    }
    let body = with_media(&msgtype, body, platform, now)?;
    Ok((msgtype, body))
}

/// The file of a message of files: one that is there, or one that is made up where none is named.
fn with_media(msgtype: &str, mut body: Value, platform: &mut Platform, now: Duration) -> Result<Value, Problem> {
    let Some(kind) = MediaKind::of(msgtype) else { return Ok(body) };
    match body.get("media_id").map(Value::as_str) {
        None => body["media_id"] = json!(platform.made_up_media(now, kind)),
        Some(media_id) => {
            let check = platform.check_media(media_id.unwrap_or_default(), kind, now);
            check.map_err(|_| {
                Problem::conflict(format!("there is no {kind} with this `media_id`: POST /sim/v1/media"))
            })?;
        }
    }
    Ok(body)
}

fn show_account(platform: &Platform, open_kfid: &str) -> Answer {
    let shown = platform.show_accounts().into_iter().find(|account| account["open_kfid"] == open_kfid);
    shown.map(Json).ok_or_else(|| no_account(open_kfid))
}

fn no_account(open_kfid: &str) -> Problem {
    Problem::not_found(format!("there is no account {open_kfid}"))
}

pub(super) fn show_customer(platform: &Platform, now: Duration, chat: Chat<'_>) -> Answer {
    platform.show_customer(now, chat).map(Json).ok_or_else(|| Problem::not_found("there is no such customer"))
}

fn written(platform: &Platform, now: Duration, chat: Chat<'_>, msgid: &str) -> Answer {
    Ok(Json(json!({ "msgid": msgid, "customer": platform.show_customer(now, chat) })))
}
