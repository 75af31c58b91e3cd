//! The tokens of callbacks: how they are made, and how long they are valid.

use std::collections::VecDeque;
use std::time::Duration;

use crate::platform::Platform;

/// The `Token` of a callback is valid for 10 minutes [94670].
const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// How many of the newest tokens are kept, so that they can be masked. A token itself says when it was made.
const KEPT: usize = 16;
const PREFIX: &str = "ENC";
/// The low bits of a token's number distinguish the tokens of one second.
const LOW_BITS: u32 = 20;

/// The tokens that callbacks carried.
#[derive(Debug, Default)]
pub(crate) struct CallbackTokens {
    made: u64,
    newest: VecDeque<String>,
}

impl CallbackTokens {
    /// Returns the newest tokens, which must not be shown.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &str> {
        self.newest.iter().map(String::as_str)
    }
}

impl Platform {
    /// Makes the `Token` for a callback.
    pub(crate) fn sync_token(&mut self, now: Duration) -> String {
        let (seconds, low_bits) = (now.as_secs(), self.callback_tokens.made % (1 << LOW_BITS));
        self.callback_tokens.made += 1;
        let sealed = self.ids.seal("sync token", seconds << LOW_BITS | low_bits);
        let token = format!("{PREFIX}{sealed}");
        if self.callback_tokens.newest.len() == KEPT {
            self.callback_tokens.newest.pop_front();
        }
        self.callback_tokens.newest.push_back(token.clone());
        token
    }

    /// Returns whether a callback carried this token at most 10 minutes ago.
    pub(crate) fn is_valid_sync_token(&self, token: &str, now: Duration) -> bool {
        let made = token.strip_prefix(PREFIX).and_then(|sealed| self.ids.unseal("sync token", sealed));
        let made = made.map(|made| Duration::from_secs(made >> LOW_BITS));
        // The token holds its time in whole seconds.
        made.is_some_and(|made| now.as_secs() <= (made + LIFETIME).as_secs())
    }
}
