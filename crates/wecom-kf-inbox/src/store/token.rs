//! The store trait of shared access tokens, and its types.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wecom_kf::{AccessToken, BoxFuture, CorpSecret, ErrCode};

use super::StoreError;

/// Lets processes share one access token: one of them fetches, the others wait for its outcome.
///
/// A fetch has two steps. [`turn`](Self::turn) says what the caller has to do: use this token, wait, or fetch one. The
/// caller that fetches reports the outcome by [`finish`](Self::finish). Callers that wait ask again after a moment.
///
/// A future may be dropped at any time. The method then did all of its work or none of it.
pub trait TokenStore: Send + Sync + 'static {
    /// Says whose turn it is, in one step that nobody sees half done. The first rule that applies decides:
    ///
    /// 1. There is a token that is not [`rejected`](TokenWish::rejected) and is valid for
    ///    [`at_least`](TokenWish::at_least): returns [`TokenTurn::Token`].
    /// 2. Another caller is fetching and within its [`limit`](TokenWish::limit), or the last outcome is still
    ///    [held](TokenOutcome). Returns the first of these that exists: a valid token that is not the rejected one;
    ///    [`TokenTurn::Wait`] while a caller is fetching; the held outcome, which is [`TokenTurn::Failed`] or a token, even
    ///    the rejected one.
    /// 3. Otherwise returns [`TokenTurn::Refresh`]: the caller fetches, and nobody else does for `limit`. If two callers
    ///    ask at the same time, one of them fetches.
    fn turn<'a>(&'a self, key: &'a TokenKey, wish: &'a TokenWish) -> BoxFuture<'a, Result<TokenTurn, StoreError>>;

    /// Stores the outcome of a fetch, and ends the turn. A token replaces the one before; a failure leaves it in place.
    /// The number of failures in a row is increased by one, or set to 0. It is remembered for at least two minutes
    /// after the outcome is no longer held.
    ///
    /// # Errors
    ///
    /// [`StoreError::StaleLease`]: the turn was over, and another caller may be fetching. Nothing was written.
    fn finish<'a>(&'a self, refresh: &'a Refresh, outcome: &'a TokenOutcome) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// The key of a token: a fingerprint of base URL, corp id and secret.
///
/// It reveals nothing about the secret, which is random and long: SHA-256, cut to 128 bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey(String);

impl TokenKey {
    /// Creates a key. `base_url` distinguishes a simulator's token from WeCom's.
    pub fn new(base_url: &str, corp_id: &str, secret: &CorpSecret) -> Self {
        Self(fingerprint(&["access token", base_url, corp_id, secret.expose()]))
    }

    /// Returns the key as 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns 128 bits of a hash, as 32 hexadecimal digits. The parts cannot be found from it.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length is hashed too, so that "ab", "c" and "a", "bc" have different fingerprints.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What a caller of [`TokenStore::turn`] wants.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenWish {
    /// The token that WeCom rejected; the caller wants another one.
    pub rejected: Option<AccessToken>,
    /// How long the token must still be valid; otherwise the caller wants a new one.
    pub at_least: Duration,
    /// How long fetching may take, if it is the caller's turn.
    pub limit: Duration,
}

impl TokenWish {
    /// Asks for a token that is valid for at least `at_least`. If the caller has to fetch it, that may take `limit`.
    pub fn new(at_least: Duration, limit: Duration) -> Self {
        Self { rejected: None, at_least, limit }
    }

    /// Asks for another token than this one, which WeCom rejected.
    #[must_use]
    pub fn rejecting(self, token: AccessToken) -> Self {
        Self { rejected: Some(token), ..self }
    }
}

/// A token that processes share. Its `Debug` hides it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredToken {
    /// The token.
    pub token: AccessToken,
    /// How long the token is still valid.
    pub left: Duration,
}

impl StoredToken {
    /// Creates a token that is valid for this long.
    pub fn new(token: AccessToken, left: Duration) -> Self {
        Self { token, left }
    }
}

/// What the caller of [`TokenStore::turn`] has to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenTurn {
    /// Use this token.
    Token(StoredToken),
    /// Another caller is fetching: ask again in a moment.
    Wait,
    /// Fetching failed, and it is too early to try again.
    Failed(TokenFailure),
    /// Fetch a token, and report the outcome by [`TokenStore::finish`].
    Refresh(Refresh),
}

/// The right to fetch a token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refresh {
    /// The key of the token.
    pub key: TokenKey,
    /// An id that distinguishes this turn from all others.
    pub id: String,
    /// How often fetching has failed in a row.
    pub failures: u32,
}

impl Refresh {
    /// Creates a turn; for stores.
    pub fn new(key: TokenKey, id: impl Into<String>, failures: u32) -> Self {
        Self { key, id: id.into(), failures }
    }
}

/// The outcome of a fetch. It is *held* for some time, in which nobody fetches again. A failure is held because many
/// failures get the address banned. A token is held if it is the one that was rejected or ends soon; other tokens are
/// not held.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenOutcome {
    /// A token.
    Token {
        /// The token, with its time.
        token: StoredToken,
        /// How long the token is held.
        hold: Duration,
    },
    /// The fetch failed.
    Failed {
        /// Why it failed.
        failure: TokenFailure,
        /// How long the failure is held.
        hold: Duration,
    },
}

/// Why there is no token. It is shared and printed, and contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenFailure {
    /// WeCom's errcode, if it answered.
    pub code: Option<ErrCode>,
    /// WeCom's message, if it answered; otherwise the whole error in one line.
    pub message: String,
}

impl TokenFailure {
    /// Creates a failure with WeCom's errcode, or with none if it did not answer.
    pub fn new(code: Option<ErrCode>, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for TokenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TokenFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_its_parts_apart_and_does_not_show_them() {
        let key = |secret: &str| TokenKey::new("https://a", "ww1", &CorpSecret::from(secret));
        assert_eq!(key("secret"), key("secret"));
        assert_ne!(key("secret"), key("secret2"));
        assert_eq!(key("secret").as_str().len(), 32);
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert!(!format!("{:?}", key("secret")).contains("secret"));
    }
}
