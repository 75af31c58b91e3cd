//! What the platform knows that tells whether a bot makes a mistake.

use std::time::Duration;

/// A customer may wait this long for an answer, by the simulator's clock.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What the platform knew when the call came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// State and servicer.
    pub(crate) session: Option<(i64, Option<String>)>,
    pub(crate) is_late_welcome: bool,
    /// What was left of the token handed out last.
    pub(crate) token_left: Option<Duration>,
    /// Whether `sync_msg` counts among those that WeCom limits: without the token of a callback, or with a wrong one.
    pub(crate) is_limited_read: bool,
}

/// A customer who waits for an answer.
#[derive(Clone, Debug)]
pub(crate) struct Unanswered {
    pub(crate) open_kfid: String,
    pub(crate) external_userid: String,
    pub(crate) since: Duration,
}
