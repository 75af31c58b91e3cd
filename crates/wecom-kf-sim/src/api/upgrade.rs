//! The upgrade service, as the console sets it up and as customers meet it, and other settings of the corp.

use std::fmt;

use crate::api::customer::{Customer, NothingHeard};
use crate::api::simulator::Simulator;
use crate::platform::{ManagedBy, NotPossible};

/// What the bot offered to a customer: see [`Customer::upgrade_offer`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UpgradeOffer {
    /// A specialist (专员服务).
    Member {
        /// The member.
        userid: String,
        /// The recommendation.
        wording: Option<String>,
    },
    /// A customer group (客户群服务).
    Groupchat {
        /// The group.
        chat_id: String,
        /// The recommendation.
        wording: Option<String>,
    },
}

impl UpgradeOffer {
    /// The `userid` or `chat_id`.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Member { userid, .. } => userid,
            Self::Groupchat { chat_id, .. } => chat_id,
        }
    }
}

// For transcripts.
impl fmt::Display for UpgradeOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member { userid, .. } => write!(f, "the member {userid}"),
            Self::Groupchat { chat_id, .. } => write!(f, "the group {chat_id}"),
        }
    }
}

impl Customer {
    /// Waits until the bot offers this member or group by `upgrade_service`, at most a minute of real time, or
    /// [as long as this customer waits](Self::within). Returns the offer.
    ///
    /// # Errors
    ///
    /// It does not. The error's text has the transcript and the last calls.
    pub async fn is_offered(&self, id: &str) -> Result<UpgradeOffer, NothingHeard> {
        self.waits_for(|_| self.upgrade_offer().filter(|offer| offer.id() == id)).await
    }

    /// What the bot offered by `upgrade_service` last, unless it was cancelled.
    pub fn upgrade_offer(&self) -> Option<UpgradeOffer> {
        self.shared.platform().0.upgrade_offer(self.chat())
    }

    /// Takes what was offered. The offer stays until `cancel_upgrade_service`.
    ///
    /// # Errors
    ///
    /// Nothing was offered, or it was taken already.
    pub fn accepts_upgrade(&self) -> Result<(), NotPossible> {
        let (mut platform, now) = self.shared.platform();
        platform.customer_accepts_upgrade(now, self.chat())
    }
}

impl Simulator {
    /// The members who may be recommended as specialists, and the departments whose members may.
    pub fn set_upgrade_members(&self, userids: &[&str], department_ids: &[u64]) {
        let range = &mut self.shared.platform().0.upgrade_range;
        range.userids = owned(userids);
        range.department_ids = department_ids.to_vec();
    }

    /// The customer groups that may be recommended.
    pub fn set_upgrade_groupchats(&self, chat_ids: &[&str]) {
        self.shared.platform().0.upgrade_range.chat_ids = owned(chat_ids);
    }

    /// The upgrade service is set up in the console: the API's offers are refused with 95015.
    pub fn manage_upgrade_in_console(&self) {
        self.shared.platform().0.upgrade_range.managed_by = ManagedBy::Console;
    }

    /// Binds a 视频号 to the corp, for `get_corp_qualification`. There is none at first.
    pub fn bind_wechat_channels(&self) {
        self.shared.platform().0.is_wechat_channels_bound = true;
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
