use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::fault::Faults;
use crate::journal::{Call, Journal};
use crate::platform::Platform;

pub(crate) type OnCall = Box<dyn Fn(&Call) + Send + Sync>;

/// What the server and all handles share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    /// Rung when a message was sent.
    pub(crate) sent: Notify,
    platform: Mutex<Platform>,
    journal: Mutex<Journal>,
    requests: AtomicUsize,
    on_call: Option<OnCall>,
}

impl Shared {
    pub(crate) fn new(clock: Clock, platform: Platform, on_call: Option<OnCall>) -> Self {
        Self {
            clock,
            faults: Faults::default(),
            sent: Notify::new(),
            platform: Mutex::new(platform),
            journal: Mutex::default(),
            requests: AtomicUsize::new(0),
            on_call,
        }
    }

    /// The platform, locked, and what time it is there.
    pub(crate) fn platform(&self) -> (MutexGuard<'_, Platform>, Duration) {
        let platform = self.platform.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that the log's times never go backwards.
        let now = self.clock.now();
        (platform, now)
    }

    pub(crate) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn record(&self, call: Call) {
        if let Some(on_call) = &self.on_call {
            on_call(&call);
        }
        self.journal().push(call);
    }

    pub(crate) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

// Without anything of the platform's: there are secrets and customers' words in it.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("requests", &self.requests()).finish_non_exhaustive()
    }
}
