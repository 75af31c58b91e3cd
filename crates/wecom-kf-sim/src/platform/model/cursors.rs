//! The cursors of `sync_msg`: what they contain, which account they belong to, and how they are lost.

use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;

use crate::platform::Platform;
use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;

/// The low bits of a cursor's position distinguish empty pages at the same place.
const TURN_BITS: u32 = 16;

/// What cursors depend on.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Cursors {
    /// How often all cursors were lost.
    generation: u32,
    /// How many of the next pages will be empty.
    empty_pages_due: u32,
    empty_pages_given: u16,
}

impl Platform {
    /// Makes all cursors invalid that were returned until now.
    pub(crate) fn lose_cursors(&mut self) {
        self.cursors.generation += 1;
    }

    /// Makes one more of the next pages empty.
    pub(crate) fn empty_page_next(&mut self) {
        self.cursors.empty_pages_due += 1;
    }

    /// Returns the cursor behind an empty page at this position, if the next page is to be empty. `has_more` may be 1
    /// though the list is empty. The cursor differs each time, so that a reader that stops at a cursor it has seen
    /// continues.
    pub(crate) fn cursor_of_empty_page(&mut self, open_kfid: &str, position: u64) -> Option<String> {
        rule!(has_more_with_empty_page);
        self.cursors.empty_pages_due = self.cursors.empty_pages_due.checked_sub(1)?;
        self.cursors.empty_pages_given = self.cursors.empty_pages_given.wrapping_add(1).max(1);
        let turn = u64::from(self.cursors.empty_pages_given);
        Some(self.ids.seal(&self.cursor_owner(open_kfid), position << TURN_BITS | turn))
    }

    /// Returns the cursor for a position in the log of an account.
    pub(crate) fn cursor(&self, open_kfid: &str, position: u64) -> String {
        self.ids.seal(&self.cursor_owner(open_kfid), position << TURN_BITS)
    }

    /// Returns the position to read from: without a cursor the oldest message kept.
    pub(crate) fn position(&self, open_kfid: &str, cursor: Option<&str>, end: u64) -> Result<u64, Refusal> {
        rule!(reading_starts_at_oldest_message);
        let Some(cursor) = cursor else { return Ok(0) };
        rule!(cursor_belongs_to_account);
        let position = self.ids.unseal(&self.cursor_owner(open_kfid), cursor).map(|position| position >> TURN_BITS);
        let documented = self.assumptions.hold(Assumption::BadCursorIs40058);
        let code = if documented { ErrCode::INVALID_PARAMETER } else { ErrCode::INVALID_CURSOR };
        position
            .filter(|position| *position <= end)
            .ok_or_else(|| Refusal::because(code, "`cursor` is not one of this account"))
    }

    /// Returns the name that the cursors of an account are sealed with. It changes when all cursors are lost.
    fn cursor_owner(&self, open_kfid: &str) -> String {
        match self.cursors.generation {
            0 => open_kfid.to_owned(),
            generation => format!("{open_kfid} {generation}"),
        }
    }
}
