//! Whose turn it is to fetch an access token, for stores whose records are kept by one process.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use wecom_kf::{AccessToken, ErrCode};

use super::{Refresh, StoreError, StoredToken, TokenFailure, TokenKey, TokenOutcome, TokenTurn, TokenWish};
use crate::clock::unix_seconds;

/// An access token, and the caller that fetches it. Its `Debug` hides the token.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptToken {
    token: Option<(AccessToken, Instant)>,
    failure: Option<TokenFailure>,
    failures: u32,
    held_until: Option<Instant>,
    turns: u64,
    /// The current turn to fetch, and when it ends.
    fetching: Option<(Refresh, Instant)>,
}

impl KeptToken {
    /// See [`TokenStore::turn`](super::TokenStore::turn).
    pub(super) fn turn(&mut self, key: &TokenKey, wish: &TokenWish) -> TokenTurn {
        let now = Instant::now();
        let stored = self.token.as_ref().filter(|(_, until)| now < *until);
        let stored = stored.map(|(token, until)| StoredToken { token: token.clone(), left: *until - now });
        let usable = stored.clone().filter(|stored| wish.rejected.as_ref() != Some(&stored.token));
        if let Some(fresh) = usable.as_ref().filter(|usable| usable.left >= wish.at_least) {
            return TokenTurn::Token(fresh.clone());
        }
        let is_fetching = self.fetching.as_ref().is_some_and(|(_, until)| now < *until);
        let is_held = self.held_until.is_some_and(|until| now < until);
        if is_fetching || is_held {
            return match (usable, &self.failure, stored) {
                (Some(usable), ..) => TokenTurn::Token(usable),
                _ if is_fetching => TokenTurn::Wait,
                (None, Some(failure), _) => TokenTurn::Failed(failure.clone()),
                (None, None, Some(rejected)) => TokenTurn::Token(rejected),
                // The token ended while it was held.
                (None, None, None) => self.begin(key, wish, now),
            };
        }
        self.begin(key, wish, now)
    }

    fn begin(&mut self, key: &TokenKey, wish: &TokenWish, now: Instant) -> TokenTurn {
        self.turns += 1;
        let refresh = Refresh { key: key.clone(), id: self.turns.to_string(), failures: self.failures };
        self.fetching = Some((refresh.clone(), now + wish.limit));
        TokenTurn::Refresh(refresh)
    }

    /// See [`TokenStore::finish`](super::TokenStore::finish).
    pub(super) fn finish(&mut self, refresh: &Refresh, outcome: &TokenOutcome) -> Result<(), StoreError> {
        let now = Instant::now();
        let is_current = |(current, until): &mut (Refresh, Instant)| current.id == refresh.id && now < *until;
        self.fetching.take_if(is_current).ok_or(StoreError::StaleLease)?;
        match outcome {
            TokenOutcome::Token { token, hold } => {
                self.token = Some((token.token.clone(), now + token.left));
                self.failure = None;
                self.failures = 0;
                self.held_until = Some(now + *hold);
            }
            TokenOutcome::Failed { failure, hold } => {
                self.failure = Some(failure.clone());
                self.failures = self.failures.saturating_add(1);
                self.held_until = Some(now + *hold);
            }
        }
        Ok(())
    }
}

/// The part of a [`KeptToken`] that outlives its process. Times are Unix seconds, since no other clock outlives it.
#[derive(Serialize, Deserialize)]
pub(super) struct TokenRecord {
    token: Option<String>,
    token_until: i64,
    failure: Option<FailureRecord>,
    failures: u32,
    held_until: i64,
}

#[derive(Serialize, Deserialize)]
struct FailureRecord {
    code: Option<i32>,
    message: String,
}

/// The longest time that a record may last, since the clock may have been set back.
const LONGEST: Duration = wecom_kf::defaults::TOKEN_LIFETIME_CAP;

impl KeptToken {
    /// Returns the record. It does not say who is fetching, since nobody is when the process has ended.
    pub(super) fn record(&self) -> TokenRecord {
        let now = Instant::now();
        let until = |at: Instant| unix_seconds().saturating_add_unsigned((at - now).as_secs());
        let failure = self.failure.as_ref();
        TokenRecord {
            token: self.token.as_ref().map(|(token, _)| token.expose().to_owned()),
            token_until: self.token.as_ref().map_or(0, |(_, at)| until(*at)),
            failure: failure.map(|failure| FailureRecord {
                code: failure.code.map(|code| code.0),
                message: failure.message.clone(),
            }),
            failures: self.failures,
            held_until: self.held_until.map_or(0, until),
        }
    }

    pub(super) fn from_record(record: TokenRecord) -> Self {
        let now = Instant::now();
        let left = |until: i64| Duration::from_secs(until.saturating_sub(unix_seconds()).max(0).unsigned_abs());
        let at = |until: i64| now + left(until).min(LONGEST);
        Self {
            token: record.token.map(|token| (AccessToken::from(token), at(record.token_until))),
            failure: record
                .failure
                .map(|failure| TokenFailure { code: failure.code.map(ErrCode), message: failure.message }),
            failures: record.failures,
            held_until: Some(at(record.held_until)),
            ..Self::default()
        }
    }
}
