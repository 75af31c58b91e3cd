//! How often `sync_msg` may be called: 10 times a minute without a callback's token, and 5 calls at the same time.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;

use crate::platform::Platform;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;

/// This many reads without a callback's token may come in a minute. One more is refused, and all others of the next
/// minute.
const TOKENLESS_READS: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// This many reads may be in progress at once.
pub(crate) const READS_AT_ONCE: usize = 5;

/// The reads without a callback's token, over all accounts of the app.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct TokenlessReads {
    /// The reads of the last minute.
    at: VecDeque<Duration>,
    refused_until: Duration,
}

impl TokenlessReads {
    fn count(&mut self, now: Duration) -> Result<(), Refusal> {
        self.at.retain(|at| now < *at + MINUTE);
        if now >= self.refused_until && self.at.len() < TOKENLESS_READS {
            self.at.push_back(now);
            return Ok(());
        }
        if now >= self.refused_until {
            self.refused_until = now + MINUTE;
        }
        Err(ErrCode::RATE_LIMIT_EXCEEDED.into())
    }
}

impl Platform {
    /// Refuses an invalid token, and reads without a valid one that come too often. One token may serve all calls of a
    /// paging loop.
    pub(crate) fn check_read(&mut self, token: Option<&str>, now: Duration) -> Result<(), Refusal> {
        rule!(callback_token_serves_all_pages);
        if self.is_limited_read(token, now) {
            self.tokenless_reads.count(now)?;
        }
        match token {
            Some(token) if !self.is_valid_sync_token(token, now) => Err(ErrCode::INVALID_SYNC_TOKEN.into()),
            _ => Ok(()),
        }
    }

    /// Returns whether a read counts towards the limit.
    pub(crate) fn is_limited_read(&self, token: Option<&str>, now: Duration) -> bool {
        let has_token = token.is_some_and(|token| self.is_valid_sync_token(token, now));
        !has_token && self.assumptions.hold(Assumption::TokenlessReadsAreLimited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_read_in_a_minute_is_refused_and_a_minute_long_all_others() {
        let mut reads = TokenlessReads::default();
        let mut is_taken = |second| reads.count(Duration::from_secs(second)).is_ok();
        assert!((100..110).all(&mut is_taken));
        assert!(!is_taken(110));
        // The reads of 100 to 109 are older than a minute by then.
        assert!(!is_taken(169));
        assert!((170..180).all(&mut is_taken));
        assert!(!is_taken(180));
        // One read every 6 seconds is never refused.
        assert!((300..3000).step_by(6).all(&mut is_taken));
    }
}
