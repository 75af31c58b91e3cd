//! Waits after errors of WeCom and of the store. Those of a handler's message are in `retry.rs`.

use std::time::Duration;

use tokio::time::Instant;

use crate::defaults;

/// The waits without their random part.
pub(super) const WAITS: wecom_kf::__private::Backoff =
    wecom_kf::__private::Backoff::new(defaults::BACKOFF_BASE, defaults::BACKOFF_CAP);

/// The wait after an error. It doubles with each error, and up to a fifth is added at random, so that callers that
/// failed together do not come back together. After some time without an error it begins again.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    doublings: u32,
    healthy_since: Option<Instant>,
}

impl Backoff {
    /// Returns the wait after an error.
    pub(crate) fn next(&mut self, jitter: f64) -> Duration {
        let healthy_for = self.healthy_since.take().map(|since| since.elapsed());
        if healthy_for.is_some_and(|healthy| healthy >= defaults::BACKOFF_RESET) {
            self.doublings = 0;
        }
        let wait = WAITS.wait(self.doublings);
        self.doublings = self.doublings.saturating_add(1);
        wait.mul_f64(1.0 + 0.2 * jitter.clamp(0.0, 1.0)).min(defaults::BACKOFF_CAP)
    }

    /// Begins again with the shortest wait.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Notes a success.
    pub(crate) fn succeed(&mut self) {
        self.healthy_since.get_or_insert_with(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn next_millis(backoff: &mut Backoff) -> u128 {
        backoff.next(0.0).as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_from_800_ms_to_30_s_and_reset_after_120_s() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..8).map(|_| next_millis(&mut backoff)).collect();
        assert_eq!(waits, [800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);

        backoff.succeed();
        advance(Duration::from_secs(119)).await;
        backoff.succeed();
        assert_eq!(next_millis(&mut backoff), 30_000);
        backoff.succeed();
        advance(Duration::from_secs(120)).await;
        assert_eq!(next_millis(&mut backoff), 800);
        assert_eq!(next_millis(&mut backoff), 1600);
    }

    #[test]
    fn a_wait_is_lengthened_by_a_fifth_at_most_and_never_beyond_the_cap() {
        assert_eq!(Backoff::default().next(1.0), Duration::from_millis(960));
        let mut late = Backoff { doublings: 40, healthy_since: None };
        assert_eq!(late.next(1.0), defaults::BACKOFF_CAP);
    }
}
