//! What callbacks report, and what the listeners of the control API are told.

use std::time::Duration;

use crate::platform::model::assumptions::Assumption;
use crate::platform::view::{ShownAccount, ShownCorp, ShownCustomer, ShownEntry, ShownServicer, ShownToken};
use crate::platform::{Chat, Platform};

rule!(callback_says_there_is_something_to_read);
rule!(auth_change_by_admin_only);
/// Something that a callback reports to the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PendingCallback {
    /// `kf_msg_or_event`: there is something to read.
    Message { open_kfid: String },
    /// `kf_account_auth_change` with `AuthAddOpenKfId`.
    Granted { open_kfid: String },
    /// `kf_account_auth_change` with `AuthDelOpenKfId`.
    Withdrawn { open_kfid: String },
}

/// Something that changed, for the listeners.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Account(ShownAccount),
    Chat(ShownEntry),
    Corp(ShownCorp),
    Customer(Box<ShownCustomer>),
    Servicer(ShownServicer),
    Token(ShownToken),
}

/// Whether there are listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    Nobody,
    Somebody,
}

impl Platform {
    pub(crate) fn callbacks_name_account(&self) -> bool {
        self.assumptions.hold(Assumption::CallbackNamesAccount)
    }

    /// Returns what callbacks are due for, one for each message and event.
    pub(crate) fn take_pending_callbacks(&mut self) -> Vec<PendingCallback> {
        let mut pending = std::mem::take(&mut self.pending_callbacks);
        for account in self.accounts.iter_mut().filter(|account| !account.deleted) {
            let unread = account.log.announce();
            pending.extend((0..unread).map(|_| PendingCallback::Message { open_kfid: account.open_kfid.clone() }));
        }
        pending
    }

    /// Returns whether a customer was answered since the last time: by the bot, with the call in the journal, or by a
    /// servicer.
    pub(crate) fn take_answered(&mut self) -> bool {
        std::mem::take(&mut self.answered)
    }

    /// Returns what changed since the last call.
    pub(crate) fn take_changes(&mut self, now: Duration, audience: Audience) -> Vec<Change> {
        let touched = self.take_touched();
        if audience == Audience::Nobody {
            self.forget_told(&touched);
            return Vec::new();
        }
        let mut changes = self.changed_basics(now, &touched);
        for (open_kfid, external_userid) in &touched {
            let chat = Chat { open_kfid, external_userid };
            let Some(shown) = self.show_customer(now, chat) else { continue };
            let Some(customer) = self.customer_at(chat) else { continue };
            let entries = customer.history.take_changed();
            if customer.published.as_ref() != Some(&shown) {
                changes.push(Change::Customer(Box::new(shown.clone())));
                customer.published = Some(shown);
            }
            changes.extend(entries.iter().map(|entry| Change::Chat(entry.show(chat))));
        }
        changes
    }

    /// Counts all customers as changed, because the clock was put forward.
    pub(crate) fn touch_everybody(&mut self) {
        for account in &mut self.accounts {
            account.touched = account.customers.keys().cloned().collect();
        }
    }

    fn take_touched(&mut self) -> Vec<(String, String)> {
        let mut touched = Vec::new();
        for account in &mut self.accounts {
            account.touched.sort_unstable();
            account.touched.dedup();
            touched.extend(account.touched.drain(..).map(|customer| (account.open_kfid.clone(), customer)));
        }
        touched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::AccessTokens;
    use crate::platform::ids::Ids;

    const NOW: Duration = Duration::from_secs(1_767_196_800);

    fn platform() -> Platform {
        Platform::new(Ids::new(7), None, AccessTokens::new(Duration::from_secs(7200)))
    }

    fn is_corp(changes: &[Change]) -> bool {
        changes.iter().any(|change| matches!(change, Change::Corp(_)))
    }

    #[test]
    fn listeners_of_later_are_told_what_changed_back_since() {
        let mut platform = platform();
        assert!(is_corp(&platform.take_changes(NOW, Audience::Somebody)));
        platform.is_wechat_channels_bound = true;
        assert!(platform.take_changes(NOW, Audience::Nobody).is_empty());
        // A new listener has loaded the state with the change.
        platform.is_wechat_channels_bound = false;
        assert!(is_corp(&platform.take_changes(NOW, Audience::Somebody)));
        assert!(!is_corp(&platform.take_changes(NOW, Audience::Somebody)));
    }
}
