use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use wecom_kf::raw::op;
use wecom_kf::{AccessToken, BoxFuture, Client, Credentials, Error, IssuedToken, TokenSource};

use crate::store::{Refresh, StoredToken, TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish};

/// An access token that all processes share through a store: one fetches, the others wait for its outcome.
///
/// While the store is down each process fetches for itself.
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
}

impl SharedToken {
    /// `client` sends the `gettoken`s; of the same credentials and base URL as the one that will use the token.
    pub fn new(client: &Client, credentials: &Credentials, store: impl TokenStore) -> Self {
        let (corp_id, secret) = (credentials.corp_id(), credentials.secret());
        Self {
            client: client.clone(),
            gettoken: op::Gettoken { corpid: corp_id.to_owned(), corpsecret: secret.clone() },
            key: TokenKey::new(client.base_url(), corp_id, secret),
            store: Arc::new(store),
        }
    }

    async fn get(&self, rejected: Option<&AccessToken>) -> Result<IssuedToken, Error> {
        let wish = TokenWish {
            rejected: rejected.cloned(),
            at_least: wecom_kf::defaults::RENEW_EARLY,
            limit: wecom_kf::defaults::TOKEN_LOAD_TIMEOUT,
        };
        loop {
            match timeout(STORE_LIMIT, self.store.turn(&self.key, &wish)).await {
                Ok(Ok(TokenTurn::Token(StoredToken { token, left }))) => {
                    return Ok(IssuedToken::new(token, i64::try_from(left.as_secs()).ok()));
                }
                // The client gives up after 20 s, as whoever fetches does.
                Ok(Ok(TokenTurn::Wait)) => sleep(WAIT.mul_f64(0.75 + 0.5 * fastrand::f64())).await,
                Ok(Ok(TokenTurn::Failed(failure))) => return Err(error_of(failure)),
                Ok(Ok(TokenTurn::Refresh(refresh))) => return self.refresh(&refresh, rejected).await,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the access token is not shared: fetching one for this process");
                    return self.fetch().await.map(|(_, issued)| issued);
                }
                Err(_) => {
                    tracing::warn!("the store does not answer: fetching an access token for this process");
                    return self.fetch().await.map(|(_, issued)| issued);
                }
            }
        }
    }

    async fn refresh(&self, refresh: &Refresh, rejected: Option<&AccessToken>) -> Result<IssuedToken, Error> {
        let fetched = self.fetch().await;
        let outcome = match &fetched {
            Ok((token, _)) => {
                // The very token that was rejected: whoever asks next would get it again.
                let is_rejected = rejected == Some(&token.token);
                let hold = if is_rejected { wecom_kf::defaults::TOKEN_GAP } else { Duration::ZERO };
                TokenOutcome::Token { token: token.clone(), hold }
            }
            Err(error) => {
                let failure = TokenFailure { code: error.code(), message: error.to_string() };
                TokenOutcome::Failed { failure, hold: hold_after(refresh.failures) }
            }
        };
        match timeout(STORE_LIMIT, self.store.finish(refresh, &outcome)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "what came of gettoken is not shared"),
            Err(_) => tracing::warn!("the store does not answer: what came of gettoken is not shared"),
        }
        fetched.map(|(_, issued)| issued)
    }

    async fn fetch(&self) -> Result<(StoredToken, IssuedToken), Error> {
        let reply = self.client.call(&self.gettoken).await?;
        let token = reply.access_token.unwrap_or_default();
        if token.expose().is_empty() {
            return Err(Error::token_source("gettoken answered no access_token"));
        }
        let left = Duration::from_secs(reply.expires_in.unwrap_or(0).clamp(0, i64::MAX).unsigned_abs())
            .clamp(wecom_kf::defaults::TOKEN_GAP, wecom_kf::defaults::TOKEN_LIFETIME_CAP);
        Ok((StoredToken { token: token.clone(), left }, IssuedToken::new(token, reply.expires_in)))
    }
}

/// How long a store may take: less than a load of the token has.
const STORE_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks whether another process has fetched the token.
const WAIT: Duration = Duration::from_millis(100);

/// 1 s, doubling up to 30 s, as within one process.
fn hold_after(failures: u32) -> Duration {
    let wait = wecom_kf::defaults::TOKEN_BACKOFF_BASE.saturating_mul(2_u32.saturating_pow(failures.min(16)));
    wait.min(wecom_kf::defaults::TOKEN_GAP)
}

/// What WeCom said to another process, with the class and the remedy it has here.
fn error_of(failure: TokenFailure) -> Error {
    match failure.code {
        Some(code) => Error::refused(op::GETTOKEN, code, failure.message),
        None => Error::token_source(failure),
    }
}

impl TokenSource for SharedToken {
    fn fetch<'a>(&'a self, rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
        Box::pin(self.get(rejected))
    }
}

impl std::fmt::Debug for SharedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedToken").field("key", &self.key).finish_non_exhaustive()
    }
}
