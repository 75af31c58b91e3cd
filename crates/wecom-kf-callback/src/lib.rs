#![doc = include_str!("../README.md")]

mod callback;
mod error;
mod event;
mod frame;
mod query;
mod replays;
mod settings;
mod xml;

pub use callback::{Callback, MAX_BODY, MAX_ECHO, Sealed};
pub use error::{Error, Reason};
pub use event::{Event, EventToken, KfAccountAuthChange, KfMsgOrEvent, Unknown};
pub use query::{MAX_QUERY, Query};
pub use replays::Replays;
pub use settings::{SettingsError, check_encoding_aes_key, check_token};
pub use wecom_kf_text::Lang;
pub use xml::{MAX_DEPTH, XmlProblem};
