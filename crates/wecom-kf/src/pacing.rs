//! Pacing: how a client stays below WeCom's limits on calls at the same time and on calls in a minute.
//!
//! A client and its clones share three gates: for `sync_msg` calls at the same time, for `sync_msg` calls without a
//! callback's token in a minute, and for all other calls at the same time. Calls pass a gate in the order in which they
//! arrive. A call stops waiting at its deadline, or when it is dropped.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::polls::PollSchedule;
use crate::{ErrCode, defaults};

/// The limits on how fast a client calls WeCom, for [`ClientBuilder::pacing`](crate::ClientBuilder::pacing).
///
/// The defaults are WeCom's limits as far as they are known. Lower them if several processes call for one app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Pacing {
    syncs_at_once: usize,
    tokenless_syncs: usize,
    tokenless_window: Duration,
    calls_at_once: usize,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            syncs_at_once: defaults::SYNCS_AT_ONCE,
            tokenless_syncs: defaults::TOKENLESS_SYNCS,
            tokenless_window: defaults::TOKENLESS_WINDOW,
            calls_at_once: defaults::CALLS_AT_ONCE,
        }
    }
}

impl Pacing {
    /// Sets how many `sync_msg` calls may be in progress at the same time. The default is 5
    /// ([`defaults::SYNCS_AT_ONCE`]). 0 means 1.
    pub fn syncs_at_once(mut self, count: usize) -> Self {
        self.syncs_at_once = count.max(1);
        self
    }

    /// Sets how many `sync_msg` calls without a callback's token may be made within `window`. The default is 10
    /// ([`defaults::TOKENLESS_SYNCS`]) in 60 s ([`defaults::TOKENLESS_WINDOW`]). A count of 0 means 1, and a window of
    /// more than a day means a day.
    ///
    /// This limit does not apply to calls with a callback's token.
    pub fn tokenless_syncs(mut self, count: usize, window: Duration) -> Self {
        self.tokenless_syncs = count.max(1);
        self.tokenless_window = window.min(LONGEST_WINDOW);
        self
    }

    /// Sets how many calls of all other operations may be in progress at the same time. The default is 64
    /// ([`defaults::CALLS_AT_ONCE`]). 0 means 1.
    ///
    /// When WeCom refuses a call with 45033 (too many at once), the limit becomes half of the calls that were in
    /// progress. Then it rises by one every 10 s ([`defaults::CALLS_AT_ONCE_RECOVERY`]).
    pub fn calls_at_once(mut self, count: usize) -> Self {
        self.calls_at_once = count.max(1);
        self
    }

    /// Creates a pacing without limits, for example for tests against a simulator that has none.
    pub fn unlimited() -> Self {
        Self {
            syncs_at_once: usize::MAX,
            tokenless_syncs: usize::MAX,
            tokenless_window: Duration::ZERO,
            calls_at_once: usize::MAX,
        }
    }
}

impl Pacing {
    pub(crate) fn poll_schedule(self) -> PollSchedule {
        PollSchedule::new(self.tokenless_syncs, self.tokenless_window)
    }
}

/// The longest window: a day. A much longer one would overflow the clock.
const LONGEST_WINDOW: Duration = Duration::from_secs(86_400);

/// The kind of a call, which decides on the gates that it must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `sync_msg` with a callback's token.
    Sync,
    /// `sync_msg` without one.
    TokenlessSync,
    /// Any other operation.
    Other,
}

/// The gates of a client, shared by its clones.
pub(crate) struct Gates {
    syncs: Gate<AtOnce>,
    tokenless: Gate<Window>,
    others: Gate<AtOnce>,
}

/// The right to make a call. Dropping it reports to the gates that the call has ended.
pub(crate) struct Pass<'a> {
    at_once: Entered<'a, AtOnce>,
    window: Option<Entered<'a, Window>>,
}

impl Gates {
    pub(crate) fn new(pacing: Pacing) -> Self {
        Self {
            syncs: Gate::new(AtOnce::new(pacing.syncs_at_once)),
            tokenless: Gate::new(Window::new(pacing.tokenless_syncs, pacing.tokenless_window)),
            others: Gate::new(AtOnce::new(pacing.calls_at_once)),
        }
    }

