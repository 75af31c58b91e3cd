//! The events that a callback tells.

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

/// What WeCom tells by a callback.
///
/// Callbacks repeat and overtake one another: tell repeats apart by `open_kfid` and `token`, or by `to_user_name`,
/// `create_time` and the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// `kf_msg_or_event`: there is something to read.
    KfMsgOrEvent(KfMsgOrEvent),
    /// `kf_account_auth_change`: an account was granted to the app or withdrawn from it.
    KfAccountAuthChange(KfAccountAuthChange),
    /// Anything else that comes to the same URL, such as messages of apps: answer 200 and ignore it.
    Unknown(Unknown),
}

/// `kf_msg_or_event`: an account has messages or events to read, with `sync_msg`. One may stand for many of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KfMsgOrEvent {
    /// `OpenKfId`: the account. `None` from older servers, of 2021 and 2022: then read every account.
    pub open_kfid: Option<String>,
    /// `Token`: what `sync_msg` takes as `token`.
    pub token: SyncToken,
    /// `CreateTime`: Unix seconds.
    pub create_time: i64,
    /// `ToUserName`: the corp id.
    pub to_user_name: String,
}

/// `kf_account_auth_change`: accounts that the app may manage from now on, or no longer. Both lists may
/// have entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KfAccountAuthChange {
    /// `AuthAddOpenKfId`: accounts granted.
    pub added: Vec<String>,
    /// `AuthDelOpenKfId`: accounts withdrawn.
    pub removed: Vec<String>,
    /// `CreateTime`: Unix seconds.
    pub create_time: i64,
    /// `ToUserName`: the corp id.
    pub to_user_name: String,
}

/// An event or a message that is not known here, or that lacks what its kind always has.
///
/// Its Debug leaves out the XML, which may hold what people wrote.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unknown {
    /// `MsgType`: `event`, or the kind of a message.
    pub msg_type: Option<String>,
    /// `Event`: the kind of an event.
    pub event: Option<String>,
    /// The whole of it, decrypted.
    pub xml: String,
}

/// The `Token` of a callback: `sync_msg` takes it, and is not limited to a few calls then. Valid for 10 minutes, for any
/// number of pages.
///
/// Its Debug is redacted; [`expose`](Self::expose) is the one way to its text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SyncToken(String);

impl Event {
    /// Reads what [`Callback::decrypt`](crate::Callback::decrypt) answers.
    ///
    /// An event of a known kind that lacks what the kind always has, or has it twice, is [`Unknown`](Self::Unknown).
    ///
    /// # Errors
    ///
    /// It is not XML, has a DTD or entities of its own, or is nested deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
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

impl SyncToken {
    /// The text itself. Keep it out of logs and errors.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SyncToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SyncToken(***)")
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
            // It is not documented whether these occur more than once.
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
                // None if it is there twice: to read every account is right then too.
                open_kfid: self.open_kfid.text().map(str::to_owned),
                token: SyncToken(self.token.text()?.to_owned()),
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
    /// It is there more than once, or holds elements: which to believe is anyone's guess.
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
