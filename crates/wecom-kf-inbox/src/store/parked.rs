//! Parked messages: what is kept of them, and how they are listed. `engine/replay.rs` delivers them again.

use std::fmt;

use serde::{Deserialize, Serialize};
use wecom_kf::messages::{Message, Page};

/// A message or a batch that was set aside because handling it failed, or a page that could not be decoded.
///
/// It holds what the customer wrote. Its `Debug` shows neither that nor the reason, which may repeat it, but what may be shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Parked {
    /// The id of the message in this inbox: the msgid, if it has one. That of a batch is `batch:` and the id of its first
    /// message.
    pub id: String,
    /// Whether it is a message, a batch or a page.
    pub kind: ParkedKind,
    /// The messages or the page as they came.
    pub body: String,
    /// Why it was parked. It may repeat what the customer wrote, if the handler's error does.
    pub reason: String,
    /// What may be shown of the reason without what a customer wrote: WeCom's refusal, or the type of the handler's error, or
    /// its text if [`show_handler_errors`](crate::InboxBuilder::show_handler_errors) is set. Empty if nothing is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shown: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was parked, in Unix seconds of the process that parked it.
    pub parked_at: i64,
    /// The Unix second after which it is deleted.
    pub keep_until: i64,
    /// Whether there is a wish to replay it that no reader has fulfilled yet. A store sets this in its lists; a commit
    /// that parks a message ignores it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_wished: bool,
}

/// What is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ParkedKind {
    /// One message, as JSON.
    Message,
    /// A batch: several messages of one customer, as a JSON array.
    Batch,
    /// A whole page that could not be decoded.
    Page,
}

impl Parked {
    /// Creates a parked message that is kept for ever, with no reason, no tries and a time of 0.
    pub fn new(id: impl Into<String>, kind: ParkedKind, body: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind,
            body: body.into(),
            reason: String::new(),
            shown: String::new(),
            tries: 0,
            parked_at: 0,
            keep_until: i64::MAX,
            is_wished: false,
        }
    }

    /// Sets why it was parked, after how many tries.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>, tries: u32) -> Self {
        self.reason = reason.into();
        self.tries = tries;
        self
    }

    /// Sets what may be shown of the reason.
    #[must_use]
    pub fn showing(mut self, shown: impl Into<String>) -> Self {
        self.shown = shown.into();
        self
    }

    /// Sets when it was parked and until when it is kept, in Unix seconds.
    #[must_use]
    pub fn kept(mut self, parked_at: i64, keep_until: i64) -> Self {
        self.parked_at = parked_at;
        self.keep_until = keep_until;
        self
    }

    /// Returns the message, if it is one.
    pub fn message(&self) -> Option<Message> {
        match self.kind {
            ParkedKind::Message => serde_json::from_str(&self.body).ok(),
            ParkedKind::Batch | ParkedKind::Page => None,
        }
    }

    /// Returns the parked message, or the messages of a parked batch or page if this version can decode it.
    pub fn messages(&self) -> Option<Vec<Message>> {
        match self.kind {
            ParkedKind::Message => self.message().map(|message| vec![message]),
            ParkedKind::Batch => serde_json::from_str(&self.body).ok(),
            ParkedKind::Page => Page::from_json(self.body.as_bytes()).ok().map(Page::into_messages),
        }
    }
}

impl fmt::Debug for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("shown", &self.shown)
            .field("tries", &self.tries)
            .field("parked_at", &self.parked_at)
            .field("keep_until", &self.keep_until)
            .field("is_wished", &self.is_wished)
            .finish_non_exhaustive()
    }
}

/// Which parked messages to list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedQuery {
    /// Continues after the page that returned this as [`next`](ParkedPage::next); `None` begins with the oldest.
    pub after: Option<String>,
    /// How many to return at most, at least 1.
    pub limit: usize,
    /// Which of them to list.
    pub only: ParkedOnly,
}

/// A choice among parked messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParkedOnly {
    /// All parked messages.
    #[default]
    All,
    /// Those with a wish to replay them.
    Wished,
    /// The one with this id.
    Id(String),
}

impl ParkedQuery {
    /// Lists the oldest `limit` messages.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit: limit.max(1), only: ParkedOnly::All }
    }

    /// Lists the oldest `limit` messages with a wish to replay them.
    pub fn wished(limit: usize) -> Self {
        Self { only: ParkedOnly::Wished, ..Self::first(limit) }
    }

    /// Looks for one message.
    pub fn id(id: impl Into<String>) -> Self {
        Self { only: ParkedOnly::Id(id.into()), ..Self::first(1) }
    }

    /// Continues where a page ended.
    #[must_use]
    pub fn after(mut self, next: Option<String>) -> Self {
        self.after = next;
        self
    }

    /// Returns whether `parked` is one that the query asks for. For stores that look at each message.
    pub fn matches(&self, parked: &Parked) -> bool {
        match &self.only {
            ParkedOnly::All => true,
            ParkedOnly::Wished => parked.is_wished,
            ParkedOnly::Id(id) => parked.id == *id,
        }
    }
}

/// A part of the parked messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedPage {
    /// The messages, in the order in which they were parked. There may be fewer than requested, even none, although
    /// more follow.
    pub items: Vec<Parked>,
    /// Where to continue; `None` at the end. Only the store knows what the text means.
    pub next: Option<String>,
}

impl ParkedPage {
    /// Creates a page; for stores.
    pub fn new(items: Vec<Parked>, next: Option<String>) -> Self {
        Self { items, next }
    }
}
