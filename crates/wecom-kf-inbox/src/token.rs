//! Shares one access token among processes through a store, with one refresher.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use wecom_kf::raw::op;
use wecom_kf::{AccessToken, BoxFuture, Client, Credentials, Error, IssuedToken, TokenSource};

use crate::report::in_one_line;
use crate::store::{
    Refresh, StoreError, StoredToken, TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish,
};

/// An access token that all processes share through a store. One of them fetches it, the others wait for the outcome.
///
/// While the store is down, each process continues with the token it has. When that token is rejected, or has less than
/// a minute left, the process fetches one for itself.
///
/// ```no_run
/// use wecom_kf::{Error, Settings};
/// use wecom_kf_inbox::{SharedToken, store::Memory};
///
/// # fn main() -> Result<(), Error> {
/// let settings = Settings::from_env();
/// let shared = SharedToken::new(&settings.client()?, &settings.credentials()?, Memory::new());
/// let client = settings.client_builder()?.token_source(shared).build()?;
/// # Ok(())
/// # }
/// ```
pub struct SharedToken {
    client: Client,
    gettoken: op::Gettoken,
    key: TokenKey,
    store: Arc<dyn TokenStore>,
    /// The token that was handed out last, and when it ends. It is used while the store is down.
    last: Mutex<Option<(AccessToken, Instant)>>,
}

impl SharedToken {
    /// Creates a shared token. `client` sends `gettoken`; it needs the credentials and the base URL of the client that
    /// will use the token.
    pub fn new(client: &Client, credentials: &Credentials, store: impl TokenStore) -> Self {
        let (corp_id, secret) = (credentials.corp_id(), credentials.secret());
        Self {
            client: client.clone(),
            gettoken: op::Gettoken { corpid: corp_id.to_owned(), corpsecret: secret.clone() },
            key: TokenKey::new(client.base_url(), corp_id, secret),
            store: Arc::new(store),
            last: Mutex::default(),
        }
    }

    async fn get(&self, rejected: Option<&AccessToken>) -> Result<StoredToken, Error> {
        let wish =
            TokenWish { rejected: rejected.cloned(), at_least: wecom_kf::defaults::RENEW_EARLY, limit: TURN_LIMIT };
        loop {
            match in_time(self.store.turn(&self.key, &wish)).await {
                Ok(TokenTurn::Token(stored)) => return Ok(stored),
                Ok(TokenTurn::Wait) => sleep(WAIT.mul_f64(0.75 + 0.5 * fastrand::f64())).await,
                Ok(TokenTurn::Failed(failure)) => return Err(error_of(failure)),
                Ok(TokenTurn::Refresh(refresh)) => return self.refresh(&refresh, rejected).await,
                Err(error) => return self.get_without_store(&error, rejected).await,
            }
        }
    }

    async fn get_without_store(
        &self,
        error: &StoreError,
        rejected: Option<&AccessToken>,
    ) -> Result<StoredToken, Error> {
        if let Some(stored) = self.remembered(rejected) {
            tracing::warn!(error = %in_one_line(error), "going on with the access token this process has");
            return Ok(stored);
        }
        tracing::warn!(error = %in_one_line(error), "the access token is not shared: fetching one for this process");
        self.fetch().await
    }

    fn remembered(&self, rejected: Option<&AccessToken>) -> Option<StoredToken> {
        let (token, until) = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let left = until.saturating_duration_since(Instant::now());
        (rejected != Some(&token) && left >= GOES_ON_WITH).then_some(StoredToken { token, left })
    }

    fn remember(&self, stored: &StoredToken) {
        // The store may return any duration.
        let until = Instant::now() + stored.left.min(wecom_kf::defaults::TOKEN_LIFETIME_CAP);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((stored.token.clone(), until));
    }

