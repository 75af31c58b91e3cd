//! Daily statistics of accounts and servicers. Days are calendar days in China.
//!
//! ```no_run
//! use wecom_kf::statistics::Date;
//!
//! # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), Box<dyn std::error::Error>> {
//! let days = "2026-11-01".parse::<Date>()?..="2026-11-07".parse()?;
//! for day in client.statistics().account(&kf, days).await? {
//!     match day.figures {
//!         Some(figures) => println!("{}: {} sessions", day.date, figures.session_cnt),
//!         None => println!("{}: no figures (yet)", day.date),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::iter;
use std::ops::RangeInclusive;

use jiff::Timestamp;
/// A day of the calendar: `"2026-11-01".parse()`, `date_in_china(…)`.
pub use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Serialize, Serializer};

use crate::client::Client;
use crate::input::{self, Problem};
use crate::raw::{op, types};
use crate::{Bilingual, BoxFuture, Error, OpenKfid, UserId};

/// The operations on daily statistics, returned by [`Client::statistics`]. The [module](self) has an example.
///
/// WeCom has figures from 180 days ago to yesterday, both included. The figures of a day are available
/// after about 06:00 of the next day, China time. There are no figures before 2022-03-11 for accounts managed by the API.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a>(&'a Client);

impl Client {
    /// Returns the operations on daily statistics.
    pub fn statistics(&self) -> Statistics<'_> {
        Statistics(self)
    }
}

/// The figures of one day. Serialized under WeCom's names: `stat_time`, in Unix seconds, and `statistic`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Day<T> {
    /// The day in China.
    #[serde(rename = "stat_time", serialize_with = "stat_time")]
    pub date: Date,
    /// The figures. `None` if nothing happened on that day, or if they are not available yet.
    #[serde(rename = "statistic", skip_serializing_if = "Option::is_none")]
    pub figures: Option<T>,
}

fn stat_time<S: Serializer>(date: &Date, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(midnight(*date).map_err(serde::ser::Error::custom)?)
}

