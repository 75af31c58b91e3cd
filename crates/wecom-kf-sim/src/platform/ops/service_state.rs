//! The tag `service_state`: reading and changing the state of a session. Which changes are allowed is in
//! `model/session.rs`.

use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::ErrCode;
use wecom_kf_raw::types::{GetServiceStateRequest, TransformServiceStateRequest};

use crate::platform::model::chat::Entry;
use crate::platform::model::happenings::Happening;
use crate::platform::model::notes::{Mover, Note};
use crate::platform::model::refusal::Refusal;
use crate::platform::model::servicers::Receiving;
use crate::platform::model::session::State;
use crate::platform::ops::given;
use crate::platform::{Chat, Platform};

rule!(servicer_only_in_state_3);
#[derive(Serialize)]
pub(crate) struct ServiceState<'a> {
    service_state: i64,
    /// Only in state 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    servicer_userid: Option<&'a str>,
}

#[derive(Serialize)]
pub(crate) struct StateChanged {
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_code: Option<String>,
}

impl Platform {
    /// `POST /cgi-bin/kf/service_state/get` [94669].
    pub(crate) fn service_state_get(
        &mut self,
        now: Duration,
        request: GetServiceStateRequest,
    ) -> Result<ServiceState<'_>, Refusal> {
        let session = &self.account(&request.open_kfid)?.customer(&request.external_userid)?.session;
        let servicer_userid = session.servicer_userid(now);
        Ok(ServiceState { service_state: session.state(now) as i64, servicer_userid })
    }

    /// `POST /cgi-bin/kf/service_state/trans` [94669]. It raises no event: events report changes in the client.
    pub(crate) fn service_state_trans(
        &mut self,
        now: Duration,
        request: TransformServiceStateRequest,
    ) -> Result<StateChanged, Refusal> {
        rule!(trans_raises_no_event);
        let TransformServiceStateRequest { external_userid, open_kfid, service_state, servicer_userid } = &request;
        let target = State::from_number(i64::from(*service_state))
            .ok_or_else(|| Refusal::because(ErrCode::INVALID_PARAMETER, "field `service_state` must be 0 to 4"))?;
        let servicer_userid = given(servicer_userid.as_deref()).filter(|_| target == State::Servicer);

        let assumptions = self.assumptions.clone();
        let session = &self.account(open_kfid)?.customer(external_userid)?.session;
        if target == State::Servicer && servicer_userid.is_none() {
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, "missing field `servicer_userid` for state 3"));
        }
        session.check_move(target, servicer_userid, now, &assumptions)?;
        servicer_userid.map_or(Ok(()), |userid| self.check_servicer(open_kfid, userid))?;

        let customer = self.account(open_kfid)?.customer(external_userid)?;
        let before = customer.session.state(now) as i64;
        let occasion = customer.session.move_to(target, servicer_userid);
        let note = Note::State { by: Mover::Api, from: before, state: target as i64, servicer_userid };
        customer.history.push(Entry::note(now, &note));
        let chat = Chat { open_kfid, external_userid };
        match servicer_userid {
            Some(userid) => self.happens(now, chat, Happening::Assigned(userid)),
            None if target == State::Queue => self.happens(now, chat, Happening::Queued),
            None => {}
        }
        Ok(StateChanged { msg_code: occasion.map(|occasion| self.event_code(now, chat, occasion)) })
    }

    fn check_servicer(&self, open_kfid: &str, userid: &str) -> Result<(), Refusal> {
        match self.receiving_at(open_kfid, userid) {
            Some(Receiving::Yes) => Ok(()),
            Some(Receiving::No | Receiving::Suspended) => Err(ErrCode::SERVICER_NOT_RECEIVING.into()),
            None => Err(ErrCode::NOT_A_SERVICER.into()),
        }
    }
}
