//! Delivers callbacks to the bot, and verifies its URL.

pub(crate) mod callback;