/// Declares the figures of a day. WeCom omits counters that are 0, and shares and averages that it cannot compute: the
/// former become 0, the latter `None`.
macro_rules! figures {
    ($(#[$docs:meta])* $name:ident from $raw:ident {
        counters { $($(#[$counter_docs:meta])* $counter:ident,)* }
        rates { $($(#[$rate_docs:meta])* $rate:ident,)* }
    }) => {
        $(#[$docs])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$counter_docs])* pub $counter: u64,)*
            $($(#[$rate_docs])* #[serde(skip_serializing_if = "Option::is_none")] pub $rate: Option<f64>,)*
        }

        impl From<types::$raw> for $name {
            fn from(figures: types::$raw) -> Self {
                Self {
                    $($counter: count(figures.$counter),)*
                    $($rate: figures.$rate,)*
                }
            }
        }
    };
}

figures! {
    /// The figures of an account on one day.
    AccountFigures from CorpStatisticDayStatistic {
        counters {
            /// The number of sessions.
            session_cnt,
            /// The number of customers who wrote.
            customer_cnt,
            /// The number of messages from customers.
            customer_msg_cnt,
            /// The number of customers who accepted an upgrade offer.
            upgrade_service_customer_cnt,
            /// The number of sessions that an assistant or the API answered.
            ai_session_reply_cnt,
            /// The number of customers whose messages servicers rejected.
            msg_rejected_customer_cnt,
        }
        rates {
            /// The share of sessions answered by an assistant or the API that were handed to servicers, 0 to 1.
            ai_transfer_rate,
            /// The share that was answered from the knowledge base, 0 to 1.
            ai_knowledge_hit_rate,
        }
    }
}

figures! {
    /// The figures of servicers on one day.
    ServicerFigures from ServicerStatisticDayStatistic {
        counters {
            /// The number of sessions.
            session_cnt,
            /// The number of customers who wrote.
            customer_cnt,
            /// The number of messages from customers.
            customer_msg_cnt,
            /// The number of invitations to rate the service. The spelling is WeCom's.
            satisfaction_investgate_cnt,
            /// The number of customers who accepted an upgrade offer.
            upgrade_service_customer_cnt,
            /// The number of recommendations of members.
            upgrade_service_member_invite_cnt,
            /// The number of customers who added a recommended member.
            upgrade_service_member_customer_cnt,
            /// The number of recommendations of groups.
            upgrade_service_groupchat_invite_cnt,
            /// The number of customers who joined a recommended group.
            upgrade_service_groupchat_customer_cnt,
            /// The number of customers whose messages servicers rejected.
            msg_rejected_customer_cnt,
        }
        rates {
            /// The share of sessions that were answered, 0 to 1.
            reply_rate,
            /// The average time to the first answer, in seconds.
            first_reply_average_sec,
            /// The share of invitations to rate the service that customers accepted, 0 to 1.
            satisfaction_participation_rate,
            /// The share of good ratings, 0 to 1.
            satisfied_rate,
            /// The share of middling ratings, 0 to 1.
            middling_rate,
            /// The share of bad ratings, 0 to 1.
            dissatisfied_rate,
        }
    }
}

/// A request for the figures of an account's servicers, sent when it is awaited. Returned by [`Statistics::servicers`].
#[derive(Clone, Debug)]
#[must_use = "the figures are read when this is awaited"]
pub struct GetServicerStatistics<'a> {
    client: &'a Client,
    open_kfid: OpenKfid,
    servicer: Option<UserId>,
    days: RangeInclusive<Date>,
}

impl GetServicerStatistics<'_> {
    /// Selects one servicer. Without it, the figures are those of all servicers together.
    pub fn servicer(mut self, userid: impl Into<UserId>) -> Self {
        self.servicer = Some(userid.into());
        self
    }

    /// Checks the ids and the days without sending anything. Awaiting the request runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: an id is empty or invalid, there is no day, or there are more than 180.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(servicer) = &self.servicer {
            input::not_empty("servicer_userid", servicer.as_str())?;
        }
        self.open_kfid.check()?;
        times(&self.days).map(drop)
    }

    async fn send(self) -> Result<Vec<Day<ServicerFigures>>, Error> {
        self.check()?;
        let (open_kfid, servicer_userid) = (String::from(self.open_kfid), self.servicer.map(String::from));
        let mut days = Vec::new();
        for (start_time, end_time) in times(&self.days)? {
            let (open_kfid, servicer_userid) = (open_kfid.clone(), servicer_userid.clone());
            let body = types::GetServicerStatisticRequest { open_kfid, servicer_userid, start_time, end_time };
            let reply = self.client.call(&op::GetServicerStatistic { body }).await?;
            for day in reply.statistic_list {
                days.push(self::day("get_servicer_statistic", day.stat_time, day.statistic)?);
            }
        }
        Ok(days)
    }
}

impl<'a> IntoFuture for GetServicerStatistics<'a> {
    type Output = Result<Vec<Day<ServicerFigures>>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<'a> Statistics<'a> {
    /// Returns the figures of an account, one entry per day. WeCom returns at most 31 days at once, so a longer interval is
    /// read by several calls.
    ///
    /// `POST /cgi-bin/kf/get_corp_statistic`, [official page](https://developer.work.weixin.qq.com/document/path/95489).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: there is no day, or there are more than 180. [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER): a day is outside the
    /// range that WeCom keeps. If one of several calls fails, no figures are returned.
    pub async fn account(
        self,
        open_kfid: impl Into<OpenKfid>,
        days: RangeInclusive<Date>,
    ) -> Result<Vec<Day<AccountFigures>>, Error> {
        let open_kfid = open_kfid.into();
        open_kfid.check()?;
        self.get_corp_statistic(Some(open_kfid), days).await
    }

    /// Returns the figures of all accounts together, one entry per day.
    ///
    /// `POST /cgi-bin/kf/get_corp_statistic`, [official page](https://developer.work.weixin.qq.com/document/path/95489).
    /// Two SDKs have this call without an account; the official page requires an account.
    ///
    /// # Errors
    ///
    /// Those of [`account`](Self::account). [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER) may also mean that
    /// WeCom does require an account.
    pub async fn corp(self, days: RangeInclusive<Date>) -> Result<Vec<Day<AccountFigures>>, Error> {
        self.get_corp_statistic(None, days).await
    }

    async fn get_corp_statistic(
        self,
        open_kfid: Option<OpenKfid>,
        days: RangeInclusive<Date>,
    ) -> Result<Vec<Day<AccountFigures>>, Error> {
        let open_kfid = open_kfid.map(String::from);
        let mut all = Vec::new();
        for (start_time, end_time) in times(&days)? {
            let body = types::GetCorpStatisticRequest { open_kfid: open_kfid.clone(), start_time, end_time };
            let reply = self.0.call(&op::GetCorpStatistic { body }).await?;
            for day in reply.statistic_list {
                all.push(self::day("get_corp_statistic", day.stat_time, day.statistic)?);
            }
        }
        Ok(all)
    }

    /// Returns the figures of all servicers of an account together, or of one of them, one entry per day.
    ///
    /// ```no_run
    /// use wecom_kf::statistics::Date;
    ///
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, day: Date) -> Result<(), wecom_kf::Error> {
    /// let all = client.statistics().servicers(&kf, day..=day).await?;
    /// let one = client.statistics().servicers(&kf, day..=day).servicer("zhangsan").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `POST /cgi-bin/kf/get_servicer_statistic`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95490).
    ///
    /// # Errors
    ///
    /// Those of [`account`](Self::account).
    pub fn servicers(self, open_kfid: impl Into<OpenKfid>, days: RangeInclusive<Date>) -> GetServicerStatistics<'a> {
        GetServicerStatistics { client: self.0, open_kfid: open_kfid.into(), servicer: None, days }
    }
}

/// Converts Unix seconds to the day in China. Returns [`Date::MAX`] for times outside the range of the calendar.
pub fn date_in_china(unix_seconds: i64) -> Date {
    let timestamp = Timestamp::from_second(unix_seconds);
    timestamp.map_or(Date::MAX, |timestamp| CHINA.to_datetime(timestamp).date())
}

/// China has a single time zone without daylight saving time.
const CHINA: Offset = jiff::tz::offset(8);

/// The longest interval of one call, in days [95489].
const DAYS_PER_CALL: i64 = 31;

/// WeCom keeps figures for so many days [95489].
const MOST_DAYS: usize = 180;

/// Checks the interval and divides it into those of single calls: midnight in China of the first and of the last day of each,
/// in Unix seconds.
fn times(days: &RangeInclusive<Date>) -> Result<impl Iterator<Item = (i64, i64)> + Send + use<>, Error> {
    let (start, end) = (midnight(*days.start())?, midnight(*days.end())?);
    if start > end {
        return Err(input::refuse("days", Problem::Empty));
    }
    let days = usize::try_from((end - start) / SECONDS_PER_DAY).unwrap_or(usize::MAX).saturating_add(1);
    input::days(DAYS, days, MOST_DAYS)?;
    let firsts = iter::successors(Some(start), |first| first.checked_add(DAYS_PER_CALL * SECONDS_PER_DAY));
    let calls = firsts.take_while(move |first| *first <= end);
    Ok(calls.map(move |first| (first, end.min(first + (DAYS_PER_CALL - 1) * SECONDS_PER_DAY))))
}

const DAYS: Bilingual = Bilingual::fixed("days", "天数");

const SECONDS_PER_DAY: i64 = 86_400;

fn midnight(date: Date) -> Result<i64, Error> {
    let timestamp = CHINA.to_timestamp(date.at(0, 0, 0, 0));
    timestamp.map(Timestamp::as_second).map_err(|_| input::malformed(DAYS, "within the calendar", "在日历范围内"))
}

fn day<R, T: From<R>>(operation: &'static str, stat_time: Option<i64>, figures: Option<R>) -> Result<Day<T>, Error> {
    let stat_time = stat_time.ok_or_else(|| Error::lacks(operation, "stat_time"))?;
    Ok(Day { date: date_in_china(stat_time), figures: figures.map(T::from) })
}

fn count(counter: Option<i64>) -> u64 {
    counter.and_then(|counter| u64::try_from(counter).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_china() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        // 2024-06-10 00:00 in China, from the official sample.
        assert_eq!(date_in_china(1_717_948_800), date("2024-06-10"));
        assert_eq!(date_in_china(1_717_948_799), date("2024-06-09"));
        assert_eq!(
            times(&(date("2024-06-10")..=date("2024-06-11"))).unwrap().collect::<Vec<_>>(),
            [(1_717_948_800, 1_718_035_200)]
        );
        assert_eq!(date_in_china(i64::MAX), Date::MAX);
    }

    #[test]
    fn an_interval_is_divided_into_calls_of_31_days() {
        let calls = |from: &str, to: &str| -> Result<Vec<_>, Error> {
            let days = times(&(from.parse().unwrap()..=to.parse().unwrap()))?;
            Ok(days.map(|(from, to)| format!("{}/{}", date_in_china(from), date_in_china(to))).collect())
        };
        assert_eq!(calls("2024-05-01", "2024-05-31").unwrap(), ["2024-05-01/2024-05-31"]);
        assert_eq!(calls("2024-05-01", "2024-06-01").unwrap(), ["2024-05-01/2024-05-31", "2024-06-01/2024-06-01"]);
        let half_a_year = calls("2024-01-01", "2024-06-28").unwrap();
        assert_eq!((half_a_year.len(), half_a_year[5].as_str()), (6, "2024-06-04/2024-06-28"));
        let error = calls("2024-01-01", "2024-06-29").unwrap_err().to_string();
        assert_eq!(error, "days has 181 days, at most 180 are allowed; nothing was sent");
        assert!(calls("2024-05-02", "2024-05-01").is_err());
        assert!(calls("-009999-01-01", "9999-12-31").is_err());
    }
}
