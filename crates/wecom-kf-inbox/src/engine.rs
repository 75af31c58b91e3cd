//! The engine of an inbox: one task per account, which gets the lease, loads the state, and serves until it is stopped.
//!
//! ```text
//!  acquire ──lease──► load ──state──► serve ──stop──► shutdown
//!     ▲                 │               │
//!     └────── lost ─────┴───── lost ────┘
//! ```

mod answers;
mod backoff;
mod commit;
mod conversations;
mod desk;
mod fleet;
mod lease;
mod letter;
mod pages;
mod reader;
mod replay;
mod retry;
mod shutdown;
mod start;
mod state;
mod watch;
mod window;

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Instant, sleep_until};
use wecom_kf::BoxFuture;
use wecom_kf::meters::Stopwatch;

use crate::metrics::{LastError, ReadBy, Status};
use crate::report::in_one_line;
use crate::shared::Shared;
use crate::store::{Change, Commit, InboxKey, InboxStore, Lease, ParkedPage, StoreError, Wake};
use crate::{Error, defaults, meters};

pub(crate) use backoff::Backoff;
use desk::Desk;
pub(crate) use desk::{Exchange, Ticket};
pub(crate) use fleet::pass_on;
use lease::LeaseKeeper;
pub(crate) use letter::Letter;
use reader::Reader;
pub use retry::RetryPolicy;
pub(crate) use window::HandOut;

struct Engine {
    shared: Arc<Shared>,
    reader: Reader,
    store_backoff: Backoff,
    changes: BoxStream<'static, Change>,
    /// The write of the commit in flight; `None` while it waits to be repeated.
    write: Option<BoxFuture<'static, Result<(), StoreError>>>,
    /// Set while the store is down.
    write_again_at: Option<Instant>,
    store_is_down: bool,
    wishes: Option<BoxFuture<'static, Result<ParkedPage, StoreError>>>,
    first_wake: FirstWake,
    /// The messages that were last noted in the store before the lease was lost. This process is alive, so none of them
    /// ended it.
    noted: [Option<String>; 2],
    /// Whether another process had the lease when this one last asked for it.
    another_reads: bool,
    /// When the inbox must have ended; set once a stop was asked for.
    stop_by: Option<Instant>,
}

/// Whether a cold start reaches back to the first callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstWake {
    Counts,
    /// The first callback came, and it announces messages sent since this time. The value stays until the earlier start
    /// is stored.
    ReachesBackTo(i64),
    DoesNotCount,
}

/// Why a phase ended.
enum Break {
    /// The lease is lost. The engine acquires it again.
    Lost(StoreError),
    /// The stored state is not the expected one. The engine loads it again.
    OutOfStep(StoreError),
    Stopped,
    /// A person must look.
    Final(Error),
}

type Phase<T> = Result<T, Break>;

/// Runs the engine until it is stopped or cannot continue.
pub(crate) async fn run(shared: Arc<Shared>) {
    let changes = shared.store.changes(&shared.key);
    let _end = watch::EndOnDrop(shared.clone());
    let engine = Engine {
        reader: Reader::new(shared.client.poll_schedule().join(), shared.settings.remembered()),
        store_backoff: Backoff::default(),
        changes,
        write: None,
        write_again_at: None,
        store_is_down: false,
        wishes: None,
        first_wake: FirstWake::DoesNotCount,
        noted: [None, None],
        another_reads: false,
        stop_by: None,
        shared,
    };
    engine.run().await;
}

impl Engine {
    async fn run(mut self) {
        let mut lease: Option<LeaseKeeper> = None;
        loop {
            let ended = match self.live(&mut lease).await {
                Break::Lost(error) | Break::OutOfStep(error) => {
                    if let Some(keeper) = lease.take() {
                        keeper.abandon();
                    }
                    self.lose(error);
                    continue;
                }
                Break::Final(error) => Some(error),
                Break::Stopped => None,
            };
            self.shut_down(lease).await;
            if let Some(error) = ended {
                self.report(error);
            }
            return;
        }
    }

    /// Acquires the lease, loads the state and serves, until something ends that. If the lease is still held, it stays
    /// in `lease`.
    async fn live(&mut self, lease: &mut Option<LeaseKeeper>) -> Break {
        loop {
            let keeper = match self.acquire().await {
                Ok(keeper) => lease.insert(keeper),
                Err(ended) => return ended,
            };
            match self.load_and_serve(keeper).await {
                Err(ended) => return ended,
                Ok(()) => {
                    // Another process goes first, so this one gives up its lease.
                    if let Some(keeper) = lease.take() {
                        keeper.release().await;
                    }
                    self.desk().set_reader(ReadBy::Unknown);
                    self.set_status(Status::StandsBy);
                    if let Err(ended) = self.pause_until(Instant::now() + defaults::BACKOFF_CAP).await {
                        return ended;
                    }
                }
            }
        }
    }

