//! The tag `message`: sending, reading and recalling messages.

pub(crate) mod recall;
pub(crate) mod send;
pub(crate) mod sync;
