#![doc = include_str!("../docs/metrics.md")]

use std::time::Duration;

use wecom_kf::meters::{ARE_RECORDED, Stopwatch};
pub use wecom_kf::meters::{Kind, Meter};

use crate::clock::unix_seconds;
use crate::delivery::{Ending, Why};
use crate::metrics::{Metrics, ReadBy};
use crate::store::InboxKey;

/// The metrics of this crate. Those of [`wecom_kf::meters::ALL`] come on top.
pub const ALL: [Meter; 11] =
    [DELIVERIES, HANDLING, FIRST_DELIVERY, RETRIES, PARKED, PAGES, COMMITS, UNSETTLED, IN_PROGRESS, LAG, READS];

const DELIVERIES: Meter = Meter::counter(
    "wecom_kf_deliveries_total",
    &["account", "outcome"],
    "deliveries that ended; a batch is one. The outcome is acked, retried, parked, noted (what a servicer wrote, with \
     transcripts), put_back (not handed out in time), or lost (with the lease)",
);
const HANDLING: Meter = Meter::histogram(
    "wecom_kf_handling_seconds",
    &["account", "outcome"],
    "time from handing a delivery out to its answer",
);
const FIRST_DELIVERY: Meter = Meter::histogram(
    "wecom_kf_first_delivery_seconds",
    &["account"],
    "age of a message, or of the first one of a batch, when it is handed out for the first time: how long the customer waited",
);
const RETRIES: Meter = Meter::counter(
    "wecom_kf_retries_total",
    &["account", "class"],
    "attempts that failed and are followed by another, by class of failure",
);
const PARKED: Meter = Meter::counter(
    "wecom_kf_parked_total",
    &["account", "reason"],
    "messages and pages that were parked. The reason is asked, a class of failure, window_full, killed_process or unreadable",
);
const PAGES: Meter = Meter::counter(
    "wecom_kf_pages_total",
    &["account", "outcome"],
    "requests for a page of messages. The outcome is ok, failed or unreadable",
);
const COMMITS: Meter = Meter::histogram(
    "wecom_kf_commit_seconds",
    &["account", "outcome"],
    "time of a commit to the store; their count is the number of commits. The outcome is ok or failed",
);
const UNSETTLED: Meter =
    Meter::gauge("wecom_kf_unsettled_messages", &["account"], "messages that are read and not settled");
const IN_PROGRESS: Meter =
    Meter::gauge("wecom_kf_in_progress", &["account"], "messages or batches that are being handled");
const LAG: Meter =
    Meter::gauge("wecom_kf_lag_seconds", &["account"], "age of the oldest message that is read and not settled");
const READS: Meter = Meter::gauge("wecom_kf_reads", &["account"], "1 if this process reads the account, otherwise 0");

/// Describes all metrics to the recorder, also those of `wecom_kf`. Exporters show the descriptions with the metrics. Call
/// it after the recorder is installed.
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub fn describe() {
    wecom_kf::meters::describe();
    ALL.iter().for_each(Meter::describe);
}

pub(crate) fn handed_out(key: &InboxKey, send_time: Option<i64>, tries: u32) {
    if !ARE_RECORDED || tries > 1 {
        return;
    }
    if let Some(sent) = send_time {
        let age = u64::try_from(unix_seconds().saturating_sub(sent)).unwrap_or(0);
        FIRST_DELIVERY.record(&[account(key)], Duration::from_secs(age));
    }
}

pub(crate) fn ended(key: &InboxKey, ending: Ending, handling: Stopwatch) {
    let account = account(key);
    DELIVERIES.add(&[account, ending.name()], 1);
    HANDLING.record(&[account, ending.name()], handling.elapsed());
    match ending {
        Ending::Retried(class) => RETRIES.add(&[account, class.name()], 1),
        Ending::Parked { why, messages } => parked(key, why, messages),
        Ending::Acked | Ending::Noted | Ending::PutBack | Ending::Lost => {}
    }
}

pub(crate) fn parked(key: &InboxKey, why: Why, count: u64) {
    if count > 0 {
        PARKED.add(&[account(key), why.name()], count);
    }
}

pub(crate) fn page(key: &InboxKey, outcome: &'static str) {
    PAGES.add(&[account(key), outcome], 1);
}

pub(crate) fn commit(key: &InboxKey, is_written: bool, took: Stopwatch) {
    COMMITS.record(&[account(key), if is_written { "ok" } else { "failed" }], took.elapsed());
}

/// Sets the gauges. `metrics` is only called if they are recorded.
pub(crate) fn set_gauges(key: &InboxKey, metrics: impl FnOnce() -> Metrics) {
    if !ARE_RECORDED {
        return;
    }
    let (account, metrics) = (account(key), metrics());
    let reads = metrics.read_by == ReadBy::ThisProcess;
    // What is left belongs to the next reader.
    let count = |count: usize| if reads { count as f64 } else { 0.0 };
    UNSETTLED.set(&[account], count(metrics.lag_messages));
    IN_PROGRESS.set(&[account], metrics.in_progress as f64);
    LAG.set(&[account], if reads { metrics.lag.as_secs_f64() } else { 0.0 });
    READS.set(&[account], f64::from(u8::from(reads)));
}

fn account(key: &InboxKey) -> &str {
    key.open_kfid().as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the cells of each row of a table.
    fn rows(page: &str) -> Vec<Vec<&str>> {
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    #[test]
    fn the_tables_have_all_metrics_in_both_languages() {
        let english = rows(include_str!("../docs/metrics.md"));
        let chinese = rows(include_str!("../docs/metrics.zh-CN.md"));
        let meters: Vec<&Meter> = wecom_kf::meters::ALL.iter().chain(&ALL).collect();
        assert_eq!((english.len(), chinese.len()), (meters.len(), meters.len()));
        for ((meter, english), chinese) in meters.into_iter().zip(english).zip(chinese) {
            let labels: Vec<String> = meter.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, labels) = (format!("`{}`", meter.name), labels.join(", "));
            assert_eq!(english[..3], [&*name, meter.kind.name(), &labels]);
            assert_eq!(english[3].replace('`', ""), meter.help);
            assert_eq!(chinese[..3], [&*name, meter.kind.name(), &labels]);
            assert!(!chinese[3].is_empty());
        }
    }

    #[test]
    fn the_end_of_a_name_is_its_unit() {
        for meter in wecom_kf::meters::ALL.iter().chain(&ALL) {
            assert!(meter.name.starts_with("wecom_kf_"));
            assert_eq!(meter.name.ends_with("_total"), meter.kind == Kind::Counter, "{}", meter.name);
            assert!(meter.kind != Kind::Histogram || meter.name.ends_with("_seconds"), "{}", meter.name);
        }
    }
}
