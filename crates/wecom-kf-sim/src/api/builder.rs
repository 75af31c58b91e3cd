//! The settings that a simulator starts with.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::api::running::{Running, StartError};
use crate::api::simulator::Simulator;
use crate::platform::NotPossible;
use crate::platform::assumptions::Assumption;
use crate::world::Listeners;
use crate::world::clock::wall_clock;
use crate::world::export::{State, StateError};
use crate::world::journal::{Call, Delivery};
use crate::world::point;
use crate::world::rules;
use crate::world::setup::{Corp, Setup, Strictness};

/// The settings of a [`Simulator`].
#[must_use = "nothing starts before `start`"]
pub struct Builder {
    address: SocketAddr,
    /// The settings that all corps share, and those of the first corp.
    setup: Setup,
    others: Vec<Corp>,
    listeners: Listeners,
    state: Option<State>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            setup: Setup::new(),
            others: Vec::new(),
            listeners: Listeners::default(),
            state: None,
        }
    }

    /// Sets the port to listen on. 0, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Sets the address to listen on. The default is 127.0.0.1. Everybody who can reach the address controls the simulator,
    /// so another one is for containers only. There the simulator answers only to names that are
    /// [allowed](Self::allow_host).
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.address.set_ip(address);
        self
    }

    /// Allows a host name: the simulator answers to it as `Host` and `Origin`, and may send callbacks there. Names of
    /// loopback are always allowed.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.setup.allowed_hosts.push(name.into());
        self
    }

    /// Sets the URL by which bots reach the simulator, such as `http://sim:9500` between containers. [`Simulator::base_url`]
    /// and the environment variables have this URL, and its host is [allowed](Self::allow_host).
    ///
    /// # Errors
    ///
    /// The URL is not `http`, or has more than a host and a port.
    pub fn public_url(mut self, url: &str) -> Result<Self, NotPossible> {
        let (url, host) = point::public_url(url)?;
        self.setup.public_url = Some(url);
        Ok(self.allow_host(host))
    }

    /// Sets what happens to a request with fields that the document does not have. The default is strict.
    pub fn strictness(mut self, strictness: Strictness) -> Self {
        self.setup.strictness = strictness;
        self
    }

    /// Stops the clock at the present time, so that only [`Simulator::advance`] moves it.
    pub fn manual_clock(self) -> Self {
        self.manual_clock_from(wall_clock())
    }

    /// Stops the clock at this time since the Unix epoch, so that only [`Simulator::advance`] moves it. Two runs with the same
    /// time and the same [seed](Self::seed) write the same journal.
    pub fn manual_clock_from(mut self, unix: Duration) -> Self {
        self.setup.manual_from = Some(unix);
        self
    }

    /// Sends callbacks to this URL, signed with this token and encrypted with this key. The URL is not verified.
    pub fn callback(
        mut self,
        url: impl Into<String>,
        token: impl Into<String>,
        encoding_aes_key: impl Into<String>,
    ) -> Self {
        self.setup.corp = self.setup.corp.callback(url, token, encoding_aes_key);
        self
    }

    /// Sends callbacks to this URL, with a token and a key that follow from the seed. [`Simulator::vars`] has them.
    pub fn callback_url(mut self, url: impl Into<String>) -> Self {
        self.setup.corp = self.setup.corp.callback_url(url);
        self
    }

    /// Disables an assumption: the simulator then behaves in the other way that the page *What the simulator assumes*
    /// names for this id.
    ///
    /// # Errors
    ///
    /// There is no such rule, or it cannot be switched.
    pub fn disable_assumption(mut self, id: &str) -> Result<Self, NotPossible> {
        let (_, assumption) = rules::switchable(id)?;
        self.setup.disabled_assumptions.push(assumption);
        Ok(self)
    }

    /// Makes all ids, tokens and cursors follow from this number. Without it they are new each time, and so is the corp id.
    /// Then no cursor of an earlier simulator is valid. Callback tokens also contain the time: see
    /// [`manual_clock_from`](Self::manual_clock_from).
    pub fn seed(mut self, seed: u64) -> Self {
        self.setup.seed = seed;
        self.setup.is_seeded = true;
        self
    }

    /// Sets the corp id and the secret of the app. By default they follow from the seed.
    pub fn corp(mut self, corp_id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.setup.corp.known = Some((corp_id.into(), secret.into()));
        self
    }

    /// Sets the first corp as a whole. It replaces what `corp`, `account`, `servicer`, `callback` and `callback_url` set
    /// before. Later calls of them change this corp.
    pub fn first(mut self, corp: Corp) -> Self {
        self.setup.corp = corp;
        self
    }

    /// Adds another corp. It has the same address, clock, seed, strictness and disabled assumptions.
    ///
    /// ```
    /// use wecom_kf_sim::{Corp, Simulator};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let other = Corp::new("ww2", "secret-2").account("二店").servicer("lisi");
    /// let sim = Simulator::builder().corp("ww1", "secret-1").another(other).start().await?;
    /// let other = sim.corp("ww2").ok_or("there is no such corp")?;
    /// other.customer("小王").says("你好"); // waits in that corp only
    /// assert_eq!(other.base_url(), sim.base_url());
    /// assert_ne!(other.open_kfid(), sim.open_kfid());
    /// # Ok(())
    /// # }
    /// ```
    pub fn another(mut self, corp: Corp) -> Self {
        self.others.push(corp);
        self
    }

    /// Adds an account. Without this call there is one account, 小店.
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.setup.corp = self.setup.corp.account(name);
        self
    }

    /// Adds a servicer who receives customers at every account that exists at the start.
    pub fn servicer(mut self, userid: impl Into<String>) -> Self {
        self.setup.corp = self.setup.corp.servicer(userid);
        self
    }

    /// Sets how long an access token is valid. The default is 7200 seconds.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.setup.token_lifetime = lifetime;
        self
    }

    /// Makes every `gettoken` return a new token, while the old ones stay valid. By default `gettoken` returns a token that
    /// is still valid again, with the rest of its time. Sources disagree about what WeCom does.
    pub fn fresh_token_each_time(mut self) -> Self {
        self.setup.disabled_assumptions.push(Assumption::RefetchGivesSameToken);
        self
    }

    /// Calls this function with each call of the API when it is answered, for all corps.
    pub fn on_call(mut self, on_call: impl Fn(&Call) + Send + Sync + 'static) -> Self {
        self.listeners.on_call = Some(Box::new(on_call));
        self
    }

    /// Calls this function with each attempt to deliver a callback, for all corps.
    pub fn on_callback(mut self, on_callback: impl Fn(&Delivery) + Send + Sync + 'static) -> Self {
        self.listeners.on_callback = Some(Box::new(on_callback));
        self
    }

    /// Starts it with a state that [`Simulator::export`] returned: its corps, seed and clock, and all that is in them. Of the
    /// other settings only those apply that no state has, such as the port. A callback that is set here replaces the state's.
    ///
    /// # Errors
    ///
    /// The state is damaged, or of a later version.
    pub fn state(mut self, state: &str) -> Result<Self, StateError> {
        let state = State::read(state)?;
        state.set_up(&mut self.setup, &mut self.others)?;
        self.state = Some(state);
        Ok(self)
    }

    /// Starts the simulator, on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// The port is taken, or no port is free. The settings of a callback are invalid. Two corps have the same id.
    pub async fn start(self) -> Result<Simulator, StartError> {
        let running = Running::start(self.address, self.setup, self.others, self.listeners, self.state).await?;
        Ok(Simulator { world: running.corps.first().clone(), running: Arc::new(running) })
    }
}

// Without the secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = self.setup.is_seeded.then_some(self.setup.seed);
        f.debug_struct("Builder").field("address", &self.address).field("seed", &seed).finish_non_exhaustive()
    }
}
