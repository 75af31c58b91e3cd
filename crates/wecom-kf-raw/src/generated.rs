//! What `cargo xtask codegen` makes of the documents in `spec/`; nothing in this folder is written by hand.

pub mod client;
mod errcodes;
pub mod limits;
pub mod op;

pub(crate) use errcodes::TABLE;
