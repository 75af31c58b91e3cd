use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use wecom_kf::{Client, SyncToken};

use crate::ColdStart;
use crate::clock::unix_seconds;
use crate::metrics::Metrics;
use crate::source::PageSource;
use crate::store::{InboxKey, InboxStore, Parked};

/// What an inbox and its handles share.
pub(crate) struct Shared {
    pub(crate) key: InboxKey,
    pub(crate) client: Client,
    pub(crate) source: Arc<dyn PageSource>,
    pub(crate) store: Arc<dyn InboxStore>,
    pub(crate) settings: Settings,
    /// When it was opened, in Unix seconds.
    pub(crate) opened_at: i64,
    /// How many messages may be handled at once; as many as there are unless somebody says.
    pub(crate) slots: OnceLock<Arc<Semaphore>>,
    asked: Mutex<Asked>,
    pub(crate) news: Notify,
    metrics: Mutex<Metrics>,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) cold_start: ColdStart,
    pub(crate) holder: String,
    pub(crate) concurrency: usize,
    pub(crate) max_tries: u32,
    pub(crate) retry_for: Duration,
    pub(crate) keep_parked: Duration,
    pub(crate) page_size: Option<u32>,
    pub(crate) poll: Duration,
    pub(crate) lease: Duration,
    pub(crate) stop_within: Duration,
    pub(crate) jitter: fn() -> f64,
}

/// What handles ask of an inbox. However many callbacks come, they are one thing to do.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) wake: Option<Wake>,
    pub(crate) replays: VecDeque<Parked>,
    pub(crate) stop: bool,
}

/// A callback, or several of them.
#[derive(Clone, Debug)]
pub(crate) struct Wake {
    /// Of the last one that had one.
    pub(crate) token: Option<SyncToken>,
    /// Of the earliest.
    pub(crate) create_time: i64,
}

impl Shared {
    pub(crate) fn new(
        key: InboxKey,
        client: Client,
        source: Arc<dyn PageSource>,
        store: Arc<dyn InboxStore>,
        settings: Settings,
    ) -> Self {
        Self {
            key,
            client,
            source,
            store,
            settings,
            opened_at: unix_seconds(),
            slots: OnceLock::new(),
            asked: Mutex::default(),
            news: Notify::new(),
            metrics: Mutex::default(),
        }
    }

    pub(crate) fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn metrics(&self) -> MutexGuard<'_, Metrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake(&self, token: Option<SyncToken>, create_time: i64) {
        let mut asked = self.asked();
        let earlier = asked.wake.take();
        let earliest = earlier.as_ref().map_or(create_time, |earlier| earlier.create_time.min(create_time));
        let token = token.or(earlier.and_then(|earlier| earlier.token));
        asked.wake = Some(Wake { token, create_time: earliest });
        drop(asked);
        self.news.notify_one();
    }

    pub(crate) fn stop(&self) {
        self.asked().stop = true;
        self.news.notify_one();
    }

    pub(crate) fn replay(&self, parked: Parked) {
        self.asked().replays.push_back(parked);
        self.news.notify_one();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("key", &self.key).finish_non_exhaustive()
    }
}
