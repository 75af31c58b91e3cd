//! The events among received messages: one type per kind.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::fields::{EventType, Text, body, optional_number, optional_text};
use crate::open_number::open_number;
use crate::{MsgCode, MsgId, UserId, WelcomeCode};

/// An event, by kind. The account and the customer are returned by the methods of [`Message`](super::Message).
///
/// `Serialize` writes an event as WeCom does: its `event_type`, then its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event_type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A customer entered the chat.
    EnterSession(EnterSession),
    /// A message that the API sent could not be delivered.
    MsgSendFail(MsgSendFail),
    /// A servicer started or stopped receiving customers.
    ServicerStatusChange(ServicerStatusChange),
    /// A servicer changed a session in the WeCom client. Changes through the API cause no event.
    SessionStatusChange(SessionStatusChange),
    /// The customer recalled a message.
    UserRecallMsg(Recall),
    /// A servicer recalled a message.
    ServicerRecallMsg(Recall),
    /// A servicer switched "不再接收消息" on or off for a customer.
    RejectCustomerMsgSwitchChange(RejectSwitchChange),
    /// A kind without a variant here, or a malformed event: see [`Message::raw`](super::Message::raw).
    #[serde(untagged)]
    Unknown {
        /// The `event_type` in the event.
        event_type: String,
    },
}

impl Event {
    /// Decodes an event. Returns `None` if `json` is not an object or has no `event_type`.
    pub(super) fn decode(json: &str) -> Option<Self> {
        if let Ok(TypeFirst(event)) = serde_json::from_str(json) {
            return Some(event);
        }
        let event_type = serde_json::from_str::<EventType<'_>>(json).ok()?.event_type.0?;
        let event = Self::known(&event_type, &mut serde_json::Deserializer::from_str(json));
        Some(event.unwrap_or_else(|_| Self::Unknown { event_type: event_type.into_owned() }))
    }

    fn known<'de, D: Deserializer<'de>>(event_type: &str, from: D) -> Result<Self, D::Error> {
        match event_type {
            "enter_session" => EnterSession::deserialize(from).map(Self::EnterSession),
            "msg_send_fail" => MsgSendFail::deserialize(from).map(Self::MsgSendFail),
            "servicer_status_change" => ServicerStatusChange::deserialize(from).map(Self::ServicerStatusChange),
            "session_status_change" => SessionStatusChange::deserialize(from).map(Self::SessionStatusChange),
            "user_recall_msg" => Recall::deserialize(from).map(Self::UserRecallMsg),
            "servicer_recall_msg" => Recall::deserialize(from).map(Self::ServicerRecallMsg),
            "reject_customer_msg_switch_change" => {
                RejectSwitchChange::deserialize(from).map(Self::RejectCustomerMsgSwitchChange)
            }
            _ => Err(D::Error::custom("an unknown kind")),
        }
    }
}

/// An event of a known kind whose first member is its `event_type`. WeCom writes events in this order, which allows
/// decoding them in one pass.
struct TypeFirst(Event);

impl<'de> Deserialize<'de> for TypeFirst {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TypeFirstVisitor;
        impl<'de> Visitor<'de> for TypeFirstVisitor {
            type Value = TypeFirst;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event_type, then the rest of an event")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<TypeFirst, A::Error> {
                match members.next_entry()? {
                    Some(("event_type", Text(Some(event_type)))) => {
                        Event::known(&event_type, MapAccessDeserializer::new(members)).map(TypeFirst)
                    }
                    _ => Err(A::Error::custom("the event_type is not first")),
                }
            }
        }
        from.deserialize_map(TypeFirstVisitor)
    }
}

/// A customer entered the chat. `Debug` hides the code, the parameter and the 视频号.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct EnterSession {
    /// The label of the contact way. `None` if the customer came in without one.
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    /// The parameter that was appended to the link. Customers can change it.
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub scene_param: Option<String>,
    /// The code for one welcome message ([`Messages::send_on_event`](super::Messages::send_on_event)), valid for 20 seconds. It is
    /// only set for a customer who received no welcome within 48 hours and has not written yet.
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub welcome_code: Option<WelcomeCode>,
    /// The 视频号 the customer came from.
    #[serde(default, deserialize_with = "object_if_one", skip_serializing_if = "Option::is_none")]
    pub wechat_channels: Option<WechatChannels>,
}

impl fmt::Debug for EnterSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnterSession").field("scene", &self.scene).finish_non_exhaustive()
    }
}

/// The 视频号 a customer came from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct WechatChannels {
    /// The name of the 视频号, for the first three values of [`WechatChannelsScene`].
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub nickname: Option<String>,
    /// The name of the shop, for the last two values of [`WechatChannelsScene`].
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub shop_nickname: Option<String>,
    /// The place in 视频号 from which the customer came.
    #[serde(default, deserialize_with = "optional_number", skip_serializing_if = "Option::is_none")]
    pub scene: Option<WechatChannelsScene>,
}

/// A message that the API sent could not be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct MsgSendFail {
    /// The msgid of the message.
    pub fail_msgid: MsgId,
    /// The reason.
    #[serde(default)]
    pub fail_type: FailType,
}

