//! How often and when calls are repeated: the policy, the waits in between, and the budget that all calls share. Whether a
//! call is repeated or its token renewed is decided in `call.rs`.

use std::sync::Mutex;
use std::time::Duration;

use crate::{ErrCode, defaults};

/// The policy that decides how often a failed call is repeated.
///
/// The client only repeats calls where a repeat does no harm: see [`raw::Repeat`](crate::raw::Repeat).
///
/// ```no_run
/// use wecom_kf::{Client, Credentials, RetryPolicy};
///
/// # fn main() -> Result<(), wecom_kf::Error> {
/// let policy = RetryPolicy::default().max_attempts(5);
/// let client = Client::builder(Credentials::new("ww…", "…")).retry(policy).build()?;
/// # Ok(())
/// # }
/// ```
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
    /// Sets how many times a call is sent at most, including the first time. The default is 3
    /// ([`defaults::MAX_ATTEMPTS`]). 1 disables repeats; 0 means 1.
    ///
    /// A call whose access token was rejected needs a second attempt to succeed.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts.max(1);
        self
    }

    /// Disables the repeat of a send whose answer was lost, so that it is unknown whether WeCom sent the message.
    ///
    /// By default such a send is repeated with the same msgid, which cannot send the message twice: according to the
    /// errcode list WeCom refuses a msgid that was used before with 95033, and the page on sending requires that a msgid
    /// is unique within the account.
    pub fn without_repeating_sends(mut self) -> Self {
        self.repeat_sends = false;
        self
    }

    /// Sets the function that returns the random factor of each wait, 0.0 to 1.0. It is meant for tests.
    #[cfg(any(test, feature = "test-util"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
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

    /// Returns the wait before repeat number `repeat`, counted from 0.
    pub(crate) fn wait(&self, repeat: u32, code: Option<ErrCode>) -> Duration {
        let base = match code {
            Some(ErrCode::CONCURRENCY_LIMIT_EXCEEDED) => defaults::BACKOFF_BASE_CONCURRENCY,
            _ => defaults::BACKOFF_BASE,
        };
        Backoff::new(base, defaults::BACKOFF_CAP).wait(repeat).mul_f64(fraction((self.jitter)()))
    }
}

/// Waits that double: the rule of every wait after a failure in this crate and the inbox. Random parts are added by the
/// caller.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Creates waits that begin with `first` and double up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// Returns the wait after failure number `failures`, counted from 0.
    pub fn wait(self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest)
    }
}

/// Limits the value of a user's jitter function to 0.0 to 1.0.
pub(crate) fn fraction(jitter: f64) -> f64 {
    if jitter.is_nan() { 1.0 } else { jitter.clamp(0.0, 1.0) }
}

/// A budget for repeats that all calls of a client share, so that many calls do not overload a failing server. Each
/// repeat takes from it, each success adds to it.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<u32>);

/// What a repeat costs, which depends on its reason.
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

    /// Takes the cost of a repeat from the budget. Returns `false`, and takes nothing, if too little is left.
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

    /// Adds to the budget after a success: the cost of its last repeat, or 1 if the first attempt succeeded.
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
    fn waits_are_spread_evenly_over_their_range() {
        let policy = RetryPolicy::default();
        let waits: Vec<f64> = (0..10_000).map(|_| policy.wait(1, None).as_secs_f64()).collect();
        assert!(waits.iter().all(|wait| (0.0..=0.4).contains(wait)));
        let mean = waits.iter().sum::<f64>() / 10_000.0;
        assert!((0.19..=0.21).contains(&mean), "mean {mean}");
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = RetryPolicy::default().jitter(|| 1.0);
        let millis = |repeat, code| policy.wait(repeat, code).as_millis();
        assert_eq!([0, 1, 2, 4, 5, 40].map(|repeat| millis(repeat, None)), [200, 400, 800, 3200, 5000, 5000]);
        let code = Some(ErrCode::CONCURRENCY_LIMIT_EXCEEDED);
        assert_eq!([0, 1, 2, 3].map(|repeat| millis(repeat, code)), [1000, 2000, 4000, 5000]);
    }

    #[test]
    fn a_few_successes_refill_an_empty_budget() {
        let budget = RetryBudget::full();
        let spent = std::iter::repeat_with(|| budget.spend(Cost::Lost)).take_while(|spent| *spent).count();
        assert_eq!(spent, 35);
        (0..4).for_each(|_| budget.give_back(None));
        assert!(budget.spend(Cost::Lost));
    }
}