    /// Lets a call pass immediately. Returns `None` if it has to wait.
    pub(crate) fn try_enter(&self, kind: Kind) -> Option<Pass<'_>> {
        let at_once = self.at_once(kind).try_enter()?;
        let window = match kind {
            Kind::TokenlessSync => Some(self.tokenless.try_enter()?),
            Kind::Sync | Kind::Other => None,
        };
        Some(Pass::new(at_once, window))
    }

    /// Waits until the call may be made.
    pub(crate) async fn enter(&self, kind: Kind) -> Pass<'_> {
        // Wait at the window first, so that a call that waits there does not take the place of a call that need not.
        let window = match kind {
            Kind::TokenlessSync => Some(self.tokenless.enter().await),
            Kind::Sync | Kind::Other => None,
        };
        Pass::new(self.at_once(kind).enter().await, window)
    }

    fn at_once(&self, kind: Kind) -> &Gate<AtOnce> {
        match kind {
            Kind::Sync | Kind::TokenlessSync => &self.syncs,
            Kind::Other => &self.others,
        }
    }
}

impl<'a> Pass<'a> {
    fn new(mut at_once: Entered<'a, AtOnce>, mut window: Option<Entered<'a, Window>>) -> Self {
        at_once.is_used = true;
        window.iter_mut().for_each(|window| window.is_used = true);
        Self { at_once, window }
    }

    /// Records that WeCom refused the call. With some errcodes this means that the gates let too many calls pass.
    pub(crate) fn refused(&mut self, code: ErrCode) {
        match code {
            ErrCode::CONCURRENCY_LIMIT_EXCEEDED => self.at_once.change(AtOnce::cut),
            ErrCode::RATE_LIMIT_EXCEEDED => {
                if let Some(window) = &mut self.window {
                    window.change(|window, _, now| window.close(now));
                }
            }
            _ => {}
        }
    }
}

/// The rule of a gate: which calls may pass, and when.
trait Rule: Send {
    /// The value that a call keeps while it is in progress.
    type Mark: Copy + Send + Sync;

    /// Lets one call pass. Otherwise returns the time at which to try again, or `None` if that is when a call in
    /// progress ends.
    fn enter(&mut self, now: Instant) -> Result<Self::Mark, Option<Instant>>;

    /// Records that a call has ended, or that it was not made because another gate was closed (`is_used` is false).
    fn leave(&mut self, now: Instant, is_used: bool);
}

/// A gate that calls pass in the order in which they arrive.
struct Gate<R> {
    state: Mutex<State<R>>,
    /// Locked by the first call in the queue. tokio's mutex is fair, so the calls get it in the order in which they
    /// arrived.
    turn: tokio::sync::Mutex<()>,
    changed: Notify,
}

struct State<R> {
    rule: R,
    waiting: usize,
}

impl<R: Rule> Gate<R> {
    fn new(rule: R) -> Self {
        Self {
            state: Mutex::new(State { rule, waiting: 0 }),
            turn: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Lets a call pass immediately. Returns `None` if it has to wait, or if other calls are waiting already.
    fn try_enter(&self) -> Option<Entered<'_, R>> {
        let mut state = self.lock();
        match state.waiting {
            0 => state.rule.enter(Instant::now()).ok().map(|mark| Entered::new(self, mark)),
            _ => None,
        }
    }

    async fn enter(&self) -> Entered<'_, R> {
        let _waiting = Waiting::at(self);
        let _turn = self.turn.lock().await;
        loop {
            let changed = self.changed.notified();
            let entered = self.lock().rule.enter(Instant::now());
            match entered {
                Ok(mark) => return Entered::new(self, mark),
                Err(Some(time)) => drop(timeout_at(time, changed).await),
                Err(None) => changed.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a waiting call until it passes the gate or is dropped.
struct Waiting<'a, R: Rule>(&'a Gate<R>);

impl<'a, R: Rule> Waiting<'a, R> {
    fn at(gate: &'a Gate<R>) -> Self {
        gate.lock().waiting += 1;
        Self(gate)
    }
}

impl<R: Rule> Drop for Waiting<'_, R> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// A call that has passed a gate.
struct Entered<'a, R: Rule> {
    gate: &'a Gate<R>,
    mark: R::Mark,
    /// Whether the call is made. It is not if another gate was closed.
    is_used: bool,
}

impl<'a, R: Rule> Entered<'a, R> {
    fn new(gate: &'a Gate<R>, mark: R::Mark) -> Self {
        Self { gate, mark, is_used: false }
    }

    fn change(&mut self, change: impl FnOnce(&mut R, R::Mark, Instant)) {
        change(&mut self.gate.lock().rule, self.mark, Instant::now());
    }
}

impl<R: Rule> Drop for Entered<'_, R> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.rule.leave(Instant::now(), self.is_used);
        if state.waiting > 0 {
            drop(state);
            // Only the first call in the queue is notified. `notify_one` keeps the notification if that call is not
            // listening yet.
            self.gate.changed.notify_one();
        }
    }
}

