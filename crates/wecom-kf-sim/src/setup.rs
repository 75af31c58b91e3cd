use std::time::Duration;

use crate::clock::Clock;
use crate::ids::Ids;
use crate::platform::beliefs::{Belief, Beliefs};
use crate::platform::{AccessTokens, Platform};

/// `expires_in` of a new token is normally 7200 [91039].
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(7200);
const ACCOUNT_NAME: &str = "小店";

/// How the platform begins, also after a reset.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    /// Whether the seed was given, rather than drawn.
    pub(crate) is_seeded: bool,
    /// Corp id and secret, instead of invented ones.
    pub(crate) corp: Option<(String, String)>,
    pub(crate) accounts: Vec<String>,
    pub(crate) servicers: Vec<String>,
    pub(crate) token_lifetime: Duration,
    pub(crate) doubted: Vec<Belief>,
    /// Where a manual clock begins; None lets it run from now.
    pub(crate) manual_from: Option<Duration>,
    pub(crate) strictness: Strictness,
    /// Names and addresses besides those of loopback, for `Host` and `Origin` of the control API and for callbacks.
    pub(crate) allowed_hosts: Vec<String>,
}

/// What becomes of a field that the document does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strictness {
    /// The request is refused with 40058. WeCom ignores most of them, so this is ours.
    #[default]
    Strict,
    /// It is reported only: the finding `unknown_field`.
    Lenient,
}

impl Setup {
    pub(crate) fn clock(&self) -> Clock {
        self.manual_from.map_or_else(Clock::starting_now, Clock::standing_at)
    }

    /// A manual clock goes back to its start; a running one cannot.
    pub(crate) fn reset_clock(&self, clock: &Clock) {
        self.manual_from.into_iter().for_each(|from| clock.stand_again_at(from));
    }

    pub(crate) fn platform(&self) -> Platform {
        let access_tokens = AccessTokens::new(self.token_lifetime);
        let mut platform = Platform::new(Ids::new(self.seed), self.corp.clone(), access_tokens);
        let mut beliefs = Beliefs::default();
        self.doubted.iter().for_each(|belief| beliefs.doubt(*belief));
        platform.beliefs = beliefs;
        for name in &self.accounts {
            platform.open_account(name);
        }
        if self.accounts.is_empty() {
            platform.open_account(ACCOUNT_NAME);
        }
        for userid in &self.servicers {
            platform.meet_servicer(userid);
        }
        platform
    }
}
