//! Processes that share a real Redis.
//!
//! ```text
//! cargo build -p wecom-kf-inbox --features redis --example worker
//! cargo test -p wecom-kf-inbox --features redis --test redis -- --include-ignored
//! ```
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod example;
mod processes;
#[allow(dead_code, reason = "other tests use more of it")]
mod server;
#[allow(dead_code, reason = "other tests use more of it")]
mod worker;
