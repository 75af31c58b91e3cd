// Where the README's links lead here: of two definitions the first holds.
//! [中文]: https://docs.rs/crate/wecom-kf-sim/latest/source/README.zh-CN.md
//! [First steps]: docs::first_steps
//! [In CI]: docs::ci
//! [Fault scripts]: docs::faults
//! [Scenarios]: docs::scenarios
//! [Other languages]: docs::other_languages
//! [What the simulator assumes]: docs::assumptions
//! [control.yaml]: https://docs.rs/crate/wecom-kf-sim/latest/source/control.yaml
//!
#![doc = include_str!("../README.md")]

// Before the others, which use its macro `rule!`.
#[macro_use]
mod lists;

mod api;
mod control;
mod delivery;
#[cfg(fuzzing)]
pub mod fuzz;
mod http;
mod platform;
mod world;

/// Its examples run as doc tests, too.
#[cfg(doctest)]
#[doc = include_str!("../README.zh-CN.md")]
mod chinese_readme {}

/// A page for each use.
pub mod docs {
    #[doc = include_str!("../docs/first-steps.md")]
    pub mod first_steps {}
    #[doc = include_str!("../docs/ci.md")]
    pub mod ci {}
    #[doc = include_str!("../docs/faults.md")]
    pub mod faults {}
    #[doc = include_str!("../docs/scenarios.md")]
    pub mod scenarios {}
    #[doc = include_str!("../docs/other-languages.md")]
    pub mod other_languages {}
    #[doc = include_str!("../docs/assumptions.md")]
    #[allow(clippy::doc_markdown, reason = "the program prints the same texts")]
    pub mod assumptions {}
}

pub use api::builder::Builder;
pub use api::customer::{Customer, NotSilent, NothingHeard};
pub use api::fault::{CallbackFaultAt, Fault, FaultAt};
pub use api::media::Media;
pub use api::running::StartError;
pub use api::servicer::Servicer;
pub use api::simulator::Simulator;
pub use platform::{Heard, MediaKind, NotPossible, Satisfaction, UpgradeOffer};
pub use wecom_kf_callback::{Event, SettingsError};
pub use wecom_kf_raw::{Lang, Operation, op};
pub use world::delivery_problem::DeliveryProblem;
pub use world::export::StateError;
pub use world::finding::{Finding, FindingName};
pub use world::input::InvalidInput as ScriptError;
// The program reads durations as the control API does.
#[doc(hidden)]
pub use world::input::parse_duration as duration;
pub use world::journal::{Call, Delivery};
pub use world::outbox::CallbackError;
pub use world::report::Report;
pub use world::rules::assumptions_page;
pub use world::setup::{Corp, Strictness};
