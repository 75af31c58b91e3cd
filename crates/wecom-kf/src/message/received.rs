//! A received message or event, whatever WeCom made of it.

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
use crate::{ExternalUserId, MsgId, OpenKfid};

/// A message or an event, as [`Messages::sync`](super::Messages::sync) returns it.
///
/// Whatever WeCom makes of it, it decodes: what is missing or odd is None, an unknown kind is
/// [`Content::Unknown`], and [`raw`](Self::raw) is the JSON as it came.
///
/// Its Debug shows ids and kind, never what the customer wrote.
#[derive(Clone)]
pub struct Message {
    /// The page it came with, which its messages share.
    page: Arc<str>,
    place: Range<usize>,
    /// One pointer, so that a page of which little is read stays small.
    common: OnceLock<Box<Common>>,
}

/// What every message has, decoded when first asked for.
#[derive(Clone, Default)]
struct Common {
    msgid: Option<MsgId>,
    open_kfid: Option<OpenKfid>,
    external_userid: Option<ExternalUserId>,
    send_time: Option<i64>,
    origin: Option<Origin>,
    servicer_userid: Option<String>,
    msgtype: Said,
    /// Where in the message its body is.
    body: Option<Range<usize>>,
    content: OnceLock<Content>,
    /// Of an event: account and customer, which are inside of it.
    parties: OnceLock<(Option<OpenKfid>, Option<ExternalUserId>)>,
}

impl Common {
    fn of(json: &str) -> Self {
        let members = Members::of(json);
        let body = members.body(members.msgtype.as_deref().unwrap_or_default()).map(|body| place(body, json));
        Self {
            msgid: members.msgid.map(|id| MsgId::received(id.into_owned())),
            open_kfid: members.open_kfid.map(|id| id.into_owned().into()),
            external_userid: members.external_userid.map(|id| id.into_owned().into()),
            send_time: members.send_time,
            origin: members.origin.map(Origin),
            servicer_userid: members.servicer_userid.map(Cow::into_owned),
            msgtype: members.msgtype.map(|msgtype| Said::of(msgtype, json)).unwrap_or_default(),
            body,
            ..Self::default()
        }
    }
}

/// A text in the JSON of a message.
#[derive(Clone)]
enum Said {
    /// As it stands there.
    There(Range<usize>),
    /// Where there are escapes, or a number.
    Otherwise(String),
}

impl Default for Said {
    fn default() -> Self {
        Self::Otherwise(String::new())
    }
}

impl Said {
    fn of(text: Cow<'_, str>, json: &str) -> Self {
        match text {
            Cow::Borrowed(text) => Self::There(place(text, json)),
            Cow::Owned(text) => Self::Otherwise(text),
        }
    }
}

open_number! {
    /// Who a message is from.
    Origin {
        /// The customer.
        CUSTOMER = 3,
        /// WeCom itself: an event.
        SYSTEM = 4,
        /// A servicer, writing in the WeCom client.
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

    /// Account and customer of an event.
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

    /// The same message on its own: one of a page keeps the text of the whole page in memory.
    pub fn detached(&self) -> Self {
        let json = self.raw();
        Self::within(json.into(), Range { start: 0, end: json.len() })
    }

    /// The id to tell repeats apart by.
    pub fn msgid(&self) -> Option<&MsgId> {
        self.common().msgid.as_ref()
    }

    /// The account; for events, the one inside of it.
    pub fn open_kfid(&self) -> Option<&OpenKfid> {
        self.common().open_kfid.as_ref().or_else(|| self.parties().0.as_ref())
    }

    /// The customer; for events, the one inside of it, if they concern one.
    pub fn external_userid(&self) -> Option<&ExternalUserId> {
        self.common().external_userid.as_ref().or_else(|| self.parties().1.as_ref())
    }

    /// When it was sent, in Unix seconds.
    pub fn send_time(&self) -> Option<i64> {
        self.common().send_time
    }

    /// Who it is from.
    pub fn origin(&self) -> Option<Origin> {
        self.common().origin
    }

    /// The servicer who wrote it, for [`Origin::SERVICER`].
    pub fn servicer_userid(&self) -> Option<&str> {
        self.common().servicer_userid.as_deref()
    }

    /// Its kind, as it came.
    pub fn msgtype(&self) -> &str {
        match &self.common().msgtype {
            Said::There(place) => &self.raw()[place.clone()],
            Said::Otherwise(msgtype) => msgtype,
        }
    }

    /// What it says. Decoded when first asked for.
    pub fn content(&self) -> &Content {
        self.common().content.get_or_init(|| Content::decode(self.msgtype(), self.body()))
    }

    /// The JSON as it came, byte for byte.
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
