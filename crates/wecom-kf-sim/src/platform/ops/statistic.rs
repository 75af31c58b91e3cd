//! The tag `statistic`: statistics of what happened in the simulator [95489, 95490].

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::ErrCode;
use wecom_kf_raw::types::{GetCorpStatisticRequest, GetServicerStatisticRequest};

use crate::platform::Platform;
use crate::platform::model::account::Account;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::statistics::{CorpDay, KEPT_DAYS, ServicerDay, day_at, day_of, midnight};
use crate::platform::ops::given;

rule!(meaning_of_figures);
rule!(figures_ready_at_6);
/// A day's figures are there after about 06:00 of the next day.
const READY_AFTER: Duration = Duration::from_secs(6 * 60 * 60);
rule!(up_to_31_days_at_once);
/// At most 31 days at once.
const MAX_DAYS: u64 = 31;

#[derive(Serialize)]
pub(crate) struct Statistics<T> {
    statistic_list: Vec<DayStatistic<T>>,
}

rule!(statistic_is_absent_without_figures);
/// A day. `statistic` is absent if there is none, or not yet.
#[derive(Serialize)]
struct DayStatistic<T> {
    stat_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistic: Option<T>,
}

/// The generated type would write a whole rate with a point. `ai_knowledge_hit_rate` is always absent: nobody answers from
/// the knowledge base here.
#[derive(Serialize)]
pub(crate) struct CorpFigures {
    ai_session_reply_cnt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_transfer_rate: Option<Rate>,
    customer_cnt: usize,
    customer_msg_cnt: u64,
    msg_rejected_customer_cnt: usize,
    session_cnt: u64,
    upgrade_service_customer_cnt: usize,
}

rule!(investgate_is_spelt_so);
#[derive(Serialize)]
pub(crate) struct ServicerFigures {
    customer_cnt: usize,
    customer_msg_cnt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dissatisfied_rate: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_reply_average_sec: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    middling_rate: Option<Rate>,
    msg_rejected_customer_cnt: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_rate: Option<Rate>,
    /// Spelt so.
    satisfaction_investgate_cnt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    satisfaction_participation_rate: Option<Rate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    satisfied_rate: Option<Rate>,
    session_cnt: u64,
    upgrade_service_customer_cnt: usize,
    upgrade_service_groupchat_customer_cnt: usize,
    upgrade_service_groupchat_invite_cnt: u64,
    upgrade_service_member_customer_cnt: usize,
    upgrade_service_member_invite_cnt: u64,
}

rule!(whole_rates_have_no_point);
/// A rate or an average. A whole number is written without a point.
#[derive(Serialize)]
#[serde(untagged)]
enum Rate {
    Whole(u64),
    Fraction(f64),
}

impl Platform {
    /// `POST /cgi-bin/kf/get_corp_statistic` [95489].
    pub(crate) fn get_corp_statistic(
        &mut self,
        now: Duration,
        request: GetCorpStatisticRequest,
    ) -> Result<Statistics<CorpFigures>, Refusal> {
        rule!(statistics_of_all_accounts);
        let only = given(request.open_kfid.as_deref());
        only.map_or(Ok(()), |open_kfid| self.account(open_kfid).map(drop))?;
        let is_meant = |account: &&Account| only.is_none_or(|only| only == account.open_kfid);
        let accounts: Vec<_> = self.existing().filter(is_meant).collect();
        let days = days(request.start_time, request.end_time, now)?;
        Ok(statistics(days, now, |day| {
            let days = accounts.iter().filter_map(|account| account.figures.day(day));
            days.map(|day| day.corp.clone()).reduce(CorpDay::plus).map(|day| CorpFigures::of(&day))
        }))
    }

