//! The inboxes of all accounts of an app. The group searches for new accounts again and again, and shares the accounts with
//! other processes that use the same store.

mod builder;
mod handle;
mod members;
mod parked;
mod watch;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use wecom_kf::{Client, OpenKfid};

use crate::batch::Quiet;
use crate::clock::unix_seconds;
use crate::delivery::Delivery;
use crate::engine::Backoff;
use crate::report::in_one_line;
use crate::run::Summary;
use crate::{ColdStart, Error, Failure, defaults};
pub use builder::InboxGroupBuilder;
pub use handle::GroupHandle;
use members::Members;
pub use parked::{GroupParked, GroupParkedPage};
use watch::Phase;

/// The inboxes of all accounts that the app may read. Accounts that are added later are picked up, accounts that are
/// removed are dropped.
///
/// An account that is found later, with [`ColdStart::FromNow`], begins at the time of the last search that did not find
/// it. So customers who wrote in between are not skipped.
///
/// # Several processes
///
/// Groups in several processes that use the same Redis are a fleet: each account is read by one of them, and no process reads more
/// than one account more than another. When a process starts or is stopped, the accounts are distributed anew, and each account
/// moves within a second. When a process is killed, the others read its accounts as soon as the leases have ended, after 30 s at
/// most ([`defaults::LEASE`]). Any process may receive a callback: it reaches the reader through the store. See
/// [`promises`](crate::promises).
pub struct InboxGroup {
    builder: InboxGroupBuilder,
    /// `None` if they could not be listed yet.
    found: Option<BTreeSet<OpenKfid>>,
    looked_at: i64,
    handle: GroupHandle,
}

impl InboxGroup {
    /// Starts to build a group of all accounts.
    pub fn builder(client: Client) -> InboxGroupBuilder {
        InboxGroupBuilder::new(client)
    }

    pub(crate) fn with_quiet(mut self, quiet: Quiet) -> Self {
        self.builder.quiet = Some(quiet);
        self
    }

    /// Returns a handle, to wake, watch and stop the group while it runs.
    pub fn handle(&self) -> GroupHandle {
        self.handle.clone()
    }

    /// Handles the messages of all accounts until it is stopped: see [`run_until`](Self::run_until).
    pub async fn run<H, F>(self, handler: H) -> Summary
    where
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.run_until(std::future::pending::<()>(), handler).await
    }

    /// Handles the messages of all accounts with a shared state until the group is stopped: see
    /// [`Inbox::run_with`](crate::Inbox::run_with).
    pub async fn run_with<T, H, F>(self, state: Arc<T>, handler: H) -> Summary
    where
        T: Send + Sync + 'static,
        H: Fn(Arc<T>, Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.run(move |delivery| handler(state.clone(), delivery)).await
    }

    /// Handles the messages of all accounts until `stop` ends, each account as
    /// [`Inbox::run_until`](crate::Inbox::run_until) does. Then all inboxes end in order. An inbox that ends with a final
    /// error is opened again at the next search for accounts; the others continue. A search that fails, or after which an
    /// inbox cannot be opened, is repeated after 0.8 s, doubling to 30 s.
    pub async fn run_until<S, H, F>(self, stop: S, handler: H) -> Summary
    where
        S: Future,
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let Self { builder, found, looked_at, handle } = self;
        handle.watch().enter(Phase::Runs);
        let _end = EndOnDrop(handle.clone());
        let slots = Arc::new(Semaphore::new(builder.concurrency.min(Semaphore::MAX_PERMITS)));
        let handler = Arc::new(handler);
        let stopped = handle.clone();
        let mut stop = Box::pin(
            async move {
                tokio::select! {
                    _ = stop => {}
                    () = stopped.0.stop.notified() => {}
                }
            }
            .fuse(),
        );
        let mut members = Members::new(handle.clone(), builder.member.clone());
        let mut running = Running { builder, handle, slots, inboxes: JoinSet::new(), summary: Summary::default() };
        let mut look = Look { last: looked_at, at: Instant::now() + running.builder.look_every, ..Look::default() };
        let start = running.builder.cold_start;
        if found.is_none() {
            look.again_soon();
        }
        if let Some(found) = found {
            running.handle.know(found);
        }
        let mut is_stopped = tokio::select! {
            () = &mut stop => true,
            opened = async {
                members.meet().await;
                running.serve(members.ours(&running.handle.known()), start, &handler).await
            } => {
                if opened == Opened::NotAll {
                    look.again_soon();
                }
                false
            }
        };
        while !is_stopped {
            tokio::select! {
                () = &mut stop => is_stopped = true,
                Some(ended) = running.inboxes.join_next() => {
                    if running.take_all(ended) == Ended::InOrder {
                        // It was given up to another process, and may have become ours again meanwhile.
                        members.meet_soon();
                    }
                }
                woken = members.time_to_meet() => {
                    if let Some(wake) = woken {
                        running.handle.wake_all(&wake);
                    }
                    tokio::select! {
                        () = &mut stop => is_stopped = true,
                        () = running.share(&mut members, &mut look, &handler) => {}
                    }
                }
                () = sleep_until(look.at) => tokio::select! {
                    () = &mut stop => is_stopped = true,
                    () = running.look(&mut members, &mut look, &handler) => {}
                },
                () = running.handle.0.look.notified() => {
                    // Callbacks of an account that the app may not read must not cause a call each.
                    look.at = look.at.min(Instant::now() + LOOK_GAP);
                }
            }
        }
        running.handle.watch().enter(Phase::Stopping);
        // The others stand by before the leases are released.
        members.leave().await;
        for inbox in running.handle.inboxes().values() {
            inbox.stop();
        }
        while let Some(ended) = running.inboxes.join_next().await {
            running.take(ended);
        }
        running.summary
    }
}

