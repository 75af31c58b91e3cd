//! The whole state of a simulator as one document: what is in it, its format, and how a simulator takes it.
//!
//! It has secrets, tokens and what people wrote: whoever has it can do all that the bot can, at this simulator.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::platform::Platform;
use crate::world::World;
use crate::world::clock::Pace;
use crate::world::fault::SavedFaults;
use crate::world::outbox::{Keys, SavedCallback, check_url};
use crate::world::setup::{Corp, Setup};

/// The format that this version writes. A change of any type in it that older files do not fit is a new format.
const FORMAT: u32 = 1;

/// Why a state cannot be loaded, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is no state, or a damaged one.
    #[error("this is not the state of a simulator: {0}")]
    #[non_exhaustive]
    Malformed(String),
    /// A later version wrote it.
    #[error(
        "the state has format {format}, and this version reads formats up to {FORMAT}: use wecom-kf-sim {version} or later"
    )]
    #[non_exhaustive]
    Newer {
        /// Its format.
        format: u32,
        /// The version that wrote it.
        version: String,
    },
    /// It is that of a simulator with other corps or another seed.
    #[error("the state is that of another simulator: start one with it (`--state FILE`, `Builder::state`)")]
    OtherSimulator,
    /// Its callback leads to a host that is not allowed.
    #[error("the callback of the state cannot be used: {0}")]
    #[non_exhaustive]
    Callback(String),
}

impl From<serde_json::Error> for StateError {
    fn from(error: serde_json::Error) -> Self {
        // The error's own text may quote what is there, which may be a secret.
        Self::Malformed(format!("line {}, column {}", error.line(), error.column()))
    }
}

/// What every format has.
#[derive(Deserialize)]
struct Head {
    format: u32,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    format: u32,
    /// The version that wrote it.
    version: String,
    /// As a text: JavaScript's numbers end before those of 64 bits do.
    seed: String,
    /// Whether the seed was given.
    seeded: bool,
    clock: SavedClock,
    corps: Vec<SavedCorp>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SavedClock {
    now: Duration,
    advanced: Duration,
    manual: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SavedCorp {
    corp_id: String,
    secret: String,
    platform: Box<RawValue>,
    faults: SavedFaults,
    callback: SavedCallback,
    /// The number of the newest row of the journal. The rows are not saved, but new ones must have other numbers, because
    /// chats refer to them.
    rows: u64,
}

/// A state that was read and checked, but for what depends on the simulator.
pub(crate) struct State {
    export: Export,
    platforms: Vec<Platform>,
}

impl World {
    /// Returns the state of all corps. Each corp is taken at one moment.
    pub(crate) fn export(&self) -> Export {
        let reading = self.clock.read();
        Export {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: self.setup.seed.to_string(),
            seeded: self.setup.is_seeded,
            corps: self.corps().iter().map(|corp| corp.save()).collect(),
            clock: SavedClock { now: reading.now, advanced: reading.advanced, manual: reading.pace == Pace::Manual },
        }
    }

    fn save(&self) -> SavedCorp {
        let (secret, platform) = self.read(|platform, _| {
            (platform.secret.clone(), to_raw_value(platform).expect("the keys of the state are texts and numbers"))
        });
        SavedCorp {
            corp_id: self.corp_id.clone(),
            secret,
            platform,
            faults: self.faults.save(),
            callback: self.save_callback(),
            rows: self.journal().last(),
        }
    }

    /// Makes all corps what they are in this state. Their journals and findings begin anew.
    pub(crate) fn import(&self, state: State) -> Result<(), StateError> {
        let State { export, platforms } = state;
        let corps = self.corps();
        if corps.len() != export.corps.len() {
            return Err(StateError::OtherSimulator);
        }
        // All are checked before the first is changed.
        let mut keys = Vec::new();
        for ((corp, saved), platform) in corps.iter().zip(&export.corps).zip(&platforms) {
            let is_same = corp.read(|current, _| {
                current.corp_id == platform.corp_id
                    && current.secret == platform.secret
                    && current.ids.have_seed_of(&platform.ids)
            });
            if !is_same {
                return Err(StateError::OtherSimulator);
            }
            keys.push(corp.check_callback(&saved.callback)?);
        }
        self.clock.restore(
            export.clock.now,
            export.clock.advanced,
            match export.clock.manual {
                true => Pace::Manual,
                false => Pace::Running,
            },
        );
        for (((corp, saved), platform), keys) in corps.iter().zip(export.corps).zip(platforms).zip(keys) {
            corp.restore(saved, platform, keys);
        }
        self.tell_clock();
        Ok(())
    }

    fn check_callback(&self, saved: &SavedCallback) -> Result<Option<Keys>, StateError> {
        if let Some(url) = &saved.url {
            check_url(url, &self.setup.allowed_hosts).map_err(|error| StateError::Callback(error.to_string()))?;
        }
        let keys = saved.keys.as_ref().map(|(token, aes_key)| Keys::new(token, aes_key, &self.corp_id));
        keys.transpose().map_err(|error| StateError::Callback(error.to_string()))
    }

    fn restore(self: &Arc<Self>, saved: SavedCorp, platform: Platform, keys: Option<Keys>) {
        self.update(|current, _| {
            *current = platform;
            self.faults.restore(saved.faults);
            self.begin_anew(saved.rows);
        });
        self.restore_callback(saved.callback, keys);
        self.hub.tell_gap();
        self.sent.notify_waiters();
    }
}

impl State {
    /// Reads a state.
    pub(crate) fn read(text: &str) -> Result<Self, StateError> {
        let head: Head = serde_json::from_str(text)?;
        if head.format > FORMAT {
            return Err(StateError::Newer { format: head.format, version: head.version });
        }
        let export: Export = serde_json::from_str(text)?;
        let platforms = export.corps.iter().map(|corp| Ok(serde_json::from_str::<Platform>(corp.platform.get())?));
        let platforms = platforms.collect::<Result<Vec<_>, StateError>>()?;
        let fit = |(corp, platform): (&SavedCorp, &Platform)| {
            corp.corp_id == platform.corp_id && corp.secret == platform.secret && platform.open_kfids().next().is_some()
        };
        if platforms.is_empty() || !export.corps.iter().zip(&platforms).all(fit) {
            return Err(StateError::Malformed("a corp has no account, or two ids".to_owned()));
        }
        Ok(Self { export, platforms })
    }

    /// Sets up a simulator that can take this state: with its seed and its corps.
    pub(crate) fn set_up(&self, setup: &mut Setup, others: &mut Vec<Corp>) -> Result<(), StateError> {
        let Export { seed, seeded, corps, .. } = &self.export;
        setup.seed = seed.parse().map_err(|_| StateError::Malformed("`seed` is not a number".to_owned()))?;
        setup.is_seeded = *seeded;
        others.resize_with(corps.len() - 1, Corp::default);
        for (corp, saved) in [&mut setup.corp].into_iter().chain(others).zip(corps) {
            corp.known = Some((saved.corp_id.clone(), saved.secret.clone()));
        }
        Ok(())
    }
}
