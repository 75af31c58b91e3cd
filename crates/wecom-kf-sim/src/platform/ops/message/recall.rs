//! Who takes messages back: the bot, customers, servicers.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::{ErrCode, op};

use crate::platform::model::assumptions::Assumption;
use crate::platform::model::chat::Author;
use crate::platform::model::refusal::Refusal;
use crate::platform::people::NotPossible;
use crate::platform::{Chat, Customer, Platform, required};

/// unverified: 2 minutes, and all of `recall_msg`, by one SDK and the stand-alone edition.
const WINDOW: Duration = Duration::from_secs(2 * 60);

impl Platform {
    /// `POST /cgi-bin/kf/recall_msg`. The message still counts among the five, and its msgid stays used.
    pub(crate) fn recall_msg(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        if !self.assumptions.hold(Assumption::RecallMsgExists) {
            return Err(ErrCode::API_FORBIDDEN.into());
        }
        let msgid = required(request, "msgid")?;
        let account = self.account(request)?;
        let external_userid = account.sent_msgids.get(now, msgid).ok_or(ErrCode::RECALL_MESSAGE_NOT_FOUND)?.clone();
        let customer = account.customer(&external_userid)?;
        // unverified: that a second recall is answered so.
        let entry = customer.history.find(msgid).filter(|entry| !entry.recalled);
        let entry = entry.ok_or(ErrCode::RECALL_MESSAGE_NOT_FOUND)?;
        // unverified: that only these can be recalled is documented, the errcode is not.
        if entry.from != Author::Bot(op::SEND_MSG.id) {
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, "`send_msg` did not send this message"));
        }
        if now > entry.at + WINDOW {
            return Err(ErrCode::RECALL_WINDOW_CLOSED.into());
        }
        customer.lose(now, msgid);
        Ok(json!({}))
    }

    /// A customer takes a message back. Gives the event's msgid. unverified: WeChat allows it for 2 minutes; here it is
    /// always allowed.
    pub(crate) fn customer_recalls(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        msgid: &str,
    ) -> Result<String, NotPossible> {
        self.recall(now, chat, msgid, |from| *from == Author::Customer)?;
        Ok(self.log_chat_event(now, chat, json!({ "event_type": "user_recall_msg", "recall_msgid": msgid })))
    }

    /// A servicer takes a message back.
    pub(crate) fn servicer_recalls(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        msgid: &str,
    ) -> Result<String, NotPossible> {
        let from = self.recall(now, chat, msgid, |from| matches!(from, Author::Servicer(_)))?;
        let Author::Servicer(userid) = from else { unreachable!("only a servicer's message passes the filter") };
        let event = json!({ "event_type": "servicer_recall_msg", "recall_msgid": msgid, "servicer_userid": userid });
        Ok(self.log_chat_event(now, chat, event))
    }

    /// Takes a message back whose author `may`. Gives the author.
    fn recall(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        msgid: &str,
        may: impl Fn(&Author) -> bool,
    ) -> Result<Author, NotPossible> {
        let customer = self.known_customer(chat);
        let entry = customer.history.find(msgid).filter(|entry| may(&entry.from));
        let entry = entry.ok_or_else(|| NotPossible(format!("{msgid} is no message of theirs in this chat")))?;
        if entry.recalled {
            return Err(NotPossible(format!("{msgid} is recalled already")));
        }
        let from = entry.from.clone();
        customer.lose(now, msgid);
        Ok(from)
    }
}

impl Customer {
    /// A message is gone from the chat.
    fn lose(&mut self, now: Duration, msgid: &str) {
        self.history.find(msgid).into_iter().for_each(|entry| entry.recalled = true);
        self.note_event(now, "(a message is recalled)".to_owned(), json!({ "event": "recalled", "msgid": msgid }));
    }
}
