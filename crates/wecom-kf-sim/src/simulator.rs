use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use wecom_kf_raw::Operation;

use crate::clock::Clock;
use crate::connection::{Connections, Loopback};
use crate::customer::Customer;
use crate::fault::FaultAt;
use crate::ids::Ids;
use crate::journal::Call;
use crate::platform::{AccessTokens, NotPossible, Platform, Refetch};
use crate::server::serve;
use crate::shared::{OnCall, Shared};

/// `expires_in` of a new token is normally 7200 [91039].
const TOKEN_LIFETIME: Duration = Duration::from_secs(7200);
const ACCOUNT_NAME: &str = "小店";

/// The platform in a box: a server on loopback with one corp, its accounts, customers and servicers.
///
/// It serves until it is dropped; then all connections are reset.
pub struct Simulator {
    pub(crate) shared: Arc<Shared>,
    address: SocketAddr,
    connections: Connections,
    server: AbortHandle,
}

impl Simulator {
    /// Starts one with a port, a corp and ids of its own, and one account 小店.
    ///
    /// # Errors
    ///
    /// No port could be had.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// A simulator with settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The corp id that `gettoken` takes.
    pub fn corp_id(&self) -> String {
        self.shared.platform().0.corp_id.clone()
    }

    /// The secret that `gettoken` takes.
    pub fn secret(&self) -> String {
        self.shared.platform().0.secret.clone()
    }

    /// The first account.
    pub fn open_kfid(&self) -> String {
        self.open_kfids().into_iter().next().expect("a simulator starts with an account and keeps at least one")
    }

    /// All accounts, in the order they were added.
    pub fn open_kfids(&self) -> Vec<String> {
        self.shared.platform().0.open_kfids().map(str::to_owned).collect()
    }

    /// The environment of a bot that is to talk to this simulator: `WECOM_CORP_ID`, `WECOM_KF_SECRET`,
    /// `WECOM_KF_BASE_URL`, `WECOM_KF_OPEN_KFID`.
    pub fn vars(&self) -> Vec<(&'static str, String)> {
        vec![
            ("WECOM_CORP_ID", self.corp_id()),
            ("WECOM_KF_SECRET", self.secret()),
            ("WECOM_KF_BASE_URL", self.base_url()),
            ("WECOM_KF_OPEN_KFID", self.open_kfid()),
        ]
    }

    /// The customer with this name at the first account, who comes into being if new.
    pub fn customer(&self, name: &str) -> Customer {
        self.customer_of(&self.open_kfid(), name).expect("the first account exists")
    }

    /// The customer with this name at an account, who comes into being if new.
    ///
    /// # Errors
    ///
    /// There never was such an account.
    pub fn customer_of(&self, open_kfid: &str, name: &str) -> Result<Customer, NotPossible> {
        let external_userid = self.shared.platform().0.meet_customer(open_kfid, name)?;
        Ok(Customer::new(self.shared.clone(), open_kfid.to_owned(), external_userid))
    }

    /// Unix seconds of the simulator's clock.
    pub fn now(&self) -> u64 {
        self.shared.clock.now().as_secs()
    }

    /// Puts the simulator's clock forward. Nothing waits for it: tokens, windows and codes just are older.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// Lets the token handed out last expire: its next use answers 42001, and `gettoken` gives a new one.
    pub fn expire_token(&self) {
        let (mut platform, now) = self.shared.platform();
        platform.access_tokens.expire(now);
    }

    /// Takes the token handed out last back: its next use answers 40014, and `gettoken` gives a new one.
    pub fn revoke_token(&self) {
        self.shared.platform().0.access_tokens.revoke();
    }

    /// The access token handed out last, whether it is still good or not.
    pub fn access_token(&self) -> Option<String> {
        self.shared.platform().0.access_tokens.current().map(str::to_owned)
    }

