//! The access token: its sources (`source`), the rules that decide when it is fetched, shared and withheld (`state`,
//! without I/O), and the cache that lets all callers share one fetch (`cache`).

mod cache;
mod source;
mod state;

pub(crate) use cache::TokenCache;
pub use source::{IssuedToken, TokenSource, Tokens};
