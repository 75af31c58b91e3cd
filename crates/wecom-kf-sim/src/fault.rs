use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wecom_kf_raw::Operation;

use crate::shared::Shared;

/// What a fault does to a call.
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
}

// The name of the verb that installed it.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errcode(code) => write!(f, "errcode {code}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Delay(by) => write!(f, "delay {by:?}"),
            Self::NeverAnswers => f.write_str("never_answers"),
            Self::ResetBefore => f.write_str("reset_before"),
            Self::ResetAfter => f.write_str("reset_after"),
            Self::HalfABody => f.write_str("half_a_body"),
            Self::Html => f.write_str("html"),
            Self::Body(_) => f.write_str("body"),
        }
    }
}

/// How many calls a fault still hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quota {
    Times(usize),
    Always,
}

#[derive(Debug)]
struct Installed {
    effect: Effect,
    quota: Quota,
    hits: usize,
}

impl Installed {
    fn is_used_up(&self) -> bool {
        matches!(self.quota, Quota::Times(times) if self.hits >= times)
    }
}

/// The faults that wait for calls: a queue for each operation.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<HashMap<&'static str, VecDeque<Arc<Mutex<Installed>>>>>);

impl Faults {
    /// The effect on the next call of `operation`.
    pub(crate) fn hit(&self, operation: Operation) -> Option<Effect> {
        let mut queues = lock(&self.0);
        let queue = queues.get_mut(operation.id)?;
        while queue.front().is_some_and(|fault| lock(fault).is_used_up()) {
            queue.pop_front();
        }
        let mut fault = lock(queue.front()?);
        fault.hits += 1;
        Some(fault.effect.clone())
    }

    fn install(&self, operation: Operation, effect: Effect) -> Arc<Mutex<Installed>> {
        let fault = Arc::new(Mutex::new(Installed { effect, quota: Quota::Times(1), hits: 0 }));
        lock(&self.0).entry(operation.id).or_default().push_back(fault.clone());
        fault
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
    shared: &'a Shared,
    operation: Operation,
}

impl<'a> FaultAt<'a> {
    pub(crate) fn new(shared: &'a Shared, operation: Operation) -> Self {
        Self { shared, operation }
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

    fn install(self, effect: Effect) -> Fault {
        Fault(self.shared.faults.install(self.operation, effect))
    }
}

/// A fault that is installed. Dropping this handle leaves it in place.
#[derive(Clone, Debug)]
pub struct Fault(Arc<Mutex<Installed>>);

impl Fault {
    /// Lets it hit so many calls in all.
    pub fn times(self, times: usize) -> Self {
        lock(&self.0).quota = Quota::Times(times);
        self
    }

    /// Lets it hit every call until it is [removed](Self::remove).
    pub fn always(self) -> Self {
        lock(&self.0).quota = Quota::Always;
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
}
