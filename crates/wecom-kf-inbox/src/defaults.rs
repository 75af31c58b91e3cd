//! The figures an inbox starts out with. Those that have a setter on [`InboxBuilder`](crate::InboxBuilder) can be
//! changed there.

use std::time::Duration;

/// How many messages [`run`](crate::Inbox::run) handles at once.
pub const CONCURRENCY: usize = 16;
/// How often a message is tried before it is parked.
pub const MAX_TRIES: u32 = 8;
/// For how long after its first failure a message is tried before it is parked, whatever the number of tries.
pub const RETRY_FOR: Duration = Duration::from_secs(60);
/// Before the second try of a message; doubles with each, up to [`RETRY_CAP`].
pub const RETRY_BASE: Duration = Duration::from_millis(500);
/// The longest wait before a further try of a message.
pub const RETRY_CAP: Duration = Duration::from_secs(20);
/// How long a parked message is kept.
pub const KEEP_PARKED: Duration = Duration::from_secs(30 * 86_400);

/// Between two polls that no callback asked for. Without a callback's token WeCom answers 45009 to those who poll often;
/// 30 to 60 s is used.
pub const POLL: Duration = Duration::from_secs(30);
/// After an error, before the same page is asked for again; doubles with each, up to [`BACKOFF_CAP`].
pub const BACKOFF_BASE: Duration = Duration::from_millis(800);
/// The longest wait after an error.
pub const BACKOFF_CAP: Duration = Duration::from_secs(30);
/// After so long without an error the waits begin anew.
pub const BACKOFF_RESET: Duration = Duration::from_secs(120);
/// After 45009, too many calls.
pub const RATE_LIMIT_WAIT: Duration = Duration::from_secs(60);
/// An answer that cannot be decoded is asked for again by a tenth of the messages, down to one, and that so often before
/// it is parked.
pub const UNREADABLE_TRIES: u32 = 3;
/// While a page is held up by messages that are tried again or take long, the page ahead is put to work after this.
pub const HELD_UP: Duration = Duration::from_millis(500);

/// How long a lease lasts; it is renewed after a third of that.
pub const LEASE: Duration = Duration::from_secs(30);
/// How long a store may take to answer.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop waits for what is at work.
pub const STOP_WITHIN: Duration = Duration::from_secs(20);

/// `FromNow` reaches back so far: clocks differ, and a message is older than the callback that tells of it.
pub const FROM_NOW_REACHES_BACK: Duration = Duration::from_secs(60);
/// A welcome code is good for so long after the customer entered.
pub const WELCOME_WITHIN: Duration = Duration::from_secs(20);

/// Between two looks for accounts that are new; a group.
pub const LOOK_FOR_ACCOUNTS: Duration = Duration::from_secs(600);
