//! The upgrade service (升级服务): a specialist or a group for a customer [94674]. And what the corp is qualified for [95153].

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::ErrCode;

use crate::platform::UpgradeOffer;
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::statistic::Happening;
use crate::platform::people::NotPossible;
use crate::platform::{Chat, Platform, required, text};

/// Who may be recommended.
#[derive(Debug, Default)]
pub(crate) struct UpgradeRange {
    pub(crate) userids: Vec<String>,
    pub(crate) department_ids: Vec<u64>,
    pub(crate) chat_ids: Vec<String>,
    pub(crate) managed_by: ManagedBy,
}

/// Who makes the offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ManagedBy {
    #[default]
    Api,
    Console,
}

/// What was offered to a customer, and whether it was taken.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    pub(crate) offer: UpgradeOffer,
    /// Who had the session.
    servicer_userid: Option<String>,
    accepted: Accepted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    No,
    Yes,
}

impl Offered {
    /// The `upgrade_offer` of a `Customer`.
    pub(crate) fn show(&self) -> Value {
        let mut shown = self.offer.show();
        shown["accepted"] = json!(self.accepted == Accepted::Yes);
        shown
    }
}

impl UpgradeOffer {
    fn show(&self) -> Value {
        let (kind, wording) = match self {
            Self::Member { wording, .. } => ("member", wording),
            Self::Groupchat { wording, .. } => ("groupchat", wording),
        };
        json!({ "type": kind, "id": self.id(), "wording": wording })
    }
}

impl Platform {
    /// `GET /cgi-bin/kf/get_corp_qualification` [95153].
    pub(crate) fn get_corp_qualification(&mut self, _now: Duration, _request: &Value) -> Result<Value, Refusal> {
        Ok(json!({ "wechat_channels_binding": self.is_wechat_channels_bound }))
    }

    /// `GET /cgi-bin/kf/customer/get_upgrade_service_config` [94674].
    pub(crate) fn get_upgrade_service_config(&mut self, _now: Duration, _request: &Value) -> Result<Value, Refusal> {
        let UpgradeRange { userids, department_ids, chat_ids, .. } = &self.upgrade_range;
        let mut config = json!({});
        if !userids.is_empty() || !department_ids.is_empty() {
            // unverified: the document once says `department_list`.
            config["member_range"] = json!({ "userid_list": userids, "department_id_list": department_ids });
        }
        if !chat_ids.is_empty() {
            config["groupchat_range"] = json!({ "chat_id_list": chat_ids });
        }
        Ok(config)
    }

    /// `POST /cgi-bin/kf/customer/upgrade_service` [94674]. unverified: that a second offer takes the place of the first,
    /// and both errcodes.
    pub(crate) fn upgrade_service(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let external_userid = required(request, "external_userid")?;
        self.account(request)?.customer(external_userid)?;
        let offer = offer(request)?;
        if self.upgrade_range.managed_by == ManagedBy::Console {
            return Err(ErrCode::UPGRADE_SERVICE_CONFIGURED_IN_CONSOLE.into());
        }
        if !self.may_offer(&offer) {
            return Err(ErrCode::UPGRADE_TARGET_NOT_CONFIGURED.into());
        }
        let customer = self.account(request)?.customer(external_userid)?;
        let mut note = offer.show();
        note["event"] = json!("offered");
        customer.note_event(now, format!("(bot offers {offer})"), note);
        let servicer_userid = customer.session.servicer_userid(now).map(str::to_owned);
        let offered = Offered { offer, servicer_userid, accepted: Accepted::No };
        customer.upgrade = Some(offered.clone());
        // unverified: whose offers those of the API are; here they are counted for who has the session.
        if let Some(userid) = &offered.servicer_userid {
            let chat = Chat { open_kfid: required(request, "open_kfid")?, external_userid };
            self.happens(now, chat, Happening::Offered(&offered.offer, userid));
        }
        Ok(json!({}))
    }

    /// `POST /cgi-bin/kf/customer/cancel_upgrade_service` [94674]. unverified: that there need be no offer.
    pub(crate) fn cancel_upgrade_service(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let external_userid = required(request, "external_userid")?;
        let customer = self.account(request)?.customer(external_userid)?;
        if customer.upgrade.take().is_some() {
            customer.note_event(now, "(bot withdraws the offer)".to_owned(), json!({ "event": "withdrawn" }));
        }
        Ok(json!({}))
    }

    pub(crate) fn upgrade_offer(&mut self, chat: Chat<'_>) -> Option<UpgradeOffer> {
        self.known_customer(chat).upgrade.as_ref().map(|offered| offered.offer.clone())
    }

    /// The offer stays until the API cancels it, as it is to do once it was taken [94674].
    pub(crate) fn customer_accepts_upgrade(&mut self, now: Duration, chat: Chat<'_>) -> Result<(), NotPossible> {
        let customer = self.known_customer(chat);
        let Some(offered) = customer.upgrade.as_mut() else {
            return Err(NotPossible(format!("nothing was offered to {}", customer.name)));
        };
        if offered.accepted == Accepted::Yes {
            return Err(NotPossible(format!("{} has taken the offer already", customer.name)));
        }
        offered.accepted = Accepted::Yes;
        let Offered { offer, servicer_userid, .. } = offered.clone();
        customer.note_event(now, format!("({} takes the offer)", customer.name), json!({ "event": "accepted" }));
        self.happens(now, chat, Happening::Taken(&offer, servicer_userid.as_deref()));
        Ok(())
    }

    fn may_offer(&self, offer: &UpgradeOffer) -> bool {
        let UpgradeRange { userids, department_ids, chat_ids, .. } = &self.upgrade_range;
        match offer {
            UpgradeOffer::Member { userid, .. } => {
                let mut departments = department_ids.iter().filter_map(|id| self.departments.get(id));
                userids.contains(userid) || departments.any(|members| members.contains(userid))
            }
            UpgradeOffer::Groupchat { chat_id, .. } => chat_ids.contains(chat_id),
        }
    }
}

/// `member` for type 1, `groupchat` for type 2 [94674].
fn offer(request: &Value) -> Result<UpgradeOffer, Refusal> {
    let wording = |body: &Value| text(body, "wording").map(str::to_owned);
    let body = |member: &str| {
        let missing =
            || Refusal::because(ErrCode::INVALID_PARAMETER, format!("missing field `{member}` for this type"));
        request.get(member).ok_or_else(missing)
    };
    match request["type"].as_i64() {
        Some(1) => {
            let member = body("member")?;
            Ok(UpgradeOffer::Member { userid: required(member, "userid")?.to_owned(), wording: wording(member) })
        }
        Some(2) => {
            let groupchat = body("groupchat")?;
            let chat_id = required(groupchat, "chat_id")?.to_owned();
            Ok(UpgradeOffer::Groupchat { chat_id, wording: wording(groupchat) })
        }
        _ => Err(Refusal::because(ErrCode::INVALID_PARAMETER, "field `type` must be 1 or 2")),
    }
}
