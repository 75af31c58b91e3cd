use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The simulator's own time: the wall clock when it started, what has passed since, and what tests skipped.
#[derive(Debug)]
pub(crate) struct Clock {
    unix_at_start: Duration,
    started: Instant,
    skipped: Mutex<Duration>,
}

impl Clock {
    pub(crate) fn starting_now() -> Self {
        Self { unix_at_start: wall_clock(), started: Instant::now(), skipped: Mutex::default() }
    }

    /// Time since the Unix epoch.
    pub(crate) fn now(&self) -> Duration {
        self.unix_at_start + self.started.elapsed() + *self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.skipped.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

/// Read once: from then on the clock only goes forward.
#[allow(clippy::disallowed_methods)] // Messages carry dates, and those must be today's; nothing is measured with it.
fn wall_clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
