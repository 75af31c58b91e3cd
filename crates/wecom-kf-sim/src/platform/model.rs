//! The state of a corp and the rules that belong to it alone, each in a file of its name.

pub(crate) mod access_tokens;
pub(crate) mod aging;
pub(crate) mod assumptions;
pub(crate) mod chat;
pub(crate) mod contact_ways;
pub(crate) mod ids;
pub(crate) mod log;
pub(crate) mod media_format;
pub(crate) mod menu_links;
pub(crate) mod news;
pub(crate) mod refusal;
pub(crate) mod session;
pub(crate) mod statistics;
