//! What each operation of the document does, one file or folder per tag.

pub(crate) mod account;
pub(crate) mod customer;
pub(crate) mod knowledge;
pub(crate) mod media;
pub(crate) mod message;
pub(crate) mod service_state;
pub(crate) mod servicer;
pub(crate) mod statistic;
pub(crate) mod upgrade_service;
