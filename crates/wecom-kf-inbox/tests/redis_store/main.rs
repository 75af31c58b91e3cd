//! The store `Redis` by itself, and fleets of processes that share it: on a real server, a cluster, and a primary with a
//! sentinel.
//!
//! ```text
//! cargo test -p wecom-kf-inbox --features conformance,redis-rustls,redis-cluster,redis-sentinel --test redis_store \
//!     -- --include-ignored
//! ```
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod cluster;
mod fleet;
mod inbox;
mod load;
mod rights;
mod sentinel;
#[path = "../redis/server.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod server;
mod servers;
mod store;
#[cfg(target_os = "linux")]
mod thousand;
#[cfg(feature = "redis-rustls")]
mod tls;
#[path = "../redis/worker.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod worker;
