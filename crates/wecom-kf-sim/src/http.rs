//! The HTTP side of the platform: from a request to the rule that answers it, and back.

mod absent;
pub(crate) mod arrival;
mod asked;
pub(crate) mod call;
mod check;
pub(crate) mod connection;
pub(crate) mod console;
mod download;
mod effects;
mod exchange;
pub(crate) mod guard;
pub(crate) mod multipart;
mod outcome;
pub(crate) mod parameters;
mod record;
mod unknown_path;