/// The shortest time between two searches that callbacks asked for.
const LOOK_GAP: Duration = Duration::from_secs(2);

/// When to search for accounts.
struct Look {
    /// The time of the last search that succeeded and after which all inboxes could be opened, in Unix seconds.
    /// Accounts that are found later begin there.
    last: i64,
    at: Instant,
    backoff: Backoff,
}

impl Default for Look {
    fn default() -> Self {
        Self { last: 0, at: Instant::now(), backoff: Backoff::default() }
    }
}

impl Look {
    /// Repeats a search that failed, or after which an inbox could not be opened, after 0.8 s, doubling to 30 s.
    fn again_soon(&mut self) {
        self.at = self.at.min(Instant::now() + self.backoff.next(fastrand::f64()));
    }
}

/// Whether all accounts have an inbox now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    All,
    NotAll,
}

/// The account whose inbox has ended, and its result; `None` after a panic.
type Outcome = (OpenKfid, Option<Result<Summary, Error>>);

/// How an inbox ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It was stopped.
    InOrder,
    /// It failed. It is opened again at the next search for accounts.
    Failed,
}

struct Running {
    builder: InboxGroupBuilder,
    handle: GroupHandle,
    slots: Arc<Semaphore>,
    inboxes: JoinSet<Outcome>,
    summary: Summary,
}

