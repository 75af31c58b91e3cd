//! The client and its builder, and the figures that it starts out with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;
use url::ParseError;
use wecom_kf_text::checked;

use crate::call::{Caller, Limits, Timer};
use crate::credentials::Credentials;
use crate::error::in_one_line;
use crate::pacing::Gates;
use crate::polls::PollSchedule;
use crate::raw::{self, Request, op};
use crate::retry::RetryBudget;
use crate::token::{TokenCache, Tokens};
use crate::{
    AccessToken, Bilingual, Error, IssuedToken, Pacing, RetryPolicy, TokenSource, account, corp, customer, knowledge,
};
use crate::{media, message, service_state, servicer, statistic, upgrade_service};

/// The figures a client starts out with. Those that have a setter on [`ClientBuilder`] or [`RetryPolicy`] can be
/// changed there.
pub mod defaults {
    use std::time::Duration;

    /// Where WeCom is.
    pub const BASE_URL: &str = crate::raw::op::SERVER;

    /// How long a connection may take to come about.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
    /// How long one attempt may take.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
    /// How long a whole call may take: access token, waits and repeats included.
    pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
    /// How long an idle connection is kept. Short, since a request on one that WeCom just closed may be lost or not.
    pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

    /// The longest reply that is read, in bytes, unless it is a file.
    pub const REPLY_LIMIT: usize = crate::raw::REPLY_LIMIT;
    /// The most bytes of a download, unless it is told otherwise.
    pub const DOWNLOAD_LIMIT: u64 = crate::raw::media::DOWNLOAD_LIMIT;
    /// Who may read a downloaded file, as the mode of a file on Unix: its owner alone.
    pub const DOWNLOAD_MODE: u32 = 0o600;

    /// How often a call is sent at most, the first time included.
    pub const MAX_ATTEMPTS: u32 = 3;
    /// The wait before a repeat is random, up to this, doubling with each repeat.
    pub const BACKOFF_BASE: Duration = Duration::from_millis(200);
    /// The same after "too many at once" (45033).
    pub const BACKOFF_BASE_CONCURRENCY: Duration = Duration::from_secs(1);
    /// The longest wait before a repeat.
    pub const BACKOFF_CAP: Duration = Duration::from_secs(5);

    /// How many `sync_msg` calls may be under way at once: WeCom refuses more with 45033.
    pub const SYNCS_AT_ONCE: usize = 5;
    /// How many `sync_msg` calls without a callback's token WeCom takes within [`TOKENLESS_WINDOW`]; it refuses more with
    /// 45009 for a minute (an operator's answer in the official forum).
    pub const TOKENLESS_SYNCS: usize = 10;
    /// The time in which WeCom counts them.
    pub const TOKENLESS_WINDOW: Duration = Duration::from_secs(60);
    /// How many calls of all other operations may be under way at once, until WeCom answers 45033.
    pub const CALLS_AT_ONCE: usize = 64;
    /// After 45033 halved a limit of calls at once, it rises by one in each such time.
    pub const CALLS_AT_ONCE_RECOVERY: Duration = Duration::from_secs(10);

    /// What all calls of a client may spend on repeats together; successes fill it up again.
    pub const RETRY_BUDGET: u32 = 500;
    /// What a repeat costs after an answer that was lost.
    pub const RETRY_COST_LOST: u32 = 14;
    /// What a repeat costs after WeCom answered that it is too busy.
    pub const RETRY_COST_THROTTLED: u32 = 5;

    /// The access token is renewed this long before its end, less up to half of it at random.
    pub const RENEW_EARLY: Duration = Duration::from_secs(300);
    /// Between two fetches of a token while one still serves, and after gettoken handed back a rejected one.
    pub const TOKEN_GAP: Duration = Duration::from_secs(30);
    /// Before the next fetch after one failed; doubles with each failure, up to [`TOKEN_GAP`].
    pub const TOKEN_BACKOFF_BASE: Duration = Duration::from_secs(1);
    /// How long one gettoken may take.
    pub const TOKEN_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long fetching a token may take, repeats included.
    pub const TOKEN_LOAD_TIMEOUT: Duration = Duration::from_secs(20);
    /// No token is relied on for longer, whatever gettoken says.
    pub const TOKEN_LIFETIME_CAP: Duration = Duration::from_secs(7200);
}

/// A client of the API: keeps the access token, heeds errcodes, repeats what may be repeated.
///
/// Cheap to clone; clones share connections, the access token and the retry budget. Make one per app and keep it.
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
    /// Starts building a client; [`Settings::client`](crate::Settings::client) builds one of the environment.
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

    /// Sends any request of [`raw::op`] under the rules of every call: access token, errcode, repeats, time limits.
    ///
    /// The reply's errcode is 0.
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
    /// Every [`Error`] but [`Error::InvalidInput`]: what is inside the request is WeCom's to judge.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Reply, Error> {
        let tokens = R::OPERATION.needs_access_token.then_some(&self.0.tokens);
        self.0.caller.call(request, tokens, self.0.limits).await
    }

    /// The corp itself.
    pub fn corp(&self) -> corp::Corp<'_> {
        corp::Corp(self)
    }

    /// Who the customers are.
    pub fn customer(&self) -> customer::Customers<'_> {
        customer::Customers(self)
    }

    /// The knowledge base of the assistant.
    pub fn knowledge(&self) -> knowledge::Knowledge<'_> {
        knowledge::Knowledge(self)
    }

    /// Pictures, voices, videos and files.
    pub fn media(&self) -> media::Media<'_> {
        media::Media(self)
    }

    /// Who answers customers by hand.
    pub fn servicer(&self) -> servicer::Servicers<'_> {
        servicer::Servicers(self)
    }

    /// Daily figures.
    pub fn statistic(&self) -> statistic::Statistics<'_> {
        statistic::Statistics(self)
    }

    /// Recommending members and groups to customers.
    pub fn upgrade_service(&self) -> upgrade_service::UpgradeService<'_> {
        upgrade_service::UpgradeService(self)
    }

    /// Customer service accounts.
    pub fn account(&self) -> account::Accounts<'_> {
        account::Accounts(self)
    }

    /// Messages.
    pub fn message(&self) -> message::Messages<'_> {
        message::Messages::new(self)
    }

    /// Who serves a customer's session.
    pub fn service_state(&self) -> service_state::SessionStates<'_> {
        service_state::SessionStates(self)
    }

    /// The access token itself.
    pub fn token(&self) -> Tokens<'_> {
        Tokens(self)
    }

    /// When accounts may read without a callback's token; for whoever polls many of them.
    pub fn poll_schedule(&self) -> &PollSchedule {
        &self.0.polls
    }

    /// Where the API is, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.0.base_url
    }

    /// The corp's id; empty if a [`TokenSource`] came without one.
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

