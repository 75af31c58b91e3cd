//! The cache of a client's access token: runs the loads that `state` decides on, and lets all callers share their outcome.
//!
//! At most one load (a fetch from the source) is in flight, no matter how many calls wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::source::{IssuedToken, TokenSource};
use super::state::{Next, Outcome, Refresh, Replace, State};
use crate::retry::fraction;
use crate::{AccessToken, Error, defaults, meters};

/// The cache of a client's access token. Clones share the same token.
#[derive(Clone)]
pub(crate) struct TokenCache(Arc<Shared>);

struct Shared {
    source: Box<dyn TokenSource>,
    renew_early: Duration,
    jitter: fn() -> f64,
    locked: Mutex<Locked>,
}

#[derive(Default)]
struct Locked {
    state: State,
    /// The load in flight.
    load: Option<Pending>,
}

/// Receives the outcome of a load in flight.
type Pending = watch::Receiver<Option<Outcome>>;

impl TokenCache {
    pub(crate) fn new(source: Box<dyn TokenSource>, renew_early: Duration, jitter: fn() -> f64) -> Self {
        Self(Arc::new(Shared { source, renew_early, jitter, locked: Mutex::default() }))
    }

    /// Returns the token for a call. A valid token is returned immediately, even while its renewal is in progress.
    pub(crate) async fn get(&self) -> Outcome {
        match self.decide(None) {
            Decided::Outcome(outcome) | Decided::Stopgap(outcome) => outcome,
            Decided::Wait(load) => wait_for(load).await,
        }
    }

    /// Reports that WeCom rejected `rejected`, and returns its replacement: the token that replaced it in the meantime,
    /// or the outcome of a new load. Returns `None` while back-off forbids a load and no failure explains why.
    pub(crate) async fn replace(&self, rejected: &Arc<AccessToken>) -> Option<Outcome> {
        match self.decide(Some(rejected)) {
            Decided::Outcome(outcome) => Some(outcome),
            Decided::Wait(load) => Some(wait_for(load).await),
            Decided::Stopgap(Err(failure)) => Some(Err(failure)),
            Decided::Stopgap(Ok(_)) => None,
        }
    }

    /// Returns a token that is newer than `suspect`, which WeCom did not reject but which may be stale. Starts at most
    /// one load per [`defaults::TOKEN_GAP`] for this, and other calls use `suspect` in the meantime. Returns `None` if
    /// there is no newer token.
    pub(crate) async fn refresh(&self, suspect: &Arc<AccessToken>) -> Option<Arc<AccessToken>> {
        let fresh = match self.decide_refresh(suspect)? {
            Decided::Outcome(outcome) | Decided::Stopgap(outcome) => outcome,
            Decided::Wait(load) => wait_for(load).await,
        };
        fresh.ok().filter(|fresh| fresh != suspect)
    }

    /// Records that WeCom rejected `rejected`. The next call that needs a token starts the load of another one.
    pub(crate) fn mark_rejected(&self, rejected: &Arc<AccessToken>) {
        self.0.lock().state.reject(rejected, now());
    }

    /// Records that WeCom accepted `token` in a call.
    pub(crate) fn mark_accepted(&self, token: &Arc<AccessToken>) {
        self.0.lock().state.accept(token);
    }

    /// Decides what a caller does next, and starts the load that it needs after the lock is released.
    fn decide(&self, rejected: Option<&Arc<AccessToken>>) -> Decided {
        let mut locked = self.0.lock();
        let (decided, load) = match locked.state.decide(rejected, now()) {
            Next::Use(token, None) => (Decided::Outcome(Ok(token)), None),
            Next::Use(token, Some(renewal)) => (Decided::Outcome(Ok(token)), Some(self.new_load(&mut locked, renewal))),
            Next::Wait => (Decided::Wait(locked.pending()), None),
            Next::Load(replace) => {
                let load = self.new_load(&mut locked, replace);
                (Decided::Wait(locked.pending()), Some(load))
            }
            Next::TooEarly(stopgap) => (Decided::Stopgap(stopgap), None),
        };
        drop(locked);
        if let Some(load) = load {
            load.start();
        }
        decided
    }

