//! The store trait of inboxes, the key of an inbox, and the lease that says who reads it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use serde::{Deserialize, Serialize, Serializer};
use wecom_kf::{BoxFuture, Client, ExternalUserId, OpenKfid};

use super::error::no_such_key;
use super::{Commit, Committed, ConversationPage, ConversationQuery, FleetStore, ParkedPage, ParkedQuery, StoreError};

/// Keeps, for each inbox: the committed state, the parked messages with the wishes to replay them, the conversations, and
/// the lease.
///
/// - What a method wrote is visible to the next caller, in every process that uses the same store. How much of it
///   survives a power failure depends on the store, and its documentation says so.
/// - A future may be dropped at any time. The method then did all of its work or none of it.
/// - A method that cannot reach its store returns [`StoreError::Down`] within seconds.
/// - Many inboxes use one store at the same time, behind an `Arc`.
///
/// Run `store::conformance` (feature `conformance`) against your own implementation.
pub trait InboxStore: Send + Sync + 'static {
    /// Asks for the lease of an inbox, which lasts for `limit` from now.
    ///
    /// Returns [`Acquired::Lease`] if nobody holds it, if the earlier lease has expired, or if `holder` itself holds it;
    /// its earlier lease then ends. The [fence](Lease::fence) is greater than that of every earlier lease of this inbox,
    /// as far as the store remembers. If two callers ask at the same time, one of them gets it.
    ///
    /// Holders are unique: no two inboxes, in any process, ask under the same name.
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>>;

    /// Extends a lease, which then lasts for `limit` from now. The result tells the holder whether there are wishes to
    /// replay, so that a reader that misses [`changes`](Self::changes) learns of them too.
    ///
    /// # Errors
    ///
    /// [`StoreError::StaleLease`]: the lease has ended, even if nobody else has taken it since, or the store has
    /// forgotten it.
    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>>;

    /// Ends a lease, so that the next [`acquire`](Self::acquire) succeeds at once, and notifies the streams of
    /// [`changes`](Self::changes). Does nothing if the lease has ended already.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Returns who holds the lease of an inbox, or `None` if nobody does. It does not take or extend the lease.
    fn lease_of<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>>;

    /// Returns the keys of all inboxes of which something was committed. There may be others whose lease was acquired.
    /// It may look at every key of the store, so it is for operators and not for each message.
    fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>>;

    /// Returns what was committed for an inbox, or `None` if nothing was.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`]: the state was written in a [format](super::FORMAT) that this version does not know.
    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>>;

    /// Writes all of `commit`, or nothing, in one step that nobody sees half done.
    ///
    /// The checks come first, in this order; each of them writes nothing:
    ///
    /// 1. `lease` must be the current one of its inbox: same holder, same fence, not expired. Otherwise
    ///    [`StoreError::StaleLease`].
    /// 2. If the stored generation and revision are those of `commit`, it was written before and its answer was lost:
    ///    `Ok`.
    /// 3. With [`Writes::Next`](super::Writes::Next), the stored generation must be that of `commit` and the stored
    ///    revision one less. Otherwise [`StoreError::OutOfStep`].
    ///
    /// Then it writes:
    ///
    /// - `generation`, `revision`, `cursor`, `since`, `starts` and `in_progress` replace what was there.
    /// - `settled` is appended to the remembered ids. [`Writes::Whole`](super::Writes::Whole) removes the old ids first.
    ///   Of all of them at least the last `remember` are kept.
    /// - Parked messages whose id is in `unparked` are removed. Then each of `parked` is added at the end, replacing one
    ///   with the same id; a wish to replay that one ends. So do the wishes for `unwished`, which stay parked.
    /// - Each of `conversations` is applied as [`ConversationWrite`](super::ConversationWrite) says.
    ///
    /// # Errors
    ///
    /// [`StoreError::StaleLease`] and [`StoreError::OutOfStep`] as above. [`StoreError::Down`]: the commit may have
    /// been written or not; the caller repeats it.
    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Returns a part of the parked messages of an inbox, in the order in which they were parked.
    ///
    /// Messages past their [`keep_until`](super::Parked::keep_until) are left out. The store deletes them now or later.
    fn parked<'a>(&'a self, key: &'a InboxKey, query: &'a ParkedQuery)
    -> BoxFuture<'a, Result<ParkedPage, StoreError>>;

    /// Deletes a parked message, and the wish to replay it. No lease is needed. Returns whether there was one.
    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Notes the wish to replay parked messages, and notifies the streams of [`changes`](Self::changes). No lease is
    /// needed. Returns how many of the ids are parked; the others are ignored.
    ///
    /// The wish is kept with the parked message. It ends when the message is dropped, unparked, parked again or
    /// unwished.
    fn wish_replays<'a>(&'a self, key: &'a InboxKey, ids: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>>;

    /// Returns a part of the conversations of an inbox, in the order of the bytes of their customers' ids.
    ///
    /// Records past their [`keep_until`](super::ConversationRecord::keep_until) are left out. The store deletes them now
    /// or later.
    fn conversations<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ConversationQuery,
    ) -> BoxFuture<'a, Result<ConversationPage, StoreError>>;

    /// Deletes the conversation with a customer. No lease is needed. Returns whether there was one.
    fn forget_customer<'a>(
        &'a self,
        key: &'a InboxKey,
        customer: &'a ExternalUserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Returns a stream that yields something after each [`release`](Self::release), [`wish_replays`](Self::wish_replays) and
    /// [`wake`](FleetStore::wake) of the inbox that any process makes from now on.
    ///
    /// The stream is a hint, so that a standby takes over at once and a reader replays at once. It may yield too often,
    /// merge several changes into one, and miss some, since its listeners also ask from time to time. It ends when the
    /// store can no longer notice changes. The default never yields.
    fn changes(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        let _ = key;
        futures_util::stream::pending().boxed()
    }

    /// Returns what several processes need to share accounts. The default, `None`, is that of a store for one process.
    fn fleet(&self) -> Option<&dyn FleetStore> {
        None
    }
}

