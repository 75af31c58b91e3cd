//! The access token: its sources (`source`), the rules when it is fetched, shared and held back (`state`, pure), and the
//! cache that lets all callers share one fetch (`cache`).

mod cache;
mod source;
mod state;

pub(crate) use cache::TokenCache;
pub use source::{IssuedToken, TokenSource, Tokens};
