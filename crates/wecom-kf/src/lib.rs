#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accounts;
mod bilingual;
mod call;
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub mod callback;
mod client;
mod corp;
mod credentials;
pub mod customers;
pub mod defaults;
mod error;
mod ids;
mod input;
pub mod knowledge;
pub mod media;
pub mod messages;
pub mod meters;
mod open_number;
mod pacing;
mod pages;
pub mod polls;
#[doc = include_str!("../OPERATIONS.md")]
pub mod operations {}
mod redact;
pub mod report;
mod retry;
pub mod servicers;
mod sessions;
mod settings;
pub mod statistics;
mod token;
pub mod upgrades;

pub use accounts::{Account, Accounts, ContactWay, CreateContactWay, UpdateAccount};
pub use bilingual::Bilingual;
pub use client::{Client, ClientBuilder};
pub use corp::{Corp, Qualification};
pub use credentials::Credentials;
pub use error::{Error, Refusal};
/// The type of the future that [`TokenSource::fetch`] returns.
pub use futures_util::future::BoxFuture;
pub use ids::{
    ChatId, Cursor, ExternalUserId, GroupId, IntentId, MediaId, MenuId, MsgCode, MsgId, OpenKfid, UserId, WelcomeCode,
};
pub use input::{Problem, Unit};
pub use pacing::Pacing;
pub use report::Report;
/// The HTTP client, re-exported for [`ClientBuilder::http`].
pub use reqwest;
pub use retry::RetryPolicy;
pub use sessions::{HandOver, HandedOver, Session, SessionState, Sessions, To, Transition, Transitioned};
pub use settings::{Settings, Variable};
pub use token::{IssuedToken, TokenSource, Tokens};
/// The generated crate that this one builds on: requests for [`Client::call`], types, limits, and raw access.
pub use wecom_kf_raw as raw;
pub use wecom_kf_raw::{AccessToken, Class, CorpSecret, ErrCode, Lang, SyncToken};
pub use wecom_kf_text::reader_lang;

/// What `wecom-kf-inbox` shares with this crate. It may change in any version.
#[doc(hidden)]
pub mod __private {
    pub use crate::retry::Backoff;
}
