//! Writes the commits of many inboxes together. Each transaction waits some milliseconds for the disk, whatever is in it.

use std::mem::take;
use std::slice::from_ref;
use std::sync::{MutexGuard, PoisonError};

use tokio::sync::oneshot;

use wecom_kf::Bilingual;

use super::{Inner, Redb, Shared, ended_early, tables};
use crate::store::{Commit, Lease, StoreError};

/// A commit that waits for the next transaction.
pub(super) struct Waiting {
    lease: Lease,
    commit: Commit,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Redb {
    /// Writes a commit, in one transaction with those that arrive while the file is busy.
    pub(super) async fn commit_together(&self, lease: Lease, commit: Commit) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        self.0.waiting().push(Waiting { lease, commit, answer });
        let shared = self.0.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let mut inner = shared.inner();
            // This is empty if another call has written the commit and answered it meanwhile.
            let waiting = take(&mut *shared.waiting());
            inner.commit_all(waiting);
        });
        // The ended task no longer keeps the file open.
        writing.await.map_err(|error| ended_early(&error))?;
        answered
            .await
            .unwrap_or_else(|_| Err(StoreError::down(Bilingual::fixed("the process is ending", "进程正在结束"))))
    }
}

impl Inner {
    fn commit_all(&mut self, waiting: Vec<Waiting>) {
        // No lease can end between this check and the write, since other callers wait for the lock.
        let is_current =
            |waiting: &Waiting| self.leases.get(&waiting.lease.key).is_some_and(|it| it.check(&waiting.lease).is_ok());
        let (current, stale): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_current);
        answer_all(stale, &StoreError::StaleLease);
        match self.write(&current) {
            Ok(outcomes) => {
                for (waiting, outcome) in current.into_iter().zip(outcomes) {
                    let _ = waiting.answer.send(outcome);
                }
            }
            // Damaged data of one inbox must not affect the other inboxes.
            Err(StoreError::Corrupt(_)) if current.len() > 1 => {
                for waiting in current {
                    let outcome = self.write(from_ref(&waiting)).and_then(|outcomes| outcomes.into_iter().collect());
                    let _ = waiting.answer.send(outcome);
                }
            }
            Err(error) => answer_all(current, &error),
        }
    }

    fn write(&mut self, commits: &[Waiting]) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        self.transactions += 1;
        self.with(|database| {
            tables::commit_all(database, commits.iter().map(|waiting| (waiting.lease.key.to_string(), &waiting.commit)))
        })
    }
}

fn answer_all(waiting: Vec<Waiting>, error: &StoreError) {
    for waiting in waiting {
        // The caller may have stopped waiting.
        let _ = waiting.answer.send(Err(error.clone()));
    }
}
