//! What an operator does with a store beside the inboxes that use it: replays by a choice, and a new place to read from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Acquired, Commit, Committed, Generation, Held, InboxKey, InboxStore, Lease, Parked, ParkedQuery, REMEMBERED,
    StoreError,
};
use crate::ColdStart;
use crate::clock::unix_seconds;

/// How long a new place takes to be written at most.
const LEASE: Duration = Duration::from_secs(30);
/// How often a reader that takes its lease back is asked for it.
const TRIES: u32 = 10;
/// How many parked messages are read at a time.
const PARKED_AT_ONCE: usize = 100;

/// Looks after the inboxes of a store, for a program that runs none: a command for the person on call, an admin page.
///
/// Most of what such a program needs are methods of the [`InboxStore`] itself, none of which needs a lease:
///
/// | what | method |
/// |---|---|
/// | the inboxes | [`keys`](InboxStore::keys) |
/// | who reads one, and for how long | [`lease_of`](InboxStore::lease_of) |
/// | where it continues to read | [`load`](InboxStore::load) |
/// | parked messages: list, replay, drop | [`parked`](InboxStore::parked), [`wish_replays`](InboxStore::wish_replays), [`drop_parked`](InboxStore::drop_parked) |
/// | conversations: list, delete | [`conversations`](InboxStore::conversations), [`forget_customer`](InboxStore::forget_customer) |
///
/// A `Redis` can be used beside the running bots. The file of a `Redb` is locked while a bot runs, so the program gets
/// [`StoreError::InUse`] then; `Redb::open_existing` opens it when the bot is stopped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), wecom_kf_inbox::Report> {
/// use wecom_kf_inbox::ColdStart;
/// use wecom_kf_inbox::store::{BeganAgain, IfHeld, InboxStore, Memory, Operator};
///
/// let store = Memory::new(); // or a Redis, or a file
/// let operator = Operator::new(store.clone());
/// for key in store.keys().await? {
///     match operator.begin_again(&key, ColdStart::Everything, IfHeld::Refuse).await? {
///         BeganAgain::Done => println!("{key} is read from the oldest message"),
///         BeganAgain::Held(held) => println!("{key} is read by {} for {:?} more", held.holder, held.left),
///         BeganAgain::NothingStored => println!("{key} has not begun yet"),
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Operator(Arc<dyn InboxStore>);

/// What [`Operator::begin_again`] does if a process reads the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IfHeld {
    /// It changes nothing.
    Refuse,
    /// It takes the lease for a moment. The reader notices when it commits or renews its lease, within 10 s by default.
    /// Then it continues at the new place; messages in its window are handed out again if they come after that place.
    TakeOver,
}

/// The outcome of [`Operator::begin_again`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it may not have begun again"]
pub enum BeganAgain {
    /// The next reader, or the present one, continues at the new place.
    Done,
    /// A process reads, and [`IfHeld::Refuse`] was asked for. Nothing was changed.
    Held(Held),
    /// The store holds nothing of this inbox, so the bot's own [`ColdStart`] decides where it begins. Nothing was changed.
    NothingStored,
}

impl Operator {
    /// Creates an operator of a store. An `Arc` of a store, and a clone of a `Memory`, `Redb` or `Redis`, is one, too.
    pub fn new(store: impl InboxStore) -> Self {
        Self(Arc::new(store))
    }

    /// Asks for all parked messages and pages of an inbox for which `is_meant` returns true to be delivered again by its
    /// reader: see [`InboxHandle::replay`](crate::InboxHandle::replay). Returns the number of these.
    ///
    /// # Errors
    ///
    /// Those of the store. Some of the wishes may have been stored by then.
    pub async fn replay_all(
        &self,
        key: &InboxKey,
        is_meant: impl Fn(&Parked) -> bool + Send,
    ) -> Result<usize, StoreError> {
        wish_all(&*self.0, key, is_meant).await
    }

