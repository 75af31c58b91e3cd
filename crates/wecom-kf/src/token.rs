//! The access token: its sources, and the cache that lets all callers share one fetch.
//!
//! At most one fetch ("load") is in flight, no matter how many calls wait for it, and all of them share its outcome. A
//! valid token is used while its renewal runs. Failed loads back off for all callers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::retry::fraction;
use crate::{AccessToken, Error, defaults};

/// A source of access tokens. The default is `gettoken`; implement your own for a central token server, or for an app
/// that is not self-built.
///
/// A client never runs two fetches at the same time, no matter how many calls wait, and its back-off and
/// [`defaults::TOKEN_GAP`] limit how often it fetches. A fetch that takes longer than [`defaults::TOKEN_LOAD_TIMEOUT`] is
/// cancelled.
///
/// ```
/// use wecom_kf::{AccessToken, BoxFuture, Error, IssuedToken, TokenSource};
///
/// struct TokenServer;
///
/// impl TokenSource for TokenServer {
///     fn fetch<'a>(&'a self, rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
///         Box::pin(async { Ok(IssuedToken::new("token of the server", Some(7200))) })
///     }
/// }
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// Fetches a token.
    ///
    /// `rejected` is `None` if the client needs its first token or renews one ahead of its end. Otherwise it is the token
    /// to replace: WeCom rejected it, or refused a call in a way that suggests that the token predates a change in the
    /// admin console ([`ErrCode::may_come_from_stale_token`](crate::ErrCode::may_come_from_stale_token)). A source that
    /// stores tokens must not return that token again.
    fn fetch<'a>(&'a self, rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>>;
}

/// An access token with its lifetime, as a [`TokenSource`] returns it. `Debug` hides the token.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    pub(crate) token: AccessToken,
    pub(crate) expires_in: Option<i64>,
}

impl IssuedToken {
    /// Creates an issued token that is valid for `expires_in` seconds from now.
    ///
    /// Less than 30 seconds, or `None`, counts as 30 seconds; more than two hours counts as two hours.
    pub fn new(token: impl Into<AccessToken>, expires_in: Option<i64>) -> Self {
        Self { token: token.into(), expires_in }
    }

    fn lifetime(&self) -> Duration {
        let seconds = self.expires_in.unwrap_or(0).clamp(0, i64::MAX).unsigned_abs();
        Duration::from_secs(seconds).clamp(defaults::TOKEN_GAP, defaults::TOKEN_LIFETIME_CAP)
    }
}

/// Access to the client's access token, returned by [`Client::token`].
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a>(pub(crate) &'a Client);

impl Tokens<'_> {
    /// Returns the current access token, and fetches one if there is none. Use it to make requests that this crate does
    /// not cover; [`AccessToken::expose`] returns its text.
    ///
    /// After WeCom rejected a token, back-off may forbid another fetch for up to 30 seconds. During that time this
    /// returns the rejected token, because there is no other.
    ///
    /// `GET /cgi-bin/gettoken`, [official page](https://developer.work.weixin.qq.com/document/path/91039).
    ///
    /// # Errors
    ///
    /// [`ErrCode::INVALID_CREDENTIAL`](crate::ErrCode::INVALID_CREDENTIAL) or
    /// [`INVALID_CORPID`](crate::ErrCode::INVALID_CORPID): the settings are wrong.
    /// [`IP_NOT_TRUSTED`](crate::ErrCode::IP_NOT_TRUSTED): the IP address of this machine is not in the app's list. After
    /// a failure all callers immediately get the same error until the next fetch is due, 1 to 30 seconds later.
    pub async fn get(self) -> Result<AccessToken, Error> {
        let after = self.0.call_timeout();
        match timeout(after, self.0.tokens().get()).await {
            Ok(Ok(token)) => Ok(AccessToken::clone(&token)),
            Ok(Err(error)) => Err(Error::clone(&error)),
            Err(_) => Err(Error::TimedOut { operation: "gettoken", attempts: 0, after }),
        }
    }
}

