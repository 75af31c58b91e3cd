use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use super::Answer;
use super::body::{Body, Nothing, Problem, Segments};
use super::query::Query;
use crate::platform::{Chat, Platform, Rejecting};
use crate::shared::{Locked, Shared};

const MAX_ACCOUNT_NAME_CHARS: usize = 16;
const MAX_NAME_CHARS: usize = 64;
const MAX_SCENE_BYTES: usize = 32;
const MAX_SCENE_PARAM_BYTES: usize = 128;
/// Kinds whose `media_id` may be left out.
const MEDIA_KINDS: [&str; 4] = ["image", "voice", "video", "file"];
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
pub(super) struct NewCustomer {
    name: String,
    open_kfid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entering {
    scene: Option<String>,
    scene_param: Option<String>,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServicerSettings {
    receiving: Option<bool>,
}

pub(super) async fn accounts(State(shared): State<Arc<Shared>>) -> Answer {
    Ok(Json(json!({ "accounts": shared.platform().0.show_accounts() })))
}

pub(super) async fn account_open(State(shared): State<Arc<Shared>>, Body(new): Body<Name>) -> Answer {
    check_name(&new.name, MAX_ACCOUNT_NAME_CHARS)?;
    let (mut platform, _) = shared.platform();
    let open_kfid = platform.grant_account(&new.name);
    show_account(&platform, &open_kfid)
}

pub(super) async fn account_withdraw(
    State(shared): State<Arc<Shared>>,
    Segments(open_kfid): Segments<String>,
) -> Answer {
    let (mut platform, _) = shared.platform();
    if !platform.has_account(&open_kfid) {
        return Err(no_account(&open_kfid));
    }
    platform.withdraw_account(&open_kfid)?;
    show_account(&platform, &open_kfid)
}

pub(super) async fn customers(State(shared): State<Arc<Shared>>) -> Answer {
    let (platform, now) = shared.platform();
    Ok(Json(json!({ "customers": platform.show_customers(now) })))
}

pub(super) async fn customer_add(State(shared): State<Arc<Shared>>, Body(new): Body<NewCustomer>) -> Answer {
    check_name(&new.name, MAX_NAME_CHARS)?;
    let (mut platform, now) = shared.platform();
    let first = || platform.open_kfids().next().map(str::to_owned);
    let open_kfid = new.open_kfid.or_else(first).unwrap_or_default();
    if !platform.has_account(&open_kfid) {
        return Err(no_account(&open_kfid));
    }
    let external_userid = platform.meet_customer(&open_kfid, &new.name)?;
    show_customer(&platform, now, Chat { open_kfid: &open_kfid, external_userid: &external_userid })
}

pub(super) async fn customer(State(shared): State<Arc<Shared>>, Segments(id): Segments<String>) -> Answer {
    let place = find(&shared, &id)?;
    let (platform, now) = shared.platform();
    show_customer(&platform, now, place.chat())
}

pub(super) async fn customer_rename(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
    Body(new): Body<Name>,
) -> Answer {
    check_name(&new.name, MAX_NAME_CHARS)?;
    let place = find(&shared, &id)?;
    let (mut platform, now) = shared.platform();
    platform.rename_customer(place.chat(), &new.name);
    show_customer(&platform, now, place.chat())
}

pub(super) async fn customer_enter(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
    Body(entering): Body<Entering>,
) -> Answer {
    let (scene, scene_param) = (entering.scene.unwrap_or_default(), entering.scene_param);
    if scene.len() > MAX_SCENE_BYTES || scene_param.as_ref().is_some_and(|param| param.len() > MAX_SCENE_PARAM_BYTES) {
        return Err(Problem::bad_request("`scene` has at most 32 bytes, `scene_param` 128"));
    }
    let place = find(&shared, &id)?;
    let (mut platform, now) = shared.platform();
    let welcome_code = platform.customer_enters_by(now, place.chat(), &scene, scene_param.as_deref());
    let customer = platform.show_customer(now, place.chat());
    Ok(Json(json!({ "welcome_code": welcome_code, "customer": customer })))
}

pub(super) async fn customer_write(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
    Body(message): Body<Map<String, Value>>,
) -> Answer {
    let place = find(&shared, &id)?;
    let (mut platform, now) = shared.platform();
    let (msgtype, body) = read_message(message, &mut platform, now)?;
    let msgid = platform.customer_writes(now, place.chat(), &msgtype, body);
    written(&platform, now, place.chat(), &msgid)
}

pub(super) async fn customer_tap(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
    Body(tap): Body<Tap>,
) -> Answer {
    let place = find(&shared, &id)?;
    let (mut platform, now) = shared.platform();
    let content = tap.content.or_else(|| platform.menu_item(place.chat(), &tap.menu_id));
    let content = content.ok_or_else(|| {
        Problem::conflict(format!("no menu this customer got has a click item `{}`: give its `content`", tap.menu_id))
    })?;
    let msgid = platform.customer_says(now, place.chat(), &content, Some(&tap.menu_id));
    written(&platform, now, place.chat(), &msgid)
}

pub(super) async fn customer_recall(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
    Body(recall): Body<Recall>,
) -> Answer {
    let place = find(&shared, &id)?;
    let (mut platform, now) = shared.platform();
    let msgid = platform.customer_recalls(now, place.chat(), &recall.msgid)?;
    written(&platform, now, place.chat(), &msgid)
}

pub(super) async fn customer_read(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
    _: Nothing,
) -> Answer {
    let place = find(&shared, &id)?;
    let (mut platform, now) = shared.platform();
    platform.customer_reads(place.chat());
    show_customer(&platform, now, place.chat())
}

pub(super) async fn chat(State(shared): State<Arc<Shared>>, Segments(id): Segments<String>, query: Query) -> Answer {
    query.allows(&["after", "count", "wait"])?;
    let place = find(&shared, &id)?;
    let after = query.number("after")?.unwrap_or(0);
    let count = query.count("count")?.unwrap_or(1);
    let deadline = Instant::now() + query.wait()?.unwrap_or(Duration::ZERO);
    loop {
        // Made before looking: it hears what is sent in between.
        let (sent, changed) = (shared.sent.notified(), shared.recorded.notified());
        let (entries, answers) = {
            let (mut platform, _) = shared.platform();
            (platform.show_chat(place.chat(), after), platform.answers_after(place.chat(), after))
        };
        let is_complete = answers >= count || query.text("wait").is_none();
        let news = async {
            tokio::select! {
                () = sent => {}
                () = changed => {}
            }
        };
        if is_complete || timeout_at(deadline, news).await.is_err() {
            return Ok(Json(json!({ "entries": entries, "complete": is_complete })));
        }
    }
}

pub(super) async fn session_take(
    State(shared): State<Arc<Shared>>,
    Segments(path): Segments<(String, String)>,
    Body(by): Body<ByServicer>,
) -> Answer {
    let place = find_session(&shared, path)?;
    let (mut platform, now) = shared.platform();
    check_servicer(&platform, &by.servicer_userid)?;
    platform.servicer_takes(now, place.chat(), &by.servicer_userid);
    show_customer(&platform, now, place.chat())
}

pub(super) async fn session_transfer(
    State(shared): State<Arc<Shared>>,
    Segments(path): Segments<(String, String)>,
    Body(transfer): Body<Transfer>,
) -> Answer {
    let place = find_session(&shared, path)?;
    let (mut platform, now) = shared.platform();
    let servicer = whose(&mut platform, now, place.chat())?;
    platform.servicer_transfers(now, place.chat(), &servicer, &transfer.to)?;
    show_customer(&platform, now, place.chat())
}

pub(super) async fn session_end(
    State(shared): State<Arc<Shared>>,
    Segments(path): Segments<(String, String)>,
    _: Nothing,
) -> Answer {
    let place = find_session(&shared, path)?;
    let (mut platform, now) = shared.platform();
    let servicer = whose(&mut platform, now, place.chat())?;
    platform.servicer_ends(now, place.chat(), &servicer)?;
    show_customer(&platform, now, place.chat())
}

pub(super) async fn session_reply(
    State(shared): State<Arc<Shared>>,
    Segments(path): Segments<(String, String)>,
    Body(mut message): Body<Map<String, Value>>,
) -> Answer {
    let place = find_session(&shared, path)?;
    let (mut platform, now) = shared.platform();
    let servicer = match message.remove("servicer_userid") {
        None => whose(&mut platform, now, place.chat())?,
        Some(Value::String(userid)) => userid,
        Some(_) => return Err(Problem::bad_request("`servicer_userid` must be a text")),
    };
    check_servicer(&platform, &servicer)?;
    let (msgtype, body) = read_message(message, &mut platform, now)?;
    let msgid = platform.servicer_writes(now, place.chat(), &servicer, &msgtype, body);
    let answer = written(&platform, now, place.chat(), &msgid);
    drop(platform);
    shared.sent.notify_waiters();
    answer
}

pub(super) async fn session_recall(
    State(shared): State<Arc<Shared>>,
    Segments(path): Segments<(String, String)>,
    Body(recall): Body<Recall>,
) -> Answer {
    let place = find_session(&shared, path)?;
    let (mut platform, now) = shared.platform();
    let msgid = platform.servicer_recalls(now, place.chat(), &recall.msgid)?;
    written(&platform, now, place.chat(), &msgid)
}

pub(super) async fn session_reject(
    State(shared): State<Arc<Shared>>,
    Segments(path): Segments<(String, String)>,
    Body(reject): Body<Reject>,
) -> Answer {
    let place = find_session(&shared, path)?;
    let (mut platform, now) = shared.platform();
    check_servicer(&platform, &reject.servicer_userid)?;
    let rejecting = if reject.rejecting { Rejecting::Yes } else { Rejecting::No };
    platform.servicer_rejects(now, place.chat(), &reject.servicer_userid, rejecting);
    show_customer(&platform, now, place.chat())
}

pub(super) async fn media(
    State(shared): State<Arc<Shared>>,
    Segments(media_id): Segments<String>,
) -> Result<Response, Problem> {
    let (platform, now) = shared.platform();
    let file = platform.show_media(now, &media_id);
    let (content_type, bytes) =
        file.ok_or_else(|| Problem::not_found("this media_id is unknown or older than 3 days"))?;
    // Whatever is in it, no browser is to take it for a page.
    let headers = [
        (header::CONTENT_TYPE, content_type.as_str()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "sandbox"),
    ];
    Ok((headers, bytes).into_response())
}

pub(super) async fn servicers(State(shared): State<Arc<Shared>>) -> Answer {
    let (platform, now) = shared.platform();
    Ok(Json(json!({ "servicers": platform.show_servicers(now) })))
}

pub(super) async fn servicer_set(
    State(shared): State<Arc<Shared>>,
    Segments(userid): Segments<String>,
    Body(settings): Body<ServicerSettings>,
) -> Answer {
    check_name(&userid, MAX_NAME_CHARS)?;
    let (mut platform, now) = shared.platform();
    platform.meet_servicer(&userid);
    if settings.receiving.unwrap_or(true) {
        platform.servicer_resumes(now, &userid);
    } else {
        platform.servicer_stops(now, &userid);
    }
    let shown = platform.show_servicers(now).into_iter().find(|servicer| servicer["userid"] == userid);
    shown.map(Json).ok_or_else(|| Problem::not_found("there is no such servicer"))
}

/// A customer and the account they talk to.
struct Place {
    open_kfid: String,
    external_userid: String,
}

impl Place {
    fn chat(&self) -> Chat<'_> {
        Chat { open_kfid: &self.open_kfid, external_userid: &self.external_userid }
    }
}

fn find(shared: &Shared, external_userid: &str) -> Result<Place, Problem> {
    let (platform, _) = shared.platform();
    let open_kfid = platform.account_of(external_userid).map(str::to_owned);
    let open_kfid = open_kfid.ok_or_else(|| Problem::not_found(format!("there is no customer {external_userid}")))?;
    Ok(Place { open_kfid, external_userid: external_userid.to_owned() })
}

fn find_session(shared: &Shared, (open_kfid, external_userid): (String, String)) -> Result<Place, Problem> {
    let place = find(shared, &external_userid)?;
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

fn check_servicer(platform: &Platform, userid: &str) -> Result<(), Problem> {
    if platform.has_servicer(userid) {
        return Ok(());
    }
    Err(Problem::not_found(format!("there is no servicer {userid}: PUT /sim/v1/servicers/{userid}")))
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
    platform: &mut Locked<'_>,
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
    Ok((msgtype.clone(), with_media(msgtype.as_str(), body, platform, now)))
}

/// A file is made up where none is named.
fn with_media(msgtype: &str, mut body: Value, platform: &mut Platform, now: Duration) -> Value {
    if MEDIA_KINDS.contains(&msgtype) && body.get("media_id").is_none() {
        body["media_id"] = json!(platform.upload(now));
    }
    body
}

fn show_account(platform: &Platform, open_kfid: &str) -> Answer {
    let shown = platform.show_accounts().into_iter().find(|account| account["open_kfid"] == open_kfid);
    shown.map(Json).ok_or_else(|| no_account(open_kfid))
}

fn no_account(open_kfid: &str) -> Problem {
    Problem::not_found(format!("there is no account {open_kfid}"))
}

fn show_customer(platform: &Platform, now: Duration, chat: Chat<'_>) -> Answer {
    platform.show_customer(now, chat).map(Json).ok_or_else(|| Problem::not_found("there is no such customer"))
}

fn written(platform: &Platform, now: Duration, chat: Chat<'_>, msgid: &str) -> Answer {
    Ok(Json(json!({ "msgid": msgid, "customer": platform.show_customer(now, chat) })))
}
