//! The tokens of callbacks: how they are made, and how long they are valid.

use std::time::Duration;

use crate::platform::Platform;
use crate::platform::model::ids::{Ids, SEALED_LENGTH};

rule!(callback_token_lasts_10_minutes);
/// The `Token` of a callback is valid for 10 minutes.
const LIFETIME: Duration = Duration::from_secs(10 * 60);
const PREFIX: &str = "ENC";
/// The low bits of a token's number distinguish the tokens of one second.
const LOW_BITS: u32 = 20;

/// The kind of the ids.
const KIND: &str = "sync token";
/// The length of every token.
pub(crate) const LENGTH: usize = PREFIX.len() + SEALED_LENGTH;

/// Returns whether these ids made the token, whenever that was.
pub(crate) fn is_made_by(ids: &Ids, token: &str) -> bool {
    token.strip_prefix(PREFIX).is_some_and(|sealed| ids.unseal(KIND, sealed).is_some())
}

impl Platform {
    /// Makes the `Token` for a callback.
    pub(crate) fn sync_token(&mut self, now: Duration) -> String {
        let (seconds, low_bits) = (now.as_secs(), self.callback_tokens % (1 << LOW_BITS));
        self.callback_tokens += 1;
        let sealed = self.ids.seal(KIND, seconds << LOW_BITS | low_bits);
        format!("{PREFIX}{sealed}")
    }

    /// Returns whether a callback carried this token at most 10 minutes ago.
    pub(crate) fn is_valid_sync_token(&self, token: &str, now: Duration) -> bool {
        let made = token.strip_prefix(PREFIX).and_then(|sealed| self.ids.unseal(KIND, sealed));
        let made = made.map(|made| Duration::from_secs(made >> LOW_BITS));
        // The token holds its time in whole seconds.
        made.is_some_and(|made| now.as_secs() <= (made + LIFETIME).as_secs())
    }
}