    /// Sets where an inbox continues to read, and forgets its cursor: for an account whose cursor WeCom no longer knows
    /// (errcode 40058), or whose messages of the last days are to be skipped.
    ///
    /// The ids of settled messages are kept, at least the last 10,000. So a message that is read again is not delivered
    /// again if it was settled. Parked messages and conversations stay.
    ///
    /// # Errors
    ///
    /// Those of the store. [`StoreError::Down`] while it writes: it may have begun again or not, and may be repeated.
    pub async fn begin_again(
        &self,
        key: &InboxKey,
        start: ColdStart,
        if_held: IfHeld,
    ) -> Result<BeganAgain, StoreError> {
        if self.0.load(key).await?.is_none() {
            return Ok(BeganAgain::NothingStored);
        }
        let mut tries = 0;
        loop {
            let lease = match self.lease(key, if_held).await? {
                Ok(lease) => lease,
                Err(held) => return Ok(BeganAgain::Held(held)),
            };
            let written = self.write(&lease, start).await;
            // The lease ends by itself, too.
            let _ = self.0.release(&lease).await;
            tries += 1;
            match written {
                // The reader asked for its lease again before this was written, since both ask under one name.
                Err(StoreError::StaleLease) if tries < TRIES => {}
                written => return written,
            }
        }
    }

    async fn lease(&self, key: &InboxKey, if_held: IfHeld) -> Result<Result<Lease, Held>, StoreError> {
        let mut name = format!("operator-{}-{:08x}", std::process::id(), fastrand::u32(..));
        loop {
            match self.0.acquire(key, &name, LEASE).await? {
                Acquired::Lease(lease) => return Ok(Ok(lease)),
                Acquired::Held { holder, left } if if_held == IfHeld::Refuse => return Ok(Err(Held { holder, left })),
                // Whoever asks under the name of the holder gets a new lease, and the earlier one ends.
                Acquired::Held { holder, .. } => name = holder,
            }
        }
    }

    async fn write(&self, lease: &Lease, start: ColdStart) -> Result<BeganAgain, StoreError> {
        // The state is loaded again under the lease: the reader may have committed meanwhile.
        let Some(stored) = self.0.load(&lease.key).await? else { return Ok(BeganAgain::NothingStored) };
        let remember = REMEMBERED.max(stored.settled.len());
        let again = Committed {
            since: start.since(unix_seconds()),
            settled: stored.settled,
            ..Committed::new(Generation::random())
        };
        self.0.commit(lease, &Commit { remember, ..Commit::whole(&again) }).await?;
        Ok(BeganAgain::Done)
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").finish_non_exhaustive()
    }
}

