//! The store `Memory`, and the leases of a store whose records are kept by one process.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::watch;
use tokio::time::Instant;
use wecom_kf::{BoxFuture, ExternalUserId};

use super::error::no_such_page;
use super::turns::KeptToken;
use super::{
    Acquired, Change, Commit, Committed, ConversationPage, ConversationQuery, ConversationRecord, ConversationWrite,
    FleetStore, Held, InboxKey, InboxStore, Lease, Parked, ParkedPage, ParkedQuery, Refresh, Renewed, StoreError,
    TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish, WAKE_KEPT, Wake,
};
use crate::clock::unix_seconds;

/// Keeps everything in memory: for tests, and for bots that may start again from nothing. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kept: Mutex<Kept>,
    changes: Changes,
}

#[derive(Debug, Default)]
struct Kept {
    inboxes: HashMap<InboxKey, KeptInbox>,
    tokens: HashMap<TokenKey, KeptToken>,
    fleets: HashMap<String, KeptFleet>,
}

#[derive(Debug, Default)]
struct KeptFleet {
    /// When each member is gone unless it is renewed.
    members: BTreeMap<String, Instant>,
    /// The reserved reads without a callback's token.
    reads: VecDeque<Instant>,
}

#[derive(Debug, Default)]
struct KeptInbox {
    leases: Leases,
    committed: Option<Committed>,
    /// In the order they were parked, each with its number.
    parked: Vec<(u64, Parked)>,
    next_parked: u64,
    wished: HashSet<String>,
    conversations: BTreeMap<ExternalUserId, ConversationRecord>,
    /// With so many conversations, those past their time are deleted.
    conversations_to_check: usize,
    /// How many callbacks came through other processes, and the last one with the end of its time.
    wakes: u64,
    wake: Option<(Wake, Instant)>,
}

/// The lease of an inbox, for stores whose records are kept by one process.
#[derive(Debug, Default)]
pub(super) struct Leases {
    last_fence: u64,
    current: Option<(Lease, Instant)>,
}

/// Notifies listeners within one process of changes.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<HashMap<InboxKey, watch::Sender<Change>>>);

impl Changes {
    fn senders(&self) -> MutexGuard<'_, HashMap<InboxKey, watch::Sender<Change>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, key: &InboxKey, change: Change) {
        let mut senders = self.senders();
        if let Some(sender) = senders.get(key)
            && sender.send(change).is_err()
        {
            // All listeners are gone.
            senders.remove(key);
        }
    }

    pub(super) fn listen(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        let receiver =
            self.senders().entry(key.clone()).or_insert_with(|| watch::Sender::new(Change::Something)).subscribe();
        let next = async |mut receiver: watch::Receiver<Change>| {
            receiver.changed().await.ok()?;
            let change = *receiver.borrow_and_update();
            Some((change, receiver))
        };
        futures_util::stream::unfold(receiver, next).boxed()
    }
}

impl Memory {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, including leases, as a store without persistence does at a restart. For tests.
    pub fn forget(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<'a, T>(&'a self, key: &'a InboxKey, act: impl FnOnce(&mut KeptInbox) -> T + Send + 'a) -> BoxFuture<'a, T> {
        Box::pin(async { act(self.kept().inboxes.entry(key.clone()).or_default()) })
    }
}

impl Leases {
    pub(super) fn acquire(&mut self, key: &InboxKey, holder: &str, limit: Duration) -> Acquired {
        let now = Instant::now();
        if let Some((lease, until)) = &self.current
            && lease.holder != holder
            && now < *until
        {
            return Acquired::Held { holder: lease.holder.clone(), left: *until - now };
        }
        self.last_fence += 1;
        let lease = Lease { key: key.clone(), holder: holder.to_owned(), fence: self.last_fence };
        self.current = Some((lease.clone(), now + limit));
        Acquired::Lease(lease)
    }

    pub(super) fn held(&self) -> Option<Held> {
        let (lease, until) = self.current.as_ref()?;
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(Held::new(&*lease.holder, left))
    }

    pub(super) fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        match &self.current {
            Some((current, until)) if current == lease && Instant::now() < *until => Ok(()),
            _ => Err(StoreError::StaleLease),
        }
    }

    pub(super) fn renew(&mut self, lease: &Lease, limit: Duration) -> Result<(), StoreError> {
        self.check(lease)?;
        self.current = Some((lease.clone(), Instant::now() + limit));
        Ok(())
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        self.current.take_if(|(current, _)| current == lease);
    }
}

impl KeptInbox {
    fn renew(&mut self, lease: &Lease, limit: Duration) -> Result<Renewed, StoreError> {
        self.leases.renew(lease, limit)?;
        let wake = self.last_wake().map_or(0, |(number, _)| number);
        Ok(Renewed::with_wishes(!self.wished.is_empty()).with_wake(wake))
    }

