//! The tests that every store must pass. Run them against your own.
//!
//! Each function takes a function that makes stores. It may return new stores or handles of a shared one, since each
//! check uses new keys. A check panics with a sentence that says which rule was broken. It takes some seconds of real
//! time, or none on a paused clock.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! use wecom_kf_inbox::store::{Memory, conformance};
//!
//! conformance::inbox_store(async || Memory::new()).await;
//! conformance::token_store(async || Memory::new()).await;
//! # }
//! ```
//!
//! To check how a store behaves in failures, the test must be able to cause them: implement [`Mishaps`] and run
//! [`mishaps()`].
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "it is there to panic")]

mod conversations;
mod fleet;
mod inbox;
mod mishaps;
mod token;

use std::time::Duration;

pub use fleet::fleet_store;
pub use inbox::inbox_store;
pub use mishaps::{Mishaps, mishaps};
pub use token::token_store;

/// Longer than any check takes.
const LONG: Duration = Duration::from_secs(600);
/// Long enough for the next call even on a busy machine.
const SHORT: Duration = Duration::from_secs(1);
/// After this, `SHORT` is surely over.
const LATER: Duration = Duration::from_millis(1250);