/// Notes the wish to replay all parked messages for which `is_meant` returns true. Returns their number.
pub(crate) async fn wish_all(
    store: &dyn InboxStore,
    key: &InboxKey,
    is_meant: impl Fn(&Parked) -> bool + Send,
) -> Result<usize, StoreError> {
    let (mut count, mut query) = (0, ParkedQuery::first(PARKED_AT_ONCE));
    loop {
        let page = store.parked(key, &query).await?;
        let meant = page.items.into_iter().filter(|parked| is_meant(parked));
        let ids: Vec<String> = meant.map(|parked| parked.id).collect();
        if !ids.is_empty() {
            count += store.wish_replays(key, &ids).await?;
        }
        let Some(next) = page.next else { return Ok(count) };
        query = query.after(Some(next));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Memory, ParkedKind};
    use super::*;

    fn key() -> InboxKey {
        InboxKey::new("a.invalid/ww1", "wk1".into())
    }

    async fn acquired(store: &Memory, holder: &str) -> Lease {
        match store.acquire(&key(), holder, LEASE).await.unwrap() {
            Acquired::Lease(lease) => lease,
            held @ Acquired::Held { .. } => panic!("{held:?}"),
        }
    }

    /// A store in which `reader` holds the lease of an inbox and has committed something.
    async fn begun() -> (Memory, Lease, Committed) {
        let (store, now) = (Memory::new(), unix_seconds());
        let lease = acquired(&store, "reader").await;
        let parked = Parked::new("p", ParkedKind::Message, "{}").kept(now, now + 1000);
        let first = Commit {
            cursor: Some("c1".to_owned()),
            starts: 2,
            in_progress: Some("m3".to_owned()),
            settled: vec!["m1".to_owned(), "m2".to_owned()],
            parked: vec![parked],
            ..Commit::whole(&Committed::new(Generation::random()))
        };
        store.commit(&lease, &first).await.unwrap();
        let stored = store.load(&key()).await.unwrap().unwrap();
        (store, lease, stored)
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_not_disturbed_unless_that_is_asked_for() {
        let (store, lease, stored) = begun().await;
        let operator = Operator::new(store.clone());
        let refused = operator.begin_again(&key(), ColdStart::Everything, IfHeld::Refuse).await.unwrap();
        assert_eq!(refused, BeganAgain::Held(Held::new("reader", LEASE)));
        assert_eq!(store.load(&key()).await.unwrap(), Some(stored.clone()));
        store.commit(&lease, &Commit::next(&stored)).await.unwrap();

        let done = operator.begin_again(&key(), ColdStart::Everything, IfHeld::TakeOver).await.unwrap();
        assert_eq!(done, BeganAgain::Done);
        let late = store.commit(&lease, &Commit::next(&stored)).await;
        assert!(matches!(late, Err(StoreError::StaleLease)), "{late:?}");
        assert_eq!(store.lease_of(&key()).await.unwrap(), None, "the reader can have it at once");
    }

    #[tokio::test(start_paused = true)]
    async fn the_cursor_is_forgotten_and_settled_messages_are_not() {
        let (store, lease, stored) = begun().await;
        store.release(&lease).await.unwrap();
        let operator = Operator::new(store.clone());
        let since = std::time::UNIX_EPOCH + Duration::from_secs(77);
        let now = unix_seconds();
        for (start, expected) in [
            (ColdStart::Everything, None..=None),
            (ColdStart::Since(since), Some(77)..=Some(77)),
            (ColdStart::FromNow, Some(now - 60)..=Some(now)),
        ] {
            let done = operator.begin_again(&key(), start, IfHeld::Refuse).await.unwrap();
            assert_eq!(done, BeganAgain::Done);
            let again = store.load(&key()).await.unwrap().unwrap();
            assert!(expected.contains(&again.since), "{start:?}: {:?}", again.since);
            assert_ne!(again.generation, stored.generation, "no reader takes it for its own history");
            assert_eq!((again.cursor, again.starts, again.in_progress), (None, 0, None));
            assert_eq!(again.settled, stored.settled);
            assert_eq!(store.parked(&key(), &ParkedQuery::first(9)).await.unwrap().items.len(), 1);
        }
    }

    #[tokio::test]
    async fn an_inbox_that_does_not_exist_is_not_created() {
        let (store, other) = (Memory::new(), InboxKey::new("a.invalid/ww1", "wk2".into()));
        let outcome = Operator::new(store.clone()).begin_again(&other, ColdStart::FromNow, IfHeld::TakeOver).await;
        assert_eq!(outcome.unwrap(), BeganAgain::NothingStored);
        assert!(store.keys().await.unwrap().is_empty());
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let key = InboxKey::new("http://127.0.0.1:9500/ww1", "wk1".into());
        assert_eq!(key.to_string().parse::<InboxKey>().unwrap(), key);
        for wrong in ["", "wk1", "a.invalid/ww1/"] {
            let error = wrong.parse::<InboxKey>().unwrap_err();
            assert!(error.to_string().contains("not the key of an inbox"), "{error}");
        }
    }

    #[test]
    fn a_holder_is_serialized_with_seconds() {
        let held = Held::new("reader", Duration::from_millis(1500));
        assert_eq!(serde_json::to_string(&held).unwrap(), r#"{"holder":"reader","left_seconds":1.5}"#);
    }
}
