use std::fmt;
use std::sync::OnceLock;

use serde::Deserialize;

use super::Content;
use super::fields::{Fields, open_number};
use crate::raw::MessageJson;
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
        self.content.get_or_init(|| Content::decode(&self.msgtype, self.raw()))
    }

    /// The JSON as it came, byte for byte.
    pub fn raw(&self) -> &str {
        self.json.get()
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
