//! The default figures of an inbox. Those that have a setter on [`InboxBuilder`](crate::InboxBuilder) can be changed
//! there.

use std::time::Duration;

/// How many messages [`run`](crate::Inbox::run) handles at the same time.
pub const CONCURRENCY: usize = 16;
/// Reading continues while fewer messages than this are read and not settled.
pub const MAX_UNSETTLED: usize = 1000;
/// Reading continues while fewer messages than this are settled behind one that is not.
pub const SETTLED_AHEAD: usize = 3000;
/// How many messages `sync_msg` returns at most.
pub(crate) const MOST_PER_PAGE: usize = wecom_kf::raw::limits::sync_msg::LIMIT_MAX as usize;
/// How long after its first failure a message is tried again, if nothing is known about the failure.
pub const RETRY_FOR: Duration = Duration::from_secs(600);
/// How long after its first failure a message is tried again, if WeCom or the network is not available.
pub const RETRY_UNAVAILABLE_FOR: Duration = Duration::from_secs(3600);
/// The wait before the second try of a message; it doubles with each try, up to [`RETRY_CAP`].
pub const RETRY_BASE: Duration = Duration::from_millis(500);
/// The longest wait before a further try of a message.
pub const RETRY_CAP: Duration = Duration::from_secs(60);
/// How many parked messages are replayed at the same time at most; fewer if [`CONCURRENCY`] is small.
pub const REPLAYS_AT_ONCE: usize = 8;

/// The time from the beginning of a commit to that of the next one while messages are settled.
///
/// A crash repeats at most what was settled in this time and the time that a commit takes, and what was in progress:
/// half a second of work while the store takes a quarter of a second or less.
pub const COMMIT_EVERY: Duration = Duration::from_millis(250);
/// A commit does not wait any longer when this many messages are settled and not stored.
pub const UNCOMMITTED_MOST: usize = 1000;
/// A commit does not wait any longer when the changed conversations have this many bytes.
pub const UNCOMMITTED_BYTES: usize = 1024 * 1024;
/// At the third start in a row without progress, messages are handled one at a time. The message that then ends the
/// process is parked at the next start.
///
/// With 2, a message that was in progress twice when the process was killed from outside would be parked, since it
/// looks like one that kills. In 200 kills at random 12 of 6,000 innocent messages were parked that way; with 3, none.
pub const SUSPECT_STARTS: u32 = 3;
/// How long a parked message is kept.
pub const KEEP_PARKED: Duration = Duration::from_secs(30 * 86_400);
/// How long a conversation is kept after its last change.
pub const KEEP_CONVERSATIONS: Duration = Duration::from_secs(30 * 86_400);
/// How many bytes the state of a conversation may have as JSON.
pub const CONVERSATION_LIMIT: usize = 64 * 1024;
/// How many bytes the texts of a transcript have at most. Older messages are dropped first.
pub const TRANSCRIPT_BYTES: usize = 32 * 1024;

/// How long the first message of a batch waits at most for the customer's pause.
pub const BATCH_WAIT: Duration = Duration::from_secs(10);
/// How many messages a batch has at most.
pub const BATCH_MESSAGES: usize = 20;

/// The time from the end of a reading to the next poll, if there are few accounts; with many it is longer, since they
/// share [`TOKENLESS_SYNCS`](wecom_kf::defaults::TOKENLESS_SYNCS).
pub const POLL: Duration = Duration::from_secs(30);
/// The wait after an error, before the same page is requested again. It doubles with each error, up to [`BACKOFF_CAP`].
pub const BACKOFF_BASE: Duration = Duration::from_millis(800);
/// The longest wait after an error.
pub const BACKOFF_CAP: Duration = Duration::from_secs(30);
/// After this time without an error the waits begin again.
pub const BACKOFF_RESET: Duration = Duration::from_secs(120);
/// The wait after 45009, too many calls.
pub const RATE_LIMIT_WAIT: Duration = Duration::from_secs(60);
/// After an answer that cannot be decoded, the inbox requests a tenth of the messages, and again a tenth, down to one.
/// When a single message cannot be decoded this many times, the answer is parked.
pub const UNREADABLE_TRIES: u32 = 3;
/// How many empty pages in a row are followed by the next read at once. After that, the waits are those after errors.
pub const EMPTY_PAGES_AT_ONCE: u32 = 3;
/// How many cursors of empty pages are remembered, to notice a circle of cursors.
pub(crate) const CURSORS_REMEMBERED: usize = 1000;

/// How long a lease lasts. It is renewed each time a third of that has passed.
pub const LEASE: Duration = Duration::from_secs(30);
/// How long a process of a fleet may be silent before the others take over its accounts. It is shorter than a
/// [lease](LEASE), so that they stand by when the leases end.
pub const MEMBER: Duration = Duration::from_secs(15);
/// How long a store may take to answer.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop waits for the handlers in progress.
pub const STOP_WITHIN: Duration = Duration::from_secs(20);

/// How far [`FromNow`](crate::ColdStart::FromNow) reaches back, since clocks differ and a message is older than the
/// callback that announces it.
pub const FROM_NOW_REACHES_BACK: Duration = Duration::from_secs(60);
/// How long a welcome code is valid after the customer entered.
pub const WELCOME_WITHIN: Duration = Duration::from_secs(20);

/// How often a group searches for new accounts.
pub const LOOK_FOR_ACCOUNTS: Duration = Duration::from_secs(600);

/// How long the store may be down before the [`Health`](crate::Health) is not ready.
pub const HEALTH_STORE_DOWN: Duration = Duration::from_secs(30);
/// How long an account may be without a known reader.
pub const HEALTH_NO_LEASE: Duration = Duration::from_secs(120);
/// How long reading, or the search for accounts, may fail. A refusal because of too many calls is followed by a wait of a
/// minute ([`RATE_LIMIT_WAIT`]), so a single one is not enough.
pub const HEALTH_READS_FAIL: Duration = Duration::from_secs(120);
/// How old the oldest message may be that is read and not settled.
pub const HEALTH_LAG: Duration = Duration::from_secs(300);
/// How long the task of an inbox may be overdue.
pub const HEALTH_STUCK: Duration = Duration::from_secs(60);