impl Running {
    /// Meets the other members, and gives up or opens inboxes if they came or went.
    async fn share<H, F>(&mut self, members: &mut Members, look: &mut Look, handler: &Arc<H>)
    where
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        members.meet().await;
        let ours = self.give_up_surplus(members);
        if self.serve(ours, self.start_of_found(look), handler).await == Opened::NotAll {
            look.again_soon();
        }
    }

    /// Stops the inboxes of accounts that are gone, or that another member is to read. Returns the accounts of this process.
    fn give_up_surplus(&self, members: &mut Members) -> BTreeSet<OpenKfid> {
        let known = self.handle.known();
        let ours = members.ours(&known);
        for (open_kfid, inbox) in &*self.handle.inboxes() {
            if ours.contains(open_kfid) {
                continue;
            }
            match known.contains(open_kfid) {
                true => tracing::info!(%open_kfid, "another process of the fleet is to read this account"),
                false => tracing::info!(%open_kfid, "the account is gone, or no longer ours to read"),
            }
            inbox.stop();
        }
        self.handle.watch().keep(|open_kfid| ours.contains(open_kfid));
        ours
    }

    fn start_of_found(&self, look: &Look) -> ColdStart {
        match self.builder.cold_start {
            ColdStart::FromNow => ColdStart::Since(reaching_back(look.last)),
            other => other,
        }
    }

    async fn look<H, F>(&mut self, members: &mut Members, look: &mut Look, handler: &Arc<H>)
    where
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let looked_at = unix_seconds();
        look.at = Instant::now() + self.builder.look_every;
        let found = match self.builder.look().await {
            Ok(found) => found,
            Err(error) => {
                look.again_soon();
                let error = in_one_line(&error);
                tracing::warn!(%error, "cannot look for accounts");
                return self.handle.watch().cannot_list(error);
            }
        };
        self.handle.know(found);
        let ours = self.give_up_surplus(members);
        match self.serve(ours, self.start_of_found(look), handler).await {
            Opened::All => {
                look.last = looked_at;
                look.backoff.reset();
            }
            Opened::NotAll => look.again_soon(),
        }
    }

    /// Opens inboxes for the accounts of this process that have none.
    async fn serve<H, F>(&mut self, ours: BTreeSet<OpenKfid>, start: ColdStart, handler: &Arc<H>) -> Opened
    where
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let mut opened = Opened::All;
        for open_kfid in ours {
            if self.handle.inboxes().contains_key(&open_kfid) {
                continue;
            }
            let inbox = match self.builder.open_one(&open_kfid, start, self.slots.clone()).await {
                Ok(inbox) => inbox,
                Err(error) => {
                    let error = in_one_line(&error);
                    tracing::warn!(%open_kfid, %error, "cannot open the inbox; at the next look again");
                    self.handle.watch().not_opened(open_kfid, error);
                    opened = Opened::NotAll;
                    continue;
                }
            };
            self.handle.add(open_kfid.clone(), inbox.handle());
            self.handle.watch().opened(&open_kfid);
            let handler = handler.clone();
            let run = AssertUnwindSafe(inbox.run(move |delivery| handler(delivery)));
            self.inboxes.spawn(async move { (open_kfid, run.catch_unwind().await.ok()) });
        }
        opened
    }

    /// Takes an inbox that has ended, and those that have ended by now, since hundreds of them end together when a process
    /// joins a large fleet. Returns whether one of them ended in order.
    fn take_all(&mut self, first: Result<Outcome, tokio::task::JoinError>) -> Ended {
        let mut all = self.take(first);
        while let Some(ended) = self.inboxes.try_join_next() {
            if self.take(ended) == Ended::InOrder {
                all = Ended::InOrder;
            }
        }
        all
    }

    fn take(&mut self, ended: Result<Outcome, tokio::task::JoinError>) -> Ended {
        // The task is never aborted, and it catches panics.
        let Ok((open_kfid, outcome)) = ended else { return Ended::Failed };
        self.handle.inboxes().remove(&open_kfid);
        let error = match outcome {
            Some(Ok(summary)) => {
                self.summary += summary;
                return Ended::InOrder;
            }
            Some(Err(error)) => in_one_line(&error),
            // The panic is not one of a handler. It comes from a store or a source that the program supplied.
            None => "it panicked".to_owned(),
        };
        tracing::error!(%open_kfid, %error, "the inbox has ended; at the next look it is opened again");
        self.handle.watch().not_opened(open_kfid, error);
        Ended::Failed
    }
}

fn reaching_back(time: i64) -> SystemTime {
    let time = Duration::from_secs(time.max(0).unsigned_abs());
    UNIX_EPOCH + time.saturating_sub(defaults::FROM_NOW_REACHES_BACK)
}

/// Makes the group end for those who watch it, also if it panics or is dropped.
struct EndOnDrop(GroupHandle);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.watch().enter(Phase::Stopped);
    }
}

