//! What a customer sees: the chat, with a line for everything that happened besides messages.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::platform::Heard;
use crate::platform::model::notes::Note;
use crate::platform::model::retention::{KEPT, give_room_back};

/// The chat of one customer, oldest first, numbered from 1.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    /// The number of the newest entry.
    last: u64,
    /// The newest of the bot's messages that a test has asked for.
    asked_for: u64,
    /// The newest entry that the customer has read.
    read: u64,
    /// The numbers of the entries that the listeners do not know yet: new ones, and changed ones.
    #[serde(skip)]
    changed: Vec<u64>,
}

/// A message, or something that happened.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) n: u64,
    pub(crate) at: Duration,
    pub(crate) from: Author,
    /// `None` for a note.
    pub(crate) msgid: Option<String>,
    pub(crate) msgtype: String,
    /// As JSON, which takes a fraction of the memory of a tree of values.
    pub(crate) body: Box<RawValue>,
    pub(crate) recalled: bool,
    /// The number of the journal's row of the call that sent the message.
    pub(crate) call: Option<u64>,
}

/// Who wrote a message.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Author {
    Customer,
    /// The bot, by `send_msg` or `send_msg_on_event`.
    Bot(Cow<'static, str>),
    Servicer(String),
    Note,
}

impl Entry {
    pub(crate) fn note(at: Duration, note: &Note<'_>) -> Self {
        Self::new(at, Author::Note, None, "note", note.body())
    }

    pub(crate) fn new(at: Duration, from: Author, msgid: Option<&str>, msgtype: &str, body: Box<RawValue>) -> Self {
        let (msgid, msgtype) = (msgid.map(str::to_owned), msgtype.to_owned());
        Self { n: 0, at, from, msgid, msgtype, body, recalled: false, call: None }
    }

    /// Returns the body as a tree of values.
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(self.body.get()).unwrap_or_default()
    }

    /// Returns a message of the bot as its customer receives it.
    fn heard(&self) -> Option<Heard> {
        let (Author::Bot(_), Some(msgid)) = (&self.from, &self.msgid) else { return None };
        let (msgtype, body) = (self.msgtype.clone(), self.body());
        Some(Heard { msgid: msgid.clone(), msgtype, body, send_time: self.at.as_secs() })
    }

    /// Returns the text, or the kind in square brackets.
    pub(crate) fn summary(&self) -> String {
        let body = self.body();
        let text = body["content"].as_str().filter(|_| self.msgtype == "text");
        text.map_or_else(|| format!("[{}]", self.msgtype), str::to_owned)
    }

    /// Returns the line of the entry in a transcript.
    fn line(&self, customer: &str) -> String {
        let body = self.body();
        let says = match (&self.msgtype[..], &body["content"]) {
            ("text", Value::String(text)) => text.clone(),
            _ => format!("[{}] {body}", self.msgtype),
        };
        match &self.from {
            Author::Customer => format!("{customer}: {says}"),
            Author::Bot(_) => format!("bot: {says}"),
            Author::Servicer(userid) => format!("{userid}: {says}"),
            Author::Note => body["text"].as_str().unwrap_or_default().to_owned(),
        }
    }

    pub(crate) fn is_answer(&self) -> bool {
        matches!(self.from, Author::Bot(_) | Author::Servicer(_))
    }
}

impl History {
    pub(crate) fn push(&mut self, mut entry: Entry) {
        self.forget(entry.at);
        self.last += 1;
        entry.n = self.last;
        self.changed.push(entry.n);
        self.entries.push_back(entry);
    }

    /// Removes the entries that are older than 3 days.
    pub(crate) fn forget(&mut self, now: Duration) {
        while self.entries.front().is_some_and(|oldest| now > oldest.at + KEPT) {
            self.entries.pop_front();
        }
        give_room_back(&mut self.entries);
    }

    /// Marks everything as read, because the customer looks at the phone.
    pub(crate) fn read(&mut self) {
        self.read = self.last;
    }

    pub(crate) fn end(&self) -> u64 {
        self.last
    }

    pub(crate) fn unread(&self) -> usize {
        self.after(self.read).filter(|entry| entry.is_answer() && !entry.recalled).count()
    }

    pub(crate) fn newest_message(&self) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.from != Author::Note)
    }

    pub(crate) fn after(&self, n: u64) -> impl Iterator<Item = &Entry> {
        let start = self.entries.partition_point(|entry| entry.n <= n);
        self.entries.range(start..)
    }

    /// Returns the entries whose numbers are in `range`.
    pub(crate) fn within(&self, range: Range<u64>) -> impl Iterator<Item = &Entry> {
        self.after(range.start).take_while(move |entry| entry.n < range.end)
    }

    /// Returns the entries that the customer received, newest first.
    pub(crate) fn received(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev().filter(|entry| entry.from != Author::Customer)
    }

    pub(crate) fn heard(&self) -> impl Iterator<Item = Heard> {
        self.entries.iter().filter(|entry| !entry.recalled).filter_map(Entry::heard)
    }

    /// Returns the next message of the bot that no test has asked for, if it was sent by then.
    pub(crate) fn next_heard(&mut self, by: Duration) -> Option<Heard> {
        let is_next = |entry: &&Entry| !entry.recalled && matches!(entry.from, Author::Bot(_)) && entry.at <= by;
        let next = self.after(self.asked_for).find(is_next)?;
        let (n, heard) = (next.n, next.heard());
        self.asked_for = n;
        heard
    }

    pub(crate) fn lines(&self, customer: &str) -> Vec<String> {
        self.entries.iter().map(|entry| entry.line(customer)).collect()
    }

    /// Returns the message with this msgid, to change it.
    pub(crate) fn find(&mut self, msgid: &str) -> Option<&mut Entry> {
        let entry = self.entries.iter_mut().rev().find(|entry| entry.msgid.as_deref() == Some(msgid))?;
        self.changed.push(entry.n);
        Some(entry)
    }

    /// Returns the entries that the listeners do not know yet.
    pub(crate) fn take_changed(&mut self) -> Vec<Entry> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        let entries = changed.into_iter().filter_map(|n| {
            let at = self.entries.binary_search_by_key(&n, |entry| entry.n).ok()?;
            self.entries.get(at).cloned()
        });
        entries.collect()
    }

    /// Forgets what changed, because there are no listeners.
    pub(crate) fn forget_changed(&mut self) {
        self.changed.clear();
    }
}
