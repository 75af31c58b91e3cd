//! What `cargo xtask codegen` makes of the documents in `spec/`; nothing in this folder is written by hand.

pub(crate) mod client;
mod errcodes;
/// The limits of requests, in the unit WeCom counts in.
pub mod limits;
/// Each operation: a constant that describes it, and a request value that can send itself.
pub mod op;

pub(crate) use errcodes::TABLE;