/// The outcome of a load, shared by all callers that wait for it.
type Outcome = Result<Arc<AccessToken>, Arc<Error>>;

/// The cache of a client's access token. Clones share the same token.
#[derive(Clone)]
pub(crate) struct TokenCache(Arc<Shared>);

struct Shared {
    source: Box<dyn TokenSource>,
    renew_early: Duration,
    jitter: fn() -> f64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    load: Option<Pending>,
    /// Back-off: while there is no valid token, no load starts before this time.
    not_before: Option<Instant>,
    /// No load to replace a possibly stale token (see [`TokenCache::refresh`]) starts before this time.
    no_refresh_before: Option<Instant>,
    /// The number of failed loads in a row.
    failures: u32,
    /// The number of replacements in a row that WeCom rejected within [`defaults::TOKEN_GAP`].
    rejected_replacements: u32,
    last_failure: Option<Arc<Error>>,
}

struct Current {
    token: Arc<AccessToken>,
    /// When this cache received it.
    since: Instant,
    expires_at: Instant,
    renew_at: Instant,
    rejected: bool,
    /// Whether it replaced a token that WeCom had rejected.
    is_replacement: bool,
}

impl Current {
    fn is_good(&self, now: Instant) -> bool {
        !self.rejected && now < self.expires_at
    }
}

impl TokenCache {
    pub(crate) fn new(source: Box<dyn TokenSource>, renew_early: Duration, jitter: fn() -> f64) -> Self {
        Self(Arc::new(Shared { source, renew_early, jitter, state: Mutex::default() }))
    }

    /// Returns the token for a call. A valid token is returned immediately, even while its renewal is in progress.
    pub(crate) async fn get(&self) -> Outcome {
        match self.decide_and_start(None) {
            Next::Go(token) => Ok(token),
            Next::Wait(load) => wait_for(load).await,
            Next::TooEarly(stopgap) => stopgap,
        }
    }

    /// Reports that WeCom rejected `rejected`, and returns its replacement: the token that replaced it in the meantime,
    /// or the outcome of a new load. Returns `None` while back-off forbids a load and no failure explains why.
    pub(crate) async fn replace(&self, rejected: &Arc<AccessToken>) -> Option<Outcome> {
        match self.decide_and_start(Some(rejected)) {
            Next::Go(token) => Some(Ok(token)),
            Next::Wait(load) => Some(wait_for(load).await),
            Next::TooEarly(Err(failure)) => Some(Err(failure)),
            Next::TooEarly(Ok(_)) => None,
        }
    }

    /// Returns a token that is newer than `suspect`, which WeCom did not reject but which may be stale. Starts at most
    /// one load per [`defaults::TOKEN_GAP`] for this, and other calls use `suspect` in the meantime. Returns `None` if
    /// there is no newer token.
    pub(crate) async fn refresh(&self, suspect: &Arc<AccessToken>) -> Option<Arc<AccessToken>> {
        let fresh = match self.decide_refresh(suspect) {
            Refresh::Current(token) => token,
            Refresh::Wait(load, started) => {
                if let Some(load) = started {
                    load.start();
                }
                wait_for(load).await.ok()?
            }
            Refresh::TooEarly => return None,
        };
        (fresh != *suspect).then_some(fresh)
    }

    /// Records that WeCom rejected `rejected`. The next call that needs a token starts the load of another one.
    pub(crate) fn mark_rejected(&self, rejected: &Arc<AccessToken>) {
        self.0.lock().reject(rejected, Instant::now());
    }

    fn decide_and_start(&self, rejected: Option<&Arc<AccessToken>>) -> Next {
        let (next, load) = self.decide(rejected);
        if let Some(load) = load {
            load.start();
        }
        next
    }

