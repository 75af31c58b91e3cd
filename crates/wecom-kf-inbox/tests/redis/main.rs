//! The store on a real Redis, and processes that share one.
//!
//! ```text
//! cargo build -p wecom-kf-inbox --features conformance,redis-rustls --example worker
//! cargo test -p wecom-kf-inbox --features conformance,redis-rustls --test redis -- --include-ignored
//! ```
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod example;
mod processes;
mod server;
mod store;
#[cfg(feature = "redis-rustls")]
mod tls;
mod worker;
