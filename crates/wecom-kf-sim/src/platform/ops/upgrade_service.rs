//! The tag `upgrade_service` (升级服务): offering a specialist or a group chat to a customer [94674].

use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::ErrCode;
use wecom_kf_raw::types::{
    CancelUpgradeServiceRequest, UpgradeServiceRequest, UpgradeServiceRequestGroupchat, UpgradeServiceRequestMember,
};

use crate::platform::UpgradeOffer;
use crate::platform::model::chat::Entry;
use crate::platform::model::happenings::Happening;
use crate::platform::model::notes::Note;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::upgrade::{Accepted, ManagedBy, Offered, UpgradeRange};
use crate::platform::ops::Nothing;
use crate::platform::{Chat, Platform};

/// The generated type would leave out a list that is empty.
#[derive(Serialize)]
pub(crate) struct UpgradeConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    groupchat_range: Option<GroupchatRange<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member_range: Option<MemberRange<'a>>,
}

#[derive(Serialize)]
struct GroupchatRange<'a> {
    chat_id_list: &'a [String],
}

rule!(upgrade_config_has_department_id_list);
#[derive(Serialize)]
struct MemberRange<'a> {
    department_id_list: &'a [u64],
    userid_list: &'a [String],
}

impl Platform {
    /// `GET /cgi-bin/kf/customer/get_upgrade_service_config` [94674].
    pub(crate) fn get_upgrade_service_config(
        &mut self,
        _now: Duration,
        _: Nothing,
    ) -> Result<UpgradeConfig<'_>, Refusal> {
        let UpgradeRange { userids, department_ids, chat_ids, .. } = &self.upgrade_range;
        let has_members = !userids.is_empty() || !department_ids.is_empty();
        let members = MemberRange { department_id_list: department_ids, userid_list: userids };
        let chats = GroupchatRange { chat_id_list: chat_ids };
        Ok(UpgradeConfig {
            groupchat_range: (!chat_ids.is_empty()).then_some(chats),
            member_range: has_members.then_some(members),
        })
    }

    /// `POST /cgi-bin/kf/customer/upgrade_service` [94674].
    pub(crate) fn upgrade_service(
        &mut self,
        now: Duration,
        mut request: UpgradeServiceRequest,
    ) -> Result<Nothing, Refusal> {
        rule!(second_offer_replaces_first);
        self.account(&request.open_kfid)?.customer(&request.external_userid)?;
        let offer = offer(&mut request)?;
        if self.upgrade_range.managed_by == ManagedBy::Console {
            return Err(ErrCode::UPGRADE_SERVICE_CONFIGURED_IN_CONSOLE.into());
        }
        if !self.may_offer(&offer) {
            return Err(ErrCode::UPGRADE_TARGET_NOT_CONFIGURED.into());
        }
        let customer = self.account(&request.open_kfid)?.customer(&request.external_userid)?;
        customer.history.push(Entry::note(now, &Note::Offered((&offer).into())));
        let servicer_userid = customer.session.servicer_userid(now).map(str::to_owned);
        let offered = Offered { offer, servicer_userid, accepted: Accepted::No };
        customer.upgrade = Some(offered.clone());
        rule!(offers_count_for_servicer_of_session);
        if let Some(userid) = &offered.servicer_userid {
            let chat = Chat { open_kfid: &request.open_kfid, external_userid: &request.external_userid };
            self.happens(now, chat, Happening::Offered(&offered.offer, userid));
        }
        Ok(Nothing {})
    }

    /// `POST /cgi-bin/kf/customer/cancel_upgrade_service` [94674].
    pub(crate) fn cancel_upgrade_service(
        &mut self,
        now: Duration,
        request: CancelUpgradeServiceRequest,
    ) -> Result<Nothing, Refusal> {
        rule!(cancel_needs_no_offer);
        let customer = self.account(&request.open_kfid)?.customer(&request.external_userid)?;
        if customer.upgrade.take().is_some() {
            customer.history.push(Entry::note(now, &Note::Withdrawn));
        }
        Ok(Nothing {})
    }
}

/// Takes the offer out of a request: `member` for type 1, `groupchat` for type 2.
fn offer(request: &mut UpgradeServiceRequest) -> Result<UpgradeOffer, Refusal> {
    rule!(offer_body_by_type);
    let missing =
        |field: &str| Refusal::because(ErrCode::INVALID_PARAMETER, format!("missing field `{field}` for this type"));
    let given = |wording: Option<String>| wording.filter(|wording| !wording.is_empty());
    match request.type_ {
        1 => {
            let UpgradeServiceRequestMember { userid, wording } =
                request.member.take().ok_or_else(|| missing("member"))?;
            Ok(UpgradeOffer::Member { userid, wording: given(wording) })
        }
        2 => {
            let UpgradeServiceRequestGroupchat { chat_id, wording } =
                request.groupchat.take().ok_or_else(|| missing("groupchat"))?;
            Ok(UpgradeOffer::Groupchat { chat_id, wording: given(wording) })
        }
        _ => Err(Refusal::because(ErrCode::INVALID_PARAMETER, "field `type` must be 1 or 2")),
    }
}
