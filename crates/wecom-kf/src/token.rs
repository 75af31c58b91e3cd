//! The access token: one `gettoken` in flight whatever the number of callers, who share its outcome.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::retry::fraction;
use crate::{AccessToken, Error, defaults};

/// Where access tokens come from: by default `gettoken`; your own for a central token server, or for an app that is not
/// self-built.
///
/// A client calls it once at a time, however many calls wait, and never more often than
/// [`defaults::TOKEN_GAP`] and its back-off allow. A call that takes longer than [`defaults::TOKEN_LOAD_TIMEOUT`]
/// is given up.
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
    /// `rejected` is the token that WeCom just rejected, or refused as one that is older than a change in the console
    /// ([`ErrCode::may_come_from_stale_token`](crate::ErrCode::may_come_from_stale_token)), if that is the reason: a
    /// source that keeps tokens must not hand it out again. Otherwise the client wants its first token, or one for the time after the present one.
    fn fetch<'a>(&'a self, rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>>;
}

/// An access token as it was issued. Its Debug hides the token.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    pub(crate) token: AccessToken,
    pub(crate) expires_in: Option<i64>,
}

impl IssuedToken {
    /// `expires_in` is in seconds. Without one, or with less than 30, the token is used for 30 seconds; with more than
    /// two hours, for two hours.
    pub fn new(token: impl Into<AccessToken>, expires_in: Option<i64>) -> Self {
        Self { token: token.into(), expires_in }
    }

    fn lifetime(&self) -> Duration {
        let seconds = self.expires_in.unwrap_or(0).clamp(0, i64::MAX).unsigned_abs();
        Duration::from_secs(seconds).clamp(defaults::TOKEN_GAP, defaults::TOKEN_LIFETIME_CAP)
    }
}

/// The client's access token: [`Client::token`].
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a>(pub(crate) &'a Client);

impl Tokens<'_> {
    /// The current access token, for whoever needs the token itself; `expose` shows it. Fetched if there is none. While
    /// it is too early to fetch one in place of a rejected token, that one is all there is to hand out.
    ///
    /// `GET /cgi-bin/gettoken`, [official page](https://developer.work.weixin.qq.com/document/path/91039).
    ///
    /// # Errors
    ///
    /// [`ErrCode::INVALID_CREDENTIAL`](crate::ErrCode::INVALID_CREDENTIAL) or
    /// [`INVALID_CORPID`](crate::ErrCode::INVALID_CORPID): the settings are wrong.
    /// [`IP_NOT_TRUSTED`](crate::ErrCode::IP_NOT_TRUSTED): this address is not in the app's list. After a failure every
    /// caller gets the same error at once until the next attempt is due, in 1 to 30 seconds.
    pub async fn get(self) -> Result<AccessToken, Error> {
        let after = self.0.call_timeout();
        match timeout(after, self.0.tokens().get()).await {
            Ok(Ok(token)) => Ok(AccessToken::clone(&token)),
            Ok(Err(error)) => Err(Error::clone(&error)),
            Err(_) => Err(Error::TimedOut { operation: "gettoken", attempts: 0, after }),
        }
    }
}

/// Shared: callers who wait for one load get one token, or one failure.
type Outcome = Result<Arc<AccessToken>, Arc<Error>>;

/// A client's token. Cheap to clone; clones share it.
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
    /// No load before, where one is needed: after failures.
    not_before: Option<Instant>,
    /// No load before, for a token that was not rejected but may be stale.
    no_refresh_before: Option<Instant>,
    /// Failed loads in a row.
    failures: u32,
    /// Renewals in a row whose token was rejected at once.
    rejected_replacements: u32,
    last_failure: Option<Arc<Error>>,
}

struct Current {
    token: Arc<AccessToken>,
    /// When it was first issued.
    since: Instant,
    expires_at: Instant,
    renew_at: Instant,
    rejected: bool,
    /// It came in place of one that had been rejected.
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

    /// The token to call with. A good one is handed out at once, while its renewal is under way too.
    pub(crate) async fn get(&self) -> Outcome {
        match self.decide_and_start(None) {
            Next::Go(token) => Ok(token),
            Next::Wait(load) => wait_for(load).await,
            Next::TooEarly(stopgap) => stopgap,
        }
    }

    /// What to call with after `rejected` was: the token that meanwhile took its place, or the outcome of a new load.
    /// None if it is too early for one.
    pub(crate) async fn replace(&self, rejected: &Arc<AccessToken>) -> Option<Outcome> {
        match self.decide_and_start(Some(rejected)) {
            Next::Go(token) => Some(Ok(token)),
            Next::Wait(load) => Some(wait_for(load).await),
            Next::TooEarly(Err(failure)) => Some(Err(failure)),
            Next::TooEarly(Ok(_)) => None,
        }
    }

