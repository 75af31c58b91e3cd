//! The ids: of accounts, of customers, and of messages (the only ids that we create ourselves).

use std::fmt;

use serde::{Deserialize, Serialize};

use wecom_kf_text::trimmed;

use crate::input;
use crate::{Bilingual, Error, raw::limits::send_msg as limits};

/// Declares the type of an id that WeCom issues. WeCom documents no form, so any text is accepted and sent unchanged. An
/// empty id is refused when it is used.
macro_rules! id {
    ($(#[$docs:meta])* $name:ident, $take:path) => {
        $(#[$docs])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Creates the id from any text, because WeCom documents no form. It is checked when it is used in a call.
            pub fn new(id: impl Into<String>) -> Self {
                Self($take(id.into()))
            }

            /// Returns the id as text.
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
    /// The id of a customer, `wm…` or `wo…`. Pass it on unchanged: WeCom refuses a modified id with 40096.
    ExternalUserId, std::convert::identity
}

/// Trims an id of an account, because people paste these ids into settings and command lines.
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

/// The id of a message: created by WeCom for received messages, by the client or its caller for sent ones.
///
/// An id makes a send safe to repeat, because WeCom refuses an id that was used before with 95033.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MsgId(String);

impl MsgId {
    /// Creates an id of your own for a message to send.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: `id` is not 1 to 32 bytes of `[0-9A-Za-z_-]`.
    pub fn new(id: impl Into<String>) -> Result<Self, Error> {
        let id = Self(id.into());
        id.check()?;
        Ok(id)
    }

    /// Creates a unique id of 32 hexadecimal digits (128 random bits).
    ///
    /// # Errors
    ///
    /// [`Error::Settings`]: the operating system provides no random numbers.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            let en = format!("cannot create a random msgid: the operating system provides no random numbers: {error}");
            Error::settings(Bilingual::new(en, "无法生成随机 msgid：操作系统不能提供随机数"))
        })?;
        let digits: [u8; 32] = std::array::from_fn(|index| {
            let byte = bytes[index / 2];
            b"0123456789abcdef"[usize::from(if index % 2 == 0 { byte >> 4 } else { byte & 0xf })]
        });
        Ok(Self(std::str::from_utf8(&digits).expect("digits are ASCII").to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes an id that WeCom created, without a check: WeCom documents no form for these.
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
