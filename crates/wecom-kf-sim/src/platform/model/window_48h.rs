//! The 48 hours: how long after a customer's last message the bot may send, and a session counts as open.

use std::time::Duration;

rule!(window_of_48_hours);
/// What may be sent after a customer's message may be sent for 48 hours.
pub(crate) const WINDOW: Duration = Duration::from_secs(48 * 60 * 60);

/// Returns whether `at` is at most 48 hours ago. `None` stands for never.
pub(crate) fn within_window(at: Option<Duration>, now: Duration) -> bool {
    at.is_some_and(|at| now <= at + WINDOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_includes_its_last_moment() {
        let written = Some(Duration::from_secs(1_000));
        let end = Duration::from_secs(1_000) + WINDOW;
        assert!(within_window(written, end));
        assert!(!within_window(written, end + Duration::from_millis(1)));
        assert!(!within_window(None, end));
    }
}
