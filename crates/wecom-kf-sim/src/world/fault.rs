//! Fault scripts: which calls a fault hits. What the faults are is in `spec/simulator/faults.yaml`.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use wecom_kf_raw::{Operation, op};

pub(crate) use crate::lists::Effect;
use crate::world::view;

/// So many faults that are used up are kept to be looked at.
const KEPT_USED_UP: usize = 200;
/// Which of two streams of random numbers of one seed.
const PROBABILITY_STREAM: u64 = 0x9e37_79b9_7f4a_7c15;

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

    /// Returns the target with this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name {
            "*" => Some(Self::Any),
            "callback" => Some(Self::Callback),
            id => operation(id).map(Self::One),
        }
    }

    fn covers(self, other: Self) -> bool {
        self == other || matches!((self, other), (Self::Any, Self::One(_)))
    }
}

/// How many calls a fault still hits.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
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
    label: Option<String>,
    rng: Rng,
}

/// Which calls a fault hits, and the name that the one who adds it gives it.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) quota: Quota,
    pub(crate) probability: f64,
    pub(crate) label: Option<String>,
}

/// The next call only.
impl Default for Limits {
    fn default() -> Self {
        Self { quota: Quota::Times(1), probability: 1.0, label: None }
    }
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
    fn show(&self) -> view::Fault {
        view::Fault {
            id: self.id,
            operation: self.target.name(),
            effect: self.effect.row().id,
            shown: self.effect.to_string(),
            times: match self.quota {
                Quota::Times(times) => Some(times),
                Quota::Always => None,
            },
            probability: self.probability,
            hits: self.hits,
            active: !self.is_used_up(),
            label: self.label.clone(),
        }
    }
}

/// A fault that is installed.
#[derive(Clone, Debug)]
pub(crate) struct InstalledFault(Arc<Mutex<Installed>>);

impl InstalledFault {
    pub(crate) fn set_quota(&self, quota: Quota) {
        lock(&self.0).quota = quota;
    }

    pub(crate) fn set_probability(&self, probability: f64) {
        lock(&self.0).probability = probability;
    }

    pub(crate) fn hits(&self) -> usize {
        lock(&self.0).hits
    }

    pub(crate) fn show(&self) -> view::Fault {
        lock(&self.0).show()
    }
}

/// The faults as an export has them.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedFaults {
    made: u64,
    all: Vec<SavedFault>,
    limited: BTreeMap<String, Duration>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SavedFault {
    id: u64,
    target: String,
    effect: Effect,
    quota: Quota,
    probability: f64,
    hits: usize,
    label: Option<String>,
    /// The state of its random numbers.
    random: u64,
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

    pub(crate) fn install(&self, target: Target, effect: Effect, limits: Limits) -> InstalledFault {
        let id = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        // Each fault draws for itself, so that one does not change what another hits.
        let rng = Rng::with_seed(self.seed ^ id.wrapping_mul(PROBABILITY_STREAM));
        let Limits { quota, probability, label } = limits;
        let installed = Installed { id, target, effect, quota, probability, hits: 0, label, rng };
        let fault = Arc::new(Mutex::new(installed));
        let mut all = lock(&self.all);
        let used_up = all.iter().filter(|fault| lock(fault).is_used_up()).count();
        if used_up > KEPT_USED_UP
            && let Some(oldest) = all.iter().position(|fault| lock(fault).is_used_up())
        {
            all.remove(oldest);
        }
        all.push(fault.clone());
        InstalledFault(fault)
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

    pub(crate) fn save(&self) -> SavedFaults {
        let all = lock(&self.all);
        let all = all.iter().map(|fault| {
            let fault = lock(fault);
            SavedFault {
                id: fault.id,
                target: fault.target.name().to_owned(),
                effect: fault.effect.clone(),
                quota: fault.quota,
                probability: fault.probability,
                hits: fault.hits,
                label: fault.label.clone(),
                random: fault.rng.get_seed(),
            }
        });
        let all = all.collect();
        let limited = lock(&self.limited).iter().map(|(id, until)| ((*id).to_owned(), *until)).collect();
        SavedFaults { made: self.made.load(Ordering::Relaxed), all, limited }
    }

    /// Replaces all faults. One of an operation that this version does not have hits nothing, so it is left out.
    pub(crate) fn restore(&self, saved: SavedFaults) {
        self.clear();
        self.made.store(saved.made, Ordering::Relaxed);
        let all = saved.all.into_iter().filter_map(|fault| {
            let SavedFault { id, effect, quota, probability, hits, label, random, .. } = fault;
            let (target, rng) = (Target::of(&fault.target)?, Rng::with_seed(random));
            Some(Arc::new(Mutex::new(Installed { id, target, effect, quota, probability, hits, label, rng })))
        });
        *lock(&self.all) = all.collect();
        let limited = saved.limited.into_iter().filter_map(|(id, until)| Some((operation(&id)?.id, until)));
        *lock(&self.limited) = limited.collect();
    }

    /// `Fault`s, all there are.
    pub(crate) fn show(&self) -> Vec<view::Fault> {
        lock(&self.all).iter().map(|fault| lock(fault).show()).collect()
    }
}

fn operation(id: &str) -> Option<Operation> {
    op::ALL.into_iter().find(|operation| operation.id == id)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