    async fn load_and_serve(&mut self, keeper: &mut LeaseKeeper) -> Phase<()> {
        loop {
            if !self.load(keeper).await? {
                return Ok(());
            }
            match self.serve(keeper).await {
                Break::OutOfStep(error) => self.lose(error),
                ended => return Err(ended),
            }
        }
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.shared.exchange.desk()
    }

    fn report(&self, error: Error) {
        tracing::warn!(inbox = %self.shared.key, error = %in_one_line(&error), "inbox");
        self.desk().metrics.last_error = Some(LastError::now(in_one_line(&error)));
        self.shared.exchange.report(error);
    }

    fn set_status(&self, status: Status) {
        self.desk().set_status(status);
    }

    /// Checks whether a stop was asked for. Returns `Err` if so.
    fn check_stop(&mut self) -> Phase<()> {
        if self.desk().asked.stop {
            self.stop_by.get_or_insert_with(|| Instant::now() + self.shared.settings.stop_within);
            return Err(Break::Stopped);
        }
        Ok(())
    }

    /// Waits until `at`, or for a stop.
    async fn pause_until(&mut self, at: Instant) -> Phase<()> {
        loop {
            self.check_stop()?;
            tokio::select! {
                () = sleep_until(at) => return Ok(()),
                () = self.shared.exchange.news.notified() => {}
            }
        }
    }

    /// Stops handing out messages after the lease was lost. Handlers in progress continue. Their answers count unless
    /// another process reads meanwhile.
    fn lose(&mut self, error: StoreError) {
        let mut desk = self.desk();
        desk.close();
        desk.set_status(Status::StandsBy);
        desk.set_reader(ReadBy::Unknown);
        let noted = desk.state.as_ref().map(|state| state.last_notes().clone());
        drop(desk);
        if let Some(noted) = noted.filter(|noted| noted[0].is_some()) {
            self.noted = noted;
        }
        self.write = None;
        self.write_again_at = None;
        self.store_is_down = false;
        self.wishes = None;
        watch::set_gauges(&self.shared);
        self.report(error.into());
    }

    /// Reports a failure of the store that may pass, and returns when to try again.
    fn store_failed(&mut self, error: StoreError) -> Phase<Instant> {
        self.desk().metrics.store_failures += 1;
        match error {
            StoreError::StaleLease => return Err(Break::Lost(error)),
            StoreError::OutOfStep => return Err(Break::OutOfStep(error)),
            _ if !error.is_retryable() => return Err(Break::Final(error.into())),
            _ => {}
        }
        self.desk().store_failed(Instant::now());
        self.set_status(Status::StoreIsDown);
        let wait = self.store_backoff.next((self.shared.settings.jitter)());
        self.report(error.into());
        Ok(Instant::now() + wait)
    }

    // Serving.

    async fn serve(&mut self, keeper: &mut LeaseKeeper) -> Break {
        self.take_change(Some(Change::Something));
        loop {
            let now = Instant::now();
            self.hear();
            if self.check_stop().is_err() {
                self.reader.stop();
                let is_over = self.stop_by.is_some_and(|stop_by| stop_by <= now);
                if is_over || self.desk().state.as_ref().is_none_or(|state| state.window.running() == 0) {
                    return Break::Stopped;
                }
            }
            self.write_if_due(keeper, now);
            self.open(keeper);
            self.read_ahead(now);
            self.look_for_wishes();
            let timer = self.prepare(now);
            self.shared.exchange.wake_consumer();
            let outcome = tokio::select! {
                biased;
                error = keeper.lost() => Err(Break::Lost(error)),
                written = done(&mut self.write) => self.written(written),
                progress = self.reader.progress() => {
                    self.take_progress(progress);
                    Ok(())
                }
                wishes = done(&mut self.wishes) => self.take_wishes(wishes),
                change = self.changes.next() => {
                    self.take_change(change);
                    Ok(())
                }
                () = until(timer) => Ok(()),
                () = self.shared.exchange.news.notified() => Ok(()),
            };
            if let Err(ended) = outcome {
                return ended;
            }
        }
    }

    fn take_change(&mut self, change: Option<Change>) {
        match change {
            Some(Change::Released | Change::Members) => {}
            Some(Change::ReplayWished) => self.desk().asked.look_for_wishes = true,
            Some(Change::Woken) => fleet::ask_for_wake(&self.shared),
            Some(Change::Something) => {
                self.desk().asked.look_for_wishes = true;
                fleet::ask_for_wake(&self.shared);
            }
            None => self.changes = futures_util::stream::pending().boxed(),
        }
    }

