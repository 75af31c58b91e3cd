//! Fault scripts: which calls a fault hits, and what happens to them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use wecom_kf_raw::Operation;

use crate::world::World;

/// After exceeding a limit calls are refused for its window, the shortest of which is a minute [90454].
pub(crate) const RATE_WINDOW: Duration = Duration::from_secs(60);
/// So many faults that are used up are kept to be looked at.
const KEPT_USED_UP: usize = 200;
/// Which of two streams of random numbers of one seed.
const PROBABILITY_STREAM: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a fault does to a call, or to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Errcode(i32),
    Status(u16),
    Delay(Duration),
    NeverAnswers,
    ResetBefore,
    ResetAfter,
    HalfABody,
    Html,
    Body(String),
    ContentType(String),
    MsgSendFail(i64),
    TokenRevoked,
    CursorsLost,
    RateLimited(Duration),
    Pass,
    Lost,
    Late(Duration),
    Duplicated,
    Reordered,
}

impl Effect {
    /// The name in the control API: that of the verb that installs it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Errcode(_) => "errcode",
            Self::Status(_) => "status",
            Self::Delay(_) => "delay",
            Self::NeverAnswers => "never_answers",
            Self::ResetBefore => "reset_before",
            Self::ResetAfter => "reset_after",
            Self::HalfABody => "half_a_body",
            Self::Html => "html",
            Self::Body(_) => "body",
            Self::ContentType(_) => "content_type",
            Self::MsgSendFail(_) => "msg_send_fail",
            Self::TokenRevoked => "token_revoked",
            Self::CursorsLost => "cursors_lost",
            Self::RateLimited(_) => "rate_limited",
            Self::Pass => "pass",
            Self::Lost => "lost",
            Self::Late(_) => "late",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
        }
    }
}

// The name, and the value where there is one that tells something.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Errcode(code) => write!(f, " {code}"),
            Self::Status(status) => write!(f, " {status}"),
            Self::Delay(by) | Self::Late(by) | Self::RateLimited(by) => write!(f, " {by:?}"),
            Self::ContentType(content_type) => write!(f, " {content_type}"),
            Self::MsgSendFail(fail_type) => write!(f, " {fail_type}"),
            _ => Ok(()),
        }
    }
}

/// What a fault hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    One(Operation),
    Any,
    Callback,
}

impl Target {
    /// The name in the control API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::One(operation) => operation.id,
            Self::Any => "*",
            Self::Callback => "callback",
        }
    }

    fn covers(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::Any, Self::One(_)))
    }
}

/// How many calls a fault still hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    Times(usize),
    Always,
}

#[derive(Debug)]
struct Installed {
    id: u64,
    target: Target,
    effect: Effect,
    quota: Quota,
    probability: f64,
    hits: usize,
    /// What whoever added it calls it.
    label: Option<String>,
    rng: Rng,
}

impl Installed {
    fn is_used_up(&self) -> bool {
        matches!(self.quota, Quota::Times(times) if self.hits >= times)
    }

    /// Whether it hits this call.
    fn hits(&mut self) -> bool {
        if self.is_used_up() || (self.probability < 1.0 && self.rng.f64() >= self.probability) {
            return false;
        }
        self.hits += 1;
        true
    }

    /// A `Fault` of `control.yaml`.
    fn show(&self) -> Value {
        json!({
            "id": self.id,
            "operation": self.target.name(),
            "effect": self.effect.name(),
            "shown": self.effect.to_string(),
            "times": match self.quota { Quota::Times(times) => Some(times), Quota::Always => None },
            "probability": self.probability,
            "hits": self.hits,
            "active": !self.is_used_up(),
            "label": self.label,
        })
    }
}

