//! Control API: what customers do, and their chats.

use std::future::ready;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Answer;
use super::body::{Body, MAX_NAME_CHARS, Nothing, Optional, Problem, Segments, check_name};
use super::messages::read_message;
use super::place::{account_of, at_customer, change_customer, check_account, show_customer};
use super::query::{Query, Wait};
use crate::platform::view::{ShownCustomer, ShownEntry};
use crate::platform::{Chat, Entrance, Platform, Satisfaction};
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCustomer {
    name: String,
    open_kfid: Option<String>,
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
    pub(super) msgid: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rating {
    rating: Satisfaction,
}

#[derive(Serialize)]
pub(super) struct CustomerList {
    customers: Vec<ShownCustomer>,
}

/// `Chat` of `control.yaml`.
#[derive(Serialize)]
pub(super) struct ShownChat {
    entries: Vec<ShownEntry>,
    older: bool,
    complete: Option<bool>,
}

/// `Answered` and `Entered` of `control.yaml`: what a customer's action made, and what the bot answered.
#[derive(Serialize)]
pub(super) struct Answered<T> {
    #[serde(flatten)]
    made: T,
    customer: Option<ShownCustomer>,
    answers: Vec<ShownEntry>,
    complete: Option<bool>,
}

/// A new message or event.
#[derive(Serialize)]
pub(super) struct Message {
    msgid: String,
}

#[derive(Serialize)]
pub(super) struct Entry {
    welcome_code: Option<String>,
}

pub(super) async fn customers(State(world): State<Arc<World>>) -> Answer<CustomerList> {
    world.read(|platform, now| Ok(Json(CustomerList { customers: platform.show_customers(now) })))
}

pub(super) async fn customer_add(
    State(world): State<Arc<World>>,
    Body(new): Body<NewCustomer>,
) -> Answer<ShownCustomer> {
    check_name(&new.name, MAX_NAME_CHARS)?;
    world.update(|platform, now| {
        let first = || platform.open_kfids().next().map(str::to_owned);
        let open_kfid = new.open_kfid.or_else(first).unwrap_or_default();
        check_account(platform, &open_kfid)?;
        let external_userid = platform.meet_customer(&open_kfid, &new.name)?;
        show_customer(platform, now, Chat { open_kfid: &open_kfid, external_userid: &external_userid })
    })
}

pub(super) async fn customer(State(world): State<Arc<World>>, Segments(id): Segments<String>) -> Answer<ShownCustomer> {
    world.read(|platform, now| {
        let open_kfid = account_of(platform, &id)?;
        show_customer(platform, now, Chat { open_kfid: &open_kfid, external_userid: &id })
    })
}

pub(super) async fn customer_change(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Optional(new): Optional<ProfileChange>,
) -> Answer<ShownCustomer> {
    new.name.as_deref().map_or(Ok(()), |name| check_name(name, MAX_NAME_CHARS))?;
    if new.gender.is_some_and(|gender| !(0..=2).contains(&gender)) {
        return Err(Problem::bad_request("`gender` must be 0, 1 or 2"));
    }
    change_customer(&world, &id, |platform, _, chat| {
        new.name.iter().for_each(|name| platform.rename_customer(chat, name));
        let profile = platform.profile(chat);
        profile.gender = new.gender.unwrap_or(profile.gender);
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        new.avatar.into_iter().for_each(|avatar| profile.avatar = given(avatar));
        new.unionid.into_iter().for_each(|unionid| profile.unionid = given(unionid));
        Ok(())
    })
}

pub(super) async fn customer_enter(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    query: Query,
    Optional(entering): Optional<Entering>,
) -> Answer<Answered<Entry>> {
    let wait = query.wait()?;
    let (welcome_code, after) = at_customer(&world, &id, |platform, now, chat| {
        let entrance = entering.entrance(platform, chat)?;
        Ok((platform.customer_enters_by(now, chat, entrance), platform.chat_end(chat)))
    })?;
    answered(&world, &id, wait, after, Entry { welcome_code }).await
}

pub(super) async fn customer_write(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    query: Query,
    Body(message): Body<Map<String, Value>>,
) -> Answer<Answered<Message>> {
    let wait = query.wait()?;
    let (msgid, after) = at_customer(&world, &id, |platform, now, chat| {
        let (msgtype, body) = read_message(message, platform, now)?;
        Ok((platform.customer_writes(now, chat, &msgtype, body), platform.chat_end(chat)))
    })?;
    answered(&world, &id, wait, after, Message { msgid }).await
}

pub(super) async fn customer_tap(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    query: Query,
    Body(tap): Body<Tap>,
) -> Answer<Answered<Message>> {
    let wait = query.wait()?;
    let (msgid, after) = at_customer(&world, &id, |platform, now, chat| {
        let content = tap.content.or_else(|| platform.menu_item(chat, &tap.menu_id));
        let missing = || format!("nothing this customer got has an item or link `{}`: give its `content`", tap.menu_id);
        let content = content.ok_or_else(|| Problem::conflict(missing()))?;
        let msgid = platform.customer_says(now, chat, &content, Some(&tap.menu_id));
        Ok((msgid, platform.chat_end(chat)))
    })?;
    answered(&world, &id, wait, after, Message { msgid }).await
}

pub(super) async fn customer_recall(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    query: Query,
    Body(recall): Body<Recall>,
) -> Answer<Answered<Message>> {
    let wait = query.wait()?;
    let (msgid, after) = at_customer(&world, &id, |platform, now, chat| {
        let msgid = platform.customer_recalls(now, chat, &recall.msgid)?;
        Ok((msgid, platform.chat_end(chat)))
    })?;
    answered(&world, &id, wait, after, Message { msgid }).await
}

pub(super) async fn customer_read(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    _: Nothing,
) -> Answer<ShownCustomer> {
    change_customer(&world, &id, |platform, _, chat| {
        platform.customer_reads(chat);
        Ok(())
    })
}

pub(super) async fn upgrade_accept(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    _: Nothing,
) -> Answer<ShownCustomer> {
    change_customer(&world, &id, |platform, now, chat| Ok(platform.customer_accepts_upgrade(now, chat)?))
}

pub(super) async fn customer_rate(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    Body(rating): Body<Rating>,
) -> Answer<ShownCustomer> {
    change_customer(&world, &id, |platform, now, chat| Ok(platform.customer_rates(now, chat, rating.rating)?))
}

pub(super) async fn chat(
    State(world): State<Arc<World>>,
    Segments(id): Segments<String>,
    query: Query,
) -> Answer<ShownChat> {
    let open_kfid = world.read(|platform, _| account_of(platform, &id))?;
    let chat = Chat { open_kfid: &open_kfid, external_userid: &id };
    let after = query.number("after")?.unwrap_or(0);
    let before = query.number("before")?.unwrap_or(u64::MAX);
    let limit = query.count("limit")?.unwrap_or(usize::MAX);
    let look = || {
        ready(world.update(|platform, now| {
            let shown = platform.show_chat(now, chat, after..before, limit);
            (platform.answers_after(chat, after).len(), shown)
        }))
    };
    let ((entries, older), complete) = query.wait()?.until(&world, look).await;
    Ok(Json(ShownChat { entries, older, complete }))
}

/// Waits for the answers to what a customer did, as long as the request says. Answers with them and with the customer.
async fn answered<T>(world: &World, external_userid: &str, wait: Wait, after: u64, made: T) -> Answer<Answered<T>> {
    let open_kfid = world.read(|platform, _| account_of(platform, external_userid))?;
    let chat = Chat { open_kfid: &open_kfid, external_userid };
    let look = || {
        ready(world.update(|platform, now| {
            let answers = platform.answers_after(chat, after);
            (answers.len(), (answers, platform.show_customer(now, chat)))
        }))
    };
    let ((answers, customer), complete) = wait.until(world, look).await;
    Ok(Json(Answered { made, customer, answers, complete }))
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
