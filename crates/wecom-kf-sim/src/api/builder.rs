//! The settings that a simulator starts with.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::api::running::{Running, StartError};
use crate::api::simulator::Simulator;
use crate::platform::NotPossible;
use crate::platform::assumptions::{self, Assumption};
use crate::world::Listeners;
use crate::world::clock::wall_clock;
use crate::world::journal::{Call, Delivery};
use crate::world::point;
use crate::world::setup::{Corp, Setup, Strictness};

/// The settings of a [`Simulator`].
#[must_use = "nothing starts before `start`"]
pub struct Builder {
    address: SocketAddr,
    /// What all corps have, and the first of them.
    setup: Setup,
    others: Vec<Corp>,
    listeners: Listeners,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            setup: Setup::new(),
            others: Vec::new(),
            listeners: Listeners::default(),
        }
    }

    /// The port to listen on; 0, the default, takes a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// The address to listen on; 127.0.0.1 by default. Whoever reaches another one can do all that the simulator can, so
    /// it is for containers. It answers there only to names that are [allowed](Self::allow_host).
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.address.set_ip(address);
        self
    }

    /// Answers to this `Host` and `Origin` name besides those of loopback, and lets callbacks go there.
    pub fn allow_host(mut self, name: impl Into<String>) -> Self {
        self.setup.allowed_hosts.push(name.into());
        self
    }

    /// Sets the URL by which bots reach it, such as `http://sim:9500` between containers: [`Simulator::base_url`] and the
    /// variables have it, and its host is [allowed](Self::allow_host).
    ///
    /// # Errors
    ///
    /// The URL is not `http`, or has more than a host and a port.
    pub fn public_url(mut self, url: &str) -> Result<Self, NotPossible> {
        let (url, host) = point::public_url(url)?;
        self.setup.public_url = Some(url);
        Ok(self.allow_host(host))
    }

    /// What becomes of fields that the document does not know; strict by default.
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

    /// Sends callbacks to this URL, signed and encrypted with these, as they stand in the console. It is not verified.
    pub fn callback(
        mut self,
        url: impl Into<String>,
        token: impl Into<String>,
        encoding_aes_key: impl Into<String>,
    ) -> Self {
        self.setup.corp = self.setup.corp.callback(url, token, encoding_aes_key);
        self
    }

    /// Sends callbacks to this URL, with a token and a key that follow from the seed: see [`Simulator::vars`].
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
        let statement = assumptions::statement(id);
        let statement =
            statement.ok_or_else(|| NotPossible(format!("there is no rule `{id}` that can be switched")))?;
        self.setup.disabled_assumptions.push(statement.assumption);
        Ok(self)
    }

    /// Lets all ids, tokens and cursors follow from this number. Without it they are new each time, the corp id too, so
    /// that no cursor of an earlier simulator fits. Callback tokens also say when they were made: see
    /// [`manual_clock_from`](Self::manual_clock_from).
    pub fn seed(mut self, seed: u64) -> Self {
        self.setup.seed = seed;
        self.setup.is_seeded = true;
        self
    }

    /// The corp's id and the app's secret, instead of invented ones.
    pub fn corp(mut self, corp_id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.setup.corp.known = Some((corp_id.into(), secret.into()));
        self
    }

    /// The first corp as a whole: what `corp`, `account`, `servicer`, `callback` and `callback_url` said before is gone, and
    /// what they say later is of this one.
    pub fn first(mut self, corp: Corp) -> Self {
        self.setup.corp = corp;
        self
    }

    /// Adds a further corp, at the same address and with the same clock, seed, strictness and disabled assumptions.
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

    /// Adds an account. Without any there is one, 小店.
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.setup.corp = self.setup.corp.account(name);
        self
    }

    /// Adds a servicer of every account there is at the start, who receives.
    pub fn servicer(mut self, userid: impl Into<String>) -> Self {
        self.setup.corp = self.setup.corp.servicer(userid);
        self
    }

    /// How long an access token is good; 7200 seconds by default.
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.setup.token_lifetime = lifetime;
        self
    }

    /// Lets every `gettoken` give a new token, while the old ones stay good. By default a token that is still good is
    /// given again, with what is left of its time. Sources disagree which of them WeCom does.
    pub fn fresh_token_each_time(mut self) -> Self {
        self.setup.disabled_assumptions.push(Assumption::RefetchGivesSameToken);
        self
    }

    /// Is told of each call as it is answered, whichever corp it is of.
    pub fn on_call(mut self, on_call: impl Fn(&Call) + Send + Sync + 'static) -> Self {
        self.listeners.on_call = Some(Box::new(on_call));
        self
    }

    /// Is told of each attempt to deliver a callback, whichever corp it is of.
    pub fn on_callback(mut self, on_callback: impl Fn(&Delivery) + Send + Sync + 'static) -> Self {
        self.listeners.on_callback = Some(Box::new(on_callback));
        self
    }

    /// Starts it, on the tokio runtime of the caller.
    ///
    /// # Errors
    ///
    /// The port is taken, or none could be had; or the callback's settings cannot be right; or two corps have one id.
    pub async fn start(self) -> Result<Simulator, StartError> {
        let running = Running::start(self.address, self.setup, self.others, self.listeners).await?;
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
