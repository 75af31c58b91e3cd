//! The default limits and waits of a client. Those that have a setter on [`ClientBuilder`](crate::ClientBuilder) or
//! [`RetryPolicy`](crate::RetryPolicy) can be changed there.

use std::time::Duration;

/// The base URL of WeCom's API.
pub const BASE_URL: &str = crate::raw::op::SERVER;

/// The time limit for establishing a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit of one attempt.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// The time limit of a whole call, including the fetch of an access token, waits and repeats.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an idle connection is kept. The time is short because a request on a connection that WeCom is just
/// closing may get lost, and the client cannot tell whether WeCom received it.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// The size limit of a reply that is not a file, in bytes.
pub const REPLY_LIMIT: usize = crate::raw::REPLY_LIMIT;
/// The size limit of a download, in bytes.
pub const DOWNLOAD_LIMIT: u64 = crate::raw::media::DOWNLOAD_LIMIT;
/// The Unix file mode of a downloaded file: only its owner may read and write it.
pub const DOWNLOAD_MODE: u32 = 0o600;

/// How many times a call is sent at most, including the first time.
pub const MAX_ATTEMPTS: u32 = 3;
/// The longest wait before the first repeat; it doubles with each further repeat. The wait is random, from zero up to
/// this.
pub const BACKOFF_BASE: Duration = Duration::from_millis(200);
/// The longest wait before the first repeat after 45033 (too many calls at once).
pub const BACKOFF_BASE_CONCURRENCY: Duration = Duration::from_secs(1);
/// The longest wait before a repeat.
pub const BACKOFF_CAP: Duration = Duration::from_secs(5);

/// How many `sync_msg` calls may be in progress at once. WeCom refuses more with 45033.
pub const SYNCS_AT_ONCE: usize = 5;
/// How many `sync_msg` calls without a callback's token WeCom accepts within [`TOKENLESS_WINDOW`]. It refuses more
/// with 45009 for a minute (source: an operator's answer in the official forum).
pub const TOKENLESS_SYNCS: usize = 10;
/// The window in which WeCom counts the `sync_msg` calls without a callback's token.
pub const TOKENLESS_WINDOW: Duration = Duration::from_secs(60);
/// How many calls of all other operations may be in progress at once. After 45033 the limit becomes half of the calls
/// that were in progress.
pub const CALLS_AT_ONCE: usize = 64;
/// How long it takes for a limit that 45033 lowered to rise by one call.
pub const CALLS_AT_ONCE_RECOVERY: Duration = Duration::from_secs(10);

/// The budget for repeats that all calls of a client share. Successes refill it.
pub const RETRY_BUDGET: u32 = 500;
/// The cost of a repeat after an answer was lost.
pub const RETRY_COST_LOST: u32 = 14;
/// The cost of a repeat after WeCom answered that it is too busy.
pub const RETRY_COST_THROTTLED: u32 = 5;

/// How long before its end an access token is renewed. A random part of up to half of it is subtracted.
pub const RENEW_EARLY: Duration = Duration::from_secs(300);
/// The shortest time between two fetches of an access token while the current one is still valid, and after gettoken
/// returned a token that WeCom had rejected.
pub const TOKEN_GAP: Duration = Duration::from_secs(30);
/// The wait after a fetch of an access token failed. It doubles with each further failure, up to [`TOKEN_GAP`].
pub const TOKEN_BACKOFF_BASE: Duration = Duration::from_secs(1);
/// The time limit of one gettoken request.
pub const TOKEN_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of fetching an access token, including repeats.
pub const TOKEN_LOAD_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest time that an access token is used, even if gettoken returns a longer lifetime.
pub const TOKEN_LIFETIME_CAP: Duration = Duration::from_secs(7200);
