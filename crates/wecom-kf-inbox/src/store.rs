//! The stores of inboxes and of shared access tokens: two traits, the types they exchange, and three implementations.
//!
//! [`InboxStore`] keeps for each inbox the [committed state](Committed), the [parked](Parked) messages, the
//! [conversations](ConversationRecord), and the [lease](Lease) that says which process reads. [`TokenStore`] lets
//! processes share one access token.
//!
//! | store | for | forgets |
//! |---|---|---|
//! | [`Memory`] | tests, and bots that may start again from nothing | when the process ends |
//! | `Redb` (feature `redb`, on by default) | one process: a file that only its owner may read | never |
//! | `Redis` (feature `redis`) | many processes on many machines | what that Redis forgets |
//!
//! A program without an inbox looks at a store and changes it with the methods of [`InboxStore`] and with [`Operator`].
//!
//! To write your own, implement the trait and run `store::conformance` (feature `conformance`) against it.

mod committed;
#[cfg(any(test, feature = "conformance"))]
#[cfg_attr(docsrs, doc(cfg(feature = "conformance")))]
pub mod conformance;
mod conversations;
pub(crate) mod error;
mod fleet;
mod inbox;
mod memory;
mod operator;
mod parked;
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
pub use self::redis::{Redis, RedisAddress, RedisBuilder};
pub use committed::{Commit, Committed, FORMAT, Generation, REMEMBERED, Writes};
pub use conversations::{ConversationPage, ConversationQuery, ConversationRecord, ConversationWrite};
pub use error::StoreError;
pub(crate) use fleet::accounts_of;
pub use fleet::{FleetStore, WAKE_KEPT, Wake};
pub use inbox::{Acquired, Change, Held, InboxKey, InboxStore, Lease, Renewed};
pub(crate) use inbox::{scope_at, scope_of};
pub use memory::Memory;
pub(crate) use operator::wish_all;
pub use operator::{BeganAgain, IfHeld, Operator};
pub use parked::{Parked, ParkedKind, ParkedOnly, ParkedPage, ParkedQuery};
pub(crate) use token::fingerprint;
pub use token::{Refresh, StoredToken, TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish};
pub use wecom_kf::BoxFuture;
