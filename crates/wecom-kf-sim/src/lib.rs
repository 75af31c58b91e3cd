#![doc = include_str!("../README.md")]

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
mod hub;
mod ids;
mod journal;
mod media;
mod multipart;
mod platform;
mod point;
mod profile;
mod refusal;
mod report;
mod rules;
mod server;
mod servicer;
mod setup;
mod shared;
mod simulator;
mod statistics;
mod upgrade;

/// The pages of `docs`, so that their examples are tested.
#[cfg(doctest)]
mod docs {
    #[doc = include_str!("../docs/first-steps.md")]
    mod first_steps {}
    #[doc = include_str!("../docs/faults.md")]
    mod faults {}
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
