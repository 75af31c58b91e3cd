//! The client and its builder. What users cannot change about HTTP, such as redirects, is in `client.rs` of
//! `wecom-kf-raw`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;
use url::ParseError;
use wecom_kf_text::checked;

use crate::call::{Caller, Limits, Timer};
use crate::credentials::Credentials;
use crate::pacing::Gates;
use crate::polls::PollSchedule;
use crate::raw::{self, Request, op};
use crate::report::in_one_line;
use crate::retry::RetryBudget;
use crate::token::{TokenCache, Tokens};
use crate::{AccessToken, Bilingual, Error, IssuedToken, Pacing, RetryPolicy, TokenSource, defaults};

/// A client of the WeCom customer service API.
///
/// It fetches and renews the access token, turns errcodes into errors, and repeats calls where a repeat does no harm.
/// Create one client per app and keep it. It is cheap to clone: clones share the connections, the access token and the
/// retry budget.
///
/// ```no_run
/// use wecom_kf::{Client, Credentials};
///
/// # async fn example() -> Result<(), wecom_kf::Error> {
/// let client = Client::builder(Credentials::new("ww…", "…")).build()?;
/// for account in client.accounts().list().await? {
///     println!("{} {}", account.open_kfid, account.name);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    caller: Arc<Caller>,
    tokens: TokenCache,
    limits: Limits,
    polls: PollSchedule,
    base_url: String,
    corp_id: String,
}

impl Client {
    /// Starts building a client. [`Settings::client`](crate::Settings::client) builds one from environment variables.
    ///
    /// ```no_run
    /// use wecom_kf::{Client, Credentials};
    ///
    /// # fn main() -> Result<(), wecom_kf::Error> {
    /// let client = Client::builder(Credentials::new("ww…", "…")).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder {
            credentials,
            base_url: Ok(defaults::BASE_URL.to_owned()),
            http: reqwest::ClientBuilder::new(),
            has_http_settings: false,
            connect_timeout: defaults::CONNECT_TIMEOUT,
            limits: Limits { attempt: defaults::ATTEMPT_TIMEOUT, call: defaults::CALL_TIMEOUT },
            retry: RetryPolicy::default(),
            pacing: Pacing::default(),
            renew_early: defaults::RENEW_EARLY,
            token_source: None,
            reply_limit: defaults::REPLY_LIMIT,
        }
    }

    /// Sends any request of [`raw::op`], with the access token, repeats and time limits of all other calls.
    ///
    /// Use it for operations and fields that have no typed method. The errcode of a returned reply is 0.
    ///
    /// ```no_run
    /// use wecom_kf::raw::{op, types};
    ///
    /// # async fn example(client: wecom_kf::Client) -> Result<(), wecom_kf::Error> {
    /// let body = types::ListCustomerServiceAccountRequest { limit: Some(10), offset: None };
    /// let reply = client.call(&op::AccountList { body }).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Any [`Error`] except [`Error::InvalidInput`], because the content of the request is not checked here.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Reply, Error> {
        let tokens = request.operation().needs_access_token.then_some(&self.0.tokens);
        self.0.caller.call(request, tokens, self.0.limits).await
    }

    /// Returns the operation on the access token: reading the current one.
    pub fn token(&self) -> Tokens<'_> {
        Tokens(self)
    }

    /// Returns the schedule of reads without a callback's token, for programs that poll many accounts.
    pub fn poll_schedule(&self) -> &PollSchedule {
        &self.0.polls
    }

    /// Returns the base URL of the API, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// Returns the id of the corp. It is empty if the client uses a [`TokenSource`] and was built with empty credentials.
    pub fn corp_id(&self) -> &str {
        &self.0.corp_id
    }

    pub(crate) fn call_timeout(&self) -> Duration {
        self.0.limits.call
    }

    pub(crate) fn retry(&self) -> &RetryPolicy {
        &self.0.caller.retry
    }

    pub(crate) fn tokens(&self) -> &TokenCache {
        &self.0.tokens
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.0.base_url).finish_non_exhaustive()
    }
}

/// A builder of a [`Client`], created by [`Client::builder`].
#[must_use]
pub struct ClientBuilder {
    credentials: Credentials,
    base_url: Result<String, Bilingual>,
    http: reqwest::ClientBuilder,
    has_http_settings: bool,
    connect_timeout: Duration,
    limits: Limits,
    retry: RetryPolicy,
    pacing: Pacing,
    renew_early: Duration,
    token_source: Option<Box<dyn TokenSource>>,
    reply_limit: usize,
}

