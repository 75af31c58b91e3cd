//! What people do in WeChat, in the WeCom client and in the admin console, and what the bot can read about it [94670].

mod console;
mod customers;
mod menus;
mod servicers;

pub(crate) use servicers::Rejecting;

/// Somebody cannot do what they were asked to do, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotPossible(pub(crate) String);
