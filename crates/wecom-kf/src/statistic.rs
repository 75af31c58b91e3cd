//! Daily figures of accounts and servicers. Days are China's.
//!
//! ```no_run
//! use wecom_kf::statistic::Date;
//!
//! # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid) -> Result<(), Box<dyn std::error::Error>> {
//! let days = "2026-11-01".parse::<Date>()?..="2026-11-07".parse()?;
//! for day in client.statistic().account(&kf, days).await? {
//!     match day.figures {
//!         Some(figures) => println!("{}: {} sessions", day.date, figures.session_cnt),
//!         None => println!("{}: nothing, or not yet", day.date),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::ops::RangeInclusive;

use jiff::Timestamp;
/// A day of the calendar: `"2026-11-01".parse()`, `date_in_china(…)`.
pub use jiff::civil::Date;
use jiff::tz::Offset;

use crate::client::Client;
use crate::input::{self, Problem};
use crate::raw::{op, types};
use crate::{Bilingual, Error, OpenKfid};

/// Daily figures: [`Client::statistic`].
///
/// Each call covers up to 31 days, between 180 days ago and yesterday, both included. The figures of a day are there
/// after about 06:00 of the next, China time. There are none before 2022-03-11 for accounts managed by the API.
#[derive(Clone, Copy, Debug)]
pub struct Statistics<'a>(pub(crate) &'a Client);

/// The figures of one day.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Day<T> {
    /// The day in China.
    pub date: Date,
    /// None if nothing happened, or the figures are not there yet.
    pub figures: Option<T>,
}

