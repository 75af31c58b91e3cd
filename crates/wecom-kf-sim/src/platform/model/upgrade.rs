//! The upgrade service (升级服务): who may be offered to customers, and what was offered to a customer.

use serde::{Deserialize, Serialize};

use crate::platform::{Chat, Platform, UpgradeOffer};

/// Who may be offered.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct UpgradeRange {
    pub(crate) userids: Vec<String>,
    pub(crate) department_ids: Vec<u64>,
    pub(crate) chat_ids: Vec<String>,
    pub(crate) managed_by: ManagedBy,
}

/// Where the offers are made.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum ManagedBy {
    #[default]
    Api,
    Console,
}

/// What was offered to a customer, and whether the customer accepted it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Offered {
    pub(crate) offer: UpgradeOffer,
    /// The servicer who had the session then.
    pub(crate) servicer_userid: Option<String>,
    pub(crate) accepted: Accepted,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Accepted {
    No,
    Yes,
}

impl Platform {
    pub(crate) fn upgrade_offer(&mut self, chat: Chat<'_>) -> Option<UpgradeOffer> {
        self.known_customer(chat).upgrade.as_ref().map(|offered| offered.offer.clone())
    }

    /// Returns whether the corp configured this member or group chat for the upgrade service.
    pub(crate) fn may_offer(&self, offer: &UpgradeOffer) -> bool {
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
