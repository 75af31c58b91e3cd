//! The rules of the access token: when it is used, renewed, replaced and held back. Pure: the caller passes the time, and
//! does what is decided here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::source::IssuedToken;
use crate::retry::Backoff;
use crate::{AccessToken, Error, defaults};

/// The outcome of a load, shared by all callers that wait for it.
pub(super) type Outcome = Result<Arc<AccessToken>, Arc<Error>>;

/// The state of a client's token.
#[derive(Default)]
pub(super) struct State {
    current: Option<Current>,
    /// Whether a load is in flight.
    is_loading: bool,
    /// Back-off: while there is no valid token, no load starts before this time.
    not_before: Option<Instant>,
    /// No load to replace a possibly stale token (see [`State::decide_refresh`]) starts before this time.
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

/// A load to start, with the rejected or possibly stale token that it replaces. `None` for a first load or a renewal ahead
/// of expiry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Replace(pub(super) Option<Arc<AccessToken>>);

/// What a caller that needs a token does next.
pub(super) enum Next {
    /// Use this token. If its renewal is due, also start a load.
    Use(Arc<AccessToken>, Option<Replace>),
    /// Wait for the load in flight.
    Wait,
    /// Start a load and wait for it.
    Load(Replace),
    /// Back-off forbids a load; carries the fallback (the last failure or the rejected token).
    TooEarly(Outcome),
}

/// What a call whose token may be stale does next.
pub(super) enum Refresh {
    /// Another token has become current in the meantime.
    Current(Arc<AccessToken>),
    /// Wait for the load in flight.
    Wait,
    /// Start a load and wait for it.
    Load(Replace),
    TooEarly,
}

impl State {
    /// Decides what a caller does next. `rejected` is the token with which WeCom refused its call.
    pub(super) fn decide(&mut self, rejected: Option<&Arc<AccessToken>>, now: Instant) -> Next {
        if let Some(rejected) = rejected {
            self.reject(rejected, now);
        }
        if let Some((token, is_due)) = self.good_token(now) {
            let renewal = is_due.then(|| self.begin_load(None));
            return Next::Use(token, renewal);
        }
        if self.is_loading {
            return Next::Wait;
        }
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return Next::TooEarly(self.stopgap());
        }
        let rejected = self.rejected_token();
        Next::Load(self.begin_load(rejected))
    }

    /// Decides what a call does whose token `suspect` may be stale.
    pub(super) fn decide_refresh(&mut self, suspect: &Arc<AccessToken>, now: Instant) -> Refresh {
        if let Some((token, _)) = self.good_token(now).filter(|(token, _)| token != suspect) {
            return Refresh::Current(token);
        }
        if self.is_loading {
            return Refresh::Wait;
        }
        if [self.not_before, self.no_refresh_before].into_iter().flatten().any(|not_before| now < not_before) {
            return Refresh::TooEarly;
        }
        self.no_refresh_before = Some(now + defaults::TOKEN_GAP);
        // `suspect` is passed as rejected, so that a source that stores tokens does not return it again.
        Refresh::Load(self.begin_load(Some(suspect.clone())))
    }

    fn begin_load(&mut self, rejected: Option<Arc<AccessToken>>) -> Replace {
        self.is_loading = true;
        Replace(rejected)
    }

