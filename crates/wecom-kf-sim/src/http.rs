//! The HTTP side of the platform: from a request to the rule that answers it, and back.

pub(crate) mod absent;
pub(crate) mod check;
pub(crate) mod connection;
pub(crate) mod console;
pub(crate) mod download;
pub(crate) mod guard;
pub(crate) mod multipart;
pub(crate) mod parameters;
pub(crate) mod schema;
pub(crate) mod server;
