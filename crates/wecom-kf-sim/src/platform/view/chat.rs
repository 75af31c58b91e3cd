//! `ChatEntry` of `control.yaml`, and the entries of a chat.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::platform::model::chat::{Author, Entry};
use crate::platform::{Chat, Platform};

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ShownEntry {
    n: u64,
    at: u64,
    open_kfid: String,
    external_userid: String,
    from: &'static str,
    msgid: Option<String>,
    msgtype: String,
    body: Box<RawValue>,
    via: Option<Cow<'static, str>>,
    servicer_userid: Option<String>,
    recalled: bool,
    call: Option<u64>,
}

impl Platform {
    /// Returns the newest `limit` entries of a chat whose numbers are in `range`, and whether the range has older ones. A
    /// chat keeps three days.
    pub(crate) fn show_chat(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        range: Range<u64>,
        limit: usize,
    ) -> (Vec<ShownEntry>, bool) {
        let Some(customer) = self.customer_at(chat) else { return Default::default() };
        customer.history.forget(now);
        let entries: Vec<_> = customer.history.within(range).collect();
        let (older, newest) = entries.split_at(entries.len().saturating_sub(limit));
        (newest.iter().map(|entry| entry.show(chat)).collect(), !older.is_empty())
    }

    /// Returns the messages that the bot or a servicer wrote after an entry. Those of the bot follow as soon as their call
    /// is in the journal.
    pub(crate) fn answers_after(&mut self, chat: Chat<'_>, after: u64) -> Vec<ShownEntry> {
        let Some(customer) = self.customer_at(chat) else { return Vec::new() };
        let is_complete = |entry: &&Entry| match entry.from {
            Author::Bot(_) => entry.call.is_some(),
            Author::Servicer(_) => true,
            Author::Customer | Author::Note => false,
        };
        customer.history.after(after).filter(is_complete).map(|entry| entry.show(chat)).collect()
    }

    /// Returns the number of the newest entry of a chat.
    pub(crate) fn chat_end(&mut self, chat: Chat<'_>) -> u64 {
        self.customer_at(chat).map_or(0, |customer| customer.history.end())
    }

    /// Notes which row of the journal has the call that sent a message.
    pub(crate) fn link_call(&mut self, chat: Chat<'_>, msgid: &str, row: u64) {
        let entry = self.known_customer(chat).history.find(msgid);
        entry.into_iter().for_each(|entry| entry.call = Some(row));
        self.answered = true;
    }
}

impl Entry {
    pub(crate) fn show(&self, chat: Chat<'_>) -> ShownEntry {
        let (via, servicer_userid) = match &self.from {
            Author::Bot(via) => (Some(via.clone()), None),
            Author::Servicer(userid) => (None, Some(userid.clone())),
            Author::Customer | Author::Note => (None, None),
        };
        ShownEntry {
            n: self.n,
            at: self.at.as_secs(),
            open_kfid: chat.open_kfid.to_owned(),
            external_userid: chat.external_userid.to_owned(),
            from: self.from.name(),
            msgid: self.msgid.clone(),
            msgtype: self.msgtype.clone(),
            body: self.body.clone(),
            via,
            servicer_userid,
            recalled: self.recalled,
            call: self.call,
        }
    }
}

impl Author {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Bot(_) => "bot",
            Self::Servicer(_) => "servicer",
            Self::Note => "note",
        }
    }
}