    /// `POST /cgi-bin/kf/get_servicer_statistic` [95490].
    pub(crate) fn get_servicer_statistic(
        &mut self,
        now: Duration,
        request: GetServicerStatisticRequest,
    ) -> Result<Statistics<ServicerFigures>, Refusal> {
        let account: &Account = self.account(&request.open_kfid)?;
        rule!(statistics_of_all_servicers);
        let only = given(request.servicer_userid.as_deref());
        let days = days(request.start_time, request.end_time, now)?;
        Ok(statistics(days, now, |day| {
            let servicers = account.figures.day(day)?.servicers.iter();
            let servicers = servicers.filter(|(userid, _)| only.is_none_or(|only| only == userid.as_str()));
            servicers.map(|(_, day)| day.clone()).reduce(ServicerDay::plus).map(|day| ServicerFigures::of(&day))
        }))
    }
}

impl CorpFigures {
    fn of(day: &CorpDay) -> Self {
        Self {
            ai_session_reply_cnt: day.answered_by_api,
            ai_transfer_rate: rate(day.handed_over, day.answered_by_api),
            customer_cnt: day.customers.len(),
            customer_msg_cnt: day.customer_messages,
            msg_rejected_customer_cnt: day.muted.len(),
            session_cnt: day.sessions,
            upgrade_service_customer_cnt: day.upgraded.len(),
        }
    }
}

impl ServicerFigures {
    fn of(day: &ServicerDay) -> Self {
        let rated = day.satisfied + day.middling + day.dissatisfied;
        Self {
            customer_cnt: day.customers.len(),
            customer_msg_cnt: day.customer_messages,
            dissatisfied_rate: rate(day.dissatisfied, rated),
            first_reply_average_sec: rate(day.seconds_to_answer, day.answered),
            middling_rate: rate(day.middling, rated),
            msg_rejected_customer_cnt: day.muted.len(),
            reply_rate: rate(day.answered, day.sessions),
            satisfaction_investgate_cnt: day.asked,
            satisfaction_participation_rate: rate(rated, day.asked),
            satisfied_rate: rate(day.satisfied, rated),
            session_cnt: day.sessions,
            upgrade_service_customer_cnt: day.member_customers.union(&day.groupchat_customers).count(),
            upgrade_service_groupchat_customer_cnt: day.groupchat_customers.len(),
            upgrade_service_groupchat_invite_cnt: day.groupchat_invites,
            upgrade_service_member_customer_cnt: day.member_customers.len(),
            upgrade_service_member_invite_cnt: day.member_invites,
        }
    }
}

/// Returns `None` if the rate cannot be computed. It is absent then.
fn rate(part: u64, of: u64) -> Option<Rate> {
    rule!(uncomputable_rates_are_absent);
    match (part.checked_div(of)?, part.checked_rem(of)?) {
        (whole, 0) => Some(Rate::Whole(whole)),
        _ => Some(Rate::Fraction(part as f64 / of as f64)),
    }
}

fn statistics<T>(days: RangeInclusive<u64>, now: Duration, statistic: impl Fn(u64) -> Option<T>) -> Statistics<T> {
    let entries = days.map(|day| {
        let is_ready = now >= midnight(day + 1) + READY_AFTER;
        DayStatistic { stat_time: midnight(day).as_secs(), statistic: statistic(day).filter(|_| is_ready) }
    });
    Statistics { statistic_list: entries.collect() }
}

/// Returns the days that a request asks for: a closed interval of at most 31 days, from yesterday back to 180 days ago.
fn days(start_time: i64, end_time: i64, now: Duration) -> Result<RangeInclusive<u64>, Refusal> {
    rule!(interval_of_days_is_closed);
    let refused = |why: &str| Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
    let [Some(first), Some(last)] = [start_time, end_time].map(|seconds| u64::try_from(seconds).ok().and_then(day_at))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_rate_has_no_point_and_one_of_nothing_is_absent() {
        let written = |part, of| rate(part, of).map(|rate| json!(rate).to_string());
        assert_eq!(written(4, 2).as_deref(), Some("2"));
        assert_eq!(written(1, 2).as_deref(), Some("0.5"));
        assert_eq!(written(0, 3).as_deref(), Some("0"));
        assert_eq!(written(0, 0), None);
    }
}
