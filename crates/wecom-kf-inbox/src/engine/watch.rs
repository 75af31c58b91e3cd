//! What the engine notes for people who watch the inbox: its status, who reads, and since when things are so. The types that
//! people see are in `metrics.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::desk::Desk;
use crate::clock::unix_seconds;
use crate::meters;
use crate::metrics::{Metrics, ReadBy, Status};
use crate::shared::Shared;

/// Since when things are so.
#[derive(Debug)]
pub(super) struct Since {
    status: Instant,
    read_by: Instant,
    /// When the last page came.
    page: Option<Instant>,
    /// Since when reading fails.
    failing_reads: Option<Instant>,
    store_is_down: Option<Instant>,
}

impl Default for Since {
    fn default() -> Self {
        let now = Instant::now();
        Self { status: now, read_by: now, page: None, failing_reads: None, store_is_down: None }
    }
}

impl Desk {
    pub(crate) fn set_status(&mut self, status: Status) {
        if std::mem::replace(&mut self.metrics.status, status) != status {
            self.since.status = Instant::now();
        }
    }

    /// Notes who reads the account.
    pub(crate) fn set_reader(&mut self, read_by: ReadBy) {
        if std::mem::replace(&mut self.metrics.read_by, read_by) != read_by {
            self.since.read_by = Instant::now();
        }
        if read_by != ReadBy::ThisProcess {
            self.since.failing_reads = None;
        }
    }

    pub(crate) fn page_came(&mut self) {
        self.since.page = Some(Instant::now());
        self.since.failing_reads = None;
    }

    pub(crate) fn read_failed(&mut self) {
        self.metrics.failed_pulls += 1;
        self.since.failing_reads.get_or_insert_with(Instant::now);
    }

    /// Notes that the store failed to answer what it was asked at that time.
    pub(crate) fn store_failed(&mut self, asked_at: Instant) {
        self.since.store_is_down.get_or_insert(asked_at);
    }

    pub(crate) fn store_answered(&mut self) {
        self.since.store_is_down = None;
    }

    /// Returns the metrics, including those that follow from the state and the time.
    pub(crate) fn snapshot(&self) -> Metrics {
        let now = Instant::now();
        let mut metrics = self.metrics.clone();
        let lasts = |since: Option<Instant>| since.map(|since| now - since);
        metrics.status_for = now - self.since.status;
        metrics.read_by_for = now - self.since.read_by;
        metrics.last_page_ago = lasts(self.since.page);
        metrics.reads_fail_for = lasts(self.since.failing_reads);
        metrics.store_down_for = lasts(self.since.store_is_down);
        metrics.overdue_for = self.open_until().map(|until| now.duration_since(until)).filter(|late| !late.is_zero());
        if let Some(state) = &self.state {
            metrics.lag_messages = state.window.unsettled();
            metrics.settled_ahead = state.window.settled_ahead();
            metrics.in_progress = state.window.running();
            metrics.replays = state.replays();
            metrics.oldest_send_time = state.window.oldest_send_time();
            metrics.lag = metrics.oldest_send_time.map_or(Duration::ZERO, age);
            metrics.is_suspicious = state.is_suspicious();
        }
        metrics
    }
}

/// Makes the inbox end for those who watch it, also if the engine panics or its inbox is dropped.
pub(super) struct EndOnDrop(pub(super) Arc<Shared>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let mut desk = self.0.exchange.desk();
        if desk.metrics.status != Status::Stopped {
            desk.end();
        }
        drop(desk);
        set_gauges(&self.0);
    }
}

/// Sets the gauges of the account: after each commit, when the lease is renewed, and when it is lost or given up.
pub(super) fn set_gauges(shared: &Shared) {
    meters::set_gauges(&shared.key, || shared.exchange.desk().snapshot());
}

/// Returns how long ago a Unix second was.
fn age(sent: i64) -> Duration {
    Duration::from_secs(u64::try_from(unix_seconds().saturating_sub(sent)).unwrap_or(0))
}
