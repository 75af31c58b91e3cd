//! The wall clock, for times that others wrote down.

use std::time::SystemTime;

/// Unix seconds of this machine, to compare with the times that WeCom and other processes say. Nothing is measured with
/// it: waits and limits are the business of tokio's clock, which never jumps.
#[allow(clippy::disallowed_methods)] // The one place; see above.
pub(crate) fn unix_seconds() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}
