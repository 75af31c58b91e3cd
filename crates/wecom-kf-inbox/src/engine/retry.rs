//! How often and for how long a failing message is tried again. Pure.

use std::time::Duration;

use wecom_kf::__private::Backoff;

use crate::defaults;

/// How often and for how long a message whose handler failed is tried again before it is parked.
///
/// The wait before the second try is the first wait; it doubles with each try up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    within: Duration,
    most: Option<u32>,
    first_wait: Duration,
    longest_wait: Duration,
}

impl RetryPolicy {
    /// Tries again until this long after the first failure, with waits from 0.5 s to 60 s.
    pub const fn within(within: Duration) -> Self {
        Self { within, most: None, first_wait: defaults::RETRY_BASE, longest_wait: defaults::RETRY_CAP }
    }

    /// Parks at the first failure.
    pub const fn never() -> Self {
        Self::within(Duration::ZERO).at_most(1)
    }

    /// Limits the number of tries, the first one included.
    #[must_use]
    pub const fn at_most(mut self, tries: u32) -> Self {
        self.most = Some(tries);
        self
    }

    /// Sets the first and the longest wait between tries.
    #[must_use]
    pub const fn waits(mut self, first: Duration, longest: Duration) -> Self {
        self.first_wait = first;
        self.longest_wait = longest;
        self
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.most != Some(0)
    }

    /// Returns the wait before the next try of a message that was tried this often and has been failing for so long.
    /// `None` if it is to be parked.
    pub(crate) fn wait(&self, tries: u32, failing_for: Duration) -> Option<Duration> {
        if self.most.is_some_and(|most| tries >= most) {
            return None;
        }
        let wait = Backoff::new(self.first_wait, self.longest_wait).wait(tries.saturating_sub(1));
        Some(wait).filter(|wait| failing_for.saturating_add(*wait) <= self.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// The waits, in milliseconds, of a message whose handler fails at once.
    fn waits(policy: RetryPolicy) -> Vec<u128> {
        let mut failing_for = Duration::ZERO;
        let wait = |tries| {
            let wait = policy.wait(tries, failing_for)?;
            failing_for += wait;
            Some(wait.as_millis())
        };
        (1..).map_while(wait).collect()
    }

    #[test]
    fn waits_double_up_to_a_minute_for_ten_minutes() {
        let all = waits(RetryPolicy::within(10 * MINUTE));
        assert_eq!(all[..8], [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]);
        assert!(all[8..].iter().all(|wait| *wait == 60_000));
        let total: u128 = all.iter().sum();
        assert!((540_000..=600_000).contains(&total), "{total}");
    }

    #[test]
    fn tries_and_waits_can_be_limited() {
        let policy = RetryPolicy::within(MINUTE).at_most(3).waits(MINUTE / 60, MINUTE / 60);
        assert_eq!(waits(policy), [1000, 1000]);
        assert_eq!(waits(RetryPolicy::never()), Vec::<u128>::new());
        assert_eq!(RetryPolicy::within(Duration::MAX).wait(u32::MAX, MINUTE), Some(MINUTE));
    }
}
