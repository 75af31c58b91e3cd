//! Sending: what may be sent, to whom, and what the customer receives. How many messages may be sent, and until when, is
//! decided in `model/session.rs`.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::limits::send_msg::{LINK_DESC_MAX_BYTES, LINK_TITLE_MAX_BYTES};
use wecom_kf_raw::{ErrCode, op};

use crate::platform::is_empty;
use crate::platform::model::assumptions::{Assumption, Assumptions};
use crate::platform::model::chat::{Author, Entry};
use crate::platform::model::ids::Ids;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::session::Occasion;
use crate::platform::ops::media::kind_of_msgtype;
use crate::platform::ops::statistic::Happening;
use crate::platform::{Account, Chat, EventCode, Platform, required, text};

/// What can be sent [94677]; `ca_link` is documented elsewhere [96427].
const MSGTYPES: [&str; 11] = [
    "text",
    "image",
    "voice",
    "video",
    "file",
    "link",
    "miniprogram",
    "msgmenu",
    "location",
    "business_card",
    "ca_link",
];
/// What a menu is made of [94677]; unverified: text is newer than the other three.
const MENU_ITEM_TYPES: [&str; 4] = ["click", "view", "miniprogram", "text"];

/// Refuses kinds nobody knows. Goes before the schema, which does not know their bodies either: the kind is the news.
pub(crate) fn check_kinds(request: &Value) -> Result<(), Refusal> {
    if let Some(msgtype) = text(request, "msgtype")
        && !MSGTYPES.contains(&msgtype)
    {
        return Err(ErrCode::INVALID_MSGTYPE.into());
    }
    let items = request["msgmenu"]["list"].as_array().into_iter().flatten();
    let mut kinds = items.filter_map(|item| item["type"].as_str());
    if kinds.any(|kind| !MENU_ITEM_TYPES.contains(&kind)) {
        return Err(ErrCode::INVALID_MENU_ITEM_TYPE.into());
    }
    Ok(())
}

impl Platform {
    /// `POST /cgi-bin/kf/send_msg` [94677].
    pub(crate) fn send_msg(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let touser = required(request, "touser")?;
        let msgtype = required(request, "msgtype")?;
        check_bodies(request, msgtype, &MSGTYPES, "msgtype", &self.assumptions)?;
        check_content(msgtype, &request[msgtype], &self.assumptions)?;
        // unverified: `business_card` is in newer SDKs only.
        if msgtype == "business_card" && !self.assumptions.hold(Assumption::BusinessCardCanBeSent) {
            return Err(ErrCode::INVALID_MSGTYPE.into());
        }

        self.account(request)?.customer(touser)?;
        for media_id in media_ids(&request[msgtype]) {
            self.check_media(media_id, kind_of_msgtype(msgtype), now)?;
        }
        let own_msgid = text(request, "msgid");
        let assumptions = self.assumptions.clone();
        let account = self.account(request)?;
        account.check_msgid(now, own_msgid)?;
        let session = &mut account.customer(touser)?.session;
        session.check_send(now, &assumptions)?;
        if msgtype == "business_card" && assumptions.hold(Assumption::BusinessCardIsLimited) {
            session.check_business_card(now)?;
            session.business_card_sent(now);
        }
        session.message_sent();

        let chat = Chat { open_kfid: required(request, "open_kfid")?, external_userid: touser };
        self.happens(now, chat, Happening::ApiAnswered);
        Ok(self.deliver(now, chat, request, op::SEND_MSG.id))
    }

    /// `POST /cgi-bin/kf/send_msg_on_event` [95122].
    pub(crate) fn send_msg_on_event(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let msgtype = required(request, "msgtype")?;
        check_bodies(request, msgtype, &MSGTYPES, "msgtype", &self.assumptions)?;
        check_content(msgtype, &request[msgtype], &self.assumptions)?;
        // unverified: that these are the codes of KF too; the public list has them for welcome codes elsewhere.
        let code = text(request, "code").ok_or(ErrCode::WELCOME_CODE_MISSING)?;
        let good = self.event_codes.get(now, code).filter(|code| now <= code.until).cloned();
        let EventCode { occasion, open_kfid, external_userid, state, .. } =
            good.ok_or(ErrCode::INVALID_WELCOME_CODE)?;
        if !occasion.takes(msgtype) {
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, format!("`{msgtype}` is not for this occasion")));
        }
        let assumptions = self.assumptions.clone();
        let account = self.any_account(&open_kfid).filter(|account| !account.deleted);
        let account = account.ok_or(ErrCode::OPEN_KFID_NOT_FOUND)?;
        account.check_msgid(now, text(request, "msgid"))?;
        // But for the welcome, only while the session is in the state that yielded the code.
        if occasion != Occasion::Welcome && account.customer(&external_userid)?.session.state(now) != state {
            return Err(ErrCode::SESSION_STATE_FORBIDS_SENDING.into());
        }
        self.event_codes.remove(code);
        let chat = Chat { open_kfid: &open_kfid, external_userid: &external_userid };
        if occasion == Occasion::Welcome {
            self.known_customer(chat).session.welcomed(now);
        }
        // unverified: that it does not count among the five.
        if !assumptions.hold(Assumption::EventReplyDoesNotCount) {
            self.known_customer(chat).session.count_message();
        }
        Ok(self.deliver(now, chat, request, op::SEND_MSG_ON_EVENT.id))
    }

    /// Lets the customer have what was accepted. Gives the reply.
    fn deliver(&mut self, now: Duration, chat: Chat<'_>, request: &Value, via: &'static str) -> Value {
        let msgtype = text(request, "msgtype").unwrap_or_default();
        let body = as_delivered(&request[msgtype], msgtype, &mut self.ids);
        // Ids made by the server have no documented form, and are longer than own ones may be [94677].
        let msgid = text(request, "msgid").map_or_else(|| self.ids.next("sent msgid", "", 36), str::to_owned);
        let account = self.known_account(chat);
        account.sent_msgids.insert(now, msgid.clone(), chat.external_userid.to_owned());
        let entry = Entry::new(now, Author::Bot(via), Some(&msgid), msgtype, body);
        self.known_customer(chat).history.push(entry);
        json!({ "msgid": msgid })
    }
}

