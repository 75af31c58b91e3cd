//! The store `Memory`: for tests, and for bots that may start again from nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wecom_kf::BoxFuture;

use super::turns::KeptToken;
use super::{
    Acquired, Commit, InboxKey, InboxState, InboxStore, Lease, Parked, REMEMBERED, Refresh, StoreError, TokenKey,
    TokenOutcome, TokenStore, TokenTurn, TokenWish,
};
use crate::clock::unix_seconds;

/// Keeps everything in memory: for tests, and for bots that may start anew. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    inboxes: HashMap<InboxKey, KeptInbox>,
    tokens: HashMap<TokenKey, KeptToken>,
}

#[derive(Debug, Default)]
struct KeptInbox {
    leases: Leases,
    state: InboxState,
    parked: Vec<Parked>,
}

/// Who reads an inbox, as long as one process keeps the record.
#[derive(Debug, Default)]
pub(super) struct Leases {
    last_fence: u64,
    current: Option<(Lease, Instant)>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything, leases too: what a store without persistence does when it is started anew. For tests.
    pub fn forget(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn commit(&mut self, lease: &Lease, commit: &Commit) -> Result<(), StoreError> {
        self.leases.check(lease)?;
        if self.state.revision == commit.revision {
            return Ok(());
        }
        self.state.revision = commit.revision;
        self.state.cursor = commit.cursor.clone();
        self.state.since = commit.since;
        self.state.settled.extend_from_slice(&commit.settled);
        let too_many = self.state.settled.len().saturating_sub(REMEMBERED);
        self.state.settled.drain(..too_many);
        let is_replaced = |id: &String| commit.unparked.contains(id) || commit.parked.iter().any(|new| new.id == *id);
        let now = unix_seconds();
        self.parked.retain(|parked| !is_replaced(&parked.id) && parked.keep_until >= now);
        self.parked.extend_from_slice(&commit.parked);
        Ok(())
    }

    fn parked(&self) -> Vec<Parked> {
        let now = unix_seconds();
        self.parked.iter().filter(|parked| parked.keep_until >= now).cloned().collect()
    }

    fn drop_parked(&mut self, id: &str) -> bool {
        let before = self.parked.len();
        self.parked.retain(|parked| parked.id != id);
        self.parked.len() < before
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

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(&lease.key, move |kept| kept.leases.renew(lease, limit))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(&lease.key, |kept| {
            kept.leases.release(lease);
            Ok(())
        })
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<InboxState, StoreError>> {
        self.with(key, |kept| Ok(kept.state.clone()))
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(&lease.key, |kept| kept.commit(lease, commit))
    }

    fn parked<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Vec<Parked>, StoreError>> {
        self.with(key, |kept| Ok(kept.parked()))
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.with(key, |kept| Ok(kept.drop_parked(id)))
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
    async fn memory_keeps_what_an_inbox_store_must() {
        conformance::inbox_store(async || Memory::new()).await;
    }

    #[tokio::test]
    async fn memory_keeps_what_a_token_store_must() {
        conformance::token_store(async || Memory::new()).await;
    }
}
