#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
#[cfg(feature = "document")]
pub mod document;
mod errcode;
mod error;
mod exchange;
#[rustfmt::skip]
mod generated;
mod lenient;
pub mod media;
mod message_json;
mod open_enum;
mod parameter;
mod repair;
mod request;
mod secret;

pub use client::http_client;
pub use errcode::{Class, ErrCode};
pub use error::{BodyKind, Error, TransportError};
pub use exchange::REPLY_LIMIT;
pub use generated::client::{Client, types};
pub use generated::{limits, op};
pub use message_json::MessageJson;
pub(crate) use parameter::Parameter;
pub use request::{FromJson, Operation, Repeat, Reply, Request};
pub use secret::{AccessToken, CorpSecret, SyncToken};
pub use wecom_kf_text::Lang;

/// What the crate `wecom-kf` shares with this one. It may change in any version.
#[doc(hidden)]
pub mod __private {
    pub use crate::exchange::refusal_in;
    pub use crate::repair::{repaired, repaired_body};

    /// Lenient decoding, for `deserialize_with`.
    pub mod lenient {
        pub use crate::lenient::{Scalar, integer, list, number, string};
    }
}
