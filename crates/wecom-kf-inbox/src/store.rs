//! Where an inbox keeps its place, and processes share an access token: the traits, and what they move.
//!
//! Two small traits. [`InboxStore`] keeps, for each inbox, the cursor, the ids of the messages that were handled last,
//! the parked messages, and the lease that says who reads. [`TokenStore`] lets processes share one access token.
//!
//! | store | for | forgets |
//! |---|---|---|
//! | [`Memory`] | tests, and bots that may start anew | when the process ends |
//! | `Redb` (feature `redb`, on by default) | one process: a file that only its owner may read | never |
//! | `Redis` (feature `redis`) | many processes on many machines | what that Redis forgets |
//!
//! To write one of your own, implement the trait and run `store::conformance` (feature `conformance`) against it.

#[cfg(any(test, feature = "conformance"))]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
mod error;
mod inbox;
mod memory;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "redis")]
mod redis;
mod token;
mod turns;

#[cfg(feature = "redb")]
#[cfg_attr(docsrs, doc(cfg(feature = "redb")))]
pub use self::redb::Redb;
#[cfg(feature = "redis")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
pub use self::redis::Redis;
pub use error::StoreError;
pub(crate) use error::in_one_line;
pub use inbox::{Acquired, Commit, InboxKey, InboxState, InboxStore, Lease, Parked, ParkedKind, REMEMBERED};
pub use memory::Memory;
pub(crate) use token::fingerprint;
pub use token::{Refresh, StoredToken, TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish};
pub use wecom_kf::BoxFuture;
