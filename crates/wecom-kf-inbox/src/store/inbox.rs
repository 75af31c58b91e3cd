use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wecom_kf::message::Message;
use wecom_kf::{BoxFuture, OpenKfid};

use super::StoreError;

/// The ids of so many messages are remembered, to tell repeats apart: those handled last.
pub const REMEMBERED: usize = 10_000;

/// Keeps the place of inboxes: cursor, ids of handled messages, parked messages, and who reads.
///
/// What a method wrote is there for whoever asks next, in any process that uses the same store. How durable that is
/// (the machine may lose power) is the store's to say in its own documentation.
///
/// Any of the futures may be dropped before its end; then the method did all of its work or none. A method that finds
/// its store unreachable answers [`StoreError::Down`] within seconds rather than wait for long.
///
/// It is used behind an `Arc`, by many inboxes at once.
pub trait InboxStore: Send + Sync + 'static {
    /// Asks for the lease of an inbox, for so long from now.
    ///
    /// [`Acquired::Lease`] if nobody has it, if the time of whoever had it is over, or if `holder` itself has it, whose
    /// earlier lease then ends. The [fence](Lease::fence) is greater than that of every earlier lease of this inbox, as
    /// far as the store remembers. Two callers at once: one gets it.
    ///
    /// Holders are unique: no two inboxes, in whatever process, ask under one name.
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>>;

    /// Lets a lease last for so long from now.
    ///
    /// # Errors
    ///
    /// [`StoreError::StaleLease`]: it is over, even if nobody has taken it since. Also if the store has forgotten it.
    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Gives a lease back, so that the next [`acquire`](Self::acquire) need not wait. Does nothing if it is over.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>>;

    /// What was committed for an inbox; [`InboxState::default`] if nothing was.
    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<InboxState, StoreError>>;

    /// Writes all of `commit`, or nothing of it, in one step that nobody sees half done; and only while `lease` is the
    /// current one of its inbox: same holder, same fence, time not over.
    ///
    /// - [`revision`](Commit::revision), [`cursor`](Commit::cursor) and [`since`](Commit::since) take the place of what
    ///   was there.
    /// - [`settled`](Commit::settled) comes after the ids that were there; of all of them the last [`REMEMBERED`] are
    ///   kept.
    /// - Each of [`parked`](Commit::parked) is added, in place of one with the same id; those whose id is in
    ///   [`unparked`](Commit::unparked) go.
    ///
    /// If the stored revision is that of `commit` already, it was written before and its answer was lost: nothing is
    /// written, and the answer is `Ok`. Any other revision is written, a smaller one too.
    ///
    /// # Errors
    ///
    /// [`StoreError::StaleLease`]: the lease is not the current one; nothing was written.
    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The parked messages of an inbox, in the order they were parked. None that is past its
    /// [`keep_until`](Parked::keep_until): the store deletes those, now or later.
    fn parked<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Vec<Parked>, StoreError>>;

    /// Deletes a parked message, whoever reads. False if there is none.
    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;
}

/// Shared stores are stores.
impl<S: InboxStore + ?Sized> InboxStore for Arc<S> {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        (**self).acquire(key, holder, limit)
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).renew(lease, limit)
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).release(lease)
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<InboxState, StoreError>> {
        (**self).load(key)
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).commit(lease, commit)
    }

    fn parked<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Vec<Parked>, StoreError>> {
        (**self).parked(key)
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        (**self).drop_parked(key, id)
    }
}

/// Which inbox: one account of one corp at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InboxKey {
    scope: String,
    open_kfid: OpenKfid,
}

impl InboxKey {
    /// `scope` tells corps and places apart, so that a simulator's cursor never meets WeCom: host and corp id.
    pub fn new(scope: impl Into<String>, open_kfid: OpenKfid) -> Self {
        Self { scope: scope.into(), open_kfid }
    }

    /// Where the account is: host and corp id.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// The account.
    pub fn open_kfid(&self) -> &OpenKfid {
        &self.open_kfid
    }
}

/// `scope/open_kfid`: one text per key, for stores that want one. No two keys have the same, as an id has no slash.
impl fmt::Display for InboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scope, self.open_kfid)
    }
}

/// The right to read an inbox, for some time: what [`InboxStore::acquire`] gave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Of which inbox.
    pub key: InboxKey,
    /// Who has it.
    pub holder: String,
    /// The fencing token: every lease of an inbox has a greater one than the lease before.
    pub fence: u64,
}

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is ours.
    Lease(Lease),
    /// Somebody else has it.
    Held {
        /// Who.
        holder: String,
        /// For how long yet, unless it is renewed or given back.
        left: Duration,
    },
}

/// What is stored of an inbox, but for its parked messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxState {
    /// The revision of the last commit; 0 if there was none. A process that finds one smaller than its own last commit
    /// knows that the store has forgotten.
    pub revision: u64,
    /// Where to read on: the cursor of the last page that is settled. None: from the oldest message.
    pub cursor: Option<String>,
    /// Messages sent before this Unix second are passed over: a cold start was asked to begin there.
    pub since: Option<i64>,
    /// The ids of the messages that were settled last, oldest first, at most [`REMEMBERED`].
    pub settled: Vec<String>,
}

/// One write: a page is settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// One more than that of the state this commit builds on.
    pub revision: u64,
    /// See [`InboxState::cursor`].
    pub cursor: Option<String>,
    /// See [`InboxState::since`].
    pub since: Option<i64>,
    /// The ids of the messages that this page settled, in its order, parked ones included.
    pub settled: Vec<String>,
    /// What is parked from now on.
    pub parked: Vec<Parked>,
    /// The ids of what is parked no longer.
    pub unparked: Vec<String>,
}

/// A message that was set aside because handling it failed, or a page that could not be read.
///
/// It holds what the customer wrote. Its Debug does not show that, nor the reason, which may repeat it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Its id in this inbox: the msgid, if it has one.
    pub id: String,
    /// What it is.
    pub kind: ParkedKind,
    /// The message or the page as it came.
    pub body: String,
    /// Why it was parked.
    pub reason: String,
    /// How often it was tried.
    pub tries: u32,
    /// When it was parked, in Unix seconds of the process that did.
    pub parked_at: i64,
    /// It is deleted after this Unix second.
    pub keep_until: i64,
}

/// What is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ParkedKind {
    /// One message, as JSON.
    Message,
    /// A whole page that could not be decoded.
    Page,
}

impl Parked {
    /// The message, if it is one.
    pub fn message(&self) -> Option<Message> {
        match self.kind {
            ParkedKind::Message => serde_json::from_str(&self.body).ok(),
            ParkedKind::Page => None,
        }
    }
}

impl fmt::Debug for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parked")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("tries", &self.tries)
            .field("parked_at", &self.parked_at)
            .field("keep_until", &self.keep_until)
            .finish_non_exhaustive()
    }
}
