//! The members of a fleet: processes that share the accounts of an app through one store, and which of the accounts are ours.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};
use wecom_kf::OpenKfid;

use super::GroupHandle;
use crate::defaults;
use crate::report::in_one_line;
use crate::store::{Change, InboxKey, InboxStore, StoreError, Wake, accounts_of};

/// This process among the members. In a store of one process it is alone.
pub(super) struct Members {
    group: GroupHandle,
    store: Arc<dyn InboxStore>,
    scope: String,
    name: String,
    all: BTreeSet<String>,
    changes: BoxStream<'static, Change>,
    meet_at: Instant,
    /// The number of the last callback for the whole group.
    last_wake: Option<u64>,
}

impl Members {
    pub(super) fn new(group: GroupHandle, name: String) -> Self {
        let (store, scope) = (group.0.store.clone(), group.0.scope.clone());
        let changes = store.changes(&InboxKey::of_fleet(&scope));
        let all = BTreeSet::from([name.clone()]);
        Self { group, store, scope, name, all, changes, meet_at: Instant::now(), last_wake: None }
    }

    /// Returns the accounts that this process is to read.
    pub(super) fn ours(&self, accounts: &BTreeSet<OpenKfid>) -> BTreeSet<OpenKfid> {
        accounts_of(&self.name, &self.all, accounts)
    }

    /// Waits until it is time to meet the others: each third of the time that a member may be silent, and at once when one
    /// came or went. Returns a callback for the whole group, if there is a new one.
    pub(super) async fn time_to_meet(&mut self) -> Option<Wake> {
        if self.store.fleet().is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::select! {
                () = sleep_until(self.meet_at) => return self.new_wake().await,
                change = self.changes.next() => match change {
                    Some(Change::Members | Change::Something | Change::Woken) => return self.new_wake().await,
                    Some(_) => {}
                    None => self.changes = futures_util::stream::pending().boxed(),
                }
            }
        }
    }

    /// Returns the last callback for the whole group, once.
    async fn new_wake(&mut self) -> Option<Wake> {
        let fleet = self.store.fleet()?;
        let (number, wake) = in_time(fleet.last_wake(&InboxKey::of_fleet(&self.scope))).await.ok()??;
        (self.last_wake.replace(number) != Some(number)).then_some(wake)
    }

    /// Meets the others at the next opportunity.
    pub(super) fn meet_soon(&mut self) {
        self.meet_at = Instant::now();
    }

    /// Tells the others that this process lives, and learns which others do. While the store is down, each process keeps the
    /// accounts that it has, and the leases decide.
    pub(super) async fn meet(&mut self) {
        let Some(fleet) = self.store.fleet() else { return };
        self.meet_at = Instant::now() + defaults::MEMBER / 3;
        let met = in_time(fleet.meet(&self.scope, &self.name, defaults::MEMBER)).await;
        match met {
            Ok(all) => {
                self.group.watch().met(all.len());
                if all != self.all {
                    tracing::info!(fleet = %self.scope, members = all.len(), "members of the fleet came or went");
                    self.all = all;
                }
            }
            Err(error) => {
                let error = in_one_line(&error);
                tracing::warn!(fleet = %self.scope, %error, "cannot meet the other processes");
                self.group.watch().cannot_meet(error);
            }
        }
    }

    /// Leaves, so that the others stand by before the leases are released. A store that is slow must not hold up a stop: then
    /// the others take over when this member has been silent for long enough.
    pub(super) async fn leave(&mut self) {
        const LIMIT: Duration = Duration::from_millis(200);
        let Some(fleet) = self.store.fleet() else { return };
        match timeout(LIMIT, fleet.leave(&self.scope, &self.name)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(fleet = %self.scope, error = %in_one_line(&error), "cannot leave the fleet")
            }
            Err(_) => {
                tracing::warn!(fleet = %self.scope, "the store is slow; the other processes notice the stop later")
            }
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("name", &self.name).field("all", &self.all).finish_non_exhaustive()
    }
}

/// A store that does not answer must not hold up the group.
async fn in_time<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    StoreError::in_time(Duration::from_secs(2), asked).await
}