    /// A token that is newer than `suspect`, which WeCom did not reject but which may be stale. At most one load per
    /// [`defaults::TOKEN_GAP`] is started for it, and `suspect` stays in use meanwhile. Returns `None` if there is no
    /// newer token.
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

    /// Notes that `rejected` was rejected; the next call that needs a token will see to it.
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

    /// Notes that `token` was good for a call: if it had been rejected, that was a slip of WeCom's.
    pub(crate) fn mark_accepted(&self, token: &Arc<AccessToken>) {
        let mut state = self.0.lock();
        // A load that is under way for the rejection must find it, or nothing would hold the next one back.
        if state.load.is_some() {
            return;
        }
        if let Some(current) = state.current.as_mut().filter(|current| current.token == *token) {
            current.rejected = false;
        }
    }

    /// What a caller does next, and the load to start once the lock is released.
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
        // A source that keeps tokens must not hand out the suspect again.
        let (receiver, load) = self.new_load(&mut state, Some(suspect.clone()));
        Refresh::Wait(receiver, Some(load))
    }

    fn new_load(&self, state: &mut State, rejected: Option<Arc<AccessToken>>) -> (Pending, Load) {
        let (sender, receiver) = watch::channel(None);
        state.load = Some(receiver.clone());
        (receiver, Load { shared: self.0.clone(), rejected, sender })
    }
}

/// The outcome-to-be of a load in flight.
type Pending = watch::Receiver<Option<Outcome>>;

enum Next {
    Go(Arc<AccessToken>),
    Wait(Pending),
    /// No load may start yet: what there is in its stead.
    TooEarly(Outcome),
}

/// What to do for a call whose token may be stale.
enum Refresh {
    /// Another token is current by now.
    Current(Arc<AccessToken>),
    /// The outcome to wait for, and the load to start once the lock is released, if none is in flight yet.
    Wait(Pending, Option<Load>),
    TooEarly,
}

/// A load in flight. However it ends, those who wait learn of it.
struct Load {
    shared: Arc<Shared>,
    /// The token that was rejected or is suspected to be stale, if that is why it was started.
    rejected: Option<Arc<AccessToken>>,
    sender: watch::Sender<Option<Outcome>>,
}

impl Load {
    /// On a task of its own, so that no caller can cancel it for the others.
    fn start(self) {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(self.run())),
            // No tokio here: dropping it tells those who wait.
            Err(_) => drop(self),
        }
    }

    async fn run(mut self) {
        let mut issued = self.fetch().await;
        if let Ok(token) = &issued {
            let rejected = self.shared.lock().rejected_token();
            // It was rejected while its renewal was under way, which did not know: ask again, and say so.
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
    /// A source that panicked, or a runtime that went away, must leave no load that never ends.
    fn drop(&mut self) {
        let is_finished = self.sender.borrow().is_some();
        if !is_finished {
            self.finish(Err(Error::token_source("it panicked, or its tokio runtime ended")));
        }
    }
}

impl Shared {
    /// How long before its end to renew a token. Random, so that clients started together do not renew together.
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
        Ok(None) | Err(_) => Err(Arc::new(Error::token_source("its load was dropped"))),
    }
}

impl State {
    /// What to hand out while no load may start: the last failure, or a rejected token, which may prove good after all.
    fn stopgap(&self) -> Outcome {
        match (&self.current, &self.last_failure) {
            (_, Some(failure)) => Err(failure.clone()),
            (Some(current), None) => Ok(current.token.clone()),
            // Unreachable: without a failure there is nothing to wait for.
            (None, None) => Err(Arc::new(Error::token_source("it was not asked yet"))),
        }
    }

    /// The current token if it is good, and whether its renewal is due.
    fn good_token(&self, now: Instant) -> Option<(Arc<AccessToken>, bool)> {
        let current = self.current.as_ref().filter(|current| current.is_good(now))?;
        Some((current.token.clone(), now >= current.renew_at && self.load.is_none()))
    }

    fn rejected_token(&self) -> Option<Arc<AccessToken>> {
        self.current.as_ref().filter(|current| current.rejected).map(|current| current.token.clone())
    }

    /// Notes that `rejected` was rejected, if it is still the current token: a late rejection of an old one says
    /// nothing about the new one.
    fn reject(&mut self, rejected: &Arc<AccessToken>, now: Instant) {
        let Some(current) = self.current.as_mut().filter(|current| current.token == *rejected && !current.rejected)
        else {
            return;
        };
        current.rejected = true;
        if current.is_replacement && now < current.since + defaults::TOKEN_GAP {
            // It came in place of a rejected one and fares no better. That may happen once; then fetching does not
            // mend what is wrong.
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

    /// Takes in the outcome of a load.
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
                // Whether a repeated gettoken extends the token is not known, so it is not relied on; while the token
                // still serves, ask again later.
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
            // The old token still serves: nobody is in a hurry.
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
