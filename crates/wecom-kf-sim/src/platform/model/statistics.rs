//! Counts what happened at an account, by days in China.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};

use crate::platform::Satisfaction;
use crate::platform::UpgradeOffer;
use crate::platform::ops::statistic::{KEPT_DAYS, day_of};

/// What happened at an account, by days in China.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<u64, Day>);

/// One day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Day {
    pub(crate) corp: CorpDay,
    pub(crate) servicers: BTreeMap<String, ServicerDay>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct CorpDay {
    pub(crate) sessions: u64,
    pub(crate) answered_by_api: u64,
    /// Of those that the API answered.
    pub(crate) handed_over: u64,
    pub(crate) upgraded: BTreeSet<String>,
    pub(crate) muted: BTreeSet<String>,
    customers: BTreeSet<String>,
    customer_messages: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ServicerDay {
    pub(crate) sessions: u64,
    pub(crate) asked: u64,
    pub(crate) muted: BTreeSet<String>,
    answered: u64,
    seconds_to_answer: u64,
    customers: BTreeSet<String>,
    customer_messages: u64,
    satisfied: u64,
    middling: u64,
    dissatisfied: u64,
    member_invites: u64,
    groupchat_invites: u64,
    member_customers: BTreeSet<String>,
    groupchat_customers: BTreeSet<String>,
}

impl Figures {
    /// The day of this time, to count in.
    pub(crate) fn on(&mut self, at: Duration) -> &mut Day {
        let day = day_of(at);
        self.0.retain(|kept, _| kept + KEPT_DAYS >= day);
        self.0.entry(day).or_default()
    }

    pub(crate) fn day(&self, day: u64) -> Option<&Day> {
        self.0.get(&day)
    }
}

impl Day {
    pub(crate) fn servicer(&mut self, userid: &str) -> &mut ServicerDay {
        self.servicers.entry(userid.to_owned()).or_default()
    }
}

impl CorpDay {
    pub(crate) fn customer_wrote(&mut self, external_userid: &str) {
        self.customers.insert(external_userid.to_owned());
        self.customer_messages += 1;
    }

    pub(crate) fn plus(mut self, other: Self) -> Self {
        self.sessions += other.sessions;
        self.answered_by_api += other.answered_by_api;
        self.handed_over += other.handed_over;
        self.customer_messages += other.customer_messages;
        self.upgraded.extend(other.upgraded);
        self.muted.extend(other.muted);
        self.customers.extend(other.customers);
        self
    }

    /// `ai_knowledge_hit_rate` is never there: nobody answers from the knowledge base here.
    pub(crate) fn shown(&self) -> Value {
        let mut shown = json!({
            "session_cnt": self.sessions,
            "customer_cnt": self.customers.len(),
            "customer_msg_cnt": self.customer_messages,
            "upgrade_service_customer_cnt": self.upgraded.len(),
            "ai_session_reply_cnt": self.answered_by_api,
            "msg_rejected_customer_cnt": self.muted.len(),
        });
        add_rate(&mut shown, "ai_transfer_rate", self.handed_over, self.answered_by_api);
        shown
    }
}

impl ServicerDay {
    pub(crate) fn customer_wrote(&mut self, external_userid: &str) {
        self.customers.insert(external_userid.to_owned());
        self.customer_messages += 1;
    }

    /// For the first time in a session.
    pub(crate) fn answered(&mut self, after: Duration) {
        self.answered += 1;
        self.seconds_to_answer += after.as_secs();
    }

    pub(crate) fn rated(&mut self, rating: Satisfaction) {
        match rating {
            Satisfaction::Satisfied => self.satisfied += 1,
            Satisfaction::Middling => self.middling += 1,
            Satisfaction::Dissatisfied => self.dissatisfied += 1,
        }
    }

    pub(crate) fn offered(&mut self, offer: &UpgradeOffer) {
        match offer {
            UpgradeOffer::Member { .. } => self.member_invites += 1,
            UpgradeOffer::Groupchat { .. } => self.groupchat_invites += 1,
        }
    }

    pub(crate) fn taken(&mut self, offer: &UpgradeOffer, external_userid: &str) {
        let customers = match offer {
            UpgradeOffer::Member { .. } => &mut self.member_customers,
            UpgradeOffer::Groupchat { .. } => &mut self.groupchat_customers,
        };
        customers.insert(external_userid.to_owned());
    }

    pub(crate) fn plus(mut self, other: Self) -> Self {
        self.sessions += other.sessions;
        self.asked += other.asked;
        self.answered += other.answered;
        self.seconds_to_answer += other.seconds_to_answer;
        self.customer_messages += other.customer_messages;
        self.satisfied += other.satisfied;
        self.middling += other.middling;
        self.dissatisfied += other.dissatisfied;
        self.member_invites += other.member_invites;
        self.groupchat_invites += other.groupchat_invites;
        self.muted.extend(other.muted);
        self.customers.extend(other.customers);
        self.member_customers.extend(other.member_customers);
        self.groupchat_customers.extend(other.groupchat_customers);
        self
    }

    pub(crate) fn shown(&self) -> Value {
        let rated = self.satisfied + self.middling + self.dissatisfied;
        let mut shown = json!({
            "session_cnt": self.sessions,
            "customer_cnt": self.customers.len(),
            "customer_msg_cnt": self.customer_messages,
            // Spelt so [95490].
            "satisfaction_investgate_cnt": self.asked,
            "upgrade_service_customer_cnt": self.member_customers.union(&self.groupchat_customers).count(),
            "upgrade_service_member_invite_cnt": self.member_invites,
            "upgrade_service_member_customer_cnt": self.member_customers.len(),
            "upgrade_service_groupchat_invite_cnt": self.groupchat_invites,
            "upgrade_service_groupchat_customer_cnt": self.groupchat_customers.len(),
            "msg_rejected_customer_cnt": self.muted.len(),
        });
        add_rate(&mut shown, "reply_rate", self.answered, self.sessions);
        add_rate(&mut shown, "first_reply_average_sec", self.seconds_to_answer, self.answered);
        add_rate(&mut shown, "satisfaction_participation_rate", rated, self.asked);
        add_rate(&mut shown, "satisfied_rate", self.satisfied, rated);
        add_rate(&mut shown, "middling_rate", self.middling, rated);
        add_rate(&mut shown, "dissatisfied_rate", self.dissatisfied, rated);
        shown
    }
}

/// Absent if it cannot be computed; a whole number is written as such, without a point [95489, 95490].
fn add_rate(shown: &mut Value, member: &str, part: u64, of: u64) {
    match (part.checked_div(of), part.checked_rem(of)) {
        (Some(whole), Some(0)) => shown[member] = json!(whole),
        (Some(_), _) => shown[member] = json!(part as f64 / of as f64),
        (None, _) => {}
    }
}
