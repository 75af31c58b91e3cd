//! The handle of a simulator and its builder.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use wecom_kf_callback::Event;
use wecom_kf_raw::Operation;

use crate::api::customer::Customer;
use crate::api::fault::{CallbackFaultAt, FaultAt};
use crate::api::wait::{self, Deadline, PATIENCE};
use crate::delivery;
use crate::http::connection::{Connections, Loopback};
use crate::http::server::serve;
use crate::platform::NotPossible;
use crate::platform::assumptions::{self, Assumption};
use crate::world::clock::{Pace, wall_clock};
use crate::world::corps::Corps;
use crate::world::fault::Target;
use crate::world::input::InvalidInput as ScriptError;
use crate::world::journal::{Call, Delivery, Row};
use crate::world::outbox::CallbackError;
use crate::world::point;
use crate::world::report::Report;
use crate::world::setup::{CallbackSetup, Corp, Setup, Strictness, TOKEN_LIFETIME};
use crate::world::{Holds, Listeners, World};

/// The platform in a box: a server on loopback with a corp, its accounts, customers and servicers.
///
/// It may have [further corps](Builder::another), as WeCom has all of them at one address: a call is answered by the corp
/// that issued its access token. A handle is that of one corp, at first of the first; [`corp`](Self::corp) gives those of the
/// others. They share the address and the clock; all else that is seen or done by a handle, the journal, findings and faults
/// too, is of its corp alone.
///
/// It serves until its last handle is dropped; then all connections are reset.
pub struct Simulator {
    pub(crate) world: Arc<World>,
    running: Arc<Running>,
}

/// What serves, until it is dropped.
struct Running {
    corps: Arc<Corps>,
    address: SocketAddr,
    connections: Connections,
    tasks: Vec<AbortHandle>,
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

    /// Where it listens: `http://127.0.0.1:PORT`, unless [`Builder::public_url`] says otherwise.
    pub fn base_url(&self) -> String {
        point::base_url(&self.world.setup, self.running.address)
    }

    /// The corp with this id, if the simulator has it.
    pub fn corp(&self, corp_id: &str) -> Option<Self> {
        self.running.corps.find(corp_id).map(|world| self.handle(world))
    }

    /// All corps of the simulator, in their order.
    pub fn corps(&self) -> Vec<Self> {
        self.running.corps.all().map(|world| self.handle(world)).collect()
    }

    #[cfg(fuzzing)]
    pub(crate) fn address(&self) -> SocketAddr {
        self.running.address
    }

    #[cfg(fuzzing)]
    pub(crate) fn all_corps(&self) -> Arc<Corps> {
        self.running.corps.clone()
    }

    fn handle(&self, world: &Arc<World>) -> Self {
        Self { world: world.clone(), running: self.running.clone() }
    }

    /// The corp id that `gettoken` takes.
    pub fn corp_id(&self) -> String {
        self.world.corp_id.clone()
    }

    /// The secret that `gettoken` takes.
    pub fn secret(&self) -> String {
        self.world.read(|platform, _| platform.secret.clone())
    }

    /// The first account there is. Where all were deleted, the first there was.
    pub fn open_kfid(&self) -> String {
        self.world.read(|platform, _| platform.first_account().to_owned())
    }

    /// All accounts, in the order they were added.
    pub fn open_kfids(&self) -> Vec<String> {
        self.world.read(|platform, _| platform.open_kfids().map(str::to_owned).collect())
    }

    /// What an account is called; None if there is no such account.
    pub fn account_name(&self, open_kfid: &str) -> Option<String> {
        self.world.read(|platform, _| platform.account_name(open_kfid).map(str::to_owned))
    }

    /// The environment of a bot that is to talk to this simulator: `WECOM_CORP_ID`, `WECOM_KF_SECRET`,
    /// `WECOM_KF_BASE_URL`, `WECOM_KF_OPEN_KFID`; and where callbacks are sent `WECOM_KF_CALLBACK_TOKEN`,
    /// `WECOM_KF_CALLBACK_AES_KEY` and `WECOM_KF_LISTEN`, the address to listen on.
    pub fn vars(&self) -> Vec<(&'static str, String)> {
        point::vars(&self.world, &self.base_url())
    }

    /// What to paste to point a bot at this simulator: for `run`, `rust`, `curl`, `wechatpy`, `wxjava` or `skit`.
    pub fn point(&self, client: &str) -> Option<String> {
        point::lines(client, &self.vars())
    }

    /// The customer with this name at the [first account](Self::open_kfid), who comes into being if new.
    pub fn customer(&self, name: &str) -> Customer {
        self.customer_of(&self.open_kfid(), name).expect("a corp starts with an account, and a deleted one is kept")
    }

    /// The customer with this name at an account, who comes into being if new.
    ///
    /// # Errors
    ///
    /// There never was such an account.
    pub fn customer_of(&self, open_kfid: &str, name: &str) -> Result<Customer, NotPossible> {
        let external_userid = self.world.update(|platform, _| platform.meet_customer(open_kfid, name))?;
        Ok(Customer::new(self.world.clone(), open_kfid.to_owned(), external_userid))
    }