/// An `Arc` of a store is a store.
impl<S: InboxStore + ?Sized> InboxStore for Arc<S> {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        (**self).acquire(key, holder, limit)
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>> {
        (**self).renew(lease, limit)
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).release(lease)
    }

    fn lease_of<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>> {
        (**self).lease_of(key)
    }

    fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>> {
        (**self).keys()
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>> {
        (**self).load(key)
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        (**self).commit(lease, commit)
    }

    fn parked<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ParkedQuery,
    ) -> BoxFuture<'a, Result<ParkedPage, StoreError>> {
        (**self).parked(key, query)
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        (**self).drop_parked(key, id)
    }

    fn wish_replays<'a>(&'a self, key: &'a InboxKey, ids: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>> {
        (**self).wish_replays(key, ids)
    }

    fn conversations<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ConversationQuery,
    ) -> BoxFuture<'a, Result<ConversationPage, StoreError>> {
        (**self).conversations(key, query)
    }

    fn forget_customer<'a>(
        &'a self,
        key: &'a InboxKey,
        customer: &'a ExternalUserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        (**self).forget_customer(key, customer)
    }

    fn changes(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        (**self).changes(key)
    }

    fn fleet(&self) -> Option<&dyn FleetStore> {
        (**self).fleet()
    }
}

/// The key of an inbox: one account of one corp at one address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InboxKey {
    scope: String,
    open_kfid: OpenKfid,
}

impl InboxKey {
    /// Creates a key. `scope` is host and corp id, so that a simulator's cursor never meets WeCom's.
    pub fn new(scope: impl Into<String>, open_kfid: OpenKfid) -> Self {
        Self { scope: scope.into(), open_kfid }
    }