    /// How long tokens issued from now on are good.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.shared.platform().0.access_tokens.lifetime = lifetime;
    }

    /// A callback token for `sync_msg`, good for 10 minutes of the simulator's clock.
    pub fn sync_token(&self) -> String {
        let (mut platform, now) = self.shared.platform();
        platform.sync_token(now)
    }

    /// Lets the next `sync_msg` that would succeed answer an empty page with `has_more` 1 and a cursor that goes on, as
    /// WeCom may.
    pub fn empty_page_next(&self) {
        self.shared.platform().0.empty_page_next();
    }

    /// A fault for the next calls of an operation, such as `sim.fault(op::SEND_MSG).errcode(-1).times(2)`.
    pub fn fault(&self, operation: Operation) -> FaultAt<'_> {
        FaultAt::new(&self.shared, operation)
    }

    /// How many calls of an operation came; those that were refused, hit by a fault or not answered yet included.
    pub fn calls(&self, operation: Operation) -> usize {
        self.shared.journal().counted(operation.id)
    }

    /// The calls that were answered, or that a fault left without an answer, oldest first; of very many the last 10,000.
    pub fn journal(&self) -> Vec<Call> {
        self.shared.journal().calls().cloned().collect()
    }

    /// How many HTTP requests came, those of unknown paths included.
    pub fn requests(&self) -> usize {
        self.shared.requests()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
        self.connections.close();
    }
}

// Without the secret.
impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

/// The settings of a [`Simulator`].
#[must_use = "nothing starts before `start`"]
pub struct Builder {
    port: u16,
    seed: Option<u64>,
    corp: Option<(String, String)>,
    accounts: Vec<String>,
    servicers: Vec<String>,
    token_lifetime: Duration,
    refetch: Refetch,
    on_call: Option<OnCall>,
}

impl Builder {
    fn new() -> Self {
        Self {
            port: 0,
            seed: None,
            corp: None,
            accounts: Vec::new(),
            servicers: Vec::new(),
            token_lifetime: TOKEN_LIFETIME,
            refetch: Refetch::Same,
            on_call: None,
        }
    }

    /// The port to listen on; 0, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Lets all ids, tokens and cursors follow from this number. Without it they are new each time, the corp id too, so
    /// that no cursor of an earlier simulator fits.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The corp's id and the app's secret, instead of invented ones.
    pub fn corp(mut self, corp_id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.corp = Some((corp_id.into(), secret.into()));
        self
    }

    /// Adds an account. Without any there is one, 小店.
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.accounts.push(name.into());
        self
    }

    /// Adds a servicer of every account there is at the start, who receives.
    pub fn servicer(mut self, userid: impl Into<String>) -> Self {
        self.servicers.push(userid.into());
        self
    }

    /// How long an access token is good; 7200 seconds by default.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Lets every `gettoken` give a new token, while the old ones stay good. By default a token that is still good is
    /// given again, with what is left of its time. Sources disagree which of them WeCom does.
    pub fn fresh_token_each_time(mut self) -> Self {
        self.refetch = Refetch::Fresh;
        self
    }

    /// Is told of each call as it is answered.
    pub fn on_call(mut self, on_call: impl Fn(&Call) + Send + Sync + 'static) -> Self {
        self.on_call = Some(Box::new(on_call));
        self
    }

    /// Starts it, on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// The port is taken, or none could be had.
    pub async fn start(self) -> Result<Simulator, StartError> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let listener = TcpListener::bind(wanted).await.map_err(|source| StartError { port: self.port, source })?;
        let address = listener.local_addr().map_err(|source| StartError { port: self.port, source })?;
        let connections = Connections::default();
        let shared = Arc::new(self.into_shared());
        let loopback = Loopback { listener, connections: connections.clone() };
        let server = tokio::spawn(serve(loopback, shared.clone())).abort_handle();
        Ok(Simulator { shared, address, connections, server })
    }

    fn into_shared(self) -> Shared {
        let ids = Ids::new(self.seed.unwrap_or_else(|| fastrand::u64(..)));
        let mut platform = Platform::new(ids, self.corp, AccessTokens::new(self.token_lifetime, self.refetch));
        for name in &self.accounts {
            platform.open_account(name);
        }
        if self.accounts.is_empty() {
            platform.open_account(ACCOUNT_NAME);
        }
        for userid in &self.servicers {
            platform.meet_servicer(userid);
        }
        Shared::new(Clock::starting_now(), platform, self.on_call)
    }
}

// Without the secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("port", &self.port).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// The simulator could not listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on port {port} of 127.0.0.1")]
#[non_exhaustive]
pub struct StartError {
    /// The port that was asked for.
    pub port: u16,
    /// Why not.
    pub source: io::Error,
}
