//! The state of an inbox, its counters, and its last errors. What follows from them for liveness and readiness is in
//! `health.rs`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::FailureClass;
use crate::clock::unix_seconds;

/// The state of an inbox, from [`InboxHandle::metrics`](crate::InboxHandle::metrics). All counts begin at its opening.
///
/// As JSON, its keys are the names of the fields, and do not change. A duration is in whole seconds, and the unit is in
/// its key: `status_for_seconds`, `read_by_for_seconds`, `last_page_ago_seconds`, `reads_fail_for_seconds`,
/// `store_down_for_seconds`, `overdue_for_seconds`, `lag_seconds`. Enums are in `snake_case`, such as `caught_up`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// What the inbox does right now.
    pub status: Status,
    /// For how long the status has been this one.
    #[serde(rename = "status_for_seconds", serialize_with = "seconds")]
    pub status_for: Duration,
    /// Which process reads the account.
    pub read_by: ReadBy,
    /// For how long that has been so.
    #[serde(rename = "read_by_for_seconds", serialize_with = "seconds")]
    pub read_by_for: Duration,
    /// How long ago the last page came, empty or not. `None` if none has come.
    #[serde(rename = "last_page_ago_seconds", serialize_with = "optional_seconds")]
    pub last_page_ago: Option<Duration>,
    /// For how long reading has failed. `None` if the last attempt succeeded.
    #[serde(rename = "reads_fail_for_seconds", serialize_with = "optional_seconds")]
    pub reads_fail_for: Option<Duration>,
    /// For how long the store has been down. `None` if it answered the last time.
    #[serde(rename = "store_down_for_seconds", serialize_with = "optional_seconds")]
    pub store_down_for: Option<Duration>,
    /// For how long the inbox's own task has not run although it had to: it has not noticed that its lease has ended.
    /// `None` if it runs.
    #[serde(rename = "overdue_for_seconds", serialize_with = "optional_seconds")]
    pub overdue_for: Option<Duration>,
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
    /// The age of the oldest message that is read and not settled; zero if there is none.
    #[serde(rename = "lag_seconds", serialize_with = "seconds")]
    pub lag: Duration,
    /// Whether WeCom has more messages than the inbox has read.
    pub has_more: bool,
    /// Whether messages are handled one at a time, because earlier starts made no progress.
    pub is_suspicious: bool,
    /// The last error of the inbox itself.
    pub last_error: Option<LastError>,
}

/// The last error of an inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LastError {
    /// The error in one line, with what to do.
    pub text: String,
    /// When it happened, in Unix seconds.
    pub at: i64,
}

/// A failed attempt of a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
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
    /// A stop was asked for, and handlers in progress may end.
    Stopping,
    /// The inbox has ended.
    Stopped,
}

/// Which process reads an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReadBy {
    /// This process has no lease, and has not learned of another process that has it.
    #[default]
    Unknown,
    /// This process has the lease.
    ThisProcess,
    /// Another process has the lease, and this one stands by.
    AnotherProcess,
}

impl LastError {
    pub(crate) fn now(text: String) -> Self {
        Self { text, at: unix_seconds() }
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

fn optional_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.as_ref().map(Duration::as_secs).serialize(serializer)
}
