use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::raw::{MessageJson, lenient};
use crate::{ExternalUserId, MsgId, OpenKfid};

/// A message or an event, as [`Messages::sync`](super::Messages::sync) returns it.
///
/// Whatever WeCom makes of it, it decodes: what is missing or odd is None, an unknown kind is
/// [`Content::Unknown`], and [`raw`](Self::raw) is the JSON as it came.
///
/// Its Debug shows ids and kind, never what the customer wrote.
#[derive(Clone)]
pub struct Message {
    json: MessageJson,
    msgid: Option<MsgId>,
    open_kfid: Option<OpenKfid>,
    external_userid: Option<ExternalUserId>,
    send_time: Option<i64>,
    origin: Option<Origin>,
    servicer_userid: Option<String>,
    msgtype: String,
    content: OnceLock<Content>,
}

/// Who a message is from. Open: a number WeCom adds is a value like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(pub i64);

impl Origin {
    /// The customer.
    pub const CUSTOMER: Self = Self(3);
    /// WeCom itself: an event.
    pub const SYSTEM: Self = Self(4);
    /// A servicer, writing in the WeCom client.
    pub const SERVICER: Self = Self(5);
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// A text, typed by the customer or sent by tapping a menu.
    Text(ReceivedText),
    /// A kind that has no type here, or one whose body is missing or of another shape: see [`Message::raw`].
    Unknown {
        /// Its msgtype, as it came.
        msgtype: String,
    },
}

/// A text that was received. Its Debug shows the length only.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedText {
    /// The text.
    pub content: String,
    /// The id of the menu item that the customer tapped; None for typed text.
    pub menu_id: Option<String>,
}

impl fmt::Debug for ReceivedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceivedText({} bytes, menu_id {:?})", self.content.len(), self.menu_id)
    }
}

impl Message {
    pub(crate) fn new(json: MessageJson) -> Self {
        let fields = Fields::of(json.get());
        // For events, account and customer are inside.
        let event = fields.object("event");
        let id = |name| fields.text(name).or_else(|| event.text(name));
        let (open_kfid, external_userid) = (id("open_kfid"), id("external_userid"));
        Self {
            msgid: fields.text("msgid").map(MsgId::received),
            open_kfid: open_kfid.map(OpenKfid::from),
            external_userid: external_userid.map(ExternalUserId::from),
            send_time: fields.integer("send_time"),
            origin: fields.integer("origin").map(Origin),
            servicer_userid: fields.text("servicer_userid"),
            msgtype: fields.text("msgtype").unwrap_or_default(),
            content: OnceLock::new(),
            json,
        }
    }

    /// The id to tell repeats apart by.
    pub fn msgid(&self) -> Option<&MsgId> {
        self.msgid.as_ref()
    }

    /// The account; for events, the one inside of it.
    pub fn open_kfid(&self) -> Option<&OpenKfid> {
        self.open_kfid.as_ref()
    }

    /// The customer; for events, the one inside of it, if they concern one.
    pub fn external_userid(&self) -> Option<&ExternalUserId> {
        self.external_userid.as_ref()
    }

    /// When it was sent, in Unix seconds.
    pub fn send_time(&self) -> Option<i64> {
        self.send_time
    }

    /// Who it is from.
    pub fn origin(&self) -> Option<Origin> {
        self.origin
    }

    /// The servicer who wrote it, for [`Origin::SERVICER`].
    pub fn servicer_userid(&self) -> Option<&str> {
        self.servicer_userid.as_deref()
    }

    /// Its kind, as it came.
    pub fn msgtype(&self) -> &str {
        &self.msgtype
    }

    /// What it says. Decoded when first asked for.
    pub fn content(&self) -> &Content {
        self.content.get_or_init(|| self.decode())
    }

    /// The JSON as it came, byte for byte.
    pub fn raw(&self) -> &str {
        self.json.get()
    }

    fn decode(&self) -> Content {
        let text = match self.msgtype.as_str() {
            "text" => Fields::of(self.json.get()).object("text"),
            _ => Fields::default(),
        };
        match text.content() {
            Some(content) => Content::Text(ReceivedText { content, menu_id: text.text("menu_id") }),
            None => Content::Unknown { msgtype: self.msgtype.clone() },
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("msgid", &self.msgid)
            .field("open_kfid", &self.open_kfid)
            .field("external_userid", &self.external_userid)
            .field("send_time", &self.send_time)
            .field("origin", &self.origin)
            .field("msgtype", &self.msgtype)
            .finish_non_exhaustive()
    }
}

/// The members of a JSON object, each still undecoded, so that a bad one costs nothing but itself.
#[derive(Default)]
struct Fields<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    /// None at all if it is no object.
    fn of(json: &'a str) -> Self {
        Self(serde_json::from_str(json).unwrap_or_default())
    }

    fn object(&self, name: &str) -> Self {
        self.0.get(name).map_or_else(Self::default, |value| Self::of(value.get()))
    }

    /// A text that is not empty.
    fn text(&self, name: &str) -> Option<String> {
        self.decode(name, lenient::optional_string).filter(|text| !text.is_empty())
    }

    /// The `content`, which may be empty.
    fn content(&self) -> Option<String> {
        self.decode("content", lenient::optional_string)
    }

    fn integer(&self, name: &str) -> Option<i64> {
        self.decode(name, lenient::optional_integer)
    }

    fn decode<T>(
        &self,
        name: &str,
        decode: impl Fn(&'a RawValue) -> Result<Option<T>, serde_json::Error>,
    ) -> Option<T> {
        decode(self.0.get(name)?).ok().flatten()
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        MessageJson::deserialize(from).map(Self::new)
    }
}

impl serde::Serialize for Message {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(to)
    }
}
