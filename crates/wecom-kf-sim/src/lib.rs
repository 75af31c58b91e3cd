// Where the README's links lead here: of two definitions the first holds.
//! [First steps]: docs::first_steps
//! [In CI]: docs::ci
//! [Fault scripts]: docs::faults
//! [Other languages]: docs::other_languages
//! [What the simulator believes]: docs::beliefs
//! [control.yaml]: https://docs.rs/crate/wecom-kf-sim/latest/source/control.yaml
//!
#![doc = include_str!("../README.md")]

mod absent;
mod callback;
mod check;
mod clock;
mod connection;
mod console;
mod control;
mod corps;
mod customer;
mod download;
mod fault;
mod finding;
#[cfg(fuzzing)]
pub mod fuzz;
mod guard;
mod hub;
mod ids;
mod journal;
mod media;
mod multipart;
mod parameters;
mod platform;
mod point;
mod profile;
mod refusal;
mod report;
mod rules;
mod schema;
mod server;
mod servicer;
mod setup;
mod shared;
mod simulator;
mod statistics;
mod upgrade;

/// A page for each use.
pub mod docs {
    #[doc = include_str!("../docs/first-steps.md")]
    pub mod first_steps {}
    #[doc = include_str!("../docs/ci.md")]
    pub mod ci {}
    #[doc = include_str!("../docs/faults.md")]
    pub mod faults {}
    #[doc = include_str!("../docs/other-languages.md")]
    pub mod other_languages {}
    #[doc = include_str!("../docs/beliefs.md")]
    #[allow(rustdoc::broken_intra_doc_links, reason = "[94670] is the number of an official page")]
    #[allow(clippy::doc_markdown, reason = "the program prints the same texts")]
    pub mod beliefs {}
}

pub use callback::CallbackError;
pub use control::ScriptError;
pub use customer::{Customer, Heard, NothingHeard};
pub use fault::{CallbackFaultAt, Fault, FaultAt};
pub use finding::{Finding, FindingName};
pub use journal::{Call, Delivery};
pub use media::{Media, MediaKind};
pub use platform::NotPossible;
pub use report::Report;
pub use rules::beliefs_page;
pub use servicer::Servicer;
pub use setup::{Corp, Strictness};
pub use simulator::{Builder, Simulator, StartError};
pub use statistics::Satisfaction;
pub use upgrade::UpgradeOffer;
pub use wecom_kf_callback::SettingsError;
pub use wecom_kf_raw::{Operation, op};