/// The faults that wait for calls, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    seed: u64,
    made: AtomicU64,
    all: Mutex<Vec<Arc<Mutex<Installed>>>>,
    /// Until when each operation is refused for its rate.
    limited: Mutex<HashMap<&'static str, Duration>>,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The effect on the next call of `operation`.
    pub(crate) fn hit(&self, operation: Operation) -> Option<Effect> {
        self.hit_target(Target::One(operation))
    }

    /// The effect on the next callback.
    pub(crate) fn hit_callback(&self) -> Option<Effect> {
        self.hit_target(Target::Callback)
    }

    fn hit_target(&self, target: Target) -> Option<Effect> {
        let all = lock(&self.all);
        all.iter().find_map(|fault| {
            let mut fault = lock(fault);
            (fault.target.covers(target) && fault.hits()).then(|| fault.effect.clone())
        })
    }

    /// From now on calls of `operation` are refused for their rate.
    pub(crate) fn limit(&self, operation: Operation, until: Duration) {
        lock(&self.limited).insert(operation.id, until);
    }

    pub(crate) fn is_limited(&self, operation: Operation, now: Duration) -> bool {
        lock(&self.limited).get(operation.id).is_some_and(|until| now < *until)
    }

    pub(crate) fn install(&self, target: Target, effect: Effect) -> Fault {
        let id = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        // Each fault draws for itself, so that one does not change what another hits.
        let rng = Rng::with_seed(self.seed ^ id.wrapping_mul(PROBABILITY_STREAM));
        let quota = Quota::Times(1);
        let installed = Installed { id, target, effect, quota, probability: 1.0, hits: 0, label: None, rng };
        let fault = Arc::new(Mutex::new(installed));
        let mut all = lock(&self.all);
        let used_up = all.iter().filter(|fault| lock(fault).is_used_up()).count();
        if used_up > KEPT_USED_UP
            && let Some(oldest) = all.iter().position(|fault| lock(fault).is_used_up())
        {
            all.remove(oldest);
        }
        all.push(fault.clone());
        Fault(fault)
    }

    /// Whether there was one with this id.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut all = lock(&self.all);
        let before = all.len();
        all.retain(|fault| {
            let mut fault = lock(fault);
            let is_other = fault.id != id;
            if !is_other {
                fault.quota = Quota::Times(0);
            }
            is_other
        });
        all.len() < before
    }

    pub(crate) fn clear(&self) {
        lock(&self.all).drain(..).for_each(|fault| lock(&fault).quota = Quota::Times(0));
        lock(&self.limited).clear();
    }

    /// `Fault`s, all there are.
    pub(crate) fn show(&self) -> Vec<Value> {
        lock(&self.all).iter().map(|fault| lock(fault).show()).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a fault is to be: see [`Simulator::fault`](crate::Simulator::fault).
///
/// Each method installs a fault at once, for one call; [`Fault::times`] and [`Fault::always`] make it more. The faults
/// of an operation queue: the first one installed hits until it is used up, then the next.
#[derive(Debug)]
#[must_use = "nothing is installed before one of its methods is called"]
pub struct FaultAt<'a> {
    world: &'a World,
    target: Target,
}

impl<'a> FaultAt<'a> {
    pub(crate) fn new(world: &'a World, target: Target) -> Self {
        Self { world, target }
    }

    /// The call is not done and answered with this errcode.
    pub fn errcode(self, errcode: i32) -> Fault {
        self.install(Effect::Errcode(errcode))
    }

    /// The call is not done and answered with this HTTP status and no JSON, as proxies do.
    ///
    /// A number that is no HTTP status (100 to 999) becomes 500.
    pub fn status(self, status: u16) -> Fault {
        self.install(Effect::Status(status))
    }

    /// The call waits for so long, in real time, then goes on as always.
    pub fn delay(self, by: Duration) -> Fault {
        self.install(Effect::Delay(by))
    }

    /// The call is not done, and its connection stays open without an answer.
    pub fn never_answers(self) -> Fault {
        self.install(Effect::NeverAnswers)
    }

    /// The connection is reset (RST) before the call is done.
    pub fn reset_before(self) -> Fault {
        self.install(Effect::ResetBefore)
    }

    /// The call is done, then the connection is reset (RST) instead of an answer.
    pub fn reset_after(self) -> Fault {
        self.install(Effect::ResetAfter)
    }

    /// The call is done, but half of the answer's body is missing when the connection closes.
    pub fn half_a_body(self) -> Fault {
        self.install(Effect::HalfABody)
    }

    /// The call is not done and answered with status 200 and an HTML page, as gateways do.
    pub fn html(self) -> Fault {
        self.install(Effect::Html)
    }

