//! The poll schedule: when each account of an app may read without a callback's token, so that together they stay below
//! WeCom's limit.
//!
//! [`Pacing`](crate::Pacing) also delays such reads, as a safety net, but an account that waits there cannot do
//! anything else. A program that polls should reserve a time here and wait by itself. Then a callback can end the wait.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The time that is added to WeCom's window, because a read takes some time.
const MARGIN: Duration = Duration::from_secs(5);

/// The poll schedule of a client and its clones, returned by [`Client::poll_schedule`](crate::Client::poll_schedule).
#[derive(Clone)]
pub struct PollSchedule(Arc<Mutex<Schedule>>);

impl PollSchedule {
    /// Creates a schedule of at most `most` reads within `window`. One of them is not given out, so that other calls of
    /// the app can use it.
    pub(crate) fn new(most: usize, window: Duration) -> Self {
        let schedule =
            Schedule { most: most.saturating_sub(1).max(1), window, accounts: 0, next_id: 0, slots: BTreeSet::new() };
        Self(Arc::new(Mutex::new(schedule)))
    }

    /// Returns how many reads without a callback's token are given out within which time.
    pub fn limit(&self) -> (usize, Duration) {
        let schedule = self.lock();
        (schedule.most, schedule.window)
    }

    /// Adds an account that polls. It is removed when the [`Poller`] is dropped.
    pub fn join(&self) -> Poller {
        self.lock().accounts += 1;
        Poller { schedule: self.clone(), slot: None }
    }

    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PollSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollSchedule").field("accounts", &self.lock().accounts).finish_non_exhaustive()
    }
}

/// An account in a [`PollSchedule`], returned by [`PollSchedule::join`]. It has at most one reserved time in the
/// future.
#[derive(Debug)]
pub struct Poller {
    schedule: PollSchedule,
    slot: Option<Slot>,
}

impl Poller {
    /// Reserves and returns the time of this account's next read without a callback's token. It is `earliest` or, if
    /// other accounts read then, later. An earlier reservation that lies in the future is cancelled.
    ///
    /// Call this before each such read, including the first, and wait until the returned time or until a callback
    /// arrives.
    pub fn reserve(&mut self, now: Instant, earliest: Instant) -> Instant {
        self.release(now);
        let slot = self.schedule.lock().reserve(now, earliest.max(now));
        self.slot = Some(slot);
        slot.0
    }

    /// Cancels the reservation if its time is in the future. Call this when a callback arrives, because the account
    /// then reads with the token of the callback.
    pub fn release(&mut self, now: Instant) {
        if let Some(slot) = self.slot.take().filter(|(time, _)| *time > now) {
            self.schedule.lock().slots.remove(&slot);
        }
    }

    /// Returns how long to wait from a read to the next poll. It is at least `poll`, and longer if there are many
    /// accounts. `jitter` (0.0 to 1.0) adds up to a tenth, so that the accounts do not all poll at the same moment.
    pub fn interval(&self, poll: Duration, jitter: f64) -> Duration {
        let shared = self.schedule.lock().interval();
        poll.max(shared).mul_f64(1.0 + 0.1 * crate::retry::fraction(jitter))
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.release(Instant::now());
        self.schedule.lock().accounts -= 1;
    }
}

/// A reserved time, with a number that distinguishes reservations of the same time.
type Slot = (Instant, u64);

struct Schedule {
    most: usize,
    window: Duration,
    accounts: u32,
    next_id: u64,
    /// The reserved times. Past ones are kept as long as WeCom counts them.
    slots: BTreeSet<Slot>,
}

impl Schedule {
    /// Returns the time between two polls of an account if all accounts share the window evenly.
    fn interval(&self) -> Duration {
        let share = u32::try_from(self.most.saturating_add(1)).unwrap_or(u32::MAX);
        self.window.saturating_mul(self.accounts) / share
    }

    fn reserve(&mut self, now: Instant, earliest: Instant) -> Slot {
        let window = self.window + MARGIN;
        while self.slots.first().is_some_and(|(time, _)| *time + window <= now) {
            self.slots.pop_first();
        }
        let mut time = earliest;
        while let Some(blocking) = self.blocking(time, window) {
            time = blocking + window;
        }
        self.next_id += 1;
        let slot = (time, self.next_id);
        self.slots.insert(slot);
        slot
    }

    /// Returns the time of the first read in a full window that a read at `time` would exceed. Returns `None` if there
    /// is no such window.
    fn blocking(&self, time: Instant, window: Duration) -> Option<Instant> {
        if self.slots.len() < self.most {
            return None;
        }
        let mut times: Vec<Instant> = self.slots.iter().map(|(time, _)| *time).collect();
        let own = times.partition_point(|other| *other <= time);
        times.insert(own, time);
        let first = own.saturating_sub(self.most);
        // Each candidate is a window that contains `most` other reads and this one.
        (first..=own)
            .filter_map(|first| Some((first, *times.get(first.checked_add(self.most)?)?)))
            .find(|(first, last)| *last - times[*first] < window)
            .map(|(first, _)| times[first])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn schedule() -> PollSchedule {
        PollSchedule::new(10, seconds(60))
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_accounts_start_at_once_and_many_in_turns() {
        let (schedule, now) = (schedule(), Instant::now());
        let mut pollers: Vec<_> = (0..30).map(|_| schedule.join()).collect();
        let times: Vec<_> = pollers.iter_mut().map(|poller| (poller.reserve(now, now) - now).as_secs()).collect();
        assert_eq!(times, [[0; 9], [65; 9], [130; 9]].concat().into_iter().chain([195; 3]).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn the_interval_grows_with_the_accounts() {
        let schedule = schedule();
        let mut pollers: Vec<_> = (0..5).map(|_| schedule.join()).collect();
        assert_eq!(pollers[0].interval(seconds(30), 0.0), seconds(30));
        assert_eq!(pollers[0].interval(seconds(30), 1.0), seconds(33));
        pollers.extend((0..25).map(|_| schedule.join()));
        assert_eq!(pollers[0].interval(seconds(30), 0.0), seconds(180));
        pollers.truncate(10);
        assert_eq!(pollers[0].interval(seconds(30), 0.0), seconds(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_given_back_is_free_again_and_one_that_came_is_not() {
        let (schedule, now) = (PollSchedule::new(2, seconds(60)), Instant::now());
        let (mut one, mut other) = (schedule.join(), schedule.join());
        assert_eq!(one.reserve(now, now + seconds(10)), now + seconds(10));
        assert_eq!(other.reserve(now, now + seconds(10)), now + seconds(75));
        one.release(now + seconds(5));
        assert_eq!(other.reserve(now + seconds(5), now + seconds(10)), now + seconds(10));
        drop(other);
        assert_eq!(one.reserve(now + seconds(5), now + seconds(10)), now + seconds(10));
        assert_eq!(one.reserve(now + seconds(11), now + seconds(11)), now + seconds(75));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reservation_between_two_others_does_not_fill_a_window() {
        let (schedule, now) = (PollSchedule::new(3, seconds(60)), Instant::now());
        let mut pollers: Vec<_> = (0..4).map(|_| schedule.join()).collect();
        let mut at = |index: usize, second: u64| pollers[index].reserve(now, now + seconds(second)) - now;
        assert_eq!(at(0, 100), seconds(100));
        assert_eq!(at(1, 130), seconds(130));
        assert_eq!(at(2, 80), seconds(165), "80, 100 and 130 are within one window");
        assert_eq!(at(3, 30), seconds(30));
    }
}
