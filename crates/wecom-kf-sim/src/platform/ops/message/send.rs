//! Sending: what may be sent and to whom, with `send_msg` and `send_msg_on_event`. How many messages may be sent is in
//! `model/message_limit.rs`, until when in `model/window_48h.rs`, and how long a code is valid in `model/event_codes.rs`.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::to_raw_value;
use wecom_kf_raw::types::{SendOnEventRequest, SendRequest};
use wecom_kf_raw::{ErrCode, op};

use crate::platform::model::account::Account;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::chat::{Author, Entry};
use crate::platform::model::event_codes::{EventCode, Occasion};
use crate::platform::model::happenings::Happening;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::reply::Content;
use crate::platform::ops::message::body::{Body, MENU_ITEM_TYPES, MSGTYPES, body_of_event_reply, body_of_message};
use crate::platform::ops::{given, required};
use crate::platform::{Chat, Platform};

#[derive(Serialize)]
pub(crate) struct MessageSent {
    msgid: String,
}

impl MessageSent {
    pub(crate) fn content(&self) -> Content {
        Content::Sent { msgid: self.msgid.clone() }
    }
}

/// Refuses kinds that WeCom does not know. This check comes before the schema check, which would complain about the
/// unknown body instead of the unknown kind.
pub(crate) fn check_kinds(request: &Value) -> Result<(), Refusal> {
    if let Some(msgtype) = given(request["msgtype"].as_str())
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
    pub(crate) fn send_msg(&mut self, now: Duration, mut request: SendRequest) -> Result<MessageSent, Refusal> {
        let (touser, msgtype) = (request.touser.take(), request.msgtype.take());
        let touser = required(touser.as_deref(), "touser")?;
        let msgtype = required(msgtype.as_deref(), "msgtype")?;
        let (open_kfid, msgid) = (request.open_kfid.take(), request.msgid.take());
        let body = body_of_message(request, msgtype, &self.assumptions)?;
        if msgtype == "business_card" && !self.assumptions.hold(Assumption::BusinessCardCanBeSent) {
            return Err(ErrCode::INVALID_MSGTYPE.into());
        }

        let open_kfid = required(open_kfid.as_deref(), "open_kfid")?;
        self.account(open_kfid)?.customer(touser)?;
        if let Some((media_id, kind)) = body.file() {
            self.check_media(media_id, kind, now)?;
        }
        let own_msgid = given(msgid.as_deref());
        let assumptions = self.assumptions.clone();
        let account = self.account(open_kfid)?;
        account.check_msgid(now, own_msgid)?;
        let session = &mut account.customer(touser)?.session;
        session.check_send(now, &assumptions)?;
        if msgtype == "business_card" && assumptions.hold(Assumption::BusinessCardIsLimited) {
            session.check_business_card(now)?;
            session.business_card_sent(now);
        }
        session.message_sent();

        let chat = Chat { open_kfid, external_userid: touser };
        self.happens(now, chat, Happening::ApiAnswered);
        Ok(self.deliver(now, chat, op::SEND_MSG.id, own_msgid, msgtype, body))
    }

    /// `POST /cgi-bin/kf/send_msg_on_event` [95122].
    pub(crate) fn send_msg_on_event(
        &mut self,
        now: Duration,
        request: SendOnEventRequest,
    ) -> Result<MessageSent, Refusal> {
        let SendOnEventRequest { code, msgid, msgmenu, msgtype, text } = request;
        let body = body_of_event_reply(text, msgmenu, &msgtype, &self.assumptions)?;
        rule!(codes_of_bad_event_codes);
        let code = given(Some(&code)).ok_or(ErrCode::WELCOME_CODE_MISSING)?;
        let good = self.event_codes.get(now, code).filter(|code| now <= code.until).cloned();
        let EventCode { occasion, open_kfid, external_userid, state, .. } =
            good.ok_or(ErrCode::INVALID_WELCOME_CODE)?;
        if !occasion.takes(&msgtype) {
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, format!("`{msgtype}` is not for this occasion")));
        }
        let event_reply_counts = !self.assumptions.hold(Assumption::EventReplyDoesNotCount);
        let account = self.any_account(&open_kfid).filter(|account| !account.deleted);
        let account = account.ok_or(ErrCode::OPEN_KFID_NOT_FOUND)?;
        let own_msgid = given(msgid.as_deref());
        account.check_msgid(now, own_msgid)?;
        // Except for the welcome, only while the session is in the state that yielded the code.
        if occasion != Occasion::Welcome && account.customer(&external_userid)?.session.state(now) != state {
            return Err(ErrCode::SESSION_STATE_FORBIDS_SENDING.into());
        }
        self.event_codes.remove(code);
        let chat = Chat { open_kfid: &open_kfid, external_userid: &external_userid };
        if occasion == Occasion::Welcome {
            self.known_customer(chat).session.welcomed(now);
        }
        if event_reply_counts {
            self.known_customer(chat).session.count_message();
        }
        Ok(self.deliver(now, chat, op::SEND_MSG_ON_EVENT.id, own_msgid, &msgtype, body))
    }

    /// Shows an accepted message to the customer.
    fn deliver(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        via: &'static str,
        own_msgid: Option<&str>,
        msgtype: &str,
        body: Body,
    ) -> MessageSent {
        let body = to_raw_value(&body.delivered(&mut self.ids)).expect("the keys of a body are strings");
        rule!(msgids_of_server_are_longer);
        let msgid = own_msgid.map_or_else(|| self.ids.next("sent msgid", "", 36), str::to_owned);
        let account = self.known_account(chat);
        account.sent_msgids.insert(now, msgid.clone(), chat.external_userid.to_owned());
        let entry = Entry::new(now, Author::Bot(via.into()), Some(&msgid), msgtype, body);
        self.known_customer(chat).history.push(entry);
        MessageSent { msgid }
    }
}

impl Account {
    /// A msgid must be unique within the account, otherwise the call is refused, whatever happened to the session
    /// since.
    fn check_msgid(&self, now: Duration, own_msgid: Option<&str>) -> Result<(), Refusal> {
        rule!(msgid_is_unique);
        rule!(msgid_is_remembered_3_days);
        let known = own_msgid.and_then(|msgid| self.sent_msgids.get(now, msgid));
        if known.is_some() { Err(ErrCode::DUPLICATE_MSGID.into()) } else { Ok(()) }
    }
}
