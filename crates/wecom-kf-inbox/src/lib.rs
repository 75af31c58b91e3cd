#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod builder;
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
mod callback_service;
mod clock;
mod conversation;
pub mod defaults;
mod delivery;
mod engine;
mod error;
mod failure;
mod gateway;
mod group;
pub mod guide;
mod health;
mod inbox;
pub mod meters;
mod metrics;
mod open_sessions;
mod page_source;
pub mod promises;
mod report;
mod run;
mod shared;
pub mod store;
mod token;

pub use batch::{Batch, Batches, GroupBatches, Quiet};
pub use builder::{ColdStart, InboxBuilder};
pub use conversation::{Conversation, ConversationError, ModelFile, ModelMessage, Role, Said, Transcript};
pub use delivery::{AnswerError, Delivery, HandOver, Replied, Reply};
pub use engine::RetryPolicy;
pub use error::{Error, UnreadableThen};
pub use failure::{Failure, FailureClass};
pub use gateway::Gateway;
pub use group::{GroupHandle, GroupParked, GroupParkedPage, InboxGroup, InboxGroupBuilder};
pub use health::{Accounts, Health, HealthLimits, Reason, ReasonKind};
pub use inbox::{Inbox, InboxHandle};
pub use metrics::{LastError, LastFailure, Metrics, ReadBy, Status};
pub use page_source::{Fetched, PageRequest, PageSource, Unreadable};
pub use report::{InboxErrors, Report};
pub use run::Summary;
pub use token::SharedToken;
/// The client that this crate builds on. What a bot needs first is also at the root of this crate.
pub use wecom_kf;
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use wecom_kf::callback;
pub use wecom_kf::{Client, ErrCode, ExternalUserId, Lang, MsgId, OpenKfid, Settings, To, Variable, messages};
pub use wecom_kf_callback::Event as CallbackEvent;
