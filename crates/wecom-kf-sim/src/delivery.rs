//! Delivers callbacks to the bot, and verifies its URL.

mod attempt;
mod queue;

pub(crate) use queue::{deliver_all, repeat, verify};
