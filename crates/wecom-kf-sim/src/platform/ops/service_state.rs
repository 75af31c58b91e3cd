//! The operations that read and change the state of a session.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::ErrCode;

use crate::platform::model::refusal::Refusal;
use crate::platform::model::session::State;
use crate::platform::ops::statistic::Happening;
use crate::platform::{Chat, Platform, Receiving, required, text};

impl Platform {
    /// `POST /cgi-bin/kf/service_state/get` [94669].
    pub(crate) fn service_state_get(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let external_userid = required(request, "external_userid")?;
        let session = &self.account(request)?.customer(external_userid)?.session;
        let mut reply = json!({ "service_state": session.state(now) as i64 });
        // Only in state 3 [94669].
        if let Some(servicer_userid) = session.servicer_userid(now) {
            reply["servicer_userid"] = json!(servicer_userid);
        }
        Ok(reply)
    }

    /// `POST /cgi-bin/kf/service_state/trans` [94669]. Raises no event: those are for changes in the client.
    pub(crate) fn service_state_trans(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let external_userid = required(request, "external_userid")?;
        let target = request["service_state"].as_i64().and_then(State::from_number);
        let target = target
            .ok_or_else(|| Refusal::because(ErrCode::INVALID_PARAMETER, "field `service_state` must be 0 to 4"))?;
        let servicer_userid = text(request, "servicer_userid").filter(|_| target == State::Servicer);

        let assumptions = self.assumptions.clone();
        let session = &self.account(request)?.customer(external_userid)?.session;
        if target == State::Servicer && servicer_userid.is_none() {
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, "missing field `servicer_userid` for state 3"));
        }
        session.check_move(target, servicer_userid, now, &assumptions)?;
        servicer_userid.map_or(Ok(()), |userid| self.check_servicer(request, userid))?;

        let customer = self.account(request)?.customer(external_userid)?;
        let before = customer.session.state(now) as i64;
        let occasion = customer.session.move_to(target, servicer_userid);
        let line = format!("(the API moves the session from {before} to {})", target as i64);
        let body = json!({ "event": "state", "by": "api", "from": before, "state": target as i64, "servicer_userid": servicer_userid });
        customer.note_event(now, line, body);
        let chat = Chat { open_kfid: required(request, "open_kfid")?, external_userid };
        match servicer_userid {
            Some(userid) => self.happens(now, chat, Happening::Assigned(userid)),
            None if target == State::Queue => self.happens(now, chat, Happening::Queued),
            None => {}
        }
        let Some(occasion) = occasion else { return Ok(json!({})) };
        Ok(json!({ "msg_code": self.event_code(now, chat, occasion) }))
    }

    fn check_servicer(&mut self, request: &Value, userid: &str) -> Result<(), Refusal> {
        let open_kfid = required(request, "open_kfid")?;
        match self.receiving_at(open_kfid, userid) {
            Some(Receiving::Yes) => Ok(()),
            Some(Receiving::No | Receiving::Suspended) => Err(ErrCode::SERVICER_NOT_RECEIVING.into()),
            None => Err(ErrCode::NOT_A_SERVICER.into()),
        }
    }
}
