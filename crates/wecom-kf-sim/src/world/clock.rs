//! The simulator's own time: running, or standing until it is moved forward.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The simulator's own time. It runs, or it stands still until it is put forward; it never goes back.
#[derive(Debug)]
pub(crate) struct Clock(Mutex<Hands>);

#[derive(Debug)]
struct Hands {
    /// Time since the Unix epoch when the clock began to stand or to run.
    base: Duration,
    /// Since when it runs; None while it stands still.
    running_since: Option<Instant>,
    advanced: Duration,
}

/// What a clock shows, read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) now: Duration,
    pub(crate) pace: Pace,
    /// By how much it was put forward in all.
    pub(crate) advanced: Duration,
}

/// Whether a clock runs by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Running,
    Manual,
}

impl Clock {
    pub(crate) fn starting_now() -> Self {
        Self(Mutex::new(Hands { base: wall_clock(), running_since: Some(Instant::now()), advanced: Duration::ZERO }))
    }

    /// Stands still at this time since the Unix epoch.
    pub(crate) fn standing_at(base: Duration) -> Self {
        Self(Mutex::new(Hands { base, running_since: None, advanced: Duration::ZERO }))
    }

    /// Time since the Unix epoch.
    pub(crate) fn now(&self) -> Duration {
        self.lock().now()
    }

    pub(crate) fn read(&self) -> Reading {
        let hands = self.lock();
        let pace = if hands.running_since.is_some() { Pace::Running } else { Pace::Manual };
        Reading { now: hands.now(), pace, advanced: hands.advanced }
    }

    pub(crate) fn advance(&self, by: Duration) {
        let mut hands = self.lock();
        // A year that no calendar has would panic later; who asks for it gets the last one there is.
        hands.base = hands.base.saturating_add(by).min(LAST);
        hands.advanced = hands.advanced.saturating_add(by).min(LAST);
    }

    pub(crate) fn set_pace(&self, pace: Pace) {
        let mut hands = self.lock();
        hands.base = hands.now();
        hands.running_since = match pace {
            Pace::Running => Some(Instant::now()),
            Pace::Manual => None,
        };
    }

    /// Goes on from a time that was saved. A clock that runs has run meanwhile.
    pub(crate) fn restore(&self, now: Duration, advanced: Duration, pace: Pace) {
        let (now, advanced) = (now.min(LAST), advanced.min(LAST));
        *self.lock() = match pace {
            Pace::Manual => Hands { base: now, running_since: None, advanced },
            Pace::Running => {
                let base = now.max(wall_clock().saturating_add(advanced)).min(LAST);
                Hands { base, running_since: Some(Instant::now()), advanced }
            }
        };
    }

    /// Back to where a manual clock started.
    pub(crate) fn stand_again_at(&self, base: Duration) {
        *self.lock() = Hands { base, running_since: None, advanced: Duration::ZERO };
    }

    /// Real time since `started`; none while the clock is manual, so that two runs write the same journal.
    pub(crate) fn took(&self, started: Instant) -> Duration {
        match self.read().pace {
            Pace::Running => started.elapsed(),
            Pace::Manual => Duration::ZERO,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the year 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);

impl Hands {
    fn now(&self) -> Duration {
        self.base + self.running_since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// Returns the time since the Unix epoch. Read once per simulator: from then on its clock only goes forward.
#[allow(clippy::disallowed_methods)] // Messages carry dates, and those must be today's; nothing is measured with it.
pub(crate) fn wall_clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_stands_moves_only_when_it_is_put_forward_and_runs_on_from_there() {
        let clock = Clock::standing_at(Duration::from_secs(1000));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), Duration::from_secs(1000));
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now(), Duration::from_secs(1060));

        clock.set_pace(Pace::Running);
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(clock.now(), Duration::from_secs(1065));
        clock.set_pace(Pace::Manual);
        tokio::time::advance(Duration::from_secs(5)).await;
        let read = clock.read();
        assert_eq!((read.now.as_secs(), read.advanced.as_secs(), read.pace), (1065, 60, Pace::Manual));
    }

    #[test]
    fn it_stops_at_the_end_of_the_calendar() {
        let clock = Clock::standing_at(Duration::from_secs(1000));
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), LAST);
    }
}
