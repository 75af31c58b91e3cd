#![doc = include_str!("../README.md")]

mod check;
mod clock;
mod connection;
mod customer;
mod download;
mod fault;
mod ids;
mod journal;
mod media;
mod multipart;
mod platform;
mod profile;
mod refusal;
mod server;
mod servicer;
mod shared;
mod simulator;
mod statistics;
mod upgrade;

pub use customer::{Customer, Heard, NothingHeard};
pub use fault::{Fault, FaultAt};
pub use journal::Call;
pub use media::{Media, MediaKind};
pub use platform::NotPossible;
pub use servicer::Servicer;
pub use simulator::{Builder, Simulator, StartError};
pub use statistics::Satisfaction;
pub use upgrade::UpgradeOffer;
pub use wecom_kf_raw::{Operation, op};