    /// Does what the handles asked for.
    fn hear(&mut self) {
        let mut desk = self.shared.exchange.desk();
        if desk.asked.stop || desk.is_paused {
            return;
        }
        if self.first_wake == FirstWake::Counts
            && let Some(wake) = &desk.asked.wake
        {
            self.first_wake = FirstWake::ReachesBackTo(reaching_back(wake.create_time));
        }
        if let FirstWake::ReachesBackTo(since) = self.first_wake
            && let Some(state) = &mut desk.state
            && !state.reaches_back()
        {
            if state.since().is_some_and(|known| since < known) {
                tracing::info!(inbox = %self.shared.key, since, "the callback announces messages older than the start");
                state.reach_back(since, Instant::now());
            } else {
                self.first_wake = FirstWake::DoesNotCount;
            }
        }
        if desk.asked.wake.as_ref().is_some_and(|wake| self.reader.takes_wake(wake.token.is_some()))
            && let Some(Wake { token, .. }) = desk.asked.wake.take()
        {
            self.reader.wake(token);
        }
    }

    fn write_if_due(&mut self, keeper: &LeaseKeeper, now: Instant) {
        if self.write.is_some() || self.write_again_at.is_some_and(|at| at > now) {
            return;
        }
        let mut desk = self.shared.exchange.desk();
        let Some(state) = &mut desk.state else { return };
        let commit = match self.write_again_at.take() {
            Some(_) => state.in_flight().cloned(),
            None => state.next_commit(now),
        };
        let Some(commit) = commit else { return };
        let (store, lease) = (self.shared.store.clone(), keeper.lease().clone());
        let key = self.shared.key.clone();
        self.write = Some(Box::pin(async move { committed(&*store, &key, &lease, &commit).await }));
    }

    fn written(&mut self, written: Result<(), StoreError>) -> Phase<()> {
        match written {
            Ok(()) => {
                self.store_backoff.reset();
                self.store_is_down = false;
                watch::set_gauges(&self.shared);
                let mut desk = self.shared.exchange.desk();
                desk.store_answered();
                desk.metrics.commits += 1;
                let look_after_commit = std::mem::take(&mut desk.asked.look_after_commit);
                desk.asked.look_for_wishes |= look_after_commit;
                let Some(state) = &mut desk.state else { return Ok(()) };
                let reached_back = state.reaches_back();
                state.written(Instant::now());
                if reached_back && !state.reaches_back() {
                    // The earlier start is stored now, so the messages that were skipped are read.
                    self.first_wake = FirstWake::DoesNotCount;
                    self.reader.restart(None);
                }
            }
            Err(error) => {
                self.write_again_at = Some(self.store_failed(error)?);
                self.store_is_down = true;
            }
        }
        Ok(())
    }

    /// Lets messages be handed out, unless the store is down.
    fn open(&mut self, keeper: &LeaseKeeper) {
        let mut desk = self.shared.exchange.desk();
        match self.store_is_down {
            false => desk.open(keeper.until()),
            true => desk.close(),
        }
    }

    /// Prepares the commits that must come before more is handed out. Returns when to look again.
    fn prepare(&mut self, now: Instant) -> Option<Instant> {
        let mut desk = self.shared.exchange.desk();
        let wants_room = self.reader.is_due();
        let is_stopping = self.stop_by.is_some();
        let Some(state) = &mut desk.state else { return self.stop_by };
        if !is_stopping {
            state.prepare(now);
        }
        desk.engine_wants_answers = is_stopping || state.is_suspicious();
        desk.engine_wants_room = wants_room;
        let status = match () {
            () if is_stopping => Status::Stopping,
            () if self.store_is_down => Status::StoreIsDown,
            () if desk.is_paused => Status::Paused,
            () if self.reader.backs_off() => Status::BacksOff,
            () if self.reader.is_caught_up() && desk.state.as_ref().is_some_and(|it| it.window.unsettled() == 0) => {
                Status::CaughtUp
            }
            () => Status::Reads,
        };
        desk.set_status(status);
        let timer = desk.timer().filter(|_| self.write_again_at.is_none());
        let at = [timer, self.write_again_at, self.stop_by].into_iter().flatten().min();
        desk.engine_sleeps_until(at);
        at
    }
}

pub(crate) fn reaching_back(time: i64) -> i64 {
    time.saturating_sub(seconds(defaults::FROM_NOW_REACHES_BACK))
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

pub(crate) fn unix(time: std::time::SystemTime) -> i64 {
    time.duration_since(std::time::UNIX_EPOCH).map_or(0, seconds)
}

/// Waits for a store. If it does not answer in time, it counts as down.
pub(crate) async fn in_time<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    StoreError::in_time(defaults::STORE_TIMEOUT, asked).await
}

/// Writes a commit.
async fn committed(store: &dyn InboxStore, key: &InboxKey, lease: &Lease, commit: &Commit) -> Result<(), StoreError> {
    let took = Stopwatch::start();
    let written = in_time(store.commit(lease, commit)).await;
    meters::commit(key, written.is_ok(), took);
    written
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Waits for the future in the slot, and empties the slot.
async fn done<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    let Some(running) = future else { return std::future::pending().await };
    let outcome = running.await;
    *future = None;
    outcome
}