/// Settings of a [`Client`]: [`Client::builder`].
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
    /// Where the API is, [`defaults::BASE_URL`] unless said: a proxy of yours, or a simulator. A path is kept. White
    /// space around it and a slash at its end are removed. [`build`](Self::build) refuses anything but http and https, a
    /// query, a fragment, user info, and invisible characters.
    pub fn base_url(mut self, base_url: impl AsRef<str>) -> Self {
        self.base_url = checked_base_url(base_url.as_ref());
        self
    }

    /// Adds settings of the HTTP client, such as a proxy or a certificate.
    ///
    /// Redirects, Referer, time-outs, repeats and idle connections are this crate's business: its settings are applied
    /// after yours.
    pub fn http(mut self, settings: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder) -> Self {
        self.http = settings(self.http);
        self.has_http_settings = true;
        self
    }

    /// How long a connection may take to come about; 3 s ([`defaults::CONNECT_TIMEOUT`]).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take; 15 s ([`defaults::ATTEMPT_TIMEOUT`]). One of gettoken takes 5 s at most.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.limits.attempt = timeout;
        self
    }

    /// How long a whole call may take, access token, waits and repeats included; 60 s ([`defaults::CALL_TIMEOUT`]).
    /// Fetching a token takes 20 s at most.
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.limits.call = timeout;
        self
    }

    /// How often and when calls are repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how many calls may be under way at once, and how many `sync_msg` calls without a callback's token may be
    /// made in a minute. A call that has to wait does so within [`call_timeout`](Self::call_timeout).
    pub fn pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// How long before its end the access token is renewed, less up to half of it at random; 300 s
    /// ([`defaults::RENEW_EARLY`]), and never more than half of its life.
    pub fn renew_early(mut self, early: Duration) -> Self {
        self.renew_early = early;
        self
    }

    /// The longest reply that is read, in bytes; 32 MiB ([`defaults::REPLY_LIMIT`]). A longer one is
    /// [`Error::NoAnswer`] with [`raw::Error::TooLong`] as its source. Downloads have a limit of their own,
    /// [`defaults::DOWNLOAD_LIMIT`].
    pub fn reply_limit(mut self, bytes: usize) -> Self {
        self.reply_limit = bytes;
        self
    }

    /// Takes access tokens from `source` in place of `gettoken`. The credentials are then not used, and may be empty.
    pub fn token_source(mut self, source: impl TokenSource) -> Self {
        self.token_source = Some(Box::new(source));
        self
    }

    /// Builds the client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`]: the base URL cannot be used, the corp id or the secret is empty, or the HTTP client cannot
    /// be made.
    pub fn build(self) -> Result<Client, Error> {
        // Longer ones would leave the range of the clock.
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
            // Time-outs of the user's cannot be removed. That of a read is made too long to come first; that of a request
            // becomes ours, see `Timer`.
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
        // The HTTP settings are the user's and may hold a proxy's password.
        f.debug_struct("ClientBuilder")
            .field("base_url", &self.base_url)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

/// A year.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

fn no_http_client(error: &raw::Error) -> Bilingual {
    let en = format!("the HTTP client cannot be made: {}", in_one_line(error));
    Bilingual::new(en, "无法创建 HTTP 客户端：TLS 不可用，或通过 http() 给出的设置（代理、证书）无效")
}

/// The base URL without a slash at its end, or what is wrong with it. The message does not show the URL: what is wrong
/// with it may be a password inside.
pub(crate) fn checked_base_url(base_url: &str) -> Result<String, Bilingual> {
    let refuse = |en: &'static str, zh: &'static str| Err(Bilingual::new(en, zh));
    let base_url = checked(base_url).map_err(|flaw| Bilingual::new(flaw.to_string(), flaw.zh()))?;
    if base_url.is_empty() {
        return refuse(
            "empty; unset it, or write a URL such as https://qyapi.weixin.qq.com",
            "为空；请删除该设置，或填写 URL，例如 https://qyapi.weixin.qq.com",
        );
    }
    // Without this check, `localhost:9500` is a URL of the scheme `localhost`.
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

/// Tokens as self-built apps get them.
struct Gettoken {
    caller: Arc<Caller>,
    limits: Limits,
    request: op::Gettoken,
}

impl TokenSource for Gettoken {
    fn fetch<'a>(&'a self, _rejected: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
        Box::pin(async {
            let reply = self.caller.call(&self.request, None, self.limits).await?;
            // An empty token is refused by whoever takes it.
            Ok(IssuedToken::new(reply.access_token.unwrap_or_default(), reply.expires_in))
        })
    }
}
