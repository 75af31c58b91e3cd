use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::store::{InboxStore, Lease, StoreError};

/// Renews a lease on a task of its own, however busy its inbox is, until it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) lease: Lease,
    held: watch::Receiver<Held>,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug)]
enum Held {
    Until(Instant),
    Lost(StoreError),
}

impl Keeper {
    /// `asked_at` is when the lease was asked for: it may have begun then.
    pub(super) fn start(store: Arc<dyn InboxStore>, lease: Lease, limit: Duration, asked_at: Instant) -> Self {
        let (report, held) = watch::channel(Held::Until(asked_at + limit));
        let task = tokio::spawn(keep(store, lease.clone(), limit, asked_at + limit, report));
        Self { lease, held, task }
    }

    /// Whether the lease is surely ours. After this process stood still it is not, before anybody says so.
    pub(super) fn is_held(&self) -> bool {
        matches!(&*self.held.borrow(), Held::Until(until) if Instant::now() < *until)
    }

    /// Ends it with its hold on the store, so that whoever opens that anew at once finds it free.
    pub(super) async fn end(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    /// Waits until the lease is lost, and says why.
    pub(super) async fn lost(&mut self) -> StoreError {
        loop {
            let held = self.held.borrow_and_update().clone();
            match held {
                Held::Lost(error) => return error,
                Held::Until(until) => {
                    tokio::select! {
                        changed = self.held.changed() => if changed.is_err() { return StoreError::StaleLease },
                        () = sleep_until(until) => {
                            // The keeper had its last chance at the same moment.
                            tokio::task::yield_now().await;
                            if matches!(&*self.held.borrow(), Held::Until(still) if *still == until) {
                                return StoreError::StaleLease;
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(
    store: Arc<dyn InboxStore>,
    lease: Lease,
    limit: Duration,
    mut until: Instant,
    report: watch::Sender<Held>,
) {
    loop {
        sleep(limit / 3).await;
        let error = loop {
            let asked_at = Instant::now();
            match timeout_at(until, store.renew(&lease, limit)).await {
                Ok(Ok(())) => {
                    until = asked_at + limit;
                    report.send_replace(Held::Until(until));
                    break None;
                }
                Ok(Err(error)) if error.is_retryable() && Instant::now() < until => sleep(limit / 20).await,
                Ok(Err(error)) => break Some(error),
                Err(_) => break Some(StoreError::down("it did not renew the lease in time")),
            }
        };
        if let Some(error) = error {
            report.send_replace(Held::Lost(error));
            return;
        }
    }
}
