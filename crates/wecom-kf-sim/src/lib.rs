#![doc = include_str!("../README.md")]

mod check;
mod clock;
mod connection;
mod customer;
mod fault;
mod ids;
mod journal;
mod platform;
mod refusal;
mod server;
mod servicer;
mod shared;
mod simulator;

pub use customer::{Customer, Heard, NothingHeard};
pub use fault::{Fault, FaultAt};
pub use journal::Call;
pub use platform::NotPossible;
pub use servicer::Servicer;
pub use simulator::{Builder, Simulator, StartError};
pub use wecom_kf_raw::{Operation, op};
