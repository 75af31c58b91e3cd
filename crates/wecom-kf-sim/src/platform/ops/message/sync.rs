//! Reading: pages, cursors, callback tokens, and how often one may read.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::{ErrCode, limits};

use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;
use crate::platform::{Platform, SYNC_TOKEN_BITS, SYNC_TOKEN_LIFETIME, SYNC_TOKEN_PREFIX, required, text};

/// This many reads without a callback's token may come in a minute. One more is refused, and all others of the next
/// minute [community 0006e047, seen in practice].
const TOKENLESS_READS: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// This many reads may be in progress at once [community 000ac64c, seen in practice].
pub(crate) const READS_AT_ONCE: usize = 5;
/// A cursor's position has this many low bits for telling empty pages at the same place apart.
const TURN_BITS: u32 = 16;

impl Platform {
    /// `POST /cgi-bin/kf/sync_msg` [94670]. What `send_msg` sent is never returned: it is not in the log.
    pub(crate) fn sync_msg(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        // Required since about 2024-01 [94670, seen in practice]; editions before read all accounts without it.
        let open_kfid = required(request, "open_kfid")?;
        let end = self.account(request)?.log.end();
        self.check_read(text(request, "token"), now)?;
        let from = self.position(open_kfid, text(request, "cursor"), end)?;

        if self.empty_pages.due > 0 {
            return Ok(self.empty_page(open_kfid, from));
        }
        // Default and maximum are 1000 [94670]. `voice_format` is accepted; there are no voices to convert.
        let limit = request["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(limits::sync_msg::LIMIT_MAX as usize);
        let page = self.account(request)?.log.page(from, limit, now);
        Ok(json!({
            "next_cursor": self.seal_cursor(open_kfid, page.next << TURN_BITS),
            "has_more": u8::from(page.has_more),
            "msg_list": page.messages,
        }))
    }

    /// `has_more` may be 1 though the list is empty [94670, seen in practice]. The cursor differs, so a reader that stops at
    /// one it has seen goes on.
    fn empty_page(&mut self, open_kfid: &str, from: u64) -> Value {
        self.empty_pages.due -= 1;
        self.empty_pages.given = self.empty_pages.given.wrapping_add(1).max(1);
        let position = from << TURN_BITS | u64::from(self.empty_pages.given);
        json!({ "next_cursor": self.seal_cursor(open_kfid, position), "has_more": 1, "msg_list": [] })
    }

    /// Where to read from: without a cursor from the oldest message kept [94670].
    fn position(&self, open_kfid: &str, cursor: Option<&str>, end: u64) -> Result<u64, Refusal> {
        let Some(cursor) = cursor else { return Ok(0) };
        // A cursor belongs to its account [94670]. unverified: 50100 is named for a bad cursor by one source only.
        let position = self.ids.unseal(&self.owner(open_kfid), cursor).map(|position| position >> TURN_BITS);
        let documented = self.assumptions.hold(Assumption::BadCursorIs40058);
        let code = if documented { ErrCode::INVALID_PARAMETER } else { ErrCode::INVALID_CURSOR };
        position
            .filter(|position| *position <= end)
            .ok_or_else(|| Refusal::because(code, "`cursor` is not one of this account"))
    }

    fn seal_cursor(&self, open_kfid: &str, position: u64) -> String {
        self.ids.seal(&self.owner(open_kfid), position)
    }

    /// Whom cursors fit: the account, as long as they are not lost.
    fn owner(&self, open_kfid: &str) -> String {
        match self.cursor_generation {
            0 => open_kfid.to_owned(),
            generation => format!("{open_kfid} {generation}"),
        }
    }

    /// Refuses a token that is not good, and reads without a good one that come too often.
    fn check_read(&mut self, token: Option<&str>, now: Duration) -> Result<(), Refusal> {
        if self.is_limited_read(token, now) {
            self.tokenless_reads.count(now)?;
        }
        if token.is_some() && !self.is_sync_token(token, now) {
            return Err(ErrCode::INVALID_SYNC_TOKEN.into());
        }
        Ok(())
    }

    /// Whether a read counts among those that may only come now and then.
    pub(crate) fn is_limited_read(&self, token: Option<&str>, now: Duration) -> bool {
        self.assumptions.hold(Assumption::TokenlessReadsAreLimited) && !self.is_sync_token(token, now)
    }

    /// Whether this is the token of a callback of the last 10 minutes. One may serve all calls of a paging loop [94670].
    fn is_sync_token(&self, token: Option<&str>, now: Duration) -> bool {
        let sealed = token.and_then(|token| token.strip_prefix(SYNC_TOKEN_PREFIX));
        let made = sealed.and_then(|sealed| self.ids.unseal("sync token", sealed));
        let made = made.map(|made| Duration::from_secs(made >> SYNC_TOKEN_BITS));
        // The token holds its time in whole seconds.
        made.is_some_and(|made| now.as_secs() <= (made + SYNC_TOKEN_LIFETIME).as_secs())
    }
}

/// The reads without a callback's token, over all accounts of the app.
#[derive(Debug, Default)]
pub(crate) struct TokenlessReads {
    /// Those of the last minute.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_read_in_a_minute_is_refused_and_a_minute_long_all_others() {
        let mut reads = TokenlessReads::default();
        let mut is_taken = |second| reads.count(Duration::from_secs(second)).is_ok();
        assert!((100..110).all(&mut is_taken));
        assert!(!is_taken(110));
        // Those of 100 to 109 are older than a minute by then.
        assert!(!is_taken(169));
        assert!((170..180).all(&mut is_taken));
        assert!(!is_taken(180));
        // One every 6 seconds is fine for ever.
        assert!((300..3000).step_by(6).all(&mut is_taken));
    }
}
