//! Which of the rules that can be switched off hold. The rules are in `spec/simulator/assumptions.yaml`.

use std::collections::BTreeSet;

pub(crate) use crate::lists::Assumption;

/// The assumptions that hold: all except those that were switched off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assumptions(BTreeSet<Assumption>);

impl Assumptions {
    pub(crate) fn hold(&self, assumption: Assumption) -> bool {
        !self.0.contains(&assumption)
    }

    pub(crate) fn switch_off(&mut self, assumption: Assumption) {
        self.0.insert(assumption);
    }

    pub(crate) fn switch_on(&mut self, assumption: Assumption) {
        self.0.remove(&assumption);
    }
}