    /// Unix seconds of the simulator's clock.
    pub fn now(&self) -> u64 {
        self.world.clock.now().as_secs()
    }

    /// Whether the clock stands still but for [`advance`](Self::advance).
    pub fn has_manual_clock(&self) -> bool {
        self.world.clock.read().pace == Pace::Manual
    }

    /// The seed, if one was given. All corps have it.
    pub fn seed(&self) -> Option<u64> {
        self.world.setup.is_seeded.then_some(self.world.setup.seed)
    }

    /// Puts the simulator's clock forward, which is that of all corps. Nothing waits for it: tokens, windows and codes just
    /// are older.
    pub fn advance(&self, by: Duration) {
        self.world.advance(by);
    }

    /// Stops the simulator's clock where it is: only [`advance`](Self::advance) moves it on.
    pub fn stop_clock(&self) {
        self.world.clock.set_pace(Pace::Manual);
        self.world.tell_clock();
    }

    /// Lets the simulator's clock run, from where it is.
    pub fn run_clock(&self) {
        self.world.clock.set_pace(Pace::Running);
        self.world.tell_clock();
    }

    /// Everything of this corp as it was at the start: the same corp id, secret, accounts and servicers, and from the seed
    /// the same ids; no customers, tokens, faults, journal or findings. A manual clock goes back to its start, unless there
    /// are other corps: their time goes on.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Sends callbacks to this URL from now on, signed and encrypted with these, as they stand in the console. The URL is
    /// not verified; [`verify_callback`](Self::verify_callback) does that.
    ///
    /// # Errors
    ///
    /// It is no `http` URL of this machine (see [`Builder::allow_host`]), or token or key have another form than they
    /// must have.
    pub fn set_callback(&self, url: &str, token: &str, encoding_aes_key: &str) -> Result<(), CallbackError> {
        self.world.set_callback(url, Some(token), Some(encoding_aes_key))
    }

    /// Sends no callbacks from now on.
    pub fn unset_callback(&self) {
        self.world.unset_callback();
    }

    /// Calls `wake` with each callback of this corp from now on, in this process, so that the bot of a test needs no server.
    /// With the crate `wecom-kf-inbox`: `sim.wakes(inbox.handle().waker())`.
    ///
    /// What was written before is not announced again. Several functions are all called, and callbacks also go to the
    /// [URL](Self::set_callback), if one is set. [Faults](Self::fault_callbacks) apply: a callback that is lost wakes nobody.
    pub fn wakes<R>(&self, wake: impl Fn(&Event) -> R + Send + Sync + 'static) {
        self.world.outbox.wakers.add(move |event| {
            wake(event);
        });
    }

    /// Verifies the URL as WeCom does when the settings are saved: `GET` with `echostr`, 1 second. None if no URL is set.
    pub async fn verify_callback(&self) -> Option<Delivery> {
        let row = delivery::verify(&self.world).await?;
        if let Row::Callback(delivery) = &*row { Some(delivery.clone()) } else { None }
    }

    /// The attempts to deliver callbacks, oldest first; of very many the last ones.
    pub fn callbacks(&self) -> Vec<Delivery> {
        self.world.journal().deliveries().cloned().collect()
    }

    /// What is wrong with the bot, as far as it was seen until now.
    pub fn report(&self) -> Report {
        self.world.report()
    }

    /// Disables an assumption: the simulator then behaves in the other way that the page *What the simulator assumes*
    /// names for this id.
    ///
    /// # Errors
    ///
    /// There is no such rule, or it cannot be switched.
    pub fn disable_assumption(&self, id: &str) -> Result<(), NotPossible> {
        self.world.switch_assumption(id, Holds::No).map(drop)
    }

    /// Lets the token handed out last expire: its next use answers 42001, and `gettoken` gives a new one.
    pub fn expire_token(&self) {
        self.world.update(|platform, now| platform.access_tokens.expire(now));
    }

    /// Takes the token handed out last back: its next use answers 40014, and `gettoken` gives a new one.
    pub fn revoke_token(&self) {
        self.world.update(|platform, _| platform.access_tokens.revoke());
    }

    /// The access token handed out last, whether it is still good or not.
    pub fn access_token(&self) -> Option<String> {
        self.world.read(|platform, _| platform.access_tokens.current().map(str::to_owned))
    }

