//! What an inbox shows of itself.

use std::collections::BTreeMap;

use crate::FailureClass;
use crate::clock::unix_seconds;

/// The state of an inbox, from [`InboxHandle::metrics`](crate::InboxHandle::metrics). Counts begin when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// What it does right now.
    pub status: Status,
    /// How often it asked WeCom for a page.
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
    /// How many messages came that were settled before.
    pub duplicates: u64,
    /// How many messages were passed over because they are older than the cold start.
    pub skipped: u64,
    /// How many messages of servicers were settled without being delivered.
    pub servicer_messages: u64,
    /// How often the store failed.
    pub store_failures: u64,
    /// How many messages are read and not settled; after the end, how many the next start delivers because they are not
    /// settled or their settling could not be stored.
    pub lag_messages: usize,
    /// How many messages are settled behind one that is not, so that the cursor cannot pass them.
    pub settled_ahead: usize,
    /// How many messages are being handled.
    pub in_progress: usize,
    /// How many parked messages are being replayed.
    pub replays: usize,
    /// When the oldest message that is not settled was sent, in Unix seconds.
    pub oldest_send_time: Option<i64>,
    /// WeCom has more than what is read.
    pub has_more: bool,
    /// Messages are handled one at a time, because earlier starts made no progress.
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

/// A handler's failed try.
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
    /// It is open, and nobody has polled its stream yet.
    #[default]
    Opened,
    /// Another process reads the account, or the store has not said yet that this one may.
    StandsBy,
    /// It reads, or hands out.
    Reads,
    /// There is nothing to read: it waits for a callback or the next poll.
    CaughtUp,
    /// It is paused: nothing is read or handed out.
    Paused,
    /// WeCom could not be asked: it waits before it asks again.
    BacksOff,
    /// The store is down: it keeps its place and waits.
    StoreIsDown,
    /// It has ended.
    Stopped,
}

impl Metrics {
    /// Returns how old the oldest message is that is read and not settled, in seconds; 0 if there is none.
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
