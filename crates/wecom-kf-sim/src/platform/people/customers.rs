//! What customers do in WeChat: enter, write, recall, rate, and accept an offer.

use std::time::Duration;

use bytes::Bytes;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

use crate::platform::model::chat::{Author, Entry};
use crate::platform::model::contact_ways::Entrance;
use crate::platform::model::customer::{Customer, Entered, Profile};
use crate::platform::model::event_codes::Occasion;
use crate::platform::model::events::{Event, NewMessage};
use crate::platform::model::happenings::Happening;
use crate::platform::model::notes::Note;
use crate::platform::model::upgrade::{Accepted, Offered};
use crate::platform::people::NotPossible;
use crate::platform::{Chat, Heard, MediaKind, Platform, Satisfaction};

impl Platform {
    /// Returns the `external_userid` of the customer with this name at an account. The customer is added if new.
    pub(crate) fn meet_customer(&mut self, open_kfid: &str, name: &str) -> Result<String, NotPossible> {
        let external_userid = self.ids.named("customer", &format!("{open_kfid} {name}"), "wm", 30);
        let account = self.any_account(open_kfid);
        let account = account.ok_or_else(|| NotPossible(format!("there is no account {open_kfid}")))?;
        account.customers.entry(external_userid.clone()).or_insert_with(|| Customer::new(name));
        account.touched.push(external_userid.clone());
        Ok(external_userid)
    }

    pub(crate) fn rename_customer(&mut self, chat: Chat<'_>, name: &str) {
        name.clone_into(&mut self.known_customer(chat).name);
    }

    /// Returns the customer's WeChat profile, to change it.
    pub(crate) fn profile(&mut self, chat: Chat<'_>) -> &mut Profile {
        &mut self.known_customer(chat).profile
    }

    /// A customer enters the chat. Returns the `welcome_code`, if there is one.
    pub(crate) fn customer_enters(&mut self, now: Duration, chat: Chat<'_>) -> Option<String> {
        self.customer_enters_by(now, chat, Entrance::default())
    }

    /// A customer opens a link that `add_contact_way` made, with or without a `scene_param` at its end.
    pub(crate) fn customer_opens(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        url: &str,
    ) -> Result<Option<String>, NotPossible> {
        let entrance = self.entrance(chat, url)?;
        Ok(self.customer_enters_by(now, chat, entrance))
    }

    /// A customer enters the chat, and WeCom knows how.
    pub(crate) fn customer_enters_by(&mut self, now: Duration, chat: Chat<'_>, entrance: Entrance) -> Option<String> {
        let assumptions = self.assumptions.clone();
        let customer = self.known_customer(chat);
        let note = Note::Entered { customer: &customer.name, context: entrance.context() };
        customer.history.push(Entry::note(now, &note));
        customer.history.read();
        let welcome = customer.session.may_be_welcomed(now, &assumptions);
        let welcome_code = welcome.then(|| self.event_code(now, chat, Occasion::Welcome));
        let event = Event::EnterSession { context: entrance.context(), welcome_code: welcome_code.as_deref() };
        self.log_chat_event(now, chat, &event);
        self.known_customer(chat).entered = Some(Entered { at: now, entrance });
        welcome_code
    }

    /// A customer writes a text, or taps one.
    pub(crate) fn customer_says(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        content: &str,
        menu_id: Option<&str>,
    ) -> String {
        let mut body = json!({ "content": content });
        if let Some(menu_id) = menu_id {
            rule!(only_taps_have_menu_id);
            body["menu_id"] = json!(menu_id);
        }
        self.customer_writes(now, chat, "text", body)
    }

    /// A customer sends a picture, a voice message, a video or a file.
    pub(crate) fn customer_sends_media(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        kind: MediaKind,
        file_name: &str,
        bytes: Bytes,
    ) -> String {
        let media_id = self.store(now, kind, file_name, bytes);
        self.customer_writes(now, chat, kind.as_str(), json!({ "media_id": media_id }))
    }