    /// Decides like `decide`, but for a token that may be stale. Returns `None` if the caller must continue with
    /// `suspect`.
    fn decide_refresh(&self, suspect: &Arc<AccessToken>) -> Option<Decided> {
        let mut locked = self.0.lock();
        let load = match locked.state.decide_refresh(suspect, now()) {
            Refresh::Current(token) => return Some(Decided::Outcome(Ok(token))),
            Refresh::TooEarly => return None,
            Refresh::Wait => None,
            Refresh::Load(replace) => Some(self.new_load(&mut locked, replace)),
        };
        let pending = locked.pending();
        drop(locked);
        if let Some(load) = load {
            load.start();
        }
        Some(Decided::Wait(pending))
    }

    fn new_load(&self, locked: &mut Locked, Replace(rejected): Replace) -> Load {
        let (sender, receiver) = watch::channel(None);
        locked.load = Some(receiver);
        Load { shared: self.0.clone(), rejected, sender }
    }
}

/// What a caller that needs a token does next.
enum Decided {
    Outcome(Outcome),
    Wait(Pending),
    /// Back-off forbids a load; carries the fallback.
    Stopgap(Outcome),
}

impl Locked {
    /// Returns the receiver of the load in flight.
    fn pending(&self) -> Pending {
        // Without a load in flight the sender is gone, and `wait_for` returns an error.
        self.load.clone().unwrap_or_else(|| watch::channel(None).1)
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A load in flight. Callers that wait always get an outcome, even if the load panics or is dropped.
struct Load {
    shared: Arc<Shared>,
    /// The rejected or possibly stale token to replace; `None` for a first load or a renewal ahead of expiry.
    rejected: Option<Arc<AccessToken>>,
    sender: watch::Sender<Option<Outcome>>,
}

impl Load {
    /// Runs the load on a task of its own, so that a caller that gives up does not cancel it for the others.
    fn start(self) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.run())),
            // There is no tokio runtime. Dropping the load reports the failure to all waiting callers.
            Err(_) => drop(self),
        }
    }

    async fn run(mut self) {
        let mut issued = self.fetch().await;
        if let Ok(token) = &issued {
            let rejected = self.shared.lock().state.rejected_token();
            // WeCom rejected the old token while this renewal ran, and the source, which did not know of that, returned
            // the same token: fetch again and pass the rejected token.
            if self.rejected.is_none() && rejected.as_ref().is_some_and(|rejected| **rejected == token.token) {
                self.rejected = rejected;
                issued = self.fetch().await;
            }
        }
        self.finish(issued);
    }

    async fn fetch(&self) -> Result<IssuedToken, Error> {
        let limit = defaults::TOKEN_LOAD_TIMEOUT;
        match timeout(limit, self.shared.source.fetch(self.rejected.as_deref())).await {
            Ok(Ok(issued)) if issued.token.expose().is_empty() => Err(Error::lacks("gettoken", "access_token")),
            Ok(issued) => issued,
            Err(_) => Err(Error::TimedOut { operation: "gettoken", attempts: 0, after: limit }),
        }
    }

    fn finish(&self, issued: Result<IssuedToken, Error>) {
        meters::TOKEN_RENEWALS.add(&[if issued.is_ok() { "ok" } else { "failed" }], 1);
        let mut locked = self.shared.lock();
        let outcome = locked.state.settle(issued, now(), || self.shared.draw_early());
        locked.load = None;
        drop(locked);
        self.sender.send_replace(Some(outcome));
    }
}

impl Drop for Load {
    /// Finishes the load with an error if its source panicked or its runtime shut down. Otherwise callers would wait for
    /// ever.
    fn drop(&mut self) {
        let is_finished = self.sender.borrow().is_some();
        if !is_finished {
            self.finish(Err(Error::token_source("the fetch panicked, or no tokio runtime is running")));
        }
    }
}

impl Shared {
    /// Returns how long before its end to renew a token. It is random, so that clients started together do not renew
    /// together.
    fn draw_early(&self) -> Duration {
        self.renew_early.min(defaults::TOKEN_LIFETIME_CAP).mul_f64(1.0 - 0.5 * fraction((self.jitter)()))
    }

    fn lock(&self) -> MutexGuard<'_, Locked> {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait_for(mut load: Pending) -> Outcome {
    match load.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
        Ok(Some(outcome)) => outcome,
        // Unreachable: `Load` always leaves an outcome before its sender goes.
        Ok(None) | Err(_) => Err(Arc::new(Error::token_source("the fetch was dropped"))),
    }
}