impl ClientBuilder {
    /// Sets the base URL of the API, for example that of your own proxy or of a simulator. The default is
    /// [`defaults::BASE_URL`].
    ///
    /// A path in the URL is kept. White space around the URL and a trailing slash are removed. [`build`](Self::build) refuses
    /// schemes other than http and https, a query, a fragment, user info, and invisible characters.
    pub fn base_url(mut self, base_url: impl AsRef<str>) -> Self {
        self.base_url = checked_base_url(base_url.as_ref());
        self
    }

    /// Changes settings of the HTTP client, such as a proxy or a certificate.
    ///
    /// This crate controls redirects, Referer, time-outs, repeats and idle connections: its own settings for these
    /// override yours.
    pub fn http(mut self, settings: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Self {
        self.http = settings(self.http);
        self.has_http_settings = true;
        self
    }

    /// Sets the time limit for establishing a connection. The default is 3 s ([`defaults::CONNECT_TIMEOUT`]).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets the time limit of one attempt. The default is 15 s ([`defaults::ATTEMPT_TIMEOUT`]). An attempt of gettoken
    /// never takes longer than 5 s.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attempt = timeout;
        self
    }

    /// Sets the time limit of a whole call, including the fetch of an access token, waits and repeats. The default is
    /// 60 s ([`defaults::CALL_TIMEOUT`]). Fetching a token never takes longer than 20 s.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.limits.call = timeout;
        self
    }

    /// Sets how often and when calls are repeated. The default is `RetryPolicy::default()`: 3 attempts in all, with a
    /// random wait before each repeat.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how many calls may be in progress at once, and how many `sync_msg` calls without a callback's token may be
    /// made in a minute. The default is `Pacing::default()`: WeCom's limits as far as they are known. The time that a
    /// call waits for its turn counts towards [`call_timeout`](Self::call_timeout).
    pub fn pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// Sets how long before its end the access token is renewed. The default is 300 s ([`defaults::RENEW_EARLY`]).
    ///
    /// A random part of up to half of it is subtracted, so that clients started together do not renew together. The
    /// token is never renewed before half of its lifetime has passed.
    pub fn renew_early(mut self, early: Duration) -> Self {
        self.renew_early = early;
        self
    }

    /// Sets the size limit of a reply, in bytes. The default is 32 MiB ([`defaults::REPLY_LIMIT`]). A longer reply fails
    /// the call with [`Error::NoAnswer`], whose source is [`raw::Error::TooLong`]. Downloads have their own limit,
    /// [`defaults::DOWNLOAD_LIMIT`].
    pub fn reply_limit(mut self, bytes: usize) -> Self {
        self.reply_limit = bytes;
        self
    }

    /// Takes access tokens from `source` instead of `gettoken`. The credentials are then not used and may be empty.
    pub fn token_source(mut self, source: impl TokenSource) -> Self {
        self.token_source = Some(Box::new(source));
        self
    }

    /// Builds the client. Sends nothing: the first call fetches the access token.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`]: the base URL is invalid, the corp id or the secret is empty or invalid, or the HTTP client
    /// cannot be created.
    pub fn build(self) -> Result<Client, Error> {
        // Longer times would overflow the clock.
        let limits = Limits { attempt: self.limits.attempt.min(LONGEST), call: self.limits.call.min(LONGEST) };
        let mut problems = match self.token_source {
            Some(_) => Vec::new(),
            None => self.credentials.problems(),
        };
        let base_url = self.base_url.unwrap_or_else(|problem| {
            problems.push(problem.about(&Bilingual::new("the base URL", "base URL")));
            String::new()
        });
        if !problems.is_empty() {
            return Err(Error::Settings(problems));
        }
        let Credentials { corp_id, secret } = self.credentials;
        let mut http = self.http.connect_timeout(self.connect_timeout).pool_idle_timeout(defaults::POOL_IDLE_TIMEOUT);
        if self.has_http_settings {
            // A time-out that the user set cannot be removed. So the time-out of reads is set to a year, and that of
            // the request to our limit, see `Timer`.
            http = http.timeout(limits.attempt).read_timeout(LONGEST);
        }
        let raw = raw::Client::new(base_url.clone(), http)
            .map_err(|error| Error::settings(no_http_client(&error)))?
            .reply_limit(self.reply_limit);
        let jitter = self.retry.source_of_jitter();
        let caller = Arc::new(Caller {
            raw,
            timer: if self.has_http_settings { Timer::OfHttpClient { limit: limits.attempt } } else { Timer::Own },
            retry: self.retry,
            budget: RetryBudget::full(),
            gates: Gates::new(self.pacing),
            secret: secret.clone(),
        });
        let source = self.token_source.unwrap_or_else(|| {
            let gettoken_limits = Limits {
                attempt: limits.attempt.min(defaults::TOKEN_ATTEMPT_TIMEOUT),
                call: limits.call.min(defaults::TOKEN_LOAD_TIMEOUT),
            };
            let request = op::Gettoken { corpid: corp_id.clone(), corpsecret: secret };
            Box::new(Gettoken { caller: caller.clone(), limits: gettoken_limits, request })
        });
        let tokens = TokenCache::new(source, self.renew_early, jitter);
        Ok(Client(Arc::new(Inner { caller, tokens, limits, polls: self.pacing.poll_schedule(), base_url, corp_id })))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The HTTP settings are omitted: they come from the user and may contain a proxy's password.
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

/// The longest time limit: a year.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

fn no_http_client(error: &raw::Error) -> Bilingual {
    let en = format!("the HTTP client cannot be created: {}", in_one_line(error));
    Bilingual::new(en, "无法创建 HTTP 客户端：TLS 不可用，或通过 http() 给出的设置（代理、证书）无效")
}

/// Returns the base URL without a trailing slash, or the problem with it. The problem never shows the URL, because the
/// URL may contain a password.
pub(crate) fn checked_base_url(base_url: &str) -> Result<String, Bilingual> {
    let refuse = |en: &'static str, zh: &'static str| Err(Bilingual::new(en, zh));
    let base_url = checked(base_url).map_err(|flaw| Bilingual::flaw(&flaw))?;
    if base_url.is_empty() {
        return refuse(
            "empty; unset it, or write a URL such as https://qyapi.weixin.qq.com",
            "为空；请删除该设置，或填写 URL，例如 https://qyapi.weixin.qq.com",
        );
    }
    // Without this check, `localhost:9500` would be parsed as a URL with the scheme `localhost`.
    if !base_url.contains("://") {
        return refuse(
            "the scheme is missing; begin it with https:// (or http://)",
            "缺少协议；请以 https://（或 http://）开头",
        );
    }
    let url = match Url::parse(base_url) {
        Ok(url) => url,
        Err(error) => return Err(not_a_url(error)),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refuse("the scheme is neither http nor https", "协议既不是 http 也不是 https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("it has user info; leave it out", "含有用户信息，请去掉");
    }
    if url.query().is_some() {
        return refuse("it has a query; leave it out", "含有查询串，请去掉");
    }
    if url.fragment().is_some() {
        return refuse("it has a fragment; leave it out", "含有片段（#），请去掉");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn not_a_url(error: ParseError) -> Bilingual {
    let (en, zh) = match error {
        ParseError::RelativeUrlWithoutBase => {
            ("the scheme is missing; begin it with https:// (or http://)", "缺少协议；请以 https://（或 http://）开头")
        }
        ParseError::EmptyHost => ("the host is missing", "缺少主机名"),
        ParseError::InvalidPort => ("the port is not a number up to 65535", "端口不是 65535 以内的数字"),
        ParseError::InvalidIpv4Address | ParseError::InvalidIpv6Address => ("the IP address is invalid", "IP 地址无效"),
        ParseError::InvalidDomainCharacter | ParseError::IdnaError => ("the host name is invalid", "主机名无效"),
        _ => ("not a URL, such as https://qyapi.weixin.qq.com", "不是 URL，例如 https://qyapi.weixin.qq.com"),
    };
    Bilingual::new(en, zh)
}

/// The default token source: `gettoken`, for self-built apps.
struct Gettoken {
    caller: Arc<Caller>,
    limits: Limits,
    request: op::Gettoken,
}

impl TokenSource for Gettoken {
    fn fetch<'a>(&'a self, _rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
        Box::pin(async {
            let reply = self.caller.call(&self.request, None, self.limits).await?;
            // A missing token becomes an empty one, which the token cache reports as an invalid reply.
            Ok(IssuedToken::new(reply.access_token.unwrap_or_default(), reply.expires_in))
        })
    }
}