    /// A customer sends a message of any kind, even one that WeCom does not know.
    pub(crate) fn customer_writes(&mut self, now: Duration, chat: Chat<'_>, msgtype: &str, body: Value) -> String {
        if let Some(notice) = self.too_large(now, msgtype, &body) {
            return self.customer_writes(now, chat, "text", json!({ "content": notice }));
        }
        let customer = self.known_customer(chat);
        let before = customer.session.state(now);
        match body.get("menu_id") {
            None => customer.session.customer_typed(now),
            Some(_) => customer.session.customer_tapped(now),
        }
        self.customer_wrote(now, chat, before);
        let body = to_raw_value(&body).expect("JSON stays JSON");
        let msgid = self.log_message(now, chat, &NewMessage { msgtype, body: &body, servicer_userid: None });
        let history = &mut self.known_customer(chat).history;
        history.push(Entry::new(now, Author::Customer, Some(&msgid), msgtype, body));
        history.read();
        msgid
    }

    /// Marks everything in the chat as read.
    pub(crate) fn customer_reads(&mut self, chat: Chat<'_>) {
        self.known_customer(chat).history.read();
    }

    /// A customer takes a message back. Returns the event's msgid.
    pub(crate) fn customer_recalls(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        msgid: &str,
    ) -> Result<String, NotPossible> {
        rule!(customers_recall_at_any_time);
        self.recall(now, chat, msgid, |from| *from == Author::Customer)?;
        Ok(self.log_chat_event(now, chat, &Event::UserRecallMsg { recall_msgid: msgid }))
    }

    /// The customer rates. The rating counts for the day on which they were asked.
    pub(crate) fn customer_rates(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        rating: Satisfaction,
    ) -> Result<(), NotPossible> {
        let customer = self.known_customer(chat);
        let Some((userid, asked)) = customer.conversation.asked.take() else {
            return Err(NotPossible(format!("nobody asked {} to rate", customer.name)));
        };
        let note = Note::Rated { customer: &customer.name, rating: rating.as_str() };
        customer.history.push(Entry::note(now, &note));
        self.known_account(chat).figures.on(asked).servicer(&userid).rated(rating);
        Ok(())
    }

    /// The customer accepts the offer. The offer stays until the API cancels it, as it is to do once it was taken.
    pub(crate) fn customer_accepts_upgrade(&mut self, now: Duration, chat: Chat<'_>) -> Result<(), NotPossible> {
        rule!(offer_stays_after_acceptance);
        let customer = self.known_customer(chat);
        let Some(offered) = customer.upgrade.as_mut() else {
            return Err(NotPossible(format!("nothing was offered to {}", customer.name)));
        };
        if offered.accepted == Accepted::Yes {
            return Err(NotPossible(format!("{} has taken the offer already", customer.name)));
        }
        offered.accepted = Accepted::Yes;
        let Offered { offer, servicer_userid, .. } = offered.clone();
        customer.history.push(Entry::note(now, &Note::Accepted { customer: &customer.name }));
        self.happens(now, chat, Happening::Taken(&offer, servicer_userid.as_deref()));
        Ok(())
    }

    /// A message that WeCom accepted does not reach the customer.
    pub(crate) fn message_fails(&mut self, now: Duration, chat: Chat<'_>, msgid: &str, fail_type: i64) {
        let history = &mut self.known_customer(chat).history;
        if let Some(entry) = history.find(msgid) {
            entry.recalled = true;
        }
        history.push(Entry::note(now, &Note::NotDelivered { fail_type }));
        self.log_chat_event(now, chat, &Event::MsgSendFail { fail_msgid: msgid, fail_type });
    }

    /// Returns all messages of the bot that the customer received.
    pub(crate) fn heard(&mut self, chat: Chat<'_>) -> Vec<Heard> {
        self.known_customer(chat).history.heard().collect()
    }

    /// Returns the next message that no test has asked for, if it was sent by then.
    pub(crate) fn next_heard(&mut self, chat: Chat<'_>, by: Duration) -> Option<Heard> {
        self.known_customer(chat).history.next_heard(by)
    }

    /// Returns what was said and done in a chat, one line each.
    pub(crate) fn transcript(&mut self, chat: Chat<'_>) -> Vec<String> {
        let customer = self.known_customer(chat);
        customer.history.lines(&customer.name)
    }

    /// Takes a message back, if `may` accepts its author. Returns the author.
    pub(crate) fn recall(
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
