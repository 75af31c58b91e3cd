//! The wall clock, for comparing times that WeCom or other processes wrote.

use std::time::SystemTime;

/// Returns the Unix seconds of this machine, to compare with times from WeCom and other processes. Nothing is measured
/// with them: waits and limits use tokio's clock, which never jumps.
#[allow(clippy::disallowed_methods)] // The only place that reads the wall clock.
pub(crate) fn unix_seconds() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}
