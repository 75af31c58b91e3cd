//! How often and when calls are repeated: policy, waits, budget.

use std::sync::Mutex;
use std::time::Duration;

use crate::{ErrCode, defaults};

/// How often and when a call is repeated.
///
/// A call is repeated at all only where that cannot do harm: see [`raw::Repeat`](crate::raw::Repeat).
#[derive(Clone, Debug)]
#[must_use]
pub struct RetryPolicy {
    max_attempts: u32,
    repeat_sends: bool,
    jitter: fn() -> f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: defaults::MAX_ATTEMPTS, repeat_sends: true, jitter: fastrand::f64 }
    }
}

impl RetryPolicy {
    /// How often a call is sent at most, the first time included: 3 by default ([`defaults::MAX_ATTEMPTS`]); 1 never
    /// repeats, 0 is taken for 1.
    ///
    /// A call whose access token was rejected needs two.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts.max(1);
        self
    }

    /// Never repeats a send when it is unknown whether it went through.
    ///
    /// By default it is repeated with the same msgid. WeCom refuses a msgid that was used before with 95033: so says the
    /// errcode list, and the page on sending requires that a msgid is unique within the account.
    pub fn without_repeating_sends(mut self) -> Self {
        self.repeat_sends = false;
        self
    }

    /// Where the random factor of each wait comes from, 0.0 to 1.0; for tests.
    pub fn jitter(mut self, jitter: fn() -> f64) -> Self {
        self.jitter = jitter;
        self
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.max_attempts
    }

    pub(crate) fn repeats_sends(&self) -> bool {
        self.repeat_sends
    }

    pub(crate) fn source_of_jitter(&self) -> fn() -> f64 {
        self.jitter
    }

    /// How long to wait before the repeat number `repeat`, counted from 0.
    pub(crate) fn wait(&self, repeat: u32, code: Option<ErrCode>) -> Duration {
        let base = match code {
            Some(ErrCode::CONCURRENCY_LIMIT_EXCEEDED) => defaults::BACKOFF_BASE_CONCURRENCY,
            _ => defaults::BACKOFF_BASE,
        };
        let ceiling = base.saturating_mul(2_u32.saturating_pow(repeat)).min(defaults::BACKOFF_CAP);
        ceiling.mul_f64(fraction((self.jitter)()))
    }
}

/// What a source of jitter says, held to 0.0 to 1.0.
pub(crate) fn fraction(jitter: f64) -> f64 {
    if jitter.is_nan() { 1.0 } else { jitter.clamp(0.0, 1.0) }
}

/// Keeps a dead server from being hammered: all calls of a client share it, repeats draw on it, successes fill it up.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<u32>);

/// Why a call is repeated, hence what that costs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cost {
    /// WeCom answered that it is too busy.
    Throttled = defaults::RETRY_COST_THROTTLED as isize,
    /// There was no answer.
    Lost = defaults::RETRY_COST_LOST as isize,
}

impl RetryBudget {
    pub(crate) fn full() -> Self {
        Self(Mutex::new(defaults::RETRY_BUDGET))
    }

    /// Whether there was enough left.
    pub(crate) fn spend(&self, cost: Cost) -> bool {
        let mut left = self.lock();
        match left.checked_sub(cost as u32) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }

    /// A success gives back what its last repeat cost; one at the first try, 1.
    pub(crate) fn give_back(&self, last: Option<Cost>) {
        let mut left = self.lock();
        *left = (*left + last.map_or(1, |cost| cost as u32)).min(defaults::RETRY_BUDGET);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, u32> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_waits_stay_in_range_and_average_half_of_it() {
        let policy = RetryPolicy::default();
        let waits: Vec<f64> = (0..10_000).map(|_| policy.wait(1, None).as_secs_f64()).collect();
        assert!(waits.iter().all(|wait| (0.0..=0.4).contains(wait)));
        let mean = waits.iter().sum::<f64>() / 10_000.0;
        assert!((0.19..=0.21).contains(&mean), "mean {mean}");
    }

    #[test]
    fn waits_double_up_to_the_cap_and_start_at_a_second_for_too_many_at_once() {
        let policy = RetryPolicy::default().jitter(|| 1.0);
        let millis = |repeat, code| policy.wait(repeat, code).as_millis();
        assert_eq!([0, 1, 2, 4, 5, 40].map(|repeat| millis(repeat, None)), [200, 400, 800, 3200, 5000, 5000]);
        let code = Some(ErrCode::CONCURRENCY_LIMIT_EXCEEDED);
        assert_eq!([0, 1, 2, 3].map(|repeat| millis(repeat, code)), [1000, 2000, 4000, 5000]);
    }

    #[test]
    fn an_empty_budget_is_usable_again_after_a_few_successes() {
        let budget = RetryBudget::full();
        let spent = std::iter::repeat_with(|| budget.spend(Cost::Lost)).take_while(|spent| *spent).count();
        assert_eq!(spent, 35);
        (0..4).for_each(|_| budget.give_back(None));
        assert!(budget.spend(Cost::Lost));
    }
}
