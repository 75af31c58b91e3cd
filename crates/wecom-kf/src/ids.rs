//! The ids that WeCom issues, the msgids that we create ourselves, and every conversion from and to text.
//!
//! An id is created from any text: WeCom documents no form for most of them, and what WeCom sends must never be refused.
//! An id is checked when it is sent: never for its length if only WeCom makes it and nobody types it, such as a cursor.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use wecom_kf_text::trimmed;

use crate::input;
use crate::raw::__private::lenient;
use crate::raw::limits;
use crate::{Bilingual, Error};

/// Declares the type of an id, with the check of it and all its conversions. `shown` ids have `Display` and a `Debug` that
/// shows them; `hidden` ids have neither.
macro_rules! id {
    (
        $(#[$docs:meta])* $visibility:ident $name:ident = $field:literal, created by $take:path,
        checked by $check:path: $checked:literal
    ) => {
        $(#[$docs])*
        ///
        /// Text of any kind converts into it, and so do references to it. It is checked when it is sent.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Creates the id from any text. The text is checked when the id is sent, or by [`check`](Self::check).
            pub fn new(id: impl Into<String>) -> Self {
                Self($take(id.into()))
            }

            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Checks the id now instead of when it is sent.
            ///
            /// # Errors
            ///
            #[doc = concat!("[`Error::InvalidInput`]: the id ", $checked, ".")]
            pub fn check(&self) -> Result<(), Error> {
                $check($field, &self.0)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self::new(id)
            }
        }

        impl From<&String> for $name {
            fn from(id: &String) -> Self {
                Self::new(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self::new(id)
            }
        }

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                id.clone()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl From<&$name> for String {
            fn from(id: &$name) -> Self {
                id.0.clone()
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(id: &str) -> Result<Self, Infallible> {
                Ok(Self::new(id))
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, text: &str) -> bool {
                self.0 == text
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, text: &&str) -> bool {
                self.0 == *text
            }
        }

        impl PartialEq<$name> for str {
            fn eq(&self, id: &$name) -> bool {
                *self == id.0
            }
        }

        impl PartialEq<$name> for &str {
            fn eq(&self, id: &$name) -> bool {
                **self == id.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                deserialized(from).map(Self::new)
            }
        }

        id!(@$visibility $name);
    };
    (@shown $name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
    (@hidden $name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    };
}

id! {
    /// The id of a customer service account, `wk…`. White space and byte order marks around it are removed.
    shown OpenKfid = "open_kfid", created by without_surroundings,
    checked by account: "is empty, has more than 64 bytes, or contains characters that WeCom never issues"
}

id! {
    /// The id of a customer, `wm…` or `wo…`. Pass it on unchanged: WeCom refuses a modified id with 40096.
    shown ExternalUserId = "external_userid", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The userid of a member of the corp, such as a servicer. Third-party apps receive and send encrypted userids.
    shown UserId = "userid", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The id of a message: created by WeCom for received messages, by the client or its caller for sent ones.
    ///
    /// An id makes a send safe to repeat, because WeCom refuses an id that was used before with 95033. The id of a message
    /// to send has 1 to 32 bytes of `[0-9A-Za-z_-]`.
    shown MsgId = "msgid", created by unchanged,
    checked by msgid: "is not 1 to 32 bytes of `[0-9A-Za-z_-]`, as WeCom requires for messages to send"
}

id! {
    /// The id of a temporary file, uploaded or received. It is valid for 3 days.
    shown MediaId = "media_id", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The id of a group of the knowledge base.
    shown GroupId = "group_id", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The id of an intent of the knowledge base.
    shown IntentId = "intent_id", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The id of a customer group (客户群), `wr…`.
    shown ChatId = "chat_id", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The id of a menu item or a [`MenuLink`](crate::messages::MenuLink), which arrives when the customer taps it.
    shown MenuId = "menu_id", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The place in an account's messages at which a page ended and the next one begins.
    shown Cursor = "cursor", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The code for one welcome message, from the event of a customer who entered the chat. It is valid for 20 seconds.
    ///
    /// Whoever has the code can send the message, so `Debug` hides it and there is no `Display`:
    /// [`as_str`](Self::as_str) returns it.
    hidden WelcomeCode = "code", created by unchanged,
    checked by input::not_empty: "is empty"
}

id! {
    /// The code for one message after a session was moved or ended.
    ///
    /// Whoever has the code can send the message, so `Debug` hides it and there is no `Display`:
    /// [`as_str`](Self::as_str) returns it.
    hidden MsgCode = "code", created by unchanged,
    checked by input::not_empty: "is empty"
}

impl MsgId {
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
}

fn unchanged(id: String) -> String {
    id
}

/// Trims an id of an account, because people paste these ids into settings and command lines.
fn without_surroundings(id: String) -> String {
    match trimmed(&id) {
        whole if whole.len() == id.len() => id,
        trimmed => trimmed.to_owned(),
    }
}

fn account(what: &'static str, id: &str) -> Result<(), Error> {
    input::bytes(what, id, limits::send_msg::OPEN_KFID_MAX_BYTES)?;
    input::pasted(what, id)
}

fn msgid(what: &'static str, id: &str) -> Result<(), Error> {
    input::bytes(what, id, limits::send_msg::MSGID_MAX_BYTES)?;
    input::word(what, id)
}

/// Decodes an id. JSON may contain a number instead of a text, and null instead of an empty text.
fn deserialized<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match from.is_human_readable() {
        true => lenient::string(from),
        // Binary formats do not say what follows.
        false => String::deserialize(from),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    /// Checks what all ids have in common.
    macro_rules! every_id {
        ($check:ident: $($name:ident)*) => {
            $({
                let id = $name::new("a-1");
                let text = "a-1".to_owned();
                for same in [$name::from("a-1"), (&text).into(), text.clone().into(), (&id).into(), "a-1".parse().unwrap()] {
                    assert_eq!(same, id);
                    assert!(same.check().is_ok());
                }
                assert!(id == "a-1" && id == *"a-1" && "a-1" == id && *"a-1" == id && id != "b");
                assert_eq!((id.as_str(), id.as_ref(), String::from(&id), String::from(id.clone())), ("a-1", "a-1", text.clone(), text));
                assert!(HashSet::from([id.clone()]).contains("a-1") && BTreeSet::from([id.clone()]).contains("a-1"));
                assert_eq!(serde_json::to_string(&id).unwrap(), r#""a-1""#);
                let read = |json| serde_json::from_str::<$name>(json).unwrap();
                assert_eq!((read(r#""a-1""#), read("17"), read("null")), (id.clone(), "17".into(), "".into()));
                let empty = $name::new("").check().unwrap_err();
                assert!(matches!(empty, Error::InvalidInput { .. }), "{empty}");
                $check!($name, id);
            })*
        };
    }

    macro_rules! shown {
        ($name:ident, $id:ident) => {
            assert_eq!(format!("{} {:>4} {:?}", $id, $id, $id), concat!("a-1  a-1 ", stringify!($name), "(\"a-1\")"))
        };
    }

    macro_rules! hidden {
        ($name:ident, $id:ident) => {
            assert_eq!(format!("{:?}", $id), concat!(stringify!($name), "(***)"))
        };
    }

    #[test]
    fn every_id_converts_from_and_to_text() {
        every_id!(shown: OpenKfid ExternalUserId UserId MsgId MediaId GroupId IntentId ChatId MenuId Cursor);
        every_id!(hidden: WelcomeCode MsgCode);
    }

    #[test]
    fn ids_with_a_documented_form_are_checked() {
        let cases = [
            (OpenKfid::new(" \n").check(), "open_kfid is empty"),
            (OpenKfid::new("x".repeat(65)).check(), "open_kfid has 65 bytes, at most 64 are allowed"),
            (OpenKfid::new("w\u{200b}k").check(), "open_kfid is not as WeCom issued it: character 2 is U+200B"),
            (MsgId::new("x".repeat(33)).check(), "msgid has 33 bytes, at most 32 are allowed"),
            (MsgId::new("a b").check(), "msgid must be made of 0-9, A-Z, a-z, _ and - only"),
            (WelcomeCode::new("").check(), "code is empty"),
        ];
        for (checked, expected) in cases {
            let error = checked.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error} / {expected}");
        }
        assert!(Cursor::new("x".repeat(1000)).check().is_ok(), "what WeCom issued is returned as it is");
        assert_eq!(OpenKfid::new("\u{feff} wk1\n").as_str(), "wk1");
    }
}
