//! The lease: acquired, renewed by a task of its own however busy the inbox is, and released at the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use wecom_kf::Bilingual;

use super::fleet::ask_for_wake;
use super::in_time;
use super::watch::set_gauges;
use crate::shared::Shared;
use crate::store::{Lease, StoreError};

/// A lease that is renewed until this is dropped. A drop without [`release`](Self::release) releases it in the
/// background, so that the inbox can be opened again at once.
#[derive(Debug)]
pub(super) struct LeaseKeeper {
    shared: Arc<Shared>,
    lease: Lease,
    held: watch::Receiver<Held>,
    task: JoinHandle<()>,
    is_released: bool,
}

#[derive(Clone, Debug)]
enum Held {
    Until(Instant),
    Lost(StoreError),
}

impl LeaseKeeper {
    /// Starts to renew `lease`. `asked_at` is when the lease was requested, since it may have begun then.
    pub(super) fn start(shared: Arc<Shared>, lease: Lease, asked_at: Instant) -> Self {
        let until = asked_at + shared.settings.lease;
        let (report, held) = watch::channel(Held::Until(until));
        let task = tokio::spawn(keep(shared.clone(), lease.clone(), until, report));
        Self { shared, lease, held, task, is_released: false }
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Returns until when the lease is certainly held.
    pub(super) fn until(&self) -> Instant {
        match &*self.held.borrow() {
            Held::Until(until) => *until,
            Held::Lost(_) => Instant::now(),
        }
    }

    /// Releases the lease and ends the task, which holds a reference to the store.
    pub(super) async fn release(mut self) {
        self.is_released = true;
        self.task.abort();
        let _ = (&mut self.task).await;
        let _ = in_time(self.shared.store.release(&self.lease)).await;
    }

    /// Drops a lease that is lost without releasing it. A store that has forgotten may have given an equal lease to
    /// another process.
    pub(super) fn abandon(mut self) {
        self.is_released = true;
    }

    /// Waits until the lease is lost, and returns the reason.
    pub(super) async fn lost(&mut self) -> StoreError {
        loop {
            let held = self.held.borrow_and_update().clone();
            match held {
                Held::Lost(error) => return error,
                Held::Until(until) => {
                    tokio::select! {
                        changed = self.held.changed() => if changed.is_err() { return StoreError::StaleLease },
                        () = sleep_until(until) => {
                            // Lets the renewing task run once more, since its time ends at the same moment.
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

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.task.abort();
        let runtime = tokio::runtime::Handle::try_current();
        if let Some(runtime) = runtime.ok().filter(|_| !self.is_released) {
            let (shared, lease) = (self.shared.clone(), self.lease.clone());
            runtime.spawn(async move { shared.store.release(&lease).await });
        }
    }
}

async fn keep(shared: Arc<Shared>, lease: Lease, mut until: Instant, report: watch::Sender<Held>) {
    let limit = shared.settings.lease;
    loop {
        sleep(limit / 3).await;
        set_gauges(&shared);
        match renew(&shared, &lease, limit, until).await {
            Ok(renewed_until) => {
                until = renewed_until;
                report.send_replace(Held::Until(until));
                shared.exchange.desk().extend_lease(until);
            }
            Err(error) => {
                report.send_replace(Held::Lost(error));
                return;
            }
        }
    }
}

/// Renews the lease. While the store is down it tries again until the lease ends.
async fn renew(shared: &Arc<Shared>, lease: &Lease, limit: Duration, until: Instant) -> Result<Instant, StoreError> {
    loop {
        let asked_at = Instant::now();
        match timeout_at(until, shared.store.renew(lease, limit)).await {
            Ok(Ok(renewed)) => {
                shared.exchange.desk().store_answered();
                if renewed.has_wishes {
                    shared.exchange.look_for_wishes();
                }
                if renewed.wake != 0 && renewed.wake != shared.exchange.desk().last_wake {
                    ask_for_wake(shared);
                }
                return Ok(asked_at + limit);
            }
            Ok(Err(error)) if !error.is_retryable() => return Err(error),
            Ok(Err(error)) => {
                shared.exchange.desk().store_failed(asked_at);
                if Instant::now() >= until {
                    return Err(error);
                }
                sleep(limit / 20).await;
            }
            Err(_) => {
                shared.exchange.desk().store_failed(asked_at);
                let late = Bilingual::fixed("it did not renew the lease in time", "没有及时续租");
                return Err(StoreError::down(late));
            }
        }
    }
}
