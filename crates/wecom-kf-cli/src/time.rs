//! Times on the command line, such as `3h` or `2026-11-20`, and how times are shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Returns the present time. What a person gives as "three hours ago" is of the wall clock.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_second(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A moment that was given on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// This long ago.
    Ago(Duration),
    /// This time.
    At(Timestamp),
}

impl Moment {
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH),
            Self::At(time) => time,
        }
    }
}

/// Parses `90s`, `3h`, `2d`, a date, a date with a time of this machine's time zone, or RFC 3339. For clap.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    if let Some(ago) = duration_of(text) {
        return Ok(Moment::Ago(ago));
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Moment::At(time));
    }
    let local = text.parse::<jiff::civil::DateTime>().ok().and_then(|time| TimeZone::system().to_timestamp(time).ok());
    local.map(Moment::At).ok_or_else(|| {
        "write 90s, 3h or 2d for that long ago, or a time such as 2026-11-20 or 2026-11-20T08:30:00+08:00 (可写 90s、3h、2d，或日期时间)".to_owned()
    })
}

/// Parses a time span such as `500ms`, `90s`, `3h` or `2d`. For clap.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    duration_of(text).ok_or_else(|| "write a number and a unit, such as 500ms, 90s, 3h or 2d (数字加单位)".to_owned())
}

fn duration_of(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    // A day has 24 hours here; longer units have no fixed length.
    let seconds = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(seconds).ok()
}

/// Shows Unix seconds in the time zone of this machine, such as `2026-11-20 08:30:00 +08:00`.
pub(crate) fn shown(unix_seconds: i64) -> String {
    match Timestamp::from_second(unix_seconds) {
        Ok(time) => time.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
        Err(_) => unix_seconds.to_string(),
    }
}

/// Shows a time span with its two largest units, such as `2h 5m`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 86400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let shown: Vec<String> = parts
        .iter()
        .skip_while(|(number, _)| *number == 0)
        .take(2)
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if shown.is_empty() { format!("{}ms", duration.as_millis()) } else { shown.join(" ") }
}

/// Parses a day such as `2026-11-20`. For clap.
pub(crate) fn date(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "write a day such as 2026-11-20 (日期格式如 2026-11-20)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spans_before_now_or_times() {
        let now: Timestamp = "2026-11-20T08:00:00Z".parse().unwrap();
        let at = |text: &str| moment(text).unwrap().at(now).to_string();
        assert_eq!(at("3h"), "2026-11-20T05:00:00Z");
        assert_eq!(at("2d"), "2026-11-18T08:00:00Z");
        assert_eq!(at("2026-11-19T08:00:00+08:00"), "2026-11-19T00:00:00Z");
        assert!(moment("2026-11-19").is_ok() && moment("2026-11-19 08:30:00").is_ok());
        assert!(moment("soon").is_err() && moment("3").is_err() && moment("-3h").is_err());
    }

    #[test]
    fn spans_show_two_units() {
        let shown = |ms| span(Duration::from_millis(ms));
        assert_eq!((shown(250), shown(59_000), shown(3_660_000)), ("250ms".into(), "59s".into(), "1h 1m".into()));
        assert_eq!((shown(90_000_000), shown(86_400_000)), ("1d 1h".into(), "1d".into()));
    }
}
