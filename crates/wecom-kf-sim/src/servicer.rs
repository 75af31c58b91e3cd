use std::sync::Arc;

use crate::customer::Customer;
use crate::platform::{NotPossible, Rejecting};
use crate::shared::Shared;

/// A servicer (接待人员) in the WeCom client: see [`Simulator::servicer`](crate::Simulator::servicer).
///
/// What servicers do writes the messages and events that `sync_msg` returns.
#[derive(Clone, Debug)]
pub struct Servicer {
    shared: Arc<Shared>,
    userid: String,
}

impl Servicer {
    pub(crate) fn new(shared: Arc<Shared>, userid: String) -> Self {
        Self { shared, userid }
    }

    /// The member's id.
    pub fn userid(&self) -> &str {
        &self.userid
    }

    /// Takes the customer's session: from the pool (`change_type` 1), or again after it ended or went to somebody else
    /// (4). Does nothing if it is this servicer's already.
    pub fn takes(&self, customer: &Customer) {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_takes(now, customer.chat(), &self.userid);
    }

    /// Writes to the customer: a message with origin 5. Gives its msgid.
    ///
    /// A session that is not this servicer's is [taken](Self::takes) first.
    pub fn says(&self, customer: &Customer, text: &str) -> String {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_says(now, customer.chat(), &self.userid, text)
    }

    /// Hands the customer to another servicer (`change_type` 2).
    ///
    /// # Errors
    ///
    /// The session is not this servicer's, or `to` is none or has stopped receiving.
    pub fn transfers(&self, customer: &Customer, to: &str) -> Result<(), NotPossible> {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_transfers(now, customer.chat(), &self.userid, to)
    }

    /// Ends the customer's session (`change_type` 3).
    ///
    /// # Errors
    ///
    /// The session is not this servicer's.
    pub fn ends(&self, customer: &Customer) -> Result<(), NotPossible> {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_ends(now, customer.chat(), &self.userid)
    }

    /// Takes a servicer's message to the customer back: the event `servicer_recall_msg`. Gives the event's msgid.
    ///
    /// # Errors
    ///
    /// It is no servicer's message to this customer, or is recalled already.
    pub fn recalls(&self, customer: &Customer, msgid: &str) -> Result<String, NotPossible> {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_recalls(now, customer.chat(), msgid)
    }

    /// Switches 不再接收消息 for the customer on: the event `reject_customer_msg_switch_change`.
    pub fn rejects(&self, customer: &Customer) {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_rejects(now, customer.chat(), &self.userid, Rejecting::Yes);
    }

    /// Switches it off again.
    pub fn accepts(&self, customer: &Customer) {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_rejects(now, customer.chat(), &self.userid, Rejecting::No);
    }

    /// Stops receiving, at every account (`servicer_status_change`).
    pub fn stops(&self) {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_stops(now, &self.userid);
    }

    /// Receives again, at every account (`servicer_status_change`).
    pub fn resumes(&self) {
        let (mut platform, now) = self.shared.platform();
        platform.servicer_resumes(now, &self.userid);
    }
}
