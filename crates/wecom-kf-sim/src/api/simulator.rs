//! The handle of a simulator.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wecom_kf_callback::Event;
use wecom_kf_raw::Operation;

use crate::api::builder::Builder;
use crate::api::customer::Customer;
use crate::api::fault::{CallbackFaultAt, FaultAt};
use crate::api::running::{Running, StartError};
use crate::api::wait::{self, Deadline, PATIENCE};
use crate::delivery;
use crate::platform::NotPossible;
use crate::world::clock::Pace;
use crate::world::export::{State, StateError};
use crate::world::fault::Target;
use crate::world::input::InvalidInput as ScriptError;
use crate::world::journal::{Call, Delivery, Row};
use crate::world::outbox::CallbackError;
use crate::world::point;
use crate::world::report::Report;
use crate::world::{Holds, World};

/// The platform in a box: a server on loopback with a corp, its accounts, customers and servicers.
///
/// It may have [further corps](Builder::another). As with WeCom, all corps have one address, and a call is answered by the
/// corp that issued its access token. A handle belongs to one corp. The one that `start` returns belongs to the first corp,
/// and [`corp`](Self::corp) returns the handle of another. The corps share the address and the clock. Everything else that a
/// handle shows or does concerns its own corp only, for example the journal, findings and faults.
///
/// The simulator serves until its last handle is dropped. Then it resets all connections.
pub struct Simulator {
    pub(crate) world: Arc<World>,
    pub(super) running: Arc<Running>,
}

impl Simulator {
    /// Starts a simulator with a free port, new ids, and one corp with one account, 小店.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Returns a builder, for a simulator with settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the URL of the simulator: `http://127.0.0.1:PORT`, or the one that [`Builder::public_url`] set.
    pub fn base_url(&self) -> String {
        point::base_url(&self.world.setup, self.running.address)
    }

    /// Returns the handle of the corp with this id, or `None` if the simulator has no such corp.
    pub fn corp(&self, corp_id: &str) -> Option<Self> {
        self.running.corps.find(corp_id).map(|world| self.handle(world))
    }

    /// Returns the handles of all corps, in the order in which they were added.
    pub fn corps(&self) -> Vec<Self> {
        self.running.corps.all().map(|world| self.handle(world)).collect()
    }

    /// Returns where the simulator is found from this machine, whatever its [public URL](Builder::public_url) is.
    pub fn local_url(&self) -> String {
        point::local_url(self.running.address)
    }

    #[cfg(fuzzing)]
    pub(crate) fn routes(&self) -> axum::Router {
        crate::api::routes::routes(self.running.address, self.running.corps.clone())
    }

    fn handle(&self, world: &Arc<World>) -> Self {
        Self { world: world.clone(), running: self.running.clone() }
    }

    /// Returns the corp id that `gettoken` takes.
    pub fn corp_id(&self) -> String {
        self.world.corp_id.clone()
    }

    /// Returns the secret that `gettoken` takes.
    pub fn secret(&self) -> String {
        self.world.read(|platform, _| platform.secret.clone())
    }

    /// Returns the first account that is not deleted. If all are deleted, returns the first of them.
    pub fn open_kfid(&self) -> String {
        self.world.read(|platform, _| platform.first_account().to_owned())
    }

    /// Returns all accounts, in the order in which they were added.
    pub fn open_kfids(&self) -> Vec<String> {
        self.world.read(|platform, _| platform.open_kfids().map(str::to_owned).collect())
    }

    /// Returns the name of an account, or `None` if there is no such account.
    pub fn account_name(&self, open_kfid: &str) -> Option<String> {
        self.world.read(|platform, _| platform.account_name(open_kfid).map(str::to_owned))
    }

    /// Returns the name of a customer of this corp, or `None` if there is no such customer.
    pub fn customer_name(&self, external_userid: &str) -> Option<String> {
        self.world.read(|platform, _| platform.customer_name(external_userid).map(str::to_owned))
    }

    /// Returns the environment variables of a bot that uses this simulator: `WECOM_CORP_ID`, `WECOM_KF_SECRET`,
    /// `WECOM_KF_BASE_URL` and `WECOM_KF_OPEN_KFID`. If callbacks are sent, also `WECOM_KF_CALLBACK_TOKEN`,
    /// `WECOM_KF_CALLBACK_AES_KEY` and `WECOM_KF_LISTEN`, which is the address that the bot must listen on.
    pub fn vars(&self) -> Vec<(&'static str, String)> {
        point::vars(&self.world, &self.base_url())
    }