/// The rule of calls at the same time. It lowers its limit when WeCom says that there were too many.
struct AtOnce {
    most: usize,
    limit: usize,
    under_way: usize,
    /// The number of times that the limit was lowered. A refusal only counts if its call was let in after the last
    /// time.
    cuts: u32,
    /// The time at which the limit rises by one.
    rises_at: Option<Instant>,
}

impl AtOnce {
    fn new(most: usize) -> Self {
        Self { most, limit: most, under_way: 0, cuts: 0, rises_at: None }
    }

    fn cut(&mut self, cuts: u32, now: Instant) {
        if cuts == self.cuts {
            self.limit = (self.under_way.min(self.limit) / 2).max(1);
            self.cuts = self.cuts.wrapping_add(1);
            self.rises_at = Some(now + defaults::CALLS_AT_ONCE_RECOVERY);
            tracing::info!(limit = self.limit, "too many calls at once (45033), making fewer");
        }
    }

    fn rise(&mut self, now: Instant) {
        while let Some(at) = self.rises_at.filter(|at| *at <= now) {
            self.limit += 1;
            self.rises_at = (self.limit < self.most).then(|| at + defaults::CALLS_AT_ONCE_RECOVERY);
        }
    }
}

impl Rule for AtOnce {
    type Mark = u32;

    fn enter(&mut self, now: Instant) -> Result<u32, Option<Instant>> {
        self.rise(now);
        if self.under_way >= self.limit {
            return Err(self.rises_at);
        }
        self.under_way += 1;
        Ok(self.cuts)
    }

    fn leave(&mut self, _: Instant, _: bool) {
        self.under_way -= 1;
    }
}

/// The rule of calls within a window of time.
///
/// A call counts from the time at which it passes until `window` after its end. WeCom receives it at an unknown time in
/// between, so WeCom never counts more calls in a window, whatever the delay of the network.
struct Window {
    most: usize,
    window: Duration,
    under_way: usize,
    /// The end of each call within the last `window`, oldest first.
    ended: VecDeque<Instant>,
    /// The time until which no call passes, because WeCom refused one for too many calls (45009).
    closed_until: Option<Instant>,
}

impl Window {
    fn new(most: usize, window: Duration) -> Self {
        Self { most, window, under_way: 0, ended: VecDeque::new(), closed_until: None }
    }

    fn close(&mut self, now: Instant) {
        self.closed_until = Some(now + self.window);
        tracing::info!(wait_ms = self.window.as_millis() as u64, "too many sync_msg without a token (45009), waiting");
    }
}

impl Rule for Window {
    type Mark = ();

    fn enter(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        if let Some(until) = self.closed_until.filter(|until| now < *until) {
            return Err(Some(until));
        }
        self.closed_until = None;
        while self.ended.front().is_some_and(|ended| *ended + self.window <= now) {
            self.ended.pop_front();
        }
        if self.under_way + self.ended.len() >= self.most {
            return Err(self.ended.front().map(|ended| *ended + self.window));
        }
        self.under_way += 1;
        Ok(())
    }