/// A servicer started or stopped receiving customers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ServicerStatusChange {
    /// The userid of the servicer.
    pub servicer_userid: UserId,
    /// Whether the servicer is receiving now.
    pub status: ServicerStatus,
    /// How the servicer stopped. Older servers omit it.
    #[serde(default, deserialize_with = "optional_number", skip_serializing_if = "Option::is_none")]
    pub stop_type: Option<StopType>,
}

/// A servicer changed a session in the WeCom client. `Debug` hides the code.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct SessionStatusChange {
    /// What happened to the session.
    pub change_type: ChangeType,
    /// The userid of the servicer who had the session before.
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub old_servicer_userid: Option<UserId>,
    /// The userid of the servicer who has the session now.
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub new_servicer_userid: Option<UserId>,
    /// The code for one message ([`Messages::send_on_event`](super::Messages::send_on_event)). It is valid for 48 hours if a servicer
    /// took the session from the pool, and for 20 seconds if the session ended.
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub msg_code: Option<MsgCode>,
}

impl fmt::Debug for SessionStatusChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStatusChange")
            .field("change_type", &self.change_type)
            .field("old_servicer_userid", &self.old_servicer_userid)
            .field("new_servicer_userid", &self.new_servicer_userid)
            .finish_non_exhaustive()
    }
}

/// A message was recalled.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Recall {
    /// The msgid of the recalled message.
    pub recall_msgid: MsgId,
    /// The userid of the servicer who recalled it. `None` if the customer did.
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub servicer_userid: Option<UserId>,
}

/// A servicer switched "不再接收消息" on or off for a customer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct RejectSwitchChange {
    /// The servicer.
    #[serde(default, deserialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub servicer_userid: Option<UserId>,
    /// Whether the customer's messages are rejected now.
    pub reject_switch: RejectSwitch,
}

/// Decodes the 视频号, or returns `None` if it is malformed, so that the welcome code in the same event is not lost.
fn object_if_one<'de, D: Deserializer<'de>>(from: D) -> Result<Option<WechatChannels>, D::Error> {
    let json = Box::<RawValue>::deserialize(from)?;
    Ok(body(Some(json.get())))
}

open_number! {
    /// The place in 视频号 from which a customer came.
    WechatChannelsScene {
        /// The home page of the 视频号.
        HOME_PAGE = 1,
        /// The product list of a live stream.
        LIVE_PRODUCT_LIST = 2,
        /// The product showcase (商品橱窗).
        SHOWCASE = 3,
        /// A product of the shop.
        SHOP_PRODUCT = 4,
        /// An order of the shop.
        SHOP_ORDER = 5,
    }
}

open_number! {
    /// Why a message could not be delivered.
    FailType {
        /// WeCom does not know the reason.
        UNKNOWN = 0,
        /// The account is deleted.
        ACCOUNT_DELETED = 1,
        /// The app is switched off.
        APP_SWITCHED_OFF = 2,
        /// The customer's last message is more than 48 hours old.
        SESSION_EXPIRED = 4,
        /// The session is closed.
        SESSION_CLOSED = 5,
        /// More than five messages were sent after the customer's last message.
        TOO_MANY_MESSAGES = 6,
        /// No 视频号 is bound. Only older servers send this.
        NO_CHANNELS_BOUND = 7,
        /// The corp is not verified.
        NOT_VERIFIED = 8,
        /// The corp is not verified and no 视频号 is bound. Only older servers send this.
        NOT_VERIFIED_NOR_BOUND = 9,
        /// The customer rejects messages.
        REJECTED_BY_CUSTOMER = 10,
        /// No member of the corp has logged in to the WeCom app.
        NO_MEMBER_LOGGED_IN = 11,
        /// The KF component forbids this kind of message.
        KIND_FORBIDDEN = 12,
        /// A safety restriction. The official table does not list it.
        SAFETY_RESTRICTION = 13,
    }
}

impl Default for FailType {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

open_number! {
    /// Whether a servicer receives customers. [`ReceptionStatus`](crate::servicers::ReceptionStatus), in the list of
    /// servicers, uses different numbers: receiving is 0 there.
    ServicerStatus {
        /// Receiving customers (接待中).
        RECEIVING = 1,
        /// Not receiving (停止接待).
        STOPPED = 2,
    }
}

open_number! {
    /// How a servicer stopped.
    StopType {
        /// The servicer stopped.
        STOPPED = 0,
        /// The servicer paused for a while.
        SUSPENDED = 1,
    }
}

open_number! {
    /// What happened to a session.
    ChangeType {
        /// A servicer took it from the pool.
        TAKEN = 1,
        /// It was handed to another servicer.
        TRANSFERRED = 2,
        /// It ended.
        ENDED = 3,
        /// A servicer resumed it after it had ended or had been handed over.
        TAKEN_UP_AGAIN = 4,
    }
}

open_number! {
    /// Whether a customer's messages are rejected.
    RejectSwitch {
        /// They are accepted again.
        ACCEPTING = 0,
        /// They are rejected from now on.
        REJECTING = 1,
    }
}
