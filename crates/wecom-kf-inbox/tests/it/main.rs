//! The inbox against a fake of WeCom without sockets, on a paused clock; and against the simulator.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod batches;
mod conversations;
mod delays;
mod fake;
mod fleet;
mod handling;
mod health;
mod killers;
mod model;
mod operator;
mod pacing;
mod reading;
mod replay;
mod sessions;
mod simulator;
mod starting;
mod stores;
mod token;
