//! Where access tokens come from: the trait that users implement, what it returns, and the access to the current token.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::client::Client;
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

    pub(super) fn lifetime(&self) -> Duration {
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
