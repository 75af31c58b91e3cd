//! Conversations as a store keeps them: the record of one customer, how a commit changes it, and how records are listed.
//! What a bot sees of them is in `conversation.rs` of the crate.

use std::fmt;

use serde::{Deserialize, Serialize};
use wecom_kf::ExternalUserId;

/// What an inbox keeps of one customer from message to message: the state of the bot, and the transcript.
///
/// It may hold what the customer wrote. Its `Debug` does not show that.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConversationRecord {
    /// The customer. An inbox has at most one record for each.
    pub customer: ExternalUserId,
    /// A random text that the conversation keeps from its first record to its end. So a record of a conversation that
    /// was deleted is not taken for one of the next conversation.
    pub origin: String,
    /// The content, as JSON that the inbox reads and writes.
    pub body: String,
    /// When it was last changed, in Unix seconds of the process that changed it.
    pub changed_at: i64,
    /// The Unix second after which it is deleted, unless it is changed before.
    pub keep_until: i64,
}

impl ConversationRecord {
    /// Creates the first record of a conversation. It is kept for ever, and the time of its change is 0.
    pub fn new(customer: impl Into<ExternalUserId>, body: impl Into<String>) -> Self {
        Self {
            customer: customer.into(),
            origin: format!("{:032x}", fastrand::u128(..)),
            body: body.into(),
            changed_at: 0,
            keep_until: i64::MAX,
        }
    }

    /// Sets when it was changed and until when it is kept, in Unix seconds.
    #[must_use]
    pub fn kept(mut self, changed_at: i64, keep_until: i64) -> Self {
        self.changed_at = changed_at;
        self.keep_until = keep_until;
        self
    }
}

impl fmt::Debug for ConversationRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversationRecord")
            .field("customer", &self.customer)
            .field("origin", &self.origin)
            .field("bytes", &self.body.len())
            .field("changed_at", &self.changed_at)
            .field("keep_until", &self.keep_until)
            .finish_non_exhaustive()
    }
}

/// How a commit changes the conversation of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConversationWrite {
    /// Replaces whatever is stored of the customer.
    Begin(ConversationRecord),
    /// Replaces the stored record if it has the same [`origin`](ConversationRecord::origin). Otherwise it changes
    /// nothing, and the rest of the commit is written: somebody has deleted the conversation meanwhile, and it stays
    /// deleted.
    Continue(ConversationRecord),
    /// Deletes what is stored of the customer.
    End(ExternalUserId),
}

impl ConversationWrite {
    /// Returns the customer.
    pub fn customer(&self) -> &ExternalUserId {
        match self {
            Self::Begin(record) | Self::Continue(record) => &record.customer,
            Self::End(customer) => customer,
        }
    }

    /// Returns the record, unless the conversation ends.
    pub fn record(&self) -> Option<&ConversationRecord> {
        match self {
            Self::Begin(record) | Self::Continue(record) => Some(record),
            Self::End(_) => None,
        }
    }
}

/// Which conversations to list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConversationQuery {
    /// Continues after the page that returned this as [`next`](ConversationPage::next); `None` begins with the first.
    pub after: Option<ExternalUserId>,
    /// How many to return at most, at least 1. A store may return fewer.
    pub limit: usize,
    /// The only customer to look for; `None` for all.
    pub only: Option<ExternalUserId>,
}

impl ConversationQuery {
    /// Lists the first `limit` conversations, in the order of their customers' ids.
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit: limit.max(1), only: None }
    }

    /// Looks for the conversation with one customer.
    pub fn of(customer: impl Into<ExternalUserId>) -> Self {
        Self { only: Some(customer.into()), ..Self::first(1) }
    }

    /// Continues where a page ended.
    #[must_use]
    pub fn after(mut self, next: Option<ExternalUserId>) -> Self {
        self.after = next;
        self
    }
}

/// A part of the conversations of an inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConversationPage {
    /// The records, in the order of the bytes of their customers' ids. There may be fewer than requested, even none,
    /// although more follow.
    pub items: Vec<ConversationRecord>,
    /// The customer after whom to continue; `None` at the end.
    pub next: Option<ExternalUserId>,
}

impl ConversationPage {
    /// Creates a page; for stores.
    pub fn new(items: Vec<ConversationRecord>, next: Option<ExternalUserId>) -> Self {
        Self { items, next }
    }
}