    async fn refresh(&self, refresh: &Refresh, rejected: Option<&AccessToken>) -> Result<StoredToken, Error> {
        let fetched = self.fetch().await;
        let outcome = match &fetched {
            Ok(token) => TokenOutcome::Token { token: token.clone(), hold: hold_of(token, rejected) },
            Err(error) => {
                // The class and the remedy follow from the errcode, so only WeCom's text has to be shared.
                let message = error.refusal().map_or_else(|| in_one_line(error), |refusal| refusal.errmsg.clone());
                let failure = TokenFailure { code: error.code(), message };
                TokenOutcome::Failed { failure, hold: hold_after(refresh.failures) }
            }
        };
        if let Err(error) = in_time(self.store.finish(refresh, &outcome)).await {
            tracing::warn!(error = %in_one_line(&error), "what came of gettoken is not shared");
        }
        fetched
    }

    async fn fetch(&self) -> Result<StoredToken, Error> {
        let reply = match timeout(FETCH_LIMIT, self.client.call(&self.gettoken)).await {
            Ok(answer) => answer?,
            Err(_) => {
                return Err(Error::token_source(format!("gettoken was not done within {} s", FETCH_LIMIT.as_secs())));
            }
        };
        let token = reply.access_token.unwrap_or_default();
        if token.expose().is_empty() {
            return Err(Error::token_source("gettoken answered no access_token"));
        }
        let left = Duration::from_secs(reply.expires_in.unwrap_or(0).clamp(0, i64::MAX).unsigned_abs())
            .clamp(wecom_kf::defaults::TOKEN_GAP, wecom_kf::defaults::TOKEN_LIFETIME_CAP);
        Ok(StoredToken { token, left })
    }
}

/// How long a call of the store may take.
const STORE_LIMIT: Duration = Duration::from_secs(5);
/// How long a turn to fetch lasts. A client waits 20 s for a token, which is enough for the turn of a process that died
/// and for one of its own.
const TURN_LIMIT: Duration = Duration::from_secs(10);
/// How long `gettoken` may take. It is less than the turn, so that there is time to store the outcome.
const FETCH_LIMIT: Duration = Duration::from_secs(8);
/// How long a process waits before it checks again whether another process has fetched the token.
const WAIT: Duration = Duration::from_millis(100);
/// While the store is down, a token is used only if it is valid for at least this long.
const GOES_ON_WITH: Duration = Duration::from_secs(60);

async fn in_time<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    StoreError::in_time(STORE_LIMIT, asked).await
}

/// Returns how long the outcome is held. If `gettoken` returned the rejected token again, or one that ends soon, every
/// process would otherwise fetch again at once.
fn hold_of(fetched: &StoredToken, rejected: Option<&AccessToken>) -> Duration {
    let again = rejected == Some(&fetched.token) || fetched.left < wecom_kf::defaults::RENEW_EARLY;
    if again { wecom_kf::defaults::TOKEN_GAP } else { Duration::ZERO }
}

/// Returns the wait after this many failures: 1 s, doubling to 30 s, as within one process.
fn hold_after(failures: u32) -> Duration {
    use wecom_kf::defaults::{TOKEN_BACKOFF_BASE, TOKEN_GAP};
    wecom_kf::__private::Backoff::new(TOKEN_BACKOFF_BASE, TOKEN_GAP).wait(failures)
}

/// Returns the error of a failure that another process shared, with the class and the remedy.
fn error_of(failure: TokenFailure) -> Error {
    match failure.code {
        Some(code) => Error::refused(op::GETTOKEN, code, failure.message),
        None => Error::token_source(failure),
    }
}

impl TokenSource for SharedToken {
    fn fetch<'a>(&'a self, rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
        Box::pin(async move {
            let stored = self.get(rejected).await?;
            self.remember(&stored);
            let seconds = i64::try_from(stored.left.as_secs()).ok();
            Ok(IssuedToken::new(stored.token, seconds))
        })
    }
}

impl std::fmt::Debug for SharedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedToken").field("key", &self.key).finish_non_exhaustive()
    }
}
