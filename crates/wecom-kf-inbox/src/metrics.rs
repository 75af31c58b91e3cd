//! The state of an inbox, its counters, and its last errors.

use std::collections::BTreeMap;

use crate::FailureClass;
use crate::clock::unix_seconds;

/// The state of an inbox, from [`InboxHandle::metrics`](crate::InboxHandle::metrics). All counts begin at its opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// What the inbox does right now.
    pub status: Status,
    /// How often the inbox asked WeCom for a page.
    pub pulls: u64,
    /// How many of those failed.
    pub failed_pulls: u64,
    /// How many pages are settled.
    pub pages: u64,
    /// How many commits the store has written.
    pub commits: u64,
    /// How many messages were handed out; each try counts.
    pub delivered: u64,
    /// How many messages were acknowledged.
    pub acked: u64,
    /// How many tries failed and are followed by another.
    pub retries: u64,
    /// How many tries failed, by class.
    pub failures: BTreeMap<FailureClass, u64>,
    /// The last failed try.
    pub last_failure: Option<LastFailure>,
    /// How many messages and pages were parked.
    pub parked: u64,
    /// How many of those were parked because the window was full while they waited for a retry.
    pub parked_when_full: u64,
    /// How many messages came again after they were settled.
    pub duplicates: u64,
    /// How many messages were skipped because they are older than the cold start.
    pub skipped: u64,
    /// How many messages of servicers were settled without being delivered.
    pub servicer_messages: u64,
    /// How often the store failed.
    pub store_failures: u64,
    /// How many messages are read and not settled. After the end: how many the next start delivers, because they are
    /// not settled or because this could not be stored.
    pub lag_messages: usize,
    /// How many messages are settled behind one that is not, so that the cursor cannot pass them.
    pub settled_ahead: usize,
    /// How many messages or batches are being handled.
    pub in_progress: usize,
    /// How many parked messages are being replayed.
    pub replays: usize,
    /// When the oldest message that is not settled was sent, in Unix seconds.
    pub oldest_send_time: Option<i64>,
    /// Whether WeCom has more messages than the inbox has read.
    pub has_more: bool,
    /// Whether messages are handled one at a time, because earlier starts made no progress.
    pub is_suspicious: bool,
    /// The last error of the inbox itself.
    pub last_error: Option<LastError>,
}

/// The last error of an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastError {
    /// The error in one line, with what to do.
    pub text: String,
    /// When it happened, in Unix seconds.
    pub at: i64,
}

/// A failed attempt of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastFailure {
    /// Its class.
    pub class: FailureClass,
    /// The id of the message.
    pub id: String,
    /// WeCom's refusal, or the type of the handler's own error; its text if
    /// [`show_handler_errors`](crate::InboxBuilder::show_handler_errors) is set.
    pub text: String,
    /// When it happened, in Unix seconds.
    pub at: i64,
}

/// What an inbox does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The inbox is open, and nobody has polled its stream yet.
    #[default]
    Opened,
    /// Another process reads the account, or the store has not granted the lease yet.
    StandsBy,
    /// The inbox reads or hands out messages.
    Reads,
    /// There is nothing to read. The inbox waits for a callback or for the next poll.
    CaughtUp,
    /// The inbox is paused. Nothing is read or handed out.
    Paused,
    /// A request to WeCom failed. The inbox waits before the next one.
    BacksOff,
    /// The store is down. The inbox keeps its place and waits.
    StoreIsDown,
    /// The inbox has ended.
    Stopped,
}

impl Metrics {
    /// Returns the age in seconds of the oldest message that is read and not settled; 0 if there is none.
    pub fn lag_seconds(&self) -> u64 {
        let age = self.oldest_send_time.map_or(0, |sent| unix_seconds().saturating_sub(sent));
        u64::try_from(age).unwrap_or(0)
    }
}

impl LastError {
    pub(crate) fn now(text: String) -> Self {
        Self { text, at: unix_seconds() }
    }
}
