//! The store trait of shared access tokens, and its types.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wecom_kf::{AccessToken, BoxFuture, CorpSecret, ErrCode};

use super::StoreError;

/// Lets processes share one access token: one of them fetches, the others wait for its outcome.
///
/// Two steps. [`turn`](Self::turn) says what there is to do: use this token, wait, or fetch one; whoever is to fetch
/// tells the outcome by [`finish`](Self::finish). Those who wait ask again after a moment.
///
/// Any of the futures may be dropped before its end; then the method did all of its work or none.
pub trait TokenStore: Send + Sync + 'static {
    /// Says whose turn it is, in one step that nobody sees half done. In this order:
    ///
    /// 1. There is a token that is not [`rejected`](TokenWish::rejected) and good for
    ///    [`at_least`](TokenWish::at_least) → [`TokenTurn::Token`].
    /// 2. Somebody is fetching, and within his [`limit`](TokenWish::limit); or the last outcome is still
    ///    [held](TokenOutcome) → a token that is not the rejected one and still good, if there is one; else
    ///    [`TokenTurn::Wait`] while somebody is fetching, else the held outcome: [`TokenTurn::Failed`], or the token even
    ///    if it is the rejected one.
    /// 3. [`TokenTurn::Refresh`]: the caller fetches, and nobody else for `limit`. Two callers at once: one does.
    fn turn<'a>(&'a self, key: &'a TokenKey, wish: &'a TokenWish) -> BoxFuture<'a, Result<TokenTurn, StoreError>>;

    /// Tells what came of fetching, and ends the turn. A token takes the place of the one before; a failure leaves that
    /// one in place. The number of failures in a row goes up, or back to 0. It is remembered for two minutes after the
    /// outcome is no longer held, at least.
    ///
    /// # Errors
    ///
    /// [`StoreError::StaleLease`]: the turn was over, and somebody else may be fetching; nothing was written.
    fn finish<'a>(&'a self, refresh: &'a Refresh, outcome: &'a TokenOutcome) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// Whose token: a fingerprint of place, corp id and secret.
///
/// It tells nothing of the secret, which is random and long: SHA-256, cut to 128 bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey(String);

impl TokenKey {
    /// `base_url` tells a simulator's token from WeCom's.
    pub fn new(base_url: &str, corp_id: &str, secret: &CorpSecret) -> Self {
        Self(fingerprint(&["access token", base_url, corp_id, secret.expose()]))
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 128 bits of a hash, as 32 hexadecimal digits. What it is made of cannot be told by it, nor run together.
pub(crate) fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length, so that "ab" and "c" are not "a" and "bc".
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
    /// How long the token must still be good; otherwise the caller wants a new one.
    pub at_least: Duration,
    /// How long fetching may take, if it is the caller's turn.
    pub limit: Duration,
}

impl TokenWish {
    /// Asks for a token that is good for at least this long, and that may take this long to be fetched.
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
    /// How long it is still good.
    pub left: Duration,
}

impl StoredToken {
    /// Creates a token that is good for this long.
    pub fn new(token: AccessToken, left: Duration) -> Self {
        Self { token, left }
    }
}

/// What to do: see [`TokenStore::turn`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenTurn {
    /// Use this one.
    Token(StoredToken),
    /// Somebody is fetching: ask again in a moment.
    Wait,
    /// Fetching failed, and it is too early to try again.
    Failed(TokenFailure),
    /// Fetch one, and tell by [`TokenStore::finish`].
    Refresh(Refresh),
}

/// The right to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refresh {
    /// Whose token.
    pub key: TokenKey,
    /// Tells this turn from any other.
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

/// What came of fetching. It is *held* for some time, within which nobody fetches again: after a failure, since many of
/// them get the address banned; after a token too if it is the one that was rejected; otherwise for no time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenOutcome {
    /// A token.
    Token {
        /// The token, with its time.
        token: StoredToken,
        /// For how long it is held.
        hold: Duration,
    },
    /// None.
    Failed {
        /// Why.
        failure: TokenFailure,
        /// For how long it is held.
        hold: Duration,
    },
}

/// Why there is no token. It is shared and printed, and contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenFailure {
    /// WeCom's errcode, if it answered.
    pub code: Option<ErrCode>,
    /// WeCom's words, if it answered; otherwise the whole error in one line.
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