    /// Records that WeCom accepted `token` in a call. An earlier rejection of it was then a mistake of WeCom's.
    pub(super) fn accept(&mut self, token: &Arc<AccessToken>) {
        // A load that replaces the rejected token must still see the rejection when it ends: if gettoken returns the same
        // token, only the rejection delays the next load.
        if self.is_loading {
            return;
        }
        if let Some(current) = self.current.as_mut().filter(|current| current.token == *token) {
            current.rejected = false;
        }
    }

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
        Some((current.token.clone(), now >= current.renew_at && !self.is_loading))
    }

    pub(super) fn rejected_token(&self) -> Option<Arc<AccessToken>> {
        self.current.as_ref().filter(|current| current.rejected).map(|current| current.token.clone())
    }

    /// Records that WeCom rejected `rejected`, if it is still the current token. A late rejection of an older token does
    /// not concern the current one.
    pub(super) fn reject(&mut self, rejected: &Arc<AccessToken>, now: Instant) {
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
        self.not_before = Some(now + BACKOFF.wait(doublings));
    }

    /// Updates the state with the outcome of a load.
    pub(super) fn settle(
        &mut self,
        issued: Result<IssuedToken, Error>,
        now: Instant,
        early: impl FnOnce() -> Duration,
    ) -> Outcome {
        self.is_loading = false;
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

/// The waits after failed loads.
const BACKOFF: Backoff = Backoff::new(defaults::TOKEN_BACKOFF_BASE, defaults::TOKEN_GAP);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn load(next: Next) -> Option<Arc<AccessToken>> {
        match next {
            Next::Load(Replace(rejected)) => rejected,
            _ => panic!("no load was started"),
        }
    }

    /// Returns an empty state and a moment, which the tests only add to.
    #[expect(clippy::disallowed_methods, reason = "nothing waits for this clock")]
    fn start() -> (State, Instant) {
        (State::default(), Instant::now())
    }

    fn issue(state: &mut State, token: &str, now: Instant) -> Arc<AccessToken> {
        state.settle(Ok(IssuedToken::new(token, Some(7200))), now, || 300 * SECOND).unwrap()
    }

    fn fail(state: &mut State, now: Instant) {
        state.settle(Err(Error::lacks("gettoken", "access_token")), now, || Duration::ZERO).unwrap_err();
    }

    /// Returns the number of seconds for which no load starts.
    fn held_for(state: &mut State, now: Instant) -> u64 {
        (0..).find(|wait| !matches!(state.decide(None, now + *wait as u32 * SECOND), Next::TooEarly(_))).unwrap()
    }

    #[test]
    fn one_load_is_in_flight_and_others_wait() {
        let (mut state, now) = start();
        assert_eq!(load(state.decide(None, now)), None);
        assert!(matches!(state.decide(None, now), Next::Wait));
        let token = issue(&mut state, "T1", now);
        assert!(matches!(state.decide(None, now), Next::Use(current, None) if current == token));
    }

    #[test]
    fn a_renewal_is_started_once_while_the_token_serves() {
        let (mut state, now) = start();
        load(state.decide(None, now));
        issue(&mut state, "T1", now);
        let due = now + 6900 * SECOND;
        assert!(matches!(state.decide(None, due - SECOND), Next::Use(_, None)));
        assert!(matches!(state.decide(None, due), Next::Use(_, Some(Replace(None)))));
        assert!(matches!(state.decide(None, due), Next::Use(_, None)));
    }

    #[test]
    fn failures_hold_back_the_next_load_for_1_to_30_s() {
        let (mut state, mut now) = start();
        let mut waits = Vec::new();
        for _ in 0..7 {
            load(state.decide(None, now));
            fail(&mut state, now);
            let wait = (1..).find(|wait| now + *wait * SECOND >= state.not_before.unwrap()).unwrap();
            assert!(matches!(state.decide(None, now + wait * SECOND - SECOND / 2), Next::TooEarly(Err(_))));
            now += wait * SECOND;
            waits.push(wait);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_late_rejection_of_an_older_token_changes_nothing() {
        let (mut state, now) = start();
        load(state.decide(None, now));
        let old = issue(&mut state, "T1", now);
        assert_eq!(load(state.decide(Some(&old), now)), Some(old.clone()));
        let new = issue(&mut state, "T2", now);
        assert!(matches!(state.decide(Some(&old), now), Next::Use(current, None) if current == new));
    }

    #[test]
    fn the_same_token_again_after_its_rejection_is_not_loaded_for_30_s() {
        let (mut state, now) = start();
        load(state.decide(None, now));
        let token = issue(&mut state, "T1", now);
        load(state.decide(Some(&token), now));
        issue(&mut state, "T1", now);
        assert_eq!(held_for(&mut state, now), 30);
    }

    #[test]
    fn an_accepted_token_is_no_longer_rejected_unless_a_load_is_in_flight() {
        let (mut state, now) = start();
        load(state.decide(None, now));
        let token = issue(&mut state, "T1", now);
        state.reject(&token, now);
        state.accept(&token);
        assert_eq!(state.rejected_token(), None);
        load(state.decide(Some(&token), now));
        state.accept(&token);
        assert_eq!(state.rejected_token(), Some(token));
    }

    #[test]
    fn a_stale_token_is_refreshed_at_most_once_in_30_s() {
        let (mut state, now) = start();
        load(state.decide(None, now));
        let token = issue(&mut state, "T1", now);
        assert!(matches!(state.decide_refresh(&token, now), Refresh::Load(Replace(Some(suspect))) if suspect == token));
        assert!(matches!(state.decide_refresh(&token, now), Refresh::Wait));
        issue(&mut state, "T1", now);
        assert!(matches!(state.decide_refresh(&token, now + 29 * SECOND), Refresh::TooEarly));
        assert!(matches!(state.decide_refresh(&token, now + 30 * SECOND), Refresh::Load(_)));
        let fresh = issue(&mut state, "T2", now + 30 * SECOND);
        assert!(matches!(state.decide_refresh(&token, now + 30 * SECOND), Refresh::Current(token) if token == fresh));
    }
}
