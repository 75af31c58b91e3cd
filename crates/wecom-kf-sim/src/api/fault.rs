//! The handles of faults: where a fault is installed, and an installed fault. Its methods are generated from
//! `spec/simulator/faults.yaml`, one for each fault.

#[rustfmt::skip]
#[path = "generated/faults.rs"]
mod verbs;

use crate::lists::Effect;
use crate::world::World;
use crate::world::fault::{InstalledFault, Limits, Quota, Target};

/// Installs a fault of calls: see [`Simulator::fault`](crate::Simulator::fault).
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

    fn install(self, effect: Effect) -> Fault {
        let fault = self.world.faults.install(self.target, effect, Limits::default());
        self.world.tell_faults();
        Fault(fault)
    }
}

/// Installs a fault of callbacks: see [`Simulator::fault_callbacks`](crate::Simulator::fault_callbacks).
///
/// Each method installs a fault at once, for one callback, as those of [`FaultAt`] do for calls.
#[derive(Debug)]
#[must_use = "nothing is installed before one of its methods is called"]
pub struct CallbackFaultAt<'a>(FaultAt<'a>);

impl<'a> CallbackFaultAt<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self(FaultAt::new(world, Target::Callback))
    }

    fn install(self, effect: Effect) -> Fault {
        self.0.install(effect)
    }
}

/// A fault that is installed. Dropping this handle leaves it in place.
#[derive(Clone, Debug)]
pub struct Fault(InstalledFault);

impl Fault {
    /// Sets how many calls it affects in all.
    pub fn times(self, times: usize) -> Self {
        self.0.set_quota(Quota::Times(times));
        self
    }

    /// Affects every call until it is [removed](Self::remove).
    pub fn always(self) -> Self {
        self.0.set_quota(Quota::Always);
        self
    }

    /// Affects a call with this probability, drawn from the simulator's seed. The calls that it leaves out go to the next fault.
    ///
    /// A number below 0 counts as 0. A number above 1, and NaN, count as 1.
    pub fn probability(self, probability: f64) -> Self {
        self.0.set_probability(if probability.is_nan() { 1.0 } else { probability.clamp(0.0, 1.0) });
        self
    }

    /// Returns how many calls it has affected.
    pub fn hits(&self) -> usize {
        self.0.hits()
    }

    /// Ends the fault: it affects no further call.
    pub fn remove(&self) {
        self.0.set_quota(Quota::Times(0));
    }
}