    /// How long tokens issued from now on are good.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.world.update(|platform, _| platform.access_tokens.lifetime = lifetime);
    }

    /// A callback token for `sync_msg`, good for 10 minutes of the simulator's clock.
    pub fn sync_token(&self) -> String {
        self.world.update(|platform, now| platform.sync_token(now))
    }

    /// Lets the next `sync_msg` that would succeed answer an empty page with `has_more` 1 and a cursor that goes on, as
    /// WeCom may.
    pub fn empty_page_next(&self) {
        self.world.update(|platform, _| platform.empty_page_next());
    }

    /// A fault for the next calls of an operation, such as `sim.fault(op::SEND_MSG).errcode(-1).times(2)`.
    pub fn fault(&self, operation: Operation) -> FaultAt<'_> {
        FaultAt::new(&self.world, Target::One(operation))
    }

    /// A fault for the next calls, whatever their operation.
    pub fn fault_anything(&self) -> FaultAt<'_> {
        FaultAt::new(&self.world, Target::Any)
    }

    /// A fault for the next callbacks, such as `sim.fault_callbacks().lost()`.
    pub fn fault_callbacks(&self) -> CallbackFaultAt<'_> {
        CallbackFaultAt::new(&self.world)
    }

    /// Adds faults as the control API does: one, such as `{"operation": "send_msg", "effect": "errcode", "errcode": -1}`, or
    /// several in their order, `{"script": […]}`.
    ///
    /// # Errors
    ///
    /// One of them is not as `control.yaml` describes it; then none is added.
    pub fn script(&self, faults: Value) -> Result<(), ScriptError> {
        self.world.add_faults(faults).map(drop)
    }

    /// Waits until so many calls of an operation were answered in all, at most a minute of real time. Gives them; if there
    /// were fewer, those.
    pub async fn answered(&self, operation: Operation, count: usize) -> Vec<Call> {
        let calls = || -> Vec<Call> {
            self.world.journal().calls().filter(|call| call.operation == operation.id).cloned().collect()
        };
        let enough = || Some(calls()).filter(|calls| calls.len() >= count);
        // What there is then is the answer either way.
        wait::until(&self.world, Deadline::after(PATIENCE), enough).await.unwrap_or_else(calls)
    }

    /// How many calls of an operation came; those that were refused, hit by a fault or not answered yet included.
    pub fn calls(&self, operation: Operation) -> usize {
        self.world.journal().counted(operation.id)
    }

    /// The calls that were answered, or that a fault left without an answer, oldest first; of very many the last ones,
    /// 10,000 rows and 64 MiB together with the callbacks.
    pub fn journal(&self) -> Vec<Call> {
        self.world.journal().calls().cloned().collect()
    }

    /// How many HTTP requests came, those of unknown paths included. With several corps those that name none of them are the
    /// first one's.
    pub fn requests(&self) -> usize {
        self.world.requests()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.connections.close();
    }
}

// Without the secret.
impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base_url, corp_id) = (self.base_url(), self.corp_id());
        f.debug_struct("Simulator").field("base_url", &base_url).field("corp_id", &corp_id).finish_non_exhaustive()
    }
}

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
    fn new() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            setup: Setup {
                seed: fastrand::u64(..),
                is_seeded: false,
                instance: fastrand::u64(..),
                corp: Corp::default(),
                place: 0,
                token_lifetime: TOKEN_LIFETIME,
                disabled_assumptions: Vec::new(),
                manual_from: None,
                strictness: Strictness::Strict,
                allowed_hosts: Vec::new(),
                public_url: None,
            },
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
        let wanted = self.address;
        let cannot_listen = |source| StartError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        let connections = Connections::default();
        let places = self.others.into_iter().zip(1..);
        let others = places.map(|(corp, place)| self.setup.of_another(corp, place)).collect();
        let (corps, queues) = Corps::new(self.setup, others, self.listeners);
        if let Some(corp_id) = corps.ambiguous_id() {
            return Err(StartError::SameCorpId { corp_id: corp_id.to_owned() });
        }
        corps.all().try_for_each(|world| set_callback(world))?;
        let loopback = Loopback { listener, connections: connections.clone() };
        let server = tokio::spawn(serve(loopback, address, corps.clone()));
        let callbacks = corps.all().zip(queues);
        let callbacks = callbacks.map(|(world, jobs)| tokio::spawn(delivery::deliver_all(world.clone(), jobs)));
        let tasks = [server.abort_handle()].into_iter().chain(callbacks.map(|task| task.abort_handle())).collect();
        let world = corps.first().clone();
        Ok(Simulator { world, running: Arc::new(Running { corps, address, connections, tasks }) })
    }
}

/// Sends the callbacks of a corp where its settings say.
fn set_callback(world: &World) -> Result<(), StartError> {
    let Some(CallbackSetup { url, keys }) = &world.setup.corp.callback else { return Ok(()) };
    let keys = keys.as_ref().map(|(token, aes_key)| (token.as_str(), aes_key.as_str()));
    let (token, aes_key) = keys.unzip();
    let set = world.set_callback(url, token, aes_key);
    set.map_err(|source| StartError::Callback { corp_id: world.corp_id.clone(), source })
}

// Without the secret.
impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = self.setup.is_seeded.then_some(self.setup.seed);
        f.debug_struct("Builder").field("address", &self.address).field("seed", &seed).finish_non_exhaustive()
    }
}

/// The simulator could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It could not listen.
    #[error("cannot listen on {address}")]
    #[non_exhaustive]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Callbacks cannot be sent so.
    #[error("cannot send callbacks of the corp {corp_id}")]
    #[non_exhaustive]
    Callback {
        /// The corp whose callback it is.
        corp_id: String,
        /// Why not.
        source: CallbackError,
    },
    /// Nobody could tell them apart.
    #[error("two corps have the id {corp_id}: each needs one of its own")]
    #[non_exhaustive]
    SameCorpId {
        /// The id of both.
        corp_id: String,
    },
}