    fn last_wake(&self) -> Option<(u64, Wake)> {
        let (wake, until) = self.wake.as_ref()?;
        (Instant::now() < *until).then(|| (self.wakes, wake.clone()))
    }

    fn commit(&mut self, lease: &Lease, commit: &Commit) -> Result<(), StoreError> {
        self.leases.check(lease)?;
        let stored = self.committed.as_ref();
        if stored.is_some_and(|stored| commit.is_stored(stored)) {
            return Ok(());
        }
        if !commit.builds_on(stored) {
            return Err(StoreError::OutOfStep);
        }
        self.committed = Some(Committed::after(self.committed.take(), commit));
        let is_replaced = |id: &String| commit.unparked.contains(id) || commit.parked.iter().any(|new| new.id == *id);
        let now = unix_seconds();
        self.parked.retain(|(_, parked)| !is_replaced(&parked.id) && parked.keep_until >= now);
        self.wished.retain(|id| !is_replaced(id) && !commit.unwished.contains(id));
        for parked in &commit.parked {
            self.parked.push((self.next_parked, Parked { is_wished: false, ..parked.clone() }));
            self.next_parked += 1;
        }
        for write in &commit.conversations {
            self.write_conversation(write);
        }
        Ok(())
    }

    fn write_conversation(&mut self, write: &ConversationWrite) {
        match write {
            ConversationWrite::Begin(record) => {
                self.conversations.insert(record.customer.clone(), record.clone());
                if self.conversations.len() > self.conversations_to_check {
                    let now = unix_seconds();
                    self.conversations.retain(|_, record| record.keep_until >= now);
                    self.conversations_to_check = 2 * self.conversations.len() + 100;
                }
            }
            ConversationWrite::Continue(record) => {
                if let Some(stored) = self.conversations.get_mut(&record.customer)
                    && stored.origin == record.origin
                {
                    stored.clone_from(record);
                }
            }
            ConversationWrite::End(customer) => drop(self.conversations.remove(customer)),
        }
    }

    fn conversations(&self, query: &ConversationQuery) -> ConversationPage {
        let now = unix_seconds();
        let is_kept = |record: &&ConversationRecord| record.keep_until >= now;
        if let Some(only) = &query.only {
            let found = self.conversations.get(only).filter(is_kept);
            return ConversationPage::new(found.into_iter().cloned().collect(), None);
        }
        let after = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let found = self.conversations.range::<ExternalUserId, _>((after, Bound::Unbounded));
        let mut found = found.map(|(_, record)| record).filter(is_kept);
        let items: Vec<ConversationRecord> = found.by_ref().take(query.limit).cloned().collect();
        let next = found.next().and(items.last()).map(|last| last.customer.clone());
        ConversationPage::new(items, next)
    }

    fn parked(&self, query: &ParkedQuery) -> Result<ParkedPage, StoreError> {
        let after = match &query.after {
            Some(after) => Some(after.parse::<u64>().map_err(|_| no_such_page(after))?),
            None => None,
        };
        let now = unix_seconds();
        let mut items = Vec::new();
        let mut last = None;
        for (number, parked) in &self.parked {
            if after.is_some_and(|after| *number <= after) || parked.keep_until < now {
                continue;
            }
            let parked = Parked { is_wished: self.wished.contains(&parked.id), ..parked.clone() };
            if !query.matches(&parked) {
                continue;
            }
            if items.len() >= query.limit {
                return Ok(ParkedPage::new(items, last));
            }
            items.push(parked);
            last = Some(number.to_string());
        }
        Ok(ParkedPage::new(items, None))
    }

    fn drop_parked(&mut self, id: &str) -> bool {
        let before = self.parked.len();
        self.parked.retain(|(_, parked)| parked.id != id);
        self.wished.remove(id);
        self.parked.len() < before
    }

    fn wish_replays(&mut self, ids: &[String]) -> usize {
        let is_parked = |id: &&String| self.parked.iter().any(|(_, parked)| parked.id == **id);
        let wished: Vec<String> = ids.iter().filter(is_parked).cloned().collect();
        let count = wished.len();
        self.wished.extend(wished);
        count
    }
}