    /// Returns the key of the inbox that a [builder](crate::InboxBuilder) with this client opens, unless its
    /// [scope](crate::InboxBuilder::scope) is set.
    pub fn of_client(client: &Client, open_kfid: OpenKfid) -> Self {
        Self::new(scope_of(client), open_kfid)
    }

    /// Returns the key whose [`changes`](InboxStore::changes) tell that members of the fleet `scope` came or went.
    pub fn of_fleet(scope: impl Into<String>) -> Self {
        Self::new(scope, OpenKfid::new(""))
    }

    /// Returns where the account is: host and corp id.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Returns the account.
    pub fn open_kfid(&self) -> &OpenKfid {
        &self.open_kfid
    }
}

pub(crate) fn scope_of(client: &Client) -> String {
    scope_at(client.base_url(), client.corp_id())
}

/// Returns the host and the corp id, without the scheme.
pub(crate) fn scope_at(base_url: &str, corp_id: impl fmt::Display) -> String {
    let place = base_url.split_once("://").map_or(base_url, |(_, place)| place);
    format!("{place}/{corp_id}")
}

/// `scope/open_kfid`: one text per key, for stores that need one. No two keys share it, since an id has no slash.
impl fmt::Display for InboxKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scope, self.open_kfid)
    }
}

/// Reads what `Display` writes.
impl FromStr for InboxKey {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.rsplit_once('/') {
            Some((scope, open_kfid)) if !open_kfid.is_empty() => Ok(Self::new(scope, open_kfid.into())),
            _ => Err(no_such_key(text)),
        }
    }
}

/// The right to read an inbox for some time. [`InboxStore::acquire`] returns it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Lease {
    /// The inbox.
    pub key: InboxKey,
    /// The name of the holder.
    pub holder: String,
    /// The fencing token. Every lease of an inbox has a greater one than the lease before it.
    pub fence: u64,
}

impl Lease {
    /// Creates a lease; for stores.
    pub fn new(key: InboxKey, holder: impl Into<String>, fence: u64) -> Self {
        Self { key, holder: holder.into(), fence }
    }
}

/// The answer to [`InboxStore::acquire`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Acquired {
    /// The caller holds the lease.
    Lease(Lease),
    /// Another holder has the lease.
    Held {
        /// The name of that holder.
        holder: String,
        /// How long the lease lasts, unless it is renewed or released.
        left: Duration,
    },
}

/// Who holds a lease. [`InboxStore::lease_of`] returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Held {
    /// The name of the holder.
    pub holder: String,
    /// How long the lease lasts, unless it is renewed or released. Serialized as seconds.
    #[serde(rename = "left_seconds", serialize_with = "in_seconds")]
    pub left: Duration,
}

impl Held {
    /// Creates the answer of a store.
    pub fn new(holder: impl Into<String>, left: Duration) -> Self {
        Self { holder: holder.into(), left }
    }
}

fn in_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

/// What the holder of a lease should know. [`InboxStore::renew`] returns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewed {
    /// Whether there are wishes to replay parked messages.
    pub has_wishes: bool,
    /// The number of the last callback that other processes passed on; 0 if none is kept. See
    /// [`FleetStore::last_wake`].
    pub wake: u64,
}

impl Renewed {
    /// Creates the answer of a store. A store without wishes returns the default.
    pub fn with_wishes(has_wishes: bool) -> Self {
        Self { has_wishes, ..Self::default() }
    }

    /// Adds the number of the last callback that another process passed on.
    pub fn with_wake(self, wake: u64) -> Self {
        Self { wake, ..self }
    }
}

/// What changed in a store: an item of [`InboxStore::changes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// The lease was released.
    Released,
    /// Somebody wishes parked messages to be replayed.
    ReplayWished,
    /// Another process received a callback for the reader.
    Woken,
    /// A member of the fleet came or went.
    Members,
    /// Something changed; the store cannot tell what.
    Something,
}