    /// Records that WeCom accepted `token` in a call. An earlier rejection of it was then a mistake of WeCom's.
    pub(crate) fn mark_accepted(&self, token: &Arc<AccessToken>) {
        let mut state = self.0.lock();
        // A load that replaces the rejected token must still see the rejection when it ends: if gettoken returns the same
        // token, only the rejection delays the next load.
        if state.load.is_some() {
            return;
        }
        if let Some(current) = state.current.as_mut().filter(|current| current.token == *token) {
            current.rejected = false;
        }
    }

    /// Decides what a caller does next. Also returns the load to start after the lock is released.
    fn decide(&self, rejected: Option<&Arc<AccessToken>>) -> (Next, Option<Load>) {
        let mut state = self.0.lock();
        let now = Instant::now();
        if let Some(rejected) = rejected {
            state.reject(rejected, now);
        }
        if let Some((token, is_due)) = state.good_token(now) {
            let rejected = state.rejected_token();
            let load = is_due.then(|| self.new_load(&mut state, rejected).1);
            return (Next::Go(token), load);
        }
        match &state.load {
            Some(load) => (Next::Wait(load.clone()), None),
            None if state.not_before.is_some_and(|not_before| now < not_before) => {
                (Next::TooEarly(state.stopgap()), None)
            }
            None => {
                let rejected = state.rejected_token();
                let (receiver, load) = self.new_load(&mut state, rejected);
                (Next::Wait(receiver), Some(load))
            }
        }
    }

    fn decide_refresh(&self, suspect: &Arc<AccessToken>) -> Refresh {
        let mut state = self.0.lock();
        let now = Instant::now();
        if let Some((token, _)) = state.good_token(now).filter(|(token, _)| token != suspect) {
            return Refresh::Current(token);
        }
        if let Some(load) = &state.load {
            return Refresh::Wait(load.clone(), None);
        }
        let gaps = [state.not_before, state.no_refresh_before];
        if gaps.into_iter().flatten().any(|not_before| now < not_before) {
            return Refresh::TooEarly;
        }
        state.no_refresh_before = Some(now + defaults::TOKEN_GAP);
        // `suspect` is passed as rejected, so that a source that stores tokens does not return it again.
        let (receiver, load) = self.new_load(&mut state, Some(suspect.clone()));
        Refresh::Wait(receiver, Some(load))
    }

    fn new_load(&self, state: &mut State, rejected: Option<Arc<AccessToken>>) -> (Pending, Load) {
        let (sender, receiver) = watch::channel(None);
        state.load = Some(receiver.clone());
        (receiver, Load { shared: self.0.clone(), rejected, sender })
    }
}

/// Receives the outcome of a load in flight.
type Pending = watch::Receiver<Option<Outcome>>;

/// What a caller that needs a token does next.
enum Next {
    Go(Arc<AccessToken>),
    Wait(Pending),
    /// Back-off forbids a load; carries the fallback (the last failure or the rejected token).
    TooEarly(Outcome),
}

/// What a call whose token may be stale does next.
enum Refresh {
    /// Another token has become current in the meantime.
    Current(Arc<AccessToken>),
    /// Wait for this outcome. If no load was in flight, also carries the load to start after the lock is released.
    Wait(Pending, Option<Load>),
    TooEarly,
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
            let rejected = self.shared.lock().rejected_token();
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
        let mut state = self.shared.lock();
        let outcome = state.settle(issued, Instant::now(), || self.shared.draw_early());
        state.load = None;
        drop(state);
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn wait_for(mut load: Pending) -> Outcome {
    match load.wait_for(Option::is_some).await.map(|outcome| outcome.clone()) {
        Ok(Some(outcome)) => outcome,
        // Unreachable: `Load` always leaves an outcome before its sender goes.
        Ok(None) | Err(_) => Err(Arc::new(Error::token_source("the fetch was dropped"))),
    }
}

impl State {
    /// Returns the fallback while back-off forbids a load: the last failure, or the rejected token, which WeCom may accept
    /// after all.
    fn stopgap(&self) -> Outcome {
        match (&self.current, &self.last_failure) {
            (_, Some(failure)) => Err(failure.clone()),
            (Some(current), None) => Ok(current.token.clone()),
            // Unreachable: without a failure there is nothing to wait for.
            (None, None) => Err(Arc::new(Error::token_source("no token was fetched yet"))),
        }
    }

