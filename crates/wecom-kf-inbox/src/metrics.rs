use crate::clock::unix_seconds;

/// How an inbox does: [`InboxHandle::metrics`](crate::InboxHandle::metrics). Counts are since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// What it does right now.
    pub status: Status,
    /// How often WeCom was asked for a page.
    pub pulls: u64,
    /// How many of those failed.
    pub failed_pulls: u64,
    /// How many pages were settled and committed.
    pub pages: u64,
    /// How many messages were handed out; one that is tried again counts again.
    pub delivered: u64,
    /// How many messages were acknowledged.
    pub acked: u64,
    /// How many tries failed, and are followed by another.
    pub retries: u64,
    /// How many messages and pages were parked.
    pub parked: u64,
    /// How many messages came that were handled before.
    pub duplicates: u64,
    /// How many messages were passed over since they are older than the cold start.
    pub skipped: u64,
    /// How often the store failed.
    pub store_failures: u64,
    /// How many messages are fetched and not settled.
    pub lag_messages: usize,
    /// When the oldest of them was sent, in Unix seconds.
    pub oldest_send_time: Option<i64>,
    /// WeCom has more than what is fetched.
    pub has_more: bool,
    /// What went wrong last.
    pub last_error: Option<LastError>,
}

/// What went wrong last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastError {
    /// In one line, with what to do.
    pub text: String,
    /// When, in Unix seconds.
    pub at: i64,
}

/// What an inbox does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It is opened and nobody polls its stream yet.
    #[default]
    Opened,
    /// Another process reads the account, or the store has not said yet that we may.
    StandsBy,
    /// It reads, or hands out.
    Reads,
    /// There is nothing to read: it waits for a callback or the next poll.
    CaughtUp,
    /// WeCom could not be asked: it waits before it asks again.
    BacksOff,
    /// The store is down: it keeps its place and waits.
    StoreIsDown,
    /// It has ended.
    Stopped,
}

impl Metrics {
    /// How old the oldest message is that is fetched and not settled, in seconds; 0 if there is none.
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