    fn leave(&mut self, now: Instant, is_used: bool) {
        self.under_way -= 1;
        if is_used && !self.window.is_zero() {
            self.ended.push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{sleep, timeout};

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Makes `count` calls that last `takes` each. Returns the time at which each one passed.
    async fn let_in(gates: &Arc<Gates>, kind: Kind, count: usize, takes: Duration) -> Vec<Instant> {
        let calls = (0..count).map(|_| {
            let gates = gates.clone();
            tokio::spawn(async move {
                let pass = gates.enter(kind).await;
                let now = Instant::now();
                sleep(takes).await;
                drop(pass);
                now
            })
        });
        let mut times = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            times.push(call.await.unwrap());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_sees_more_than_ten_syncs_without_a_token() {
        let gates = Arc::new(Gates::new(Pacing::default()));
        let times = let_in(&gates, Kind::TokenlessSync, 45, Duration::from_millis(700)).await;
        assert!(times.is_sorted(), "they are let in in order");
        for window in times.windows(11) {
            assert!(window[10] - window[0] > seconds(60), "{:?}", window[10] - window[0]);
        }
        assert!(times[44] - times[0] < seconds(4 * 62), "and no slower than that: {:?}", times[44] - times[0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sync_with_a_token_does_not_wait_behind_tokenless_ones() {
        let gates = Arc::new(Gates::new(Pacing::default()));
        for _ in 0..10 {
            gates.try_enter(Kind::TokenlessSync).unwrap();
        }
        assert!(gates.try_enter(Kind::TokenlessSync).is_none());
        let waiting = tokio::spawn({
            let gates = gates.clone();
            async move { drop(gates.enter(Kind::TokenlessSync).await) }
        });
        sleep(seconds(1)).await;
        assert!(gates.try_enter(Kind::Sync).is_some());
        waiting.await.unwrap();

        let mut pass = gates.enter(Kind::TokenlessSync).await;
        pass.refused(ErrCode::RATE_LIMIT_EXCEEDED);
        drop(pass);
        let refused = Instant::now();
        assert!(gates.try_enter(Kind::Sync).is_some());
        drop(gates.enter(Kind::TokenlessSync).await);
        assert_eq!(refused.elapsed(), seconds(60));
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_five_syncs_are_under_way() {
        let gates = Arc::new(Gates::new(Pacing::default()));
        let started = Instant::now();
        let times = let_in(&gates, Kind::Sync, 12, seconds(1)).await;
        let seconds: Vec<_> = times.iter().map(|time| (*time - started).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_halves_once_a_burst_and_rises_again() {
        let gates = Gates::new(Pacing::default().calls_at_once(16));
        let mut passes: Vec<_> = (0..16).map(|_| gates.try_enter(Kind::Other).unwrap()).collect();
        assert!(gates.try_enter(Kind::Other).is_none());
        for pass in &mut passes[5..] {
            pass.refused(ErrCode::CONCURRENCY_LIMIT_EXCEEDED);
        }
        drop(passes);
        let count = || std::iter::from_fn(|| gates.try_enter(Kind::Other)).collect::<Vec<_>>().len();
        assert_eq!(count(), 8);
        sleep(seconds(25)).await;
        assert_eq!(count(), 10);
        sleep(seconds(600)).await;
        assert_eq!(count(), 16);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_before_it_is_made_does_not_count() {
        let gates = Gates::new(Pacing::default());
        let syncs: Vec<_> = (0..5).map(|_| gates.try_enter(Kind::Sync).unwrap()).collect();
        for _ in 0..20 {
            assert!(gates.try_enter(Kind::TokenlessSync).is_none());
            assert!(timeout(seconds(1), gates.enter(Kind::TokenlessSync)).await.is_err());
        }
        drop(syncs);
        assert!((0..10).all(|_| gates.try_enter(Kind::TokenlessSync).is_some()));
        assert!(gates.try_enter(Kind::TokenlessSync).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_holds_up_nobody() {
        let gates = Arc::new(Gates::new(Pacing::default().calls_at_once(1)));
        let pass = gates.enter(Kind::Other).await;
        for _ in 0..3 {
            assert!(timeout(seconds(1), gates.enter(Kind::Other)).await.is_err());
        }
        let last = tokio::spawn({
            let gates = gates.clone();
            async move { drop(gates.enter(Kind::Other).await) }
        });
        tokio::task::yield_now().await;
        assert!(gates.try_enter(Kind::Other).is_none(), "somebody waits");
        drop(pass);
        last.await.unwrap();
        assert!(gates.try_enter(Kind::Other).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn without_limits_nobody_waits() {
        let gates = Gates::new(Pacing::unlimited());
        let all: Vec<_> = [Kind::Sync, Kind::TokenlessSync, Kind::Other]
            .into_iter()
            .flat_map(|kind| (0..1000).map(move |_| kind))
            .map_while(|kind| gates.try_enter(kind))
            .collect();
        assert_eq!(all.len(), 3000);
    }
}
