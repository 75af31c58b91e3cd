//! Statistics of what happened in the simulator [95489, 95490].
//!
//! unverified: what exactly each figure counts; the names and a line for each are all that is documented.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_raw::ErrCode;

use crate::platform::Satisfaction;
use crate::platform::UpgradeOffer;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::session::State;
use crate::platform::people::NotPossible;
use crate::platform::{Account, Chat, Platform, text};

use crate::platform::model::statistics::{CorpDay, Figures, ServicerDay};

/// Days are those of China, UTC+8 without summer time.
const CHINA: Duration = Duration::from_secs(8 * 60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A day's figures are there after about 06:00 of the next day [95489].
const READY_AFTER: Duration = Duration::from_secs(6 * 60 * 60);
/// At most 31 days at once [95489].
const MAX_DAYS: u64 = 31;
/// Figures go back 180 days [95489].
pub(crate) const KEPT_DAYS: u64 = 180;

/// What the figures are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening<'a> {
    SessionOpened,
    CustomerWrote,
    /// The API, as an assistant does.
    ApiAnswered,
    /// To the pool.
    Queued,
    /// To this servicer.
    Assigned(&'a str),
    ServicerAnswered(&'a str),
    /// By this servicer.
    Muted(&'a str),
    /// What was offered, while this servicer had the session.
    Offered(&'a UpgradeOffer, &'a str),
    /// What was taken, and the servicer who had the session when it was offered.
    Taken(&'a UpgradeOffer, Option<&'a str>),
}

/// What the figures must know of a customer's session.
#[derive(Debug, Default)]
pub(crate) struct Conversation {
    /// When the API first answered.
    answered: Option<Duration>,
    handed_over: bool,
    /// Who has the session, since when, until they answer.
    unanswered: Option<(String, Duration)>,
    /// Who asked the customer to rate, and when.
    asked: Option<(String, Duration)>,
}

impl Conversation {
    /// Who waits for a rating.
    pub(crate) fn asked_by(&self) -> Option<&str> {
        self.asked.as_ref().map(|(userid, _)| userid.as_str())
    }
}

impl Platform {
    /// `POST /cgi-bin/kf/get_corp_statistic` [95489].
    pub(crate) fn get_corp_statistic(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        // unverified: the document requires open_kfid; two SDKs say that without it all accounts are meant.
        let only = text(request, "open_kfid").map(str::to_owned);
        only.as_ref().map_or(Ok(()), |_| self.account(request).map(drop))?;
        let is_meant = |account: &&Account| only.as_ref().is_none_or(|only| *only == account.open_kfid);
        let accounts: Vec<_> = self.existing().filter(is_meant).collect();
        statistic_list(request, now, |day| {
            let days = accounts.iter().filter_map(|account| account.figures.day(day));
            days.map(|day| day.corp.clone()).reduce(CorpDay::plus).map(|day| day.shown())
        })
    }

    /// `POST /cgi-bin/kf/get_servicer_statistic` [95490].
    pub(crate) fn get_servicer_statistic(&mut self, now: Duration, request: &Value) -> Result<Value, Refusal> {
        let account: &Account = self.account(request)?;
        // Without a servicer the sum of all [95490].
        let only = text(request, "servicer_userid");
        statistic_list(request, now, |day| {
            let servicers = account.figures.day(day)?.servicers.iter();
            let servicers = servicers.filter(|(userid, _)| only.is_none_or(|only| only == userid.as_str()));
            servicers.map(|(_, day)| day.clone()).reduce(ServicerDay::plus).map(|day| day.shown())
        })
    }

    /// Notes what happened in a chat.
    pub(crate) fn happens(&mut self, now: Duration, chat: Chat<'_>, happening: Happening<'_>) {
        let customer = self.known_customer(chat);
        let servicer_userid = customer.session.servicer_userid(now).map(str::to_owned);
        let mut conversation = std::mem::take(&mut customer.conversation);
        let figures = &mut self.known_account(chat).figures;
        let external_userid = chat.external_userid;
        match happening {
            Happening::SessionOpened => {
                conversation = Conversation { asked: conversation.asked, ..Conversation::default() };
                figures.on(now).corp.sessions += 1;
            }
            Happening::CustomerWrote => {
                let day = figures.on(now);
                day.corp.customer_wrote(external_userid);
                if let Some(servicer_userid) = servicer_userid {
                    day.servicer(&servicer_userid).customer_wrote(external_userid);
                }
            }
            Happening::ApiAnswered => {
                if conversation.answered.is_none() {
                    conversation.answered = Some(now);
                    figures.on(now).corp.answered_by_api += 1;
                }
            }
            Happening::Queued => hand_over(figures, &mut conversation),
            Happening::Assigned(userid) => {
                hand_over(figures, &mut conversation);
                conversation.unanswered = Some((userid.to_owned(), now));
                figures.on(now).servicer(userid).sessions += 1;
            }
            Happening::ServicerAnswered(userid) => {
                // Counts for the day of the session, or a rate could be above 1.
                if let Some((_, since)) = conversation.unanswered.take_if(|(assigned, _)| assigned == userid) {
                    figures.on(since).servicer(userid).answered(now - since);
                }
            }
            Happening::Muted(userid) => {
                let day = figures.on(now);
                day.corp.muted.insert(external_userid.to_owned());
                day.servicer(userid).muted.insert(external_userid.to_owned());
            }
            Happening::Offered(offer, userid) => figures.on(now).servicer(userid).offered(offer),
            Happening::Taken(offer, userid) => {
                let day = figures.on(now);
                day.corp.upgraded.insert(external_userid.to_owned());
                userid.into_iter().for_each(|userid| day.servicer(userid).taken(offer, external_userid));
            }
        }
        self.known_customer(chat).conversation = conversation;
    }

    /// The servicer who has the session asks the customer to rate.
    pub(crate) fn servicer_asks_to_rate(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        userid: &str,
    ) -> Result<(), NotPossible> {
        let customer = self.known_customer(chat);
        if customer.session.last_servicer_userid() != Some(userid) {
            return Err(NotPossible(format!("{userid} does not have, and did not have last, this session")));
        }
        customer.conversation.asked = Some((userid.to_owned(), now));
        let body = json!({ "event": "asked_to_rate", "servicer_userid": userid });
        customer.note_event(now, format!("({userid} asks to rate)"), body);
        self.known_account(chat).figures.on(now).servicer(userid).asked += 1;
        Ok(())
    }

    /// The customer rates. Counts for the day on which they were asked.
    pub(crate) fn customer_rates(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        rating: Satisfaction,
    ) -> Result<(), NotPossible> {
        let customer = self.known_customer(chat);
        let Some((userid, asked)) = customer.conversation.asked.take() else {
            return Err(NotPossible(format!("nobody asked {} to rate", customer.name)));
        };
        let note = json!({ "event": "rated", "rating": rating.as_str() });
        customer.note_event(now, format!("({} rates)", customer.name), note);
        self.known_account(chat).figures.on(asked).servicer(&userid).rated(rating);
        Ok(())
    }

    /// What a message of the customer is, as the session stands before it.
    pub(crate) fn customer_wrote(&mut self, now: Duration, chat: Chat<'_>, before: State) {
        if before == State::Ended {
            self.happens(now, chat, Happening::SessionOpened);
        }
        self.happens(now, chat, Happening::CustomerWrote);
    }
}

/// Counts for the day on which the API answered first, or a rate could be above 1.
fn hand_over(figures: &mut Figures, conversation: &mut Conversation) {
    if let Some(answered) = conversation.answered.filter(|_| !conversation.handed_over) {
        conversation.handed_over = true;
        figures.on(answered).corp.handed_over += 1;
    }
}

/// An entry a day; `statistic` is absent where there is none, or not yet [95489].
fn statistic_list(request: &Value, now: Duration, statistic: impl Fn(u64) -> Option<Value>) -> Result<Value, Refusal> {
    let entries = days(request, now)?.map(|day| {
        let mut entry = json!({ "stat_time": midnight(day).as_secs() });
        let is_ready = now >= midnight(day + 1) + READY_AFTER;
        if let Some(statistic) = statistic(day).filter(|_| is_ready) {
            entry["statistic"] = statistic;
        }
        entry
    });
    Ok(json!({ "statistic_list": entries.collect::<Vec<_>>() }))
}

/// The days that are asked for: a closed interval of at most 31 days, from yesterday back to 180 days ago [95489].
fn days(request: &Value, now: Duration) -> Result<RangeInclusive<u64>, Refusal> {
    let refused = |why: &str| Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
    let [Some(first), Some(last)] = ["start_time", "end_time"].map(|member| request[member].as_u64().and_then(day_at))
    else {
        return refused("`start_time` and `end_time` must be Unix seconds");
    };
    let today = day_of(now);
    if last < first {
        return refused("`end_time` is before `start_time`");
    }
    if last >= today {
        return refused("`end_time` must be yesterday in China, or earlier");
    }
    if last - first >= MAX_DAYS {
        return refused("at most 31 days are given at once");
    }
    if first + KEPT_DAYS < today {
        return refused("`start_time` is more than 180 days ago");
    }
    Ok(first..=last)
}

/// The number of a day in China.
pub(crate) fn day_of(at: Duration) -> u64 {
    (at + CHINA).as_secs() / DAY.as_secs()
}

/// Of Unix seconds from outside, which may be any.
fn day_at(seconds: u64) -> Option<u64> {
    Some(Duration::from_secs(seconds).checked_add(CHINA)?.as_secs() / DAY.as_secs())
}

/// When a day begins in China.
fn midnight(day: u64) -> Duration {
    Duration::from_secs(day * DAY.as_secs()).saturating_sub(CHINA)
}
