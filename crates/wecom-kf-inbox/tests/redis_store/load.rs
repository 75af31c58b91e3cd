//! A reader under load, and a check that nothing it settled is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use wecom_kf_inbox::store::{
    Acquired, Commit, Committed, Generation, InboxKey, InboxStore, Lease, Parked, ParkedKind, ParkedQuery, Redis,
    StoreError,
};

use crate::server::PATIENCE;

const LEASE: Duration = Duration::from_secs(600);

/// Settles one message after another as fast as the store accepts it, and parks every tenth. It does what an inbox
/// does, without handlers.
pub(crate) struct Reader {
    settled: Arc<AtomicUsize>,
    /// How often the store was down.
    down: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    task: JoinHandle<Outcome>,
}

/// What happened to a reader.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How many messages it settled.
    pub(crate) settled: usize,
    /// How often the store had lost what was committed, so that the reader wrote it back.
    pub(crate) wrote_back: usize,
}

impl Reader {
    pub(crate) fn start(store: &Redis, key: InboxKey) -> Self {
        let (settled, down, ends) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default(), Arc::default());
        let task = tokio::spawn(read(store.clone(), key, settled.clone(), down.clone(), Arc::clone(&ends)));
        Self { settled, down, ends, task }
    }

    /// Waits until it has settled this many more messages.
    pub(crate) async fn goes_on_for(&self, messages: usize) {
        self.counts(&self.settled, messages).await;
    }

    /// Waits until it meets a store that is down.
    pub(crate) async fn meets_it_down(&self) {
        self.counts(&self.down, 1).await;
    }

    async fn counts(&self, counter: &AtomicUsize, more: usize) {
        let upto = counter.load(Ordering::SeqCst) + more;
        let until = Instant::now() + PATIENCE;
        while counter.load(Ordering::SeqCst) < upto {
            assert!(!self.task.is_finished(), "the reader has ended");
            assert!(Instant::now() < until, "the reader does not go on");
            sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn end(self) -> Outcome {
        self.ends.store(true, Ordering::SeqCst);
        self.task.await.unwrap()
    }
}

async fn read(
    store: Redis,
    key: InboxKey,
    settled: Arc<AtomicUsize>,
    down: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut lease = acquire(&store, &key).await;
    let mut known = Committed::new(Generation::random());
    while !ends.load(Ordering::SeqCst) {
        let id = format!("m{}", outcome.settled);
        let mut commit = if known.revision == 0 { Commit::whole(&known) } else { Commit::next(&known) };
        commit.settled.push(id.clone());
        if outcome.settled.is_multiple_of(10) {
            commit.parked = vec![Parked::new(id, ParkedKind::Message, "{}")];
        }
        loop {
            match store.commit(&lease, &commit).await {
                Ok(()) => break,
                Err(StoreError::Down(_)) => {
                    down.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(50)).await;
                }
                Err(StoreError::StaleLease) => lease = acquire(&store, &key).await,
                // A replica took over that had not received the last commits. They are written back.
                Err(StoreError::OutOfStep) => {
                    outcome.wrote_back += 1;
                    let all = Committed::after(Some(known.clone()), &commit);
                    let mut whole = Commit::whole(&all);
                    whole.parked = parked_of(outcome.settled + 1);
                    whole.revision = commit.revision;
                    commit = whole;
                }
                Err(error) => panic!("{error}"),
            }
        }
        known = match commit.writes {
            wecom_kf_inbox::store::Writes::Next => Committed::after(Some(known), &commit),
            wecom_kf_inbox::store::Writes::Whole => Committed::after(None, &commit),
        };
        outcome.settled += 1;
        settled.store(outcome.settled, Ordering::SeqCst);
    }
    outcome
}

fn parked_of(settled: usize) -> Vec<Parked> {
    (0..settled).step_by(10).map(|number| Parked::new(format!("m{number}"), ParkedKind::Message, "{}")).collect()
}

pub(crate) async fn acquire(store: &Redis, key: &InboxKey) -> Lease {
    let until = Instant::now() + PATIENCE;
    loop {
        match store.acquire(key, "reader", LEASE).await {
            Ok(Acquired::Lease(lease)) => return lease,
            Ok(held) => panic!("nobody else asks, but {held:?}"),
            Err(error) if error.is_retryable() && Instant::now() < until => sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Asserts that nothing is lost, and that nothing is settled or parked twice.
#[allow(clippy::print_stdout, reason = "the figures of a test")]
pub(crate) async fn nothing_is_lost_or_doubled(store: &Redis, key: &InboxKey, outcome: &Outcome) {
    let stored = store.load(key).await.unwrap().unwrap();
    let expected: Vec<String> = (0..outcome.settled).map(|number| format!("m{number}")).collect();
    let kept = expected.len().min(wecom_kf_inbox::store::REMEMBERED);
    assert!(stored.settled == expected[expected.len() - kept..], "{} of {} are there", stored.settled.len(), kept);
    let (mut parked, mut query) = (Vec::new(), ParkedQuery::first(1000));
    loop {
        let page = store.parked(key, &query).await.unwrap();
        parked.extend(page.items.into_iter().map(|parked| parked.id));
        match page.next {
            Some(next) => query = query.after(Some(next)),
            None => break,
        }
    }
    let expected: Vec<String> = expected.into_iter().step_by(10).collect();
    assert!(parked == expected, "{} of {} parked messages are there", parked.len(), expected.len());
    println!("{outcome:?}");
}
