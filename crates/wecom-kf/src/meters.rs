//! The metrics that this crate records for the crate [`metrics`](https://docs.rs/metrics) (feature `metrics`): their names,
//! kinds and labels. Without the feature nothing is recorded, and recording costs nothing.
//!
//! Install a recorder, such as that of `metrics-exporter-prometheus`, before the first call. `wecom-kf-inbox` has more
//! metrics, and a table of all of them.

use std::time::Duration;

/// A metric: its name, kind and labels, and what it measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meter {
    /// The name, which does not change. Its end is the unit: `_total` for counters, `_seconds` for times.
    pub name: &'static str,
    /// What kind of metric it is.
    pub kind: Kind,
    /// The names of its labels. Their values are bounded: accounts, operations, errcodes that are known, closed lists. No
    /// label holds a message, a customer or a text.
    pub labels: &'static [&'static str],
    /// What it measures.
    pub help: &'static str,
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It grows and shrinks.
    Gauge,
    /// It has the distribution of times, in seconds.
    Histogram,
}

impl Kind {
    /// Returns the name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The metrics of this crate.
pub const ALL: [Meter; 4] = [REQUESTS, CALL, PACING_WAIT, TOKEN_RENEWALS];

pub(crate) const REQUESTS: Meter = Meter::counter(
    "wecom_kf_requests_total",
    &["operation", "errcode"],
    "requests to WeCom, each attempt of a call. The errcode is 0, a known one, unknown, or no_answer",
);
pub(crate) const CALL: Meter = Meter::histogram(
    "wecom_kf_call_seconds",
    &["operation", "outcome"],
    "time of a call with its waits and repeats. The outcome is ok or failed",
);
pub(crate) const PACING_WAIT: Meter = Meter::histogram(
    "wecom_kf_pacing_wait_seconds",
    &["operation"],
    "time that a call waited for WeCom's limits, if it had to wait",
);
pub(crate) const TOKEN_RENEWALS: Meter = Meter::counter(
    "wecom_kf_token_renewals_total",
    &["outcome"],
    "fetches of an access token, also from a store. The outcome is ok or failed",
);

/// Describes the metrics of this crate to the recorder, which shows the descriptions with the metrics. Call it after the
/// recorder is installed.
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub fn describe() {
    ALL.iter().for_each(Meter::describe);
}

#[doc(hidden)]
impl Meter {
    pub const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, labels, help }
    }

    pub const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, labels, help }
    }

    pub const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram, labels, help }
    }
}

/// Whether the feature is on. Labels that cost something are built only then.
#[doc(hidden)]
pub const ARE_RECORDED: bool = cfg!(feature = "metrics");

/// Recording. `values` are those of the labels, in their order.
#[cfg(feature = "metrics")]
#[doc(hidden)]
impl Meter {
    pub fn add(&self, values: &[&str], count: u64) {
        metrics::counter!(self.name, self.with(values)).increment(count);
    }

    pub fn set(&self, values: &[&str], value: f64) {
        metrics::gauge!(self.name, self.with(values)).set(value);
    }

    pub fn record(&self, values: &[&str], time: Duration) {
        metrics::histogram!(self.name, self.with(values)).record(time.as_secs_f64());
    }

    pub fn describe(&self) {
        use metrics::Unit;
        let unit = if self.name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, unit, self.help),
            Kind::Gauge => metrics::describe_gauge!(self.name, unit, self.help),
            Kind::Histogram => metrics::describe_histogram!(self.name, unit, self.help),
        }
    }

    fn with(&self, values: &[&str]) -> Vec<metrics::Label> {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        self.labels.iter().zip(values).map(|(label, value)| metrics::Label::new(*label, (*value).to_owned())).collect()
    }
}

#[cfg(not(feature = "metrics"))]
#[doc(hidden)]
impl Meter {
    pub fn add(&self, _: &[&str], _: u64) {}

    pub fn set(&self, _: &[&str], _: f64) {}

    pub fn record(&self, _: &[&str], _: Duration) {}
}

/// Measures a time, if the feature is on.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(#[cfg(feature = "metrics")] tokio::time::Instant);

#[doc(hidden)]
impl Stopwatch {
    pub fn start() -> Self {
        Self(
            #[cfg(feature = "metrics")]
            tokio::time::Instant::now(),
        )
    }

    pub fn elapsed(self) -> Duration {
        #[cfg(feature = "metrics")]
        return self.0.elapsed();
        #[cfg(not(feature = "metrics"))]
        Duration::ZERO
    }
}
