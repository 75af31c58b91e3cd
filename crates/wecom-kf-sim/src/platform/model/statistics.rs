//! The figures of an account, by days in China. What is counted is in `happenings.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::platform::Satisfaction;
use crate::platform::UpgradeOffer;

/// Days begin at midnight in China: UTC+8, without summer time.
const CHINA: Duration = Duration::from_secs(8 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
rule!(statistics_go_back_180_days);
/// Figures go back 180 days.
pub(crate) const KEPT_DAYS: u64 = 180;

/// What happened at an account, by days in China.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Figures(BTreeMap<u64, Day>);

/// One day.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Day {
    pub(crate) corp: CorpDay,
    pub(crate) servicers: BTreeMap<String, ServicerDay>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct CorpDay {
    pub(crate) sessions: u64,
    pub(crate) answered_by_api: u64,
    /// The sessions that the bot answered and that went to a servicer or to the pool.
    pub(crate) handed_over: u64,
    pub(crate) upgraded: BTreeSet<String>,
    pub(crate) muted: BTreeSet<String>,
    pub(crate) customers: BTreeSet<String>,
    pub(crate) customer_messages: u64,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct ServicerDay {
    pub(crate) sessions: u64,
    pub(crate) asked: u64,
    pub(crate) muted: BTreeSet<String>,
    pub(crate) answered: u64,
    pub(crate) seconds_to_answer: u64,
    pub(crate) customers: BTreeSet<String>,
    pub(crate) customer_messages: u64,
    pub(crate) satisfied: u64,
    pub(crate) middling: u64,
    pub(crate) dissatisfied: u64,
    pub(crate) member_invites: u64,
    pub(crate) groupchat_invites: u64,
    pub(crate) member_customers: BTreeSet<String>,
    pub(crate) groupchat_customers: BTreeSet<String>,
}

impl Figures {
    /// Returns the day of this time, to count in it.
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
}

impl ServicerDay {
    pub(crate) fn customer_wrote(&mut self, external_userid: &str) {
        self.customers.insert(external_userid.to_owned());
        self.customer_messages += 1;
    }

    /// Counts the first answer in a session.
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
}

/// Returns the number of the day in China.
pub(crate) fn day_of(at: Duration) -> u64 {
    (at + CHINA).as_secs() / DAY.as_secs()
}

/// Returns the number of the day in China. The seconds come from a request and may be any number.
pub(crate) fn day_at(seconds: u64) -> Option<u64> {
    Some(Duration::from_secs(seconds).checked_add(CHINA)?.as_secs() / DAY.as_secs())
}

/// Returns when a day begins in China.
pub(crate) fn midnight(day: u64) -> Duration {
    Duration::from_secs(day * DAY.as_secs()).saturating_sub(CHINA)
}