    /// Returns the lines to paste so that a bot uses this simulator. `client` is `run`, `rust`, `curl`, `wechatpy`, `wxjava`
    /// or `skit`. Returns `None` for any other.
    pub fn point(&self, client: &str) -> Option<String> {
        point::lines(client, &self.vars())
    }

    /// Returns the customer with this name at the [first account](Self::open_kfid). A new customer is created.
    pub fn customer(&self, name: &str) -> Customer {
        self.customer_of(&self.open_kfid(), name).expect("a corp starts with an account, and a deleted one is kept")
    }

    /// Returns the customer with this name at an account. A new customer is created.
    ///
    /// # Errors
    ///
    /// There never was such an account.
    pub fn customer_of(&self, open_kfid: &str, name: &str) -> Result<Customer, NotPossible> {
        let external_userid = self.world.update(|platform, _| platform.meet_customer(open_kfid, name))?;
        Ok(Customer::new(self.world.clone(), open_kfid.to_owned(), external_userid))
    }

    /// Returns the time of the simulator's clock, in Unix seconds.
    pub fn now(&self) -> u64 {
        self.world.clock.now().as_secs()
    }

    /// Returns whether the clock is manual: only [`advance`](Self::advance) moves it.
    pub fn has_manual_clock(&self) -> bool {
        self.world.clock.read().pace == Pace::Manual
    }

    /// Returns the seed, if one was set. All corps have the same.
    pub fn seed(&self) -> Option<u64> {
        self.world.setup.is_seeded.then_some(self.world.setup.seed)
    }

    /// Moves the simulator's clock forward. All corps have the same clock. Nothing is done late because of this: tokens,
    /// windows and codes are just older.
    pub fn advance(&self, by: Duration) {
        self.world.advance(by);
    }

    /// Stops the simulator's clock. From now on only [`advance`](Self::advance) moves it.
    pub fn stop_clock(&self) {
        self.world.clock.set_pace(Pace::Manual);
        self.world.tell_clock();
    }

    /// Lets the simulator's clock run, from the time that it shows.
    pub fn run_clock(&self) {
        self.world.clock.set_pace(Pace::Running);
        self.world.tell_clock();
    }

    /// Resets this corp to its state at the start. It has the same corp id, secret, accounts and servicers, and the ids that
    /// follow from the seed begin again. Customers, tokens, faults, journal and findings are gone. A manual clock goes back to
    /// its start, unless there are other corps.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Sends callbacks to this URL from now on, signed with this token and encrypted with this key. The URL is not verified:
    /// [`verify_callback`](Self::verify_callback) does that.
    ///
    /// # Errors
    ///
    /// The URL is not an `http` URL of this machine (see [`Builder::allow_host`]), or the token or the key is invalid.
    pub fn set_callback(&self, url: &str, token: &str, encoding_aes_key: &str) -> Result<(), CallbackError> {
        self.world.set_callback(url, Some(token), Some(encoding_aes_key))
    }

    /// Stops sending callbacks to the URL.
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

    /// Returns the whole state of the simulator as JSON: all corps, with tokens, cursors, sessions, chats, files and the
    /// knowledge base, the clock, assumptions, faults and callbacks. Journal and findings are not in it.
    ///
    /// Keep it safe: it has the secrets, and what people wrote. [`Builder::state`](crate::Builder::state) starts a simulator
    /// with it, and [`import`](Self::import) goes back to it.
    pub fn export(&self) -> String {
        serde_json::to_string(&self.world.export()).expect("the keys of the state are texts and numbers")
    }

    /// Goes back to a state that this simulator, or one that started with the same state, returned by
    /// [`export`](Self::export). Journal and findings begin anew. A fault that a handle has is no longer in force.
    ///
    /// # Errors
    ///
    /// The state is damaged, of a later version, or of a simulator with other corps or another seed. Then nothing changes.
    pub fn import(&self, state: &str) -> Result<(), StateError> {
        self.world.import(State::read(state)?)
    }

    /// Verifies the URL as WeCom does when the settings are saved: with a `GET` that has an `echostr`, and 1 second for the
    /// answer. Returns `None` if no URL is set.
    pub async fn verify_callback(&self) -> Option<Delivery> {
        let row = delivery::verify(&self.world).await?;
        if let Row::Callback(delivery) = &*row { Some(delivery.clone()) } else { None }
    }

