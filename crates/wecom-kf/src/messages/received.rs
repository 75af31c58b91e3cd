//! A received message or event: decoded lazily, and kept even if it is malformed.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::Content;
use super::fields::{Members, place};
use crate::open_number::open_number;
use crate::{ExternalUserId, MsgId, OpenKfid, UserId};

/// A received message or event, returned by [`Messages::page`](super::Messages::page).
///
/// Decoding never fails: a field that is missing or malformed is `None`, a message of an unknown kind is
/// [`Content::Unknown`], and [`raw`](Self::raw) returns the original JSON.
///
/// ```
/// use wecom_kf::messages::{Content, Message, Origin};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let json = r#"{"msgid": "m1", "origin": 3, "msgtype": "text", "text": {"content": "在吗"}}"#;
/// let message: Message = serde_json::from_str(json)?;
/// assert_eq!(message.origin(), Some(Origin::CUSTOMER));
/// match message.content() {
///     Content::Text(text) => assert_eq!(text.content, "在吗"),
///     other => println!("not a text: {other:?}"),
/// }
/// # Ok(())
/// # }
/// ```
///
/// `Debug` shows the ids and the kind, never a customer's text.
#[derive(Clone)]
pub struct Message {
    /// The text of the whole page, shared by all messages of the page.
    page: Arc<str>,
    /// The part of `page` that is this message.
    place: Range<usize>,
    /// Boxed, so that a message that is never decoded takes little memory.
    common: OnceLock<Box<Common>>,
}

/// The members that all messages have in common, decoded on first use.
#[derive(Clone, Default)]
struct Common {
    msgid: Option<MsgId>,
    open_kfid: Option<OpenKfid>,
    external_userid: Option<ExternalUserId>,
    send_time: Option<i64>,
    origin: Option<Origin>,
    servicer_userid: Option<UserId>,
    msgtype: TextRef,
    /// The part of the message that is its body.
    body: Option<Range<usize>>,
    content: OnceLock<Content>,
    /// The account and the customer in the body of an event.
    parties: OnceLock<(Option<OpenKfid>, Option<ExternalUserId>)>,
}

impl Common {
    fn of(json: &str) -> Self {
        let members = Members::of(json);
        let body = members.body(members.msgtype.as_deref().unwrap_or_default()).map(|body| place(body, json));
        Self {
            msgid: members.msgid.map(|id| id.into_owned().into()),
            open_kfid: members.open_kfid.map(|id| id.into_owned().into()),
            external_userid: members.external_userid.map(|id| id.into_owned().into()),
            send_time: members.send_time,
            origin: members.origin.map(Origin),
            servicer_userid: members.servicer_userid.map(|id| id.into_owned().into()),
            msgtype: members.msgtype.map(|msgtype| TextRef::of(msgtype, json)).unwrap_or_default(),
            body,
            ..Self::default()
        }
    }
}

/// A text in the JSON of a message, borrowed if possible.
#[derive(Clone)]
enum TextRef {
    /// The text is this part of the JSON.
    InPlace(Range<usize>),
    /// The text differs from the JSON, because it has escapes there or is a number.
    Owned(String),
}

impl Default for TextRef {
    fn default() -> Self {
        Self::Owned(String::new())
    }
}

impl TextRef {
    fn of(text: Cow<'_, str>, json: &str) -> Self {
        match text {
            Cow::Borrowed(text) => Self::InPlace(place(text, json)),
            Cow::Owned(text) => Self::Owned(text),
        }
    }
}

open_number! {
    /// The sender of a message.
    Origin {
        /// The customer.
        CUSTOMER = 3,
        /// WeCom itself, for events.
        SYSTEM = 4,
        /// A servicer who wrote in the WeCom client.
        SERVICER = 5,
    }
}

impl Message {
    pub(super) fn within(page: Arc<str>, place: Range<usize>) -> Self {
        Self { page, place, common: OnceLock::new() }
    }

    fn common(&self) -> &Common {
        self.common.get_or_init(|| Box::new(Common::of(self.raw())))
    }

    fn body(&self) -> Option<&str> {
        self.common().body.clone().map(|body| &self.raw()[body])
    }

    /// Returns the account and the customer in the body of an event.
    fn parties(&self) -> &(Option<OpenKfid>, Option<ExternalUserId>) {
        self.common().parties.get_or_init(|| {
            let event = self.body().filter(|_| self.msgtype() == "event");
            let members = event.map(Members::of).unwrap_or_default();
            (
                members.open_kfid.map(|id| id.into_owned().into()),
                members.external_userid.map(|id| id.into_owned().into()),
            )
        })
    }

    /// Returns a copy of the message that does not keep the text of its whole page in memory. Use it to store single
    /// messages for a long time.
    pub fn detached(&self) -> Self {
        let json = self.raw();
        Self::within(json.into(), Range { start: 0, end: json.len() })
    }

    /// Returns the id of the message. WeCom may return a message more than once; repeats have the same id.
    pub fn msgid(&self) -> Option<&MsgId> {
        self.common().msgid.as_ref()
    }

    /// Returns the account. Events carry it in their body.
    pub fn open_kfid(&self) -> Option<&OpenKfid> {
        self.common().open_kfid.as_ref().or_else(|| self.parties().0.as_ref())
    }

    /// Returns the customer. Events carry it in their body, if they concern a customer.
    pub fn external_userid(&self) -> Option<&ExternalUserId> {
        self.common().external_userid.as_ref().or_else(|| self.parties().1.as_ref())
    }

    /// Returns the time at which the message was sent, in Unix seconds.
    pub fn send_time(&self) -> Option<i64> {
        self.common().send_time
    }

    /// Returns the sender: the customer, WeCom or a servicer.
    pub fn origin(&self) -> Option<Origin> {
        self.common().origin
    }

    /// Returns the userid of the servicer who wrote the message, for [`Origin::SERVICER`].
    pub fn servicer_userid(&self) -> Option<&UserId> {
        self.common().servicer_userid.as_ref()
    }

    /// Returns the msgtype in the message, such as `text`. It is empty if the message has none.
    pub fn msgtype(&self) -> &str {
        match &self.common().msgtype {
            TextRef::InPlace(place) => &self.raw()[place.clone()],
            TextRef::Owned(msgtype) => msgtype,
        }
    }

    /// Returns the content of the message, decoded on first use.
    pub fn content(&self) -> &Content {
        self.common().content.get_or_init(|| Content::decode(self.msgtype(), self.body()))
    }

    /// Returns the JSON of the message as it arrived, byte for byte.
    pub fn raw(&self) -> &str {
        &self.page[self.place.clone()]
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("msgid", &self.msgid())
            .field("open_kfid", &self.open_kfid())
            .field("external_userid", &self.external_userid())
            .field("send_time", &self.send_time())
            .field("origin", &self.origin())
            .field("msgtype", &self.msgtype())
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(from)?;
        let place = Range { start: 0, end: json.get().len() };
        Ok(Self::within(json.get().into(), place))
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(self.raw()).map_err(S::Error::custom)?;
        json.serialize(to)
    }
}
