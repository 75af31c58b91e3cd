//! What a corp begins with: the settings of a builder.

use std::fmt;
use std::time::Duration;

use crate::platform::assumptions::{Assumption, Assumptions};
use crate::platform::ids::{Ids, seed_of_corp};
use crate::platform::{AccessTokens, Platform};
use crate::world::clock::Clock;

rule!(access_tokens_last_7200_seconds);
/// `expires_in` of a new token is normally 7200.
const TOKEN_LIFETIME: Duration = Duration::from_secs(7200);
const ACCOUNT_NAME: &str = "小店";

/// A corp of a simulator, with a secret, accounts, servicers and a callback of its own: see
/// [`Builder::another`](crate::Builder::another). The id and the secret of the default one follow from the seed.
#[derive(Clone, Default)]
#[must_use = "it is part of no simulator before `Builder::another`"]
pub struct Corp {
    /// Corp id and secret, instead of invented ones.
    pub(crate) known: Option<(String, String)>,
    pub(crate) accounts: Vec<String>,
    pub(crate) servicers: Vec<String>,
    pub(crate) callback: Option<CallbackSetup>,
}

/// Where callbacks go from the start.
#[derive(Clone)]
pub(crate) struct CallbackSetup {
    pub(crate) url: String,
    /// Token and `EncodingAESKey`, instead of invented ones.
    pub(crate) keys: Option<(String, String)>,
}

impl Corp {
    /// A corp with this id, and with this secret of the app.
    pub fn new(corp_id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { known: Some((corp_id.into(), secret.into())), ..Self::default() }
    }

    /// Adds an account. Without any there is one, 小店.
    pub fn account(mut self, name: impl Into<String>) -> Self {
        self.accounts.push(name.into());
        self
    }

    /// Adds a servicer of every account there is at the start, who receives.
    pub fn servicer(mut self, userid: impl Into<String>) -> Self {
        self.servicers.push(userid.into());
        self
    }

    /// Sends callbacks to this URL, signed and encrypted with these, as they stand in the console. It is not verified.
    pub fn callback(
        mut self,
        url: impl Into<String>,
        token: impl Into<String>,
        encoding_aes_key: impl Into<String>,
    ) -> Self {
        self.callback = Some(CallbackSetup { url: url.into(), keys: Some((token.into(), encoding_aes_key.into())) });
        self
    }

    /// Sends callbacks to this URL, with a token and a key that follow from the seed: see
    /// [`Simulator::vars`](crate::Simulator::vars).
    pub fn callback_url(mut self, url: impl Into<String>) -> Self {
        self.callback = Some(CallbackSetup { url: url.into(), keys: None });
        self
    }
}

// Without the secret, and without token and key of the callback.
impl fmt::Debug for Corp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let corp_id = self.known.as_ref().map(|(corp_id, _)| corp_id);
        f.debug_struct("Corp").field("corp_id", &corp_id).finish_non_exhaustive()
    }
}

/// How the platform of a corp begins, also after a reset.
#[derive(Clone)]
pub(crate) struct Setup {
    /// The seed of the simulator.
    pub(crate) seed: u64,
    /// Whether the seed was given, rather than drawn.
    pub(crate) is_seeded: bool,
    /// Tells this simulator from another one at the same address, whatever the seed.
    pub(crate) instance: u64,
    pub(crate) corp: Corp,
    /// The corp's place among those of the simulator, from 0.
    pub(crate) place: usize,
    pub(crate) token_lifetime: Duration,
    pub(crate) disabled_assumptions: Vec<Assumption>,
    /// Where a manual clock begins; None lets it run from now.
    pub(crate) manual_from: Option<Duration>,
    pub(crate) strictness: Strictness,
    /// Names and addresses besides those of loopback, for `Host` and `Origin` and for callbacks.
    pub(crate) allowed_hosts: Vec<String>,
    /// Where bots reach the simulator, if not at the address it listens on.
    pub(crate) public_url: Option<String>,
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
    /// A corp with a seed, an id and a secret of its own, and a clock that runs.
    pub(crate) fn new() -> Self {
        Self {
            seed: fastrand::u64(..),
            is_seeded: false,
            instance: fastrand::u64(..),
            corp: Corp::default(),
            place: 0,
            token_lifetime: TOKEN_LIFETIME,
            disabled_assumptions: Vec::new(),
            manual_from: None,
            strictness: Strictness::Strict,
            allowed_hosts: Vec::new(),
            public_url: None,
        }
    }

    /// The same for a further corp.
    pub(crate) fn of_another(&self, corp: Corp, place: usize) -> Self {
        Self { corp, place, ..self.clone() }
    }

    /// What all ids and chances of the corp follow from.
    pub(crate) fn seed_of_corp(&self) -> u64 {
        seed_of_corp(self.seed, self.place)
    }

    pub(crate) fn clock(&self) -> Clock {
        self.manual_from.map_or_else(Clock::starting_now, Clock::standing_at)
    }

    /// A manual clock goes back to its start; a running one cannot.
    pub(crate) fn reset_clock(&self, clock: &Clock) {
        self.manual_from.into_iter().for_each(|from| clock.stand_again_at(from));
    }

    pub(crate) fn platform(&self) -> Platform {
        let access_tokens = AccessTokens::new(self.token_lifetime);
        let mut platform = Platform::new(Ids::new(self.seed_of_corp()), self.corp.known.clone(), access_tokens);
        let mut assumptions = Assumptions::default();
        self.disabled_assumptions.iter().for_each(|assumption| assumptions.switch_off(*assumption));
        platform.assumptions = assumptions;
        for name in &self.corp.accounts {
            platform.open_account(name);
        }
        if self.corp.accounts.is_empty() {
            platform.open_account(ACCOUNT_NAME);
        }
        for userid in &self.corp.servicers {
            platform.meet_servicer(userid);
        }
        platform
    }
}
