//! The handle of a servicer, for tests in Rust.

use std::sync::Arc;

use serde_json::Value;

use crate::api::customer::Customer;
use crate::api::simulator::Simulator;
use crate::platform::{NotPossible, Receiving, Rejecting};
use crate::world::World;

/// A servicer (接待人员) in the WeCom client: see [`Simulator::servicer`](crate::Simulator::servicer).
///
/// What servicers do writes the messages and events that `sync_msg` returns.
#[derive(Clone, Debug)]
pub struct Servicer {
    pub(crate) world: Arc<World>,
    userid: String,
}

impl Servicer {
    pub(crate) fn new(world: Arc<World>, userid: String) -> Self {
        Self { world, userid }
    }

    /// Returns the member's userid.
    pub fn userid(&self) -> &str {
        &self.userid
    }

    /// Takes the customer's session: from the pool (`change_type` 1), or again after it ended or went to somebody else
    /// (4). Does nothing if this servicer has the session already.
    pub fn takes(&self, customer: &Customer) {
        self.world.update(|platform, now| platform.servicer_takes(now, customer.chat(), &self.userid));
    }

    /// Writes to the customer: a message with origin 5. Returns its msgid.
    ///
    /// If the servicer does not have the session, they [take](Self::takes) it first.
    pub fn says(&self, customer: &Customer, text: &str) -> String {
        self.world.update(|platform, now| platform.servicer_says(now, customer.chat(), &self.userid, text))
    }

    /// Writes a message of any kind, such as `writes(&customer, "business_card", json!({ "userid": "lisi" }))`. Returns its
    /// msgid. The simulator does not check the kind and the body.
    ///
    /// If the servicer does not have the session, they [take](Self::takes) it first.
    pub fn writes(&self, customer: &Customer, msgtype: &str, body: Value) -> String {
        self.world.update(|platform, now| platform.servicer_writes(now, customer.chat(), &self.userid, msgtype, body))
    }

    /// Hands the customer to another servicer (`change_type` 2).
    ///
    /// # Errors
    ///
    /// This servicer does not have the session, or `to` is no servicer of the account or has stopped receiving.
    pub fn transfers(&self, customer: &Customer, to: &str) -> Result<(), NotPossible> {
        self.world.update(|platform, now| platform.servicer_transfers(now, customer.chat(), &self.userid, to))
    }

    /// Ends the customer's session (`change_type` 3).
    ///
    /// # Errors
    ///
    /// This servicer does not have the session.
    pub fn ends(&self, customer: &Customer) -> Result<(), NotPossible> {
        self.world.update(|platform, now| platform.servicer_ends(now, customer.chat(), &self.userid))
    }

    /// Recalls a servicer's message to the customer: the event `servicer_recall_msg`. Returns the event's msgid.
    ///
    /// # Errors
    ///
    /// No servicer wrote such a message to this customer, or it was recalled already.
    pub fn recalls(&self, customer: &Customer, msgid: &str) -> Result<String, NotPossible> {
        self.world.update(|platform, now| platform.servicer_recalls(now, customer.chat(), msgid))
    }

    /// Switches 不再接收消息 on for the customer (`reject_customer_msg_switch_change`).
    pub fn rejects(&self, customer: &Customer) {
        self.set_rejecting(customer, Rejecting::Yes);
    }

    /// Switches 不再接收消息 off for the customer (`reject_customer_msg_switch_change`).
    pub fn stops_rejecting(&self, customer: &Customer) {
        self.set_rejecting(customer, Rejecting::No);
    }

    /// Stops receiving, at every account this member serves (`servicer_status_change`).
    pub fn stops(&self) {
        self.set_receiving(Receiving::No);
    }

    /// Suspends receiving for a while (暂时挂起), at every account this member serves (`servicer_status_change`).
    pub fn suspends(&self) {
        self.set_receiving(Receiving::Suspended);
    }

    /// Receives again, at every account this member serves (`servicer_status_change`).
    pub fn resumes(&self) {
        self.set_receiving(Receiving::Yes);
    }

    fn set_rejecting(&self, customer: &Customer, rejecting: Rejecting) {
        self.world.update(|platform, now| platform.servicer_rejects(now, customer.chat(), &self.userid, rejecting));
    }

    fn set_receiving(&self, receiving: Receiving) {
        self.world.update(|platform, now| platform.set_receiving(now, &self.userid, receiving));
    }
}

impl Simulator {
    /// Returns the member with this userid. A new member receives customers and becomes a servicer of every account.
    pub fn servicer(&self, userid: &str) -> Servicer {
        self.world.update(|platform, _| platform.meet_servicer(userid));
        Servicer::new(self.world.clone(), userid.to_owned())
    }

    /// Returns the member with this userid. A new member receives customers, but serves no account until `servicer/add`
    /// adds them.
    pub fn member(&self, userid: &str) -> Servicer {
        self.world.update(|platform, _| platform.meet_member(userid));
        Servicer::new(self.world.clone(), userid.to_owned())
    }

    /// Puts members into a department. The department and the members are created if they do not exist. Nobody can be
    /// removed from a department.
    pub fn department(&self, department_id: u64, userids: &[&str]) {
        self.world.update(|platform, _| platform.meet_department(department_id, userids));
    }
}