impl fmt::Debug for InboxGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxGroup").field("found", &self.found).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    use wecom_kf::{BoxFuture, Credentials, ExternalUserId};
    use wecom_kf_sim::Simulator;

    use super::*;
    use crate::HealthLimits;
    use crate::store::{
        Acquired, Commit, Committed, ConversationPage, ConversationQuery, Held, InboxKey, InboxStore, Lease,
        ParkedPage, ParkedQuery, Renewed, StoreError,
    };

    /// A store that is damaged until it is repaired. Until then nobody gets its lease.
    #[derive(Clone, Default)]
    struct Store(Arc<AtomicBool>);

    fn never<'a, T: Send + 'a>() -> BoxFuture<'a, T> {
        Box::pin(std::future::pending())
    }

    impl InboxStore for Store {
        fn acquire<'a>(
            &'a self,
            _: &'a InboxKey,
            _: &'a str,
            _: Duration,
        ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
            never()
        }
        fn renew<'a>(&'a self, _: &'a Lease, _: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>> {
            never()
        }
        fn release<'a>(&'a self, _: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
            never()
        }
        fn lease_of<'a>(&'a self, _: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>> {
            never()
        }
        fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>> {
            never()
        }
        fn load<'a>(&'a self, _: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>> {
            let is_repaired = self.0.load(SeqCst);
            Box::pin(async move { if is_repaired { Ok(None) } else { Err(StoreError::corrupt("a test said so")) } })
        }
        fn commit<'a>(&'a self, _: &'a Lease, _: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
            never()
        }
        fn parked<'a>(&'a self, _: &'a InboxKey, _: &'a ParkedQuery) -> BoxFuture<'a, Result<ParkedPage, StoreError>> {
            never()
        }
        fn drop_parked<'a>(&'a self, _: &'a InboxKey, _: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
            never()
        }
        fn wish_replays<'a>(&'a self, _: &'a InboxKey, _: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>> {
            never()
        }
        fn conversations<'a>(
            &'a self,
            _: &'a InboxKey,
            _: &'a ConversationQuery,
        ) -> BoxFuture<'a, Result<ConversationPage, StoreError>> {
            never()
        }
        fn forget_customer<'a>(
            &'a self,
            _: &'a InboxKey,
            _: &'a ExternalUserId,
        ) -> BoxFuture<'a, Result<bool, StoreError>> {
            never()
        }
    }

    #[tokio::test]
    async fn an_account_that_could_not_be_opened_is_tried_again() {
        let sim = Simulator::start().await.unwrap();
        let client = Client::builder(Credentials::new(sim.corp_id(), sim.secret())).base_url(sim.base_url());
        let client = client.http(|http| http.no_proxy()).build().unwrap();
        let store = Store::default();
        let mut running = Running {
            builder: InboxGroup::builder(client).store(store.clone()),
            handle: GroupHandle::new(
                Arc::new(store.clone()),
                "scope".to_owned(),
                HealthLimits::default().no_lease(Duration::ZERO),
            ),
            slots: Arc::new(Semaphore::new(1)),
            inboxes: JoinSet::new(),
            summary: Summary::default(),
        };
        let handler = Arc::new(|_| async { Ok(()) });
        let mut alone = Members::new(running.handle.clone(), "member".to_owned());
        let mut look = Look { last: 17, ..Look::default() };
        running.look(&mut alone, &mut look, &handler).await;
        assert_eq!((running.handle.each().len(), look.last), (0, 17), "who wrote since then is not passed over");
        let has_reason = |running: &Running| {
            running.handle.health().reasons.iter().any(|reason| reason.kind == crate::ReasonKind::NotOpened)
        };
        assert!(has_reason(&running));
        assert!(look.at <= Instant::now() + defaults::BACKOFF_CAP);

        store.0.store(true, SeqCst);
        running.look(&mut alone, &mut look, &handler).await;
        assert_eq!(running.handle.each().len(), 1);
        assert!(!has_reason(&running));
        assert!(look.last > 17 && look.at > Instant::now() + defaults::BACKOFF_CAP);

        sim.fault(wecom_kf_sim::op::ACCOUNT_LIST).errcode(-1).always();
        let last = look.last;
        running.look(&mut alone, &mut look, &handler).await;
        assert_eq!(look.last, last);
        assert!(look.at <= Instant::now() + defaults::BACKOFF_CAP);
    }
}
