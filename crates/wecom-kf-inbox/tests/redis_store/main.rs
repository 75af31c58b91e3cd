//! The store `Redis` by itself, on a real server, a cluster, and a primary with a sentinel.
//!
//! ```text
//! cargo test -p wecom-kf-inbox --features conformance,redis-rustls,redis-cluster,redis-sentinel --test redis_store \
//!     -- --include-ignored
//! ```
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cluster;
mod inbox;
mod load;
mod rights;
mod sentinel;
#[path = "../redis/server.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod server;
mod store;
#[cfg(feature = "redis-rustls")]
mod tls;