impl InboxStore for Memory {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        self.with(key, move |kept| Ok(kept.leases.acquire(key, holder, limit)))
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>> {
        self.with(&lease.key, move |kept| kept.renew(lease, limit))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            self.kept().inboxes.entry(lease.key.clone()).or_default().leases.release(lease);
            self.0.changes.tell(&lease.key, Change::Released);
            Ok(())
        })
    }

    fn lease_of<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>> {
        self.with(key, |kept| Ok(kept.leases.held()))
    }

    fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>> {
        Box::pin(async {
            let kept = self.kept();
            let begun = kept.inboxes.iter().filter(|(_, inbox)| inbox.committed.is_some());
            Ok(begun.map(|(key, _)| key.clone()).collect())
        })
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>> {
        self.with(key, |kept| Ok(kept.committed.clone()))
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(&lease.key, |kept| kept.commit(lease, commit))
    }

    fn parked<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ParkedQuery,
    ) -> BoxFuture<'a, Result<ParkedPage, StoreError>> {
        self.with(key, |kept| kept.parked(query))
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.with(key, |kept| Ok(kept.drop_parked(id)))
    }

    fn wish_replays<'a>(&'a self, key: &'a InboxKey, ids: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(async move {
            let count = self.kept().inboxes.entry(key.clone()).or_default().wish_replays(ids);
            self.0.changes.tell(key, Change::ReplayWished);
            Ok(count)
        })
    }

    fn conversations<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ConversationQuery,
    ) -> BoxFuture<'a, Result<ConversationPage, StoreError>> {
        self.with(key, |kept| Ok(kept.conversations(query)))
    }

    fn forget_customer<'a>(
        &'a self,
        key: &'a InboxKey,
        customer: &'a ExternalUserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.with(key, |kept| Ok(kept.conversations.remove(customer).is_some()))
    }

    fn changes(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        self.0.changes.listen(key)
    }

    fn fleet(&self) -> Option<&dyn FleetStore> {
        Some(self)
    }
}

impl FleetStore for Memory {
    fn wake<'a>(&'a self, key: &'a InboxKey, wake: &'a Wake) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let mut kept = self.kept();
            let inbox = kept.inboxes.entry(key.clone()).or_default();
            inbox.wakes += 1;
            inbox.wake = Some((wake.clone(), Instant::now() + WAKE_KEPT));
            let number = inbox.wakes;
            drop(kept);
            self.0.changes.tell(key, Change::Woken);
            Ok(number)
        })
    }

    fn last_wake<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<(u64, Wake)>, StoreError>> {
        self.with(key, |kept| Ok(kept.last_wake()))
    }

    fn meet<'a>(
        &'a self,
        fleet: &'a str,
        member: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<BTreeSet<String>, StoreError>> {
        Box::pin(async move {
            let now = Instant::now();
            let mut kept = self.kept();
            let members = &mut kept.fleets.entry(fleet.to_owned()).or_default().members;
            members.retain(|_, until| now < *until);
            let is_new = members.insert(member.to_owned(), now + limit).is_none();
            let members = members.keys().cloned().collect();
            drop(kept);
            if is_new {
                self.0.changes.tell(&InboxKey::of_fleet(fleet), Change::Members);
            }
            Ok(members)
        })
    }

    fn leave<'a>(&'a self, fleet: &'a str, member: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.kept().fleets.entry(fleet.to_owned()).or_default().members.remove(member);
            self.0.changes.tell(&InboxKey::of_fleet(fleet), Change::Members);
            Ok(())
        })
    }

    fn reserve_read<'a>(
        &'a self,
        fleet: &'a str,
        most: usize,
        window: Duration,
    ) -> BoxFuture<'a, Result<Duration, StoreError>> {
        Box::pin(async move {
            let now = Instant::now();
            let mut kept = self.kept();
            let reads = &mut kept.fleets.entry(fleet.to_owned()).or_default().reads;
            while reads.front().is_some_and(|read| *read + window <= now) {
                reads.pop_front();
            }
            let full = reads.len().checked_sub(most.max(1)).map(|earlier| reads[earlier] + window);
            let at = full.map_or(now, |at| at.max(now));
            reads.push_back(at);
            Ok(at - now)
        })
    }
}

impl TokenStore for Memory {
    fn turn<'a>(&'a self, key: &'a TokenKey, wish: &'a TokenWish) -> BoxFuture<'a, Result<TokenTurn, StoreError>> {
        Box::pin(async { Ok(self.kept().tokens.entry(key.clone()).or_default().turn(key, wish)) })
    }

    fn finish<'a>(&'a self, refresh: &'a Refresh, outcome: &'a TokenOutcome) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { self.kept().tokens.entry(refresh.key.clone()).or_default().finish(refresh, outcome) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[tokio::test]
    async fn memory_passes_the_inbox_conformance_suite() {
        conformance::inbox_store(async || Memory::new()).await;
    }

    struct Forgetful(Memory);

    impl conformance::Mishaps for Forgetful {
        async fn forget(&self) -> bool {
            self.0.forget();
            true
        }
    }

    #[tokio::test]
    async fn memory_passes_the_mishaps_it_can_suffer() {
        let store = Memory::new();
        conformance::mishaps(&store, &Forgetful(store.clone())).await;
    }

    #[tokio::test(start_paused = true)]
    async fn memory_passes_the_fleet_conformance_suite() {
        conformance::fleet_store(async || Memory::new()).await;
    }

    #[tokio::test]
    async fn memory_passes_the_token_conformance_suite() {
        conformance::token_store(async || Memory::new()).await;
    }
}
