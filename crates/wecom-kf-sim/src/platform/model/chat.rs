//! What a customer sees: the chat, and a line for what happened besides.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use serde_json::{Value, json};

use crate::platform::Heard;
use crate::platform::KEPT;
use crate::platform::model::aging::give_room_back;

/// The chat of one customer, oldest first, numbered from 1.
#[derive(Debug, Default)]
pub(crate) struct History {
    entries: VecDeque<Entry>,
    /// The number of the newest entry.
    last: u64,
    /// The newest entry that somebody at the simulator was told of.
    asked_for: u64,
    /// The newest entry that the customer has read.
    read: u64,
    /// The numbers of entries that nobody was told of yet: new, or changed since.
    changed: Vec<u64>,
}

/// A message, or something that happened.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) n: u64,
    pub(crate) at: Duration,
    pub(crate) from: Author,
    /// Of a note there is none.
    pub(crate) msgid: Option<String>,
    pub(crate) msgtype: String,
    /// As JSON: a tree of values takes several times the room.
    body: Box<str>,
    pub(crate) recalled: bool,
    /// The number of the journal's row that brought it.
    pub(crate) call: Option<u64>,
}

/// Who wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    Customer,
    /// By `send_msg`, or `send_msg_on_event`.
    Bot(&'static str),
    Servicer(String),
    Note,
}

impl Entry {
    pub(crate) fn note(at: Duration, text: String, mut body: Value) -> Self {
        body["text"] = json!(text);
        Self::new(at, Author::Note, None, "note", body)
    }

    pub(crate) fn new(at: Duration, from: Author, msgid: Option<&str>, msgtype: &str, body: Value) -> Self {
        let (msgid, msgtype) = (msgid.map(str::to_owned), msgtype.to_owned());
        Self { n: 0, at, from, msgid, msgtype, body: body.to_string().into(), recalled: false, call: None }
    }

    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// As the bot's customer hears it.
    fn heard(&self) -> Option<Heard> {
        let (Author::Bot(_), Some(msgid)) = (&self.from, &self.msgid) else { return None };
        let (msgtype, body) = (self.msgtype.clone(), self.body());
        Some(Heard { msgid: msgid.clone(), msgtype, body, send_time: self.at.as_secs() })
    }

    /// The text, or the kind in square brackets.
    pub(crate) fn summary(&self) -> String {
        let body = self.body();
        let text = body["content"].as_str().filter(|_| self.msgtype == "text");
        text.map_or_else(|| format!("[{}]", self.msgtype), str::to_owned)
    }

    /// As a line of a transcript.
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

    pub(crate) fn forget(&mut self, now: Duration) {
        while self.entries.front().is_some_and(|oldest| now > oldest.at + KEPT) {
            self.entries.pop_front();
        }
        give_room_back(&mut self.entries);
    }

    /// Who looks at the phone has read it.
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

    /// Newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().rev()
    }

    pub(crate) fn heard(&self) -> impl Iterator<Item = Heard> {
        self.entries.iter().filter(|entry| !entry.recalled).filter_map(Entry::heard)
    }

    /// The next message of the bot's that was not asked for yet, if it was sent by then.
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

    pub(crate) fn find(&mut self, msgid: &str) -> Option<&mut Entry> {
        let entry = self.entries.iter_mut().rev().find(|entry| entry.msgid.as_deref() == Some(msgid))?;
        self.changed.push(entry.n);
        Some(entry)
    }

    /// What nobody was told of yet.
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

    /// Nobody looks: what changed until now need not be told.
    pub(crate) fn forget_changed(&mut self) {
        self.changed.clear();
    }
}