/// Declares figures: counters are 0 when WeCom leaves them out, shares and averages None when they cannot be computed.
macro_rules! figures {
    ($(#[$docs:meta])* $name:ident from $raw:ident {
        counters { $($(#[$counter_docs:meta])* $counter:ident,)* }
        rates { $($(#[$rate_docs:meta])* $rate:ident,)* }
    }) => {
        $(#[$docs])*
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct $name {
            $($(#[$counter_docs])* pub $counter: u64,)*
            $($(#[$rate_docs])* pub $rate: Option<f64>,)*
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
    /// What happened at an account on one day.
    AccountFigures from CorpStatisticDayStatistic {
        counters {
            /// Sessions.
            session_cnt,
            /// Customers who wrote.
            customer_cnt,
            /// Their messages.
            customer_msg_cnt,
            /// Customers who took an upgrade offer.
            upgrade_service_customer_cnt,
            /// Sessions answered by an assistant or the API.
            ai_session_reply_cnt,
            /// Customers muted by servicers.
            msg_rejected_customer_cnt,
        }
        rates {
            /// The share of those that was handed to people, 0 to 1.
            ai_transfer_rate,
            /// The share that was answered from the knowledge base, 0 to 1.
            ai_knowledge_hit_rate,
        }
    }
}

figures! {
    /// What servicers did on one day.
    ServicerFigures from ServicerStatisticDayStatistic {
        counters {
            /// Sessions.
            session_cnt,
            /// Customers who wrote.
            customer_cnt,
            /// Their messages.
            customer_msg_cnt,
            /// Invitations to rate the service; WeCom spells it so.
            satisfaction_investgate_cnt,
            /// Customers who took an upgrade offer.
            upgrade_service_customer_cnt,
            /// Members recommended.
            upgrade_service_member_invite_cnt,
            /// Customers who added one.
            upgrade_service_member_customer_cnt,
            /// Groups recommended.
            upgrade_service_groupchat_invite_cnt,
            /// Customers who joined one.
            upgrade_service_groupchat_customer_cnt,
            /// Customers muted.
            msg_rejected_customer_cnt,
        }
        rates {
            /// The share of sessions that was answered, 0 to 1.
            reply_rate,
            /// Seconds to the first answer, on average.
            first_reply_average_sec,
            /// The share of invitations that was followed, 0 to 1.
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

impl Statistics<'_> {
    /// The figures of an account, one entry a day.
    ///
    /// `POST /cgi-bin/kf/get_corp_statistic`, [official page](https://developer.work.weixin.qq.com/document/path/95489).
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: no day, or more than 31. [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER): days
    /// out of the range that WeCom keeps.
    pub async fn account(
        self,
        open_kfid: &OpenKfid,
        days: RangeInclusive<Date>,
    ) -> Result<Vec<Day<AccountFigures>>, Error> {
        open_kfid.check()?;
        self.get_corp_statistic(Some(open_kfid), days).await
    }

    /// The figures of all accounts together, one entry a day.
    ///
    /// `POST /cgi-bin/kf/get_corp_statistic`, [official page](https://developer.work.weixin.qq.com/document/path/95489).
    /// Two SDKs know of it; the official page wants an account.
    ///
    /// # Errors
    ///
    /// As [`account`](Self::account); [`INVALID_PARAMETER`](crate::ErrCode::INVALID_PARAMETER) also if WeCom does want
    /// an account.
    pub async fn corp(self, days: RangeInclusive<Date>) -> Result<Vec<Day<AccountFigures>>, Error> {
        self.get_corp_statistic(None, days).await
    }

    async fn get_corp_statistic(
        self,
        open_kfid: Option<&OpenKfid>,
        days: RangeInclusive<Date>,
    ) -> Result<Vec<Day<AccountFigures>>, Error> {
        let (start_time, end_time) = times(&days)?;
        let open_kfid = open_kfid.map(ToString::to_string);
        let body = types::GetCorpStatisticRequest { open_kfid, start_time, end_time };
        let reply = self.0.call(&op::GetCorpStatistic { body }).await?;
        reply
            .statistic_list
            .into_iter()
            .map(|day| self::day("get_corp_statistic", day.stat_time, day.statistic))
            .collect()
    }

    /// The figures of all servicers of an account together, one entry a day.
    ///
    /// `POST /cgi-bin/kf/get_servicer_statistic`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95490).
    ///
    /// # Errors
    ///
    /// As [`account`](Self::account).
    pub async fn servicers(
        self,
        open_kfid: &OpenKfid,
        days: RangeInclusive<Date>,
    ) -> Result<Vec<Day<ServicerFigures>>, Error> {
        self.get_servicer_statistic(open_kfid, None, days).await
    }

    /// The figures of one servicer at an account, one entry a day.
    ///
    /// `POST /cgi-bin/kf/get_servicer_statistic`,
    /// [official page](https://developer.work.weixin.qq.com/document/path/95490).
    ///
    /// # Errors
    ///
    /// As [`account`](Self::account).
    pub async fn servicer(
        self,
        open_kfid: &OpenKfid,
        servicer_userid: &str,
        days: RangeInclusive<Date>,
    ) -> Result<Vec<Day<ServicerFigures>>, Error> {
        input::not_empty("servicer_userid", servicer_userid)?;
        self.get_servicer_statistic(open_kfid, Some(servicer_userid), days).await
    }

    async fn get_servicer_statistic(
        self,
        open_kfid: &OpenKfid,
        servicer_userid: Option<&str>,
        days: RangeInclusive<Date>,
    ) -> Result<Vec<Day<ServicerFigures>>, Error> {
        open_kfid.check()?;
        let (start_time, end_time) = times(&days)?;
        let body = types::GetServicerStatisticRequest {
            open_kfid: open_kfid.to_string(),
            servicer_userid: servicer_userid.map(str::to_owned),
            start_time,
            end_time,
        };
        let reply = self.0.call(&op::GetServicerStatistic { body }).await?;
        let days = reply.statistic_list.into_iter();
        days.map(|day| self::day("get_servicer_statistic", day.stat_time, day.statistic)).collect()
    }
}

/// The day in China at a time in Unix seconds; the last one there is for times beyond all calendars.
pub fn date_in_china(unix_seconds: i64) -> Date {
    let timestamp = Timestamp::from_second(unix_seconds);
    timestamp.map_or(Date::MAX, |timestamp| CHINA.to_datetime(timestamp).date())
}

/// China has one time for all of it, without summer time.
const CHINA: Offset = jiff::tz::offset(8);

/// Longest interval [95489].
const MOST_DAYS: usize = 31;

/// Midnight of the first and of the last day, in Unix seconds.
fn times(days: &RangeInclusive<Date>) -> Result<(i64, i64), Error> {
    let (start, end) = (midnight(*days.start())?, midnight(*days.end())?);
    if start > end {
        return Err(input::refuse("days", Problem::Empty));
    }
    let days = usize::try_from((end - start) / SECONDS_PER_DAY).unwrap_or(usize::MAX).saturating_add(1);
    input::days(DAYS, days, MOST_DAYS)?;
    Ok((start, end))
}

const DAYS: Bilingual = Bilingual::fixed("days", "天数");

const SECONDS_PER_DAY: i64 = 86_400;

fn midnight(date: Date) -> Result<i64, Error> {
    let timestamp = CHINA.to_timestamp(date.at(0, 0, 0, 0));
    timestamp.map(Timestamp::as_second).map_err(|_| input::malformed(DAYS, "within the calendar", "在日历范围内"))
}

fn day<R, T: From<R>>(operation: &'static str, stat_time: Option<i64>, figures: Option<R>) -> Result<Day<T>, Error> {
    let stat_time = stat_time.ok_or(Error::lacks(operation, "stat_time"))?;
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
        // 2024-06-10 00:00 in China, as the official sample has it.
        assert_eq!(date_in_china(1_717_948_800), date("2024-06-10"));
        assert_eq!(date_in_china(1_717_948_799), date("2024-06-09"));
        assert_eq!(times(&(date("2024-06-10")..=date("2024-06-11"))).unwrap(), (1_717_948_800, 1_718_035_200));
        assert_eq!(date_in_china(i64::MAX), Date::MAX);
    }

    #[test]
    fn an_interval_has_1_to_31_days() {
        let days = |from: &str, to: &str| times(&(from.parse().unwrap()..=to.parse().unwrap()));
        assert!(days("2024-05-01", "2024-05-31").is_ok());
        let error = days("2024-05-01", "2024-06-01").unwrap_err().to_string();
        assert_eq!(error, "days has 32 days, at most 31 are allowed; nothing was sent");
        assert!(days("2024-05-02", "2024-05-01").is_err());
        assert!(days("-009999-01-01", "9999-12-31").is_err());
    }
}
