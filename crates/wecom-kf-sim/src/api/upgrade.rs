//! The upgrade service: its settings in WeCom's console, and offers to customers. Also other settings of the corp.

use crate::api::customer::{Customer, NothingHeard};
use crate::api::simulator::Simulator;
use crate::platform::{ManagedBy, NotPossible, UpgradeOffer};

impl Customer {
    /// Waits until the bot offers this member or group by `upgrade_service`, at most a minute of real time, or
    /// [as long as this customer waits](Self::within). Returns the offer.
    ///
    /// # Errors
    ///
    /// The bot does not offer it. The error's text has the transcript and the last calls.
    pub async fn is_offered(&self, id: &str) -> Result<UpgradeOffer, NothingHeard> {
        self.waits_for(|_| self.upgrade_offer().filter(|offer| offer.id() == id)).await
    }

    /// Returns the newest offer of `upgrade_service`, unless it was cancelled.
    pub fn upgrade_offer(&self) -> Option<UpgradeOffer> {
        self.world.update(|platform, _| platform.upgrade_offer(self.chat()))
    }

    /// Accepts the offer. It stays until `cancel_upgrade_service`.
    ///
    /// # Errors
    ///
    /// Nothing was offered, or the offer was accepted before.
    pub fn accepts_upgrade(&self) -> Result<(), NotPossible> {
        self.world.update(|platform, now| platform.customer_accepts_upgrade(now, self.chat()))
    }
}

impl Simulator {
    /// Sets the members who may be recommended as specialists, and the departments whose members may be.
    pub fn set_upgrade_members(&self, userids: &[&str], department_ids: &[u64]) {
        self.world.update(|platform, _| {
            platform.upgrade_range.userids = owned(userids);
            platform.upgrade_range.department_ids = department_ids.to_vec();
        });
    }

    /// Sets the customer groups that may be recommended.
    pub fn set_upgrade_groupchats(&self, chat_ids: &[&str]) {
        self.world.update(|platform, _| platform.upgrade_range.chat_ids = owned(chat_ids));
    }

    /// Lets WeCom's console manage the upgrade service: offers by API are refused with 95015.
    pub fn manage_upgrade_in_console(&self) {
        self.world.update(|platform, _| platform.upgrade_range.managed_by = ManagedBy::Console);
    }

    /// Binds a 视频号 to the corp, for `get_corp_qualification`. At the start none is bound.
    pub fn bind_wechat_channels(&self) {
        self.world.update(|platform, _| platform.is_wechat_channels_bound = true);
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
