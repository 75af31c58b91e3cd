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
use crate::world::fault::Target;
use crate::world::input::InvalidInput as ScriptError;
use crate::world::journal::{Call, Delivery, Row};
use crate::world::outbox::CallbackError;
use crate::world::point;
use crate::world::report::Report;
use crate::world::{Holds, World};

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
    pub(super) running: Arc<Running>,
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

    /// Returns the name of a customer of this corp, or `None` if there is no such customer.
    pub fn customer_name(&self, external_userid: &str) -> Option<String> {
        self.world.read(|platform, _| platform.customer_name(external_userid).map(str::to_owned))
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
        self.world.journal().deliveries().into_iter().cloned().collect()
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
            {
                let journal = self.world.journal();
                journal.calls().into_iter().filter(|call| call.operation == operation.id).cloned().collect()
            }
        };
        let enough = || Some(calls()).filter(|calls| calls.len() >= count);
        // What there is then is the answer either way.
        wait::until(&self.world, Deadline::after(PATIENCE), enough).await.unwrap_or_else(calls)
    }

    /// How many calls of an operation came; those that were refused, hit by a fault or not answered yet included.
    pub fn calls(&self, operation: Operation) -> usize {
        self.world.journal().counted(operation.id)
    }

    /// Returns the calls that were answered, or that a fault left without an answer, in the order in which they began. Of
    /// very many it returns the last ones: 10,000 rows and 64 MiB, together with the callbacks.
    pub fn journal(&self) -> Vec<Call> {
        self.world.journal().calls().into_iter().cloned().collect()
    }

    /// How many HTTP requests came, those of unknown paths included. With several corps those that name none of them are the
    /// first one's.
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