    /// The call is not done and answered with status 200 and this body as it is.
    pub fn body(self, body: impl Into<String>) -> Fault {
        self.install(Effect::Body(body.into()))
    }

    /// The call is done, and its answer has this Content-Type. One that no header can have becomes `text/plain`.
    pub fn content_type(self, content_type: impl Into<String>) -> Fault {
        self.install(Effect::ContentType(content_type.into()))
    }

    /// A send is accepted and then not delivered: the event `msg_send_fail` with this `fail_type`.
    pub fn msg_send_fail(self, fail_type: i64) -> Fault {
        self.install(Effect::MsgSendFail(fail_type))
    }

    /// Every access token until now is taken back before the call: it answers 40014.
    pub fn token_revoked(self) -> Fault {
        self.install(Effect::TokenRevoked)
    }

    /// Every cursor until now is no longer known: `sync_msg` with one answers 40058.
    pub fn cursors_lost(self) -> Fault {
        self.install(Effect::CursorsLost)
    }

    /// The call and those of the next minute of the simulator's clock are answered with 45009.
    pub fn rate_limited(self) -> Fault {
        self.install(Effect::RateLimited(RATE_WINDOW))
    }

    /// The call goes through: for the places between faults.
    pub fn pass(self) -> Fault {
        self.install(Effect::Pass)
    }

    fn install(self, effect: Effect) -> Fault {
        let fault = self.world.faults.install(self.target, effect);
        self.world.tell_faults();
        fault
    }
}

/// A fault of callbacks is to be: see [`Simulator::fault_callbacks`](crate::Simulator::fault_callbacks).
///
/// Each method installs a fault at once, for one callback, as those of [`FaultAt`] do for calls.
#[derive(Debug)]
#[must_use = "nothing is installed before one of its methods is called"]
pub struct CallbackFaultAt<'a>(FaultAt<'a>);

impl<'a> CallbackFaultAt<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self(FaultAt::new(world, Target::Callback))
    }

    /// The callback is never sent.
    pub fn lost(self) -> Fault {
        self.0.install(Effect::Lost)
    }

    /// The callback is sent so much later, in real time.
    pub fn late(self, by: Duration) -> Fault {
        self.0.install(Effect::Late(by))
    }

    /// The callback is delivered twice.
    pub fn duplicated(self) -> Fault {
        self.0.install(Effect::Duplicated)
    }

    /// The next callback overtakes this one. If none comes within 2 seconds, it is sent then.
    pub fn reordered(self) -> Fault {
        self.0.install(Effect::Reordered)
    }

    /// The callback is sent as always: for the places between faults.
    pub fn pass(self) -> Fault {
        self.0.install(Effect::Pass)
    }
}

/// A fault that is installed. Dropping this handle leaves it in place.
#[derive(Clone, Debug)]
pub struct Fault(Arc<Mutex<Installed>>);

impl Fault {
    /// Lets it hit so many calls in all.
    pub fn times(self, times: usize) -> Self {
        self.with_quota(Quota::Times(times))
    }

    /// Lets it hit every call until it is [removed](Self::remove).
    pub fn always(self) -> Self {
        self.with_quota(Quota::Always)
    }

    /// Lets it hit a call with this probability, drawn from the simulator's seed. What it spares goes to the next fault.
    ///
    /// Below 0 is 0, above 1 and what is no number is 1.
    pub fn probability(self, probability: f64) -> Self {
        lock(&self.0).probability = if probability.is_nan() { 1.0 } else { probability.clamp(0.0, 1.0) };
        self
    }

    /// How many calls it has hit.
    pub fn hits(&self) -> usize {
        lock(&self.0).hits
    }

    /// Lets it hit no further call.
    pub fn remove(&self) {
        lock(&self.0).quota = Quota::Times(0);
    }

    /// Labels the fault, so that whoever added it can find it again.
    pub(crate) fn label(self, label: Option<String>) -> Self {
        lock(&self.0).label = label;
        self
    }

    pub(crate) fn show(&self) -> Value {
        lock(&self.0).show()
    }

    fn with_quota(self, quota: Quota) -> Self {
        lock(&self.0).quota = quota;
        self
    }
}
