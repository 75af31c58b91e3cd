//! The inbox against a fake of WeCom without sockets, on a paused clock; and against the simulator.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fake;
mod handling;
mod model;
mod reading;
mod secrets;
mod simulator;
mod starting;
mod stores;
mod token;