impl Account {
    /// A msgid must be unique within the account, otherwise the call is refused [96427, errcodes 95033], whatever
    /// happened to the session since.
    fn check_msgid(&self, now: Duration, own_msgid: Option<&str>) -> Result<(), Refusal> {
        // unverified: for how long WeCom remembers a msgid is not said; here it is 3 days.
        let known = own_msgid.and_then(|msgid| self.sent_msgids.get(now, msgid));
        if known.is_some() { Err(ErrCode::DUPLICATE_MSGID.into()) } else { Ok(()) }
    }
}

/// There is one body, and it is the one that `kind` names [94677].
pub(crate) fn check_bodies(
    object: &Value,
    kind: &str,
    kinds: &[&str],
    member: &str,
    assumptions: &Assumptions,
) -> Result<(), Refusal> {
    let invalid = |detail: String| Err(Refusal::because(ErrCode::INVALID_PARAMETER, detail));
    if object.get(kind).is_none() {
        return invalid(format!("{member} is `{kind}`, so the field `{kind}` is missing or empty"));
    }
    let counts = |body: &Value| !(is_empty(body) && assumptions.hold(Assumption::EmptyCountsAsAbsent));
    match kinds.iter().find(|other| **other != kind && object.get(**other).is_some_and(counts)) {
        Some(other) => invalid(format!("{member} is `{kind}`, so there must be no field `{other}`")),
        None => Ok(()),
    }
}

fn check_content(msgtype: &str, body: &Value, assumptions: &Assumptions) -> Result<(), Refusal> {
    match msgtype {
        "text" if body["content"] == "" => Err(ErrCode::EMPTY_TEXT.into()),
        "text" => required(body, "content").map(drop),
        "link" => check_link(required(body, "url")?),
        "msgmenu" => check_menu_items(body, assumptions),
        _ => Ok(()),
    }
}

fn check_link(url: &str) -> Result<(), Refusal> {
    // With http:// or https:// [94677, errcodes 45034].
    let has_scheme = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
    if has_scheme { Ok(()) } else { Err(ErrCode::URL_SCHEME_MISSING.into()) }
}

fn check_menu_items(menu: &Value, assumptions: &Assumptions) -> Result<(), Refusal> {
    let mut items = menu["list"].as_array().into_iter().flatten();
    items.try_for_each(|item| {
        let kind = item["type"].as_str().unwrap_or_default();
        check_bodies(item, kind, &MENU_ITEM_TYPES, "type of the menu item", assumptions)
    })
}

fn media_ids(body: &Value) -> impl Iterator<Item = &str> {
    ["media_id", "thumb_media_id"].into_iter().filter_map(|member| text(body, member))
}

/// What the customer sees of what was sent.
fn as_delivered(body: &Value, msgtype: &str, ids: &mut Ids) -> Value {
    let mut body = body.clone();
    match msgtype {
        "link" => {
            // Title and description are cut, not refused [94677].
            cut(&mut body, "title", LINK_TITLE_MAX_BYTES);
            cut(&mut body, "desc", LINK_DESC_MAX_BYTES);
        }
        "msgmenu" => give_click_ids(&mut body, ids),
        _ => {}
    }
    body
}

/// unverified: that the cut is at the border of a character.
fn cut(body: &mut Value, member: &str, max_bytes: usize) {
    if let Some(Value::String(text)) = body.get_mut(member) {
        let border = (0..=max_bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(border.unwrap_or(0));
    }
}

/// The id of a click item is made by the server when absent [94677].
fn give_click_ids(menu: &mut Value, ids: &mut Ids) {
    let items = menu.get_mut("list").and_then(Value::as_array_mut).into_iter().flatten();
    for click in items.filter_map(|item| item.get_mut("click")?.as_object_mut()) {
        click.entry("id").or_insert_with(|| ids.next("menu item", "", 16).into());
    }
}