    /// Returns the current token if it is valid, and whether its renewal is due.
    fn good_token(&self, now: Instant) -> Option<(Arc<AccessToken>, bool)> {
        let current = self.current.as_ref().filter(|current| current.is_good(now))?;
        Some((current.token.clone(), now >= current.renew_at && self.load.is_none()))
    }

    fn rejected_token(&self) -> Option<Arc<AccessToken>> {
        self.current.as_ref().filter(|current| current.rejected).map(|current| current.token.clone())
    }

    /// Records that WeCom rejected `rejected`, if it is still the current token. A late rejection of an older token does
    /// not concern the current one.
    fn reject(&mut self, rejected: &Arc<AccessToken>, now: Instant) {
        let Some(current) = self.current.as_mut().filter(|current| current.token == *rejected && !current.rejected)
        else {
            return;
        };
        current.rejected = true;
        if current.is_replacement && now < current.since + defaults::TOKEN_GAP {
            // The replacement of a rejected token was rejected as well. From the second time in a row on, another fetch
            // is unlikely to help, so back off.
            if let Some(doublings) = self.rejected_replacements.checked_sub(1) {
                self.back_off(now, doublings);
            }
            self.rejected_replacements = self.rejected_replacements.saturating_add(1);
        } else {
            self.rejected_replacements = 0;
        }
    }

    fn back_off(&mut self, now: Instant, doublings: u32) {
        let wait = defaults::TOKEN_BACKOFF_BASE.saturating_mul(2_u32.saturating_pow(doublings));
        self.not_before = Some(now + wait.min(defaults::TOKEN_GAP));
    }

    /// Updates the state with the outcome of a load.
    fn settle(
        &mut self,
        issued: Result<IssuedToken, Error>,
        now: Instant,
        early: impl FnOnce() -> Duration,
    ) -> Outcome {
        match issued {
            Ok(issued) => Ok(self.take(issued, now, early)),
            Err(error) => Err(self.fail(error, now)),
        }
    }

    fn take(&mut self, issued: IssuedToken, now: Instant, early: impl FnOnce() -> Duration) -> Arc<AccessToken> {
        self.last_failure = None;
        self.failures = 0;
        let (old_rejected, unchanged) = match &mut self.current {
            Some(old) if *old.token == issued.token => {
                // WeCom does not document whether a repeated gettoken extends the lifetime of the same token, so its
                // recorded end stays. While the token is valid, fetch again later.
                old.renew_at = old.renew_at.max(now + defaults::TOKEN_GAP);
                if now < old.expires_at {
                    if old.rejected {
                        self.not_before = Some(now + defaults::TOKEN_GAP);
                    }
                    return old.token.clone();
                }
                (old.rejected, true)
            }
            Some(old) => (old.rejected, false),
            None => (false, false),
        };
        self.not_before = (unchanged && old_rejected).then(|| now + defaults::TOKEN_GAP);
        let lifetime = issued.lifetime();
        let early = early().min(lifetime / 2);
        let token = Arc::new(issued.token);
        self.current = Some(Current {
            token: token.clone(),
            since: now,
            expires_at: now + lifetime,
            renew_at: now + (lifetime - early).max(defaults::TOKEN_GAP),
            rejected: unchanged && old_rejected,
            is_replacement: old_rejected,
        });
        token
    }

    fn fail(&mut self, error: Error, now: Instant) -> Arc<Error> {
        let error = Arc::new(error);
        match &mut self.current {
            // The current token is still valid, so the renewal can wait.
            Some(current) if current.is_good(now) => current.renew_at = now + defaults::TOKEN_GAP,
            _ => {
                self.back_off(now, self.failures);
                self.failures = self.failures.saturating_add(1);
            }
        }
        self.last_failure = Some(error.clone());
        error
    }
}
