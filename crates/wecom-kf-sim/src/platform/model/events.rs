//! The messages and events of the log, as `sync_msg` returns them [94670].

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use wecom_kf_raw::types::CustomerEnterSessionContext;

use crate::platform::model::ids::Ids;
use crate::platform::{Chat, Platform};

/// Who wrote a message of the log.
#[derive(Clone, Copy)]
enum Origin {
    Customer = 3,
    System = 4,
    Servicer = 5,
}

/// A message of a customer or a servicer.
pub(crate) struct NewMessage<'a> {
    pub(crate) msgtype: &'a str,
    /// The body may have any form: tests also send kinds that WeCom does not know.
    pub(crate) body: &'a RawValue,
    /// `None` for a message of the customer.
    pub(crate) servicer_userid: Option<&'a str>,
}

rule!(servicer_status_numbers);
/// An event. Account and customer are added to it.
#[derive(Serialize)]
#[serde(tag = "event_type", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    EnterSession {
        #[serde(flatten)]
        context: &'a CustomerEnterSessionContext,
        #[serde(skip_serializing_if = "Option::is_none")]
        welcome_code: Option<&'a str>,
    },
    MsgSendFail {
        fail_msgid: &'a str,
        fail_type: i64,
    },
    /// 1 receiving, 2 stopped, and why; `servicer/list` numbers them 0 and 1.
    ServicerStatusChange {
        servicer_userid: &'a str,
        status: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        stop_type: Option<u8>,
    },
    SessionStatusChange {
        change_type: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        old_servicer_userid: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        new_servicer_userid: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        msg_code: Option<&'a str>,
    },
    UserRecallMsg {
        recall_msgid: &'a str,
    },
    ServicerRecallMsg {
        recall_msgid: &'a str,
        servicer_userid: &'a str,
    },
    RejectCustomerMsgSwitchChange {
        servicer_userid: &'a str,
        reject_switch: u8,
    },
}

rule!(servicer_of_event_by_origin);
#[derive(Serialize)]
struct LoggedMessage<'a> {
    /// The body, under the name of its kind.
    #[serde(flatten)]
    body: BTreeMap<&'a str, &'a RawValue>,
    external_userid: &'a str,
    msgid: &'a str,
    msgtype: &'a str,
    open_kfid: &'a str,
    origin: u8,
    send_time: u64,
    /// Only for origin 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    servicer_userid: Option<&'a str>,
}

#[derive(Serialize)]
struct LoggedEvent<'a> {
    event: PlacedEvent<'a>,
    msgid: &'a str,
    msgtype: &'static str,
    origin: u8,
    send_time: u64,
}

rule!(event_has_its_ids_inside);
/// Account and customer of an event are inside of it.
#[derive(Serialize)]
struct PlacedEvent<'a> {
    #[serde(flatten)]
    event: &'a Event<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_userid: Option<&'a str>,
    open_kfid: &'a str,
}

impl Platform {
    /// Adds a message to the log. Returns its msgid.
    pub(crate) fn log_message(&mut self, now: Duration, chat: Chat<'_>, message: &NewMessage<'_>) -> String {
        let NewMessage { msgtype, body, servicer_userid } = *message;
        let msgid = log_msgid(&mut self.ids);
        let origin = if servicer_userid.is_some() { Origin::Servicer } else { Origin::Customer };
        let message = LoggedMessage {
            body: BTreeMap::from([(msgtype, body)]),
            external_userid: chat.external_userid,
            msgid: &msgid,
            msgtype,
            open_kfid: chat.open_kfid,
            origin: origin as u8,
            send_time: now.as_secs(),
            servicer_userid,
        };
        self.known_account(chat).log.push(now, &message);
        msgid
    }

    /// Adds an event of a chat to the log. Returns its msgid.
    pub(crate) fn log_chat_event(&mut self, now: Duration, chat: Chat<'_>, event: &Event<'_>) -> String {
        let msgid = log_msgid(&mut self.ids);
        let event = PlacedEvent { event, external_userid: Some(chat.external_userid), open_kfid: chat.open_kfid };
        self.known_account(chat).log.push(now, &LoggedEvent::new(now, &msgid, event));
        msgid
    }

    /// Adds an event to the log of every account that a member serves.
    pub(crate) fn log_servicer_event(&mut self, now: Duration, userid: &str, event: &Event<'_>) {
        for account in self.accounts.iter_mut().filter(|account| !account.deleted) {
            if account.servicers.has(userid, &self.departments) {
                let msgid = log_msgid(&mut self.ids);
                let event = PlacedEvent { event, external_userid: None, open_kfid: &account.open_kfid };
                account.log.push(now, &LoggedEvent::new(now, &msgid, event));
            }
        }
    }
}

impl<'a> LoggedEvent<'a> {
    fn new(now: Duration, msgid: &'a str, event: PlacedEvent<'a>) -> Self {
        Self { event, msgid, msgtype: "event", origin: Origin::System as u8, send_time: now.as_secs() }
    }
}

fn log_msgid(ids: &mut Ids) -> String {
    ids.next_digits("log msgid", "from_msgid_", 19)
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::*;

    fn written(message: &impl Serialize) -> Value {
        serde_json::to_value(message).unwrap()
    }

    #[test]
    fn a_body_of_an_unknown_kind_is_logged_as_it_is() {
        let body = to_raw_value(&json!({ "any": [1, null, { "thing": 1.5 }] })).unwrap();
        let message = LoggedMessage {
            body: BTreeMap::from([("hologram", &*body)]),
            external_userid: "wm",
            msgid: "m",
            msgtype: "hologram",
            open_kfid: "wk",
            origin: Origin::Customer as u8,
            send_time: 7,
            servicer_userid: None,
        };
        let expected = json!({
            "msgid": "m", "open_kfid": "wk", "external_userid": "wm", "send_time": 7, "origin": 3,
            "msgtype": "hologram", "hologram": { "any": [1, null, { "thing": 1.5 }] },
        });
        assert_eq!(written(&message), expected);
    }

    #[test]
    fn an_event_contains_account_and_customer_but_no_absent_fields() {
        let event = Event::SessionStatusChange {
            change_type: 3,
            old_servicer_userid: Some("zhangsan"),
            new_servicer_userid: None,
            msg_code: None,
        };
        let event = PlacedEvent { event: &event, external_userid: Some("wm"), open_kfid: "wk" };
        let expected = json!({
            "msgid": "m", "send_time": 7, "origin": 4, "msgtype": "event",
            "event": {
                "event_type": "session_status_change", "open_kfid": "wk", "external_userid": "wm", "change_type": 3,
                "old_servicer_userid": "zhangsan",
            },
        });
        assert_eq!(written(&LoggedEvent::new(Duration::from_secs(7), "m", event)), expected);
    }
}