    /// Returns the attempts to deliver callbacks, oldest first. The journal keeps only the newest: see
    /// [`journal`](Self::journal).
    pub fn callbacks(&self) -> Vec<Delivery> {
        self.world.journal().deliveries().into_iter().cloned().collect()
    }

    /// Returns the mistakes of the bot that were found until now.
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

    /// Makes the newest access token expire. Its next use is answered with 42001, and `gettoken` returns a new one.
    pub fn expire_token(&self) {
        self.world.update(|platform, now| platform.access_tokens.expire(now));
    }

    /// Revokes the newest access token. Its next use is answered with 40014, and `gettoken` returns a new one.
    pub fn revoke_token(&self) {
        self.world.update(|platform, _| platform.access_tokens.revoke());
    }

    /// Returns the newest access token, valid or not.
    pub fn access_token(&self) -> Option<String> {
        self.world.read(|platform, _| platform.access_tokens.current().map(str::to_owned))
    }

    /// Sets how long access tokens are valid that are issued from now on.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.world.update(|platform, _| platform.access_tokens.lifetime = lifetime);
    }

    /// Returns a callback token for `sync_msg`. It is valid for 10 minutes of the simulator's clock.
    pub fn sync_token(&self) -> String {
        self.world.update(|platform, now| platform.sync_token(now))
    }

    /// Makes the next `sync_msg` that would succeed return an empty page with `has_more` 1 and a new cursor, as WeCom may do.
    pub fn empty_page_next(&self) {
        self.world.update(|platform, _| platform.empty_page_next());
    }

    /// Installs a fault for the next calls of an operation, such as `sim.fault(op::SEND_MSG).errcode(-1).times(2)`.
    pub fn fault(&self, operation: Operation) -> FaultAt<'_> {
        FaultAt::new(&self.world, Target::One(operation))
    }

    /// Installs a fault for the next calls of any operation.
    pub fn fault_anything(&self) -> FaultAt<'_> {
        FaultAt::new(&self.world, Target::Any)
    }

    /// Installs a fault for the next callbacks, such as `sim.fault_callbacks().lost()`.
    pub fn fault_callbacks(&self) -> CallbackFaultAt<'_> {
        CallbackFaultAt::new(&self.world)
    }

    /// Adds faults from JSON, as the control API does: one fault, such as
    /// `{"operation": "send_msg", "effect": "errcode", "errcode": -1}`, or several in order, `{"script": […]}`.
    ///
    /// # Errors
    ///
    /// A fault is not as `control.yaml` describes it. Then none is added.
    pub fn script(&self, faults: Value) -> Result<(), ScriptError> {
        self.world.add_faults(faults).map(drop)
    }

    /// Waits until this many calls of an operation were answered since the start, at most a minute of real time. Returns
    /// all of them, which may be fewer after that minute.
    pub async fn answered(&self, operation: Operation, count: usize) -> Vec<Call> {
        let calls = || -> Vec<Call> {
            let journal = self.world.journal();
            journal.calls().into_iter().filter(|call| call.operation == operation.id).cloned().collect()
        };
        let enough = || Some(calls()).filter(|calls| calls.len() >= count);
        // What there is then is the answer either way.
        wait::until(&self.world, Deadline::after(PATIENCE), enough).await.unwrap_or_else(calls)
    }

    /// Returns how many calls of an operation have come, including those that were refused, affected by a fault, or not
    /// answered yet.
    pub fn calls(&self, operation: Operation) -> usize {
        self.world.journal().counted(operation.id)
    }

    /// Returns the calls that were answered, or that a fault left without an answer, in the order in which they began. The
    /// journal keeps the newest 10,000 rows and at most 64 MiB, callbacks included.
    pub fn journal(&self) -> Vec<Call> {
        self.world.journal().calls().into_iter().cloned().collect()
    }

    /// Returns how many HTTP requests have come, including those with unknown paths. With several corps, requests that name
    /// no corp count for the first one.
    pub fn requests(&self) -> usize {
        self.world.requests()
    }
}

// Without the secret.
impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base_url, corp_id) = (self.base_url(), self.corp_id());
        f.debug_struct("Simulator").field("base_url", &base_url).field("corp_id", &corp_id).finish_non_exhaustive()
    }
}
