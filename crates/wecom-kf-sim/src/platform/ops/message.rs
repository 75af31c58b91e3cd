//! The tag `message`: sending, reading and recalling messages.

mod body;
mod recall;
pub(crate) mod send;
mod sync;
