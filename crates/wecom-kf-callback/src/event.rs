//! The events in callbacks, and how they are parsed.

use std::fmt;

use crate::{Error, Reason, xml};

const TO_USER_NAME: &str = "ToUserName";
const CREATE_TIME: &str = "CreateTime";
const MSG_TYPE: &str = "MsgType";
const EVENT: &str = "Event";
const TOKEN: &str = "Token";
const OPEN_KF_ID: &str = "OpenKfId";
const AUTH_ADD: &str = "AuthAddOpenKfId";
const AUTH_DEL: &str = "AuthDelOpenKfId";

/// An event that WeCom sent in a callback.
///
/// With the feature `serde`, events can be passed on through a queue of your own. The serialized form has the token, so treat
/// it as a secret.
///
/// WeCom may send an event more than once, and in any order. Detect repeats by `open_kfid` and `token`, or by
/// `to_user_name`, `create_time` and the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Event {
    /// `kf_msg_or_event`: an account has messages or events to read.
    KfMsgOrEvent(KfMsgOrEvent),
    /// `kf_account_auth_change`: the app was granted an account, or an account was withdrawn from it.
    KfAccountAuthChange(KfAccountAuthChange),
    /// Anything else that arrives at the same URL, such as messages of apps. Answer 200 and ignore it.
    Unknown(Unknown),
}

/// The event `kf_msg_or_event`: an account has messages or events, which `sync_msg` returns. One event may announce many
/// messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KfMsgOrEvent {
    /// `OpenKfId`: the account. `None` with older servers (2021 and 2022): then read every account.
    pub open_kfid: Option<String>,
    /// `Token`: the `token` to pass to `sync_msg`.
    pub token: EventToken,
    /// `CreateTime`: Unix seconds.
    pub create_time: i64,
    /// `ToUserName`: the corp id.
    pub to_user_name: String,
}

/// The event `kf_account_auth_change`: the accounts that the app may manage have changed. Both lists may have entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct KfAccountAuthChange {
    /// `AuthAddOpenKfId`: the accounts that were granted.
    pub added: Vec<String>,
    /// `AuthDelOpenKfId`: the accounts that were withdrawn.
    pub removed: Vec<String>,
    /// `CreateTime`: Unix seconds.
    pub create_time: i64,
    /// `ToUserName`: the corp id.
    pub to_user_name: String,
}

/// An event or a message of an unknown kind, or one that lacks a required element.
///
/// `Debug` omits the XML, which may contain what people wrote.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Unknown {
    /// `MsgType`: `event`, or the kind of a message.
    pub msg_type: Option<String>,
    /// `Event`: the kind of an event.
    pub event: Option<String>,
    /// The decrypted XML.
    pub xml: String,
}

/// The `Token` of a callback. With it `sync_msg` is not limited to a few calls a minute. It is valid for 10 minutes, for any
/// number of pages.
///
/// `Debug` hides the token; only [`expose`](Self::expose) returns it.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct EventToken(String);

impl Event {
    /// Parses the XML that [`Callback::decrypt`](crate::Callback::decrypt) returns.
    ///
    /// An event of a known kind that lacks a required element, or has it more than once, is [`Unknown`](Self::Unknown).
    ///
    /// # Errors
    ///
    /// `xml` is not XML, has a DTD or its own entities, or is nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    pub fn parse(xml: impl Into<String>) -> Result<Self, Error> {
        let xml = xml.into();
        let fields = Fields::read(&xml).map_err(|problem| Reason::MessageNotXml { problem })?;
        Ok(fields.known().unwrap_or_else(|| {
            Self::Unknown(Unknown { msg_type: fields.msg_type.into_text(), event: fields.event.into_text(), xml })
        }))
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unknown").field("msg_type", &self.msg_type).field("event", &self.event).finish_non_exhaustive()
    }
}

impl EventToken {
    /// Returns the text of the token. Keep it out of logs and errors.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EventToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventToken(***)")
    }
}

#[derive(Default)]
struct Fields {
    to_user_name: Single,
    create_time: Single,
    msg_type: Single,
    event: Single,
    token: Single,
    open_kfid: Single,
    added: Vec<String>,
    removed: Vec<String>,
}

impl Fields {
    fn read(xml: &str) -> Result<Self, xml::XmlProblem> {
        let mut fields = Self::default();
        let wanted = [TO_USER_NAME, CREATE_TIME, MSG_TYPE, EVENT, TOKEN, OPEN_KF_ID, AUTH_ADD, AUTH_DEL];
        xml::children(xml, &wanted, |name, text| match name {
            TO_USER_NAME => fields.to_user_name.put(text),
            CREATE_TIME => fields.create_time.put(text),
            MSG_TYPE => fields.msg_type.put(text),
            EVENT => fields.event.put(text),
            TOKEN => fields.token.put(text),
            OPEN_KF_ID => fields.open_kfid.put(text),
            // WeCom does not document whether these elements can occur more than once.
            AUTH_ADD => fields.added.extend(text.filter(|text| !text.is_empty())),
            _ => fields.removed.extend(text.filter(|text| !text.is_empty())),
        })?;
        Ok(fields)
    }

    fn known(&self) -> Option<Event> {
        if self.msg_type.text() != Some("event") {
            return None;
        }
        match self.event.text()? {
            "kf_msg_or_event" => Some(Event::KfMsgOrEvent(KfMsgOrEvent {
                // If the account occurs twice, this is `None`, so the bot reads every account, which is right in that
                // case too.
                open_kfid: self.open_kfid.text().map(str::to_owned),
                token: EventToken(self.token.text()?.to_owned()),
                create_time: self.create_time()?,
                to_user_name: self.to_user_name.text()?.to_owned(),
            })),
            "kf_account_auth_change" => Some(Event::KfAccountAuthChange(KfAccountAuthChange {
                added: self.added.clone(),
                removed: self.removed.clone(),
                create_time: self.create_time()?,
                to_user_name: self.to_user_name.text()?.to_owned(),
            })),
            _ => None,
        }
    }

    fn create_time(&self) -> Option<i64> {
        self.create_time.text()?.trim().parse().ok()
    }
}

/// An element that occurs once and has text.
#[derive(Default)]
enum Single {
    #[default]
    Missing,
    Text(String),
    /// It occurs more than once or contains elements, so that its value is not certain.
    Ambiguous,
}

impl Single {
    fn put(&mut self, text: Option<String>) {
        *self = match (&self, text) {
            (Self::Missing, Some(text)) => Self::Text(text),
            _ => Self::Ambiguous,
        };
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}
