use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wecom_kf::{AccessToken, BoxFuture};

use super::{
    Acquired, Commit, InboxKey, InboxState, InboxStore, Lease, Parked, REMEMBERED, Refresh, StoreError, StoredToken,
    TokenFailure, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish,
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

#[derive(Debug, Default)]
struct KeptToken {
    token: Option<(AccessToken, Instant)>,
    failure: Option<TokenFailure>,
    failures: u32,
    held_until: Option<Instant>,
    turns: u64,
    /// The turn to fetch that was given out, and when it is over.
    fetching: Option<(Refresh, Instant)>,
}

impl KeptToken {
    fn turn(&mut self, key: &TokenKey, wish: &TokenWish) -> TokenTurn {
        let now = Instant::now();
        let stored = self.token.as_ref().filter(|(_, until)| now < *until);
        let stored = stored.map(|(token, until)| StoredToken { token: token.clone(), left: *until - now });
        let usable = stored.clone().filter(|stored| wish.rejected.as_ref() != Some(&stored.token));
        if let Some(fresh) = usable.as_ref().filter(|usable| usable.left >= wish.at_least) {
            return TokenTurn::Token(fresh.clone());
        }
        let is_fetching = self.fetching.as_ref().is_some_and(|(_, until)| now < *until);
        let is_held = self.held_until.is_some_and(|until| now < until);
        if is_fetching || is_held {
            return match (usable, &self.failure, stored) {
                (Some(usable), ..) => TokenTurn::Token(usable),
                _ if is_fetching => TokenTurn::Wait,
                (None, Some(failure), _) => TokenTurn::Failed(failure.clone()),
                (None, None, Some(rejected)) => TokenTurn::Token(rejected),
                // It ran out while it was held.
                (None, None, None) => self.begin(key, wish, now),
            };
        }
        self.begin(key, wish, now)
    }

    fn begin(&mut self, key: &TokenKey, wish: &TokenWish, now: Instant) -> TokenTurn {
        self.turns += 1;
        let refresh = Refresh { key: key.clone(), id: self.turns.to_string(), failures: self.failures };
        self.fetching = Some((refresh.clone(), now + wish.limit));
        TokenTurn::Refresh(refresh)
    }

    fn finish(&mut self, refresh: &Refresh, outcome: &TokenOutcome) -> Result<(), StoreError> {
        let now = Instant::now();
        let is_current = |(current, until): &mut (Refresh, Instant)| current.id == refresh.id && now < *until;
        self.fetching.take_if(is_current).ok_or(StoreError::StaleLease)?;
        match outcome {
            TokenOutcome::Token { token, hold } => {
                self.token = Some((token.token.clone(), now + token.left));
                self.failure = None;
                self.failures = 0;
                self.held_until = Some(now + *hold);
            }
            TokenOutcome::Failed { failure, hold } => {
                self.failure = Some(failure.clone());
                self.failures = self.failures.saturating_add(1);
                self.held_until = Some(now + *hold);
            }
        }
        Ok(())
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
