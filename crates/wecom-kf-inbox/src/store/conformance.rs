//! What every store must pass: run it against your own.
//!
//! Each function takes a maker of stores, which may return empty stores or handles of a shared one: the keys are new each
//! time. It panics with a sentence that says which rule was broken. It takes some seconds of real time, or none on a
//! paused clock.
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
//! What a store makes of failures needs somebody who causes them: implement [`Mishaps`] and run [`mishaps()`].
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "it is there to panic")]

mod inbox;
mod mishaps;
mod token;

use std::time::Duration;

pub use inbox::inbox_store;
pub use mishaps::{Mishaps, mishaps};
pub use token::token_store;

/// Longer than any check takes.
const LONG: Duration = Duration::from_secs(600);
/// Long enough for the next call even on a busy machine.
const SHORT: Duration = Duration::from_secs(1);
/// After this, `SHORT` is surely over.
const LATER: Duration = Duration::from_millis(1250);
