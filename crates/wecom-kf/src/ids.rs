//! The ids that WeCom hands out, and the msgid that we make.

use std::fmt;

use serde::{Deserialize, Serialize};

use wecom_kf_text::trimmed;

use crate::input;
use crate::{Bilingual, Error, raw::limits::send_msg as limits};

/// An id that WeCom hands out: taken and passed on untouched, so anything is taken; an empty one is refused when it is
/// used.
macro_rules! id {
    ($(#[$docs:meta])* $name:ident, $take:path) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes any text: WeCom documents no form. It is checked when it is used.
            pub fn new(id: impl Into<String>) -> Self {
                Self($take(id.into()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self::new(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self::new(id)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The id of a customer service account, `wk…`. White space and byte order marks around it are removed.
    OpenKfid, without_surroundings
}

id! {
    /// The id of a customer, `wm…` or `wo…`. Pass it on untouched: a changed one is answered with 40096.
    ExternalUserId, std::convert::identity
}

/// People paste the ids of accounts into settings and command lines.
fn without_surroundings(id: String) -> String {
    match trimmed(&id) {
        whole if whole.len() == id.len() => id,
        trimmed => trimmed.to_owned(),
    }
}

impl OpenKfid {
    pub(crate) fn check(&self) -> Result<(), Error> {
        input::bytes("open_kfid", &self.0, limits::OPEN_KFID_MAX_BYTES)?;
        input::pasted("open_kfid", &self.0)
    }
}

impl ExternalUserId {
    pub(crate) fn check(&self) -> Result<(), Error> {
        input::not_empty("external_userid", &self.0)
    }
}

/// The id of a message.
///
/// Our own ones make a send safe to repeat: WeCom refuses a repeated id with 95033.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MsgId(String);

impl MsgId {
    /// An id of your own for a message to send.
    ///
    /// # Errors
    ///
    /// It is not 1 to 32 bytes of `[0-9A-Za-z_-]`.
    pub fn new(id: impl Into<String>) -> Result<Self, Error> {
        let id = Self(id.into());
        id.check()?;
        Ok(id)
    }

    /// A new id that nobody else has: 32 hexadecimal digits, 128 random bits.
    ///
    /// # Errors
    ///
    /// The operating system has no randomness to give.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            let en = format!("no random msgid, the operating system has no randomness: {error}");
            Error::settings(Bilingual::new(en, "无法生成随机 msgid：操作系统不能提供随机数"))
        })?;
        let digits: [u8; 32] = std::array::from_fn(|index| {
            let byte = bytes[index / 2];
            b"0123456789abcdef"[usize::from(if index % 2 == 0 { byte >> 4 } else { byte & 0xf })]
        });
        Ok(Self(std::str::from_utf8(&digits).expect("digits are ASCII").to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// WeCom's own ids have no documented form and are not checked; only ids of ours are sent.
    pub(crate) fn received(id: String) -> Self {
        Self(id)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        input::bytes("msgid", &self.0, limits::MSGID_MAX_BYTES)?;
        input::word("msgid", &self.0)
    }
}

impl AsRef<str> for MsgId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MsgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
