//! A crash after every await: nothing is lost, and only what was not stored is repeated.

use std::collections::{BTreeSet, HashMap};
use std::future::{Future, pending};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::BoxStream;
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};
use wecom_kf::{BoxFuture, Error, ExternalUserId};
use wecom_kf_inbox::store::{
    Acquired, Change, Commit, Committed, ConversationPage, ConversationQuery, Held, InboxKey, InboxStore, Lease,
    Memory, ParkedPage, ParkedQuery, Renewed, StoreError,
};
use wecom_kf_inbox::{Batch, Delivery, Failure, Fetched, PageRequest, PageSource, Quiet};

use crate::fake::{FakeWeCom, builder, caught_up, key, steal, text};

const PAGES: usize = 5;
const PAGE_SIZE: usize = 4;

/// Counts awaits, and stops everything at one of them.
#[derive(Clone)]
struct Crash {
    left: Arc<AtomicUsize>,
    happened: Arc<Notify>,
}

impl Crash {
    fn after(awaits: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(awaits)), happened: Arc::default() }
    }

    /// Marks an await. At the last one it never returns, like a crash.
    async fn point(&self) {
        yield_now().await;
        if self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err() {
            self.happened.notify_one();
            pending::<()>().await;
        }
    }
}

/// A wrapper with an await before and after each step of what it wraps.
#[derive(Clone)]
struct Breaking<T>(T, Crash);

impl<T> Breaking<T> {
    async fn around<O>(&self, step: impl Future<Output = O>) -> O {
        self.1.point().await;
        let outcome = step.await;
        self.1.point().await;
        outcome
    }
}

impl PageSource for Breaking<FakeWeCom> {
    fn fetch(&self, request: PageRequest) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(self.around(self.0.fetch(request)))
    }
}

impl InboxStore for Breaking<Memory> {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        Box::pin(self.around(self.0.acquire(key, holder, limit)))
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>> {
        self.0.renew(lease, limit)
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.release(lease)
    }

    fn lease_of<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>> {
        self.0.lease_of(key)
    }

    fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>> {
        self.0.keys()
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>> {
        Box::pin(self.around(self.0.load(key)))
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.around(self.0.commit(lease, commit)))
    }

    fn parked<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ParkedQuery,
    ) -> BoxFuture<'a, Result<ParkedPage, StoreError>> {
        Box::pin(self.around(self.0.parked(key, query)))
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.drop_parked(key, id)
    }

    fn wish_replays<'a>(&'a self, key: &'a InboxKey, ids: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>> {
        Box::pin(self.around(self.0.wish_replays(key, ids)))
    }

    fn conversations<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ConversationQuery,
    ) -> BoxFuture<'a, Result<ConversationPage, StoreError>> {
        Box::pin(self.around(self.0.conversations(key, query)))
    }

    fn forget_customer<'a>(
        &'a self,
        key: &'a InboxKey,
        customer: &'a ExternalUserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(self.around(self.0.forget_customer(key, customer)))
    }

    fn changes(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        self.0.changes(key)
    }
}

/// What happens in a life. Every mix after the second one includes the second one.
#[derive(Clone, Copy, PartialEq)]
enum Mix {
    Acks,
    AcksRetriesParksPanics,
    /// The process is stopped in order in the middle and starts again.
    Stops,
    /// Another holder takes the lease for a moment.
    LeaseLosses,
    /// What was parked is replayed until it is handled.
    Replays,
    /// Messages form batches, which fail and panic.
    Batches,
}

/// What one life of the process handled, in order: customer, message and time. Also what it parked.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<(String, String, Instant)>>>, Arc<Mutex<BTreeSet<String>>>);

impl Diary {
    fn handled(&self) -> Vec<(String, String, Instant)> {
        self.0.lock().unwrap().clone()
    }

    /// Returns true at the first call for a message that the handler parks.
    fn parks(&self, id: &str) -> bool {
        self.1.lock().unwrap().insert(id.to_owned())
    }
}

/// Returns whether the handler parks the message at least once.
fn is_parked(id: &str) -> bool {
    id[1..].parse::<usize>().unwrap() % 7 == 3
}

fn id(number: usize) -> String {
    format!("m{number:02}")
}

/// Returns one of three customers, in turn.
fn customer_of(number: usize) -> String {
    format!("wm{}", number % 3)
}

fn history() -> FakeWeCom {
    let wecom = FakeWeCom::new(PAGE_SIZE, (0..PAGES * PAGE_SIZE).map(|number| text(&id(number), &customer_of(number))));
    wecom.empty_before(2 * PAGE_SIZE)
}

async fn handle(delivery: Delivery, mix: Mix, crash: Crash, diary: Diary) -> Result<(), Failure> {
    crash.point().await;
    let number: usize = delivery.id()[1..].parse().unwrap();
    // Attempts that fail have changed the conversation, too.
    let mut acknowledged = delivery.conversation::<Vec<String>>().await?;
    acknowledged.push(delivery.id().to_owned());
    acknowledged.save()?;
    // Some handlers take longer than a commit interval, so that a commit that came too early would be noticed.
    if number % PAGE_SIZE == number % 3 {
        sleep(Duration::from_millis(5)).await;
        crash.point().await;
    }
    if mix != Mix::Acks {
        match number % 7 {
            2 if delivery.tries() < 3 => return Err(Failure::retry("not yet")),
            3 if mix != Mix::Replays || diary.parks(delivery.id()) => return Err(Failure::park("never")),
            5 if delivery.tries() < 2 => panic!("a panic that the test wants"),
            _ => {}
        }
    }
    let customer = delivery.message().external_userid().unwrap().to_string();
    diary.0.lock().unwrap().push((customer, delivery.id().to_owned(), Instant::now()));
    crash.point().await;
    Ok(())
}

async fn handle_batch(batch: Batch, crash: Crash, diary: Diary) -> Result<(), Failure> {
    crash.point().await;
    let ids: Vec<String> = batch.messages().map(|message| message.msgid().unwrap().to_string()).collect();
    let mut acknowledged = batch.conversation::<Vec<String>>().await?;
    acknowledged.extend(ids.iter().cloned());
    acknowledged.save()?;
    let has = |rest| ids.iter().any(|id| id[1..].parse::<usize>().unwrap() % 7 == rest);
    if has(2) && batch.tries() < 3 {
        return Err(Failure::retry("not yet"));
    }
    assert!(!has(5) || batch.tries() > 1, "a panic that the test wants");
    let customer = batch.message().external_userid().unwrap().to_string();
    diary.0.lock().unwrap().extend(ids.into_iter().map(|id| (customer.clone(), id, Instant::now())));
    crash.point().await;
    Ok(())
}

/// Runs one life, until everything is handled or the crash. Returns whether everything was handled, and when the life
/// ended.
async fn live(memory: &Memory, mix: Mix, crash: Crash, drop_after: Option<Duration>) -> (bool, Diary, Instant) {
    let diary = Diary::default();
    let life = async {
        if mix == Mix::Stops && !once(memory, mix, &crash, &diary, drop_after, 7).await {
            return false;
        }
        once(memory, mix, &crash, &diary, drop_after, usize::MAX).await
    };
    let finished = tokio::select! {
        () = crash.happened.notified() => false,
        // The limit is an hour of the paused clock, which passes at once.
        finished = timeout(Duration::from_secs(3600), life) => finished.expect("it hangs"),
    };
    let ended = Instant::now();
    // The tasks that were spawned are aborted here.
    yield_now().await;
    (finished, diary, ended)
}

/// Opens an inbox, runs it until everything or this number of messages is handled, then stops it.
async fn once(
    memory: &Memory,
    mix: Mix,
    crash: &Crash,
    diary: &Diary,
    drop_after: Option<Duration>,
    stop_after: usize,
) -> bool {
    let source = Breaking(history(), crash.clone());
    let inbox = builder(&history(), Breaking(memory.clone(), crash.clone())).source(source).concurrency(2);
    let inbox = inbox.open().await.unwrap();
    let control = inbox.handle();
    let (noted, point) = (diary.clone(), crash.clone());
    let run = async move {
        match mix {
            Mix::Batches => {
                let quiet = Quiet::of(Duration::from_millis(5)).at_most(Duration::from_millis(20)).messages(3);
                inbox.batch(quiet).run(move |batch| handle_batch(batch, point.clone(), noted.clone())).await
            }
            _ => inbox.run(move |delivery| handle(delivery, mix, point.clone(), noted.clone())).await,
        }
    };
    // The helpers have their own task, so that the inbox is polled only when something wakes it.
    let mut helpers = JoinSet::new();
    let (seen, stored) = (diary.clone(), memory.clone());
    helpers.spawn(async move {
        let enough = async {
            while seen.handled().len() < stop_after {
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = enough => {}
            () = caught_up(&control) => {}
        }
        if mix == Mix::LeaseLosses {
            // By then the inbox has noticed what happened to the lease, and has read the rest.
            sleep(Duration::from_secs(2)).await;
            caught_up(&control).await;
            sleep(Duration::from_secs(2)).await;
        }
        while mix == Mix::Replays && !parked_ids(&stored).await.is_empty() {
            control.replay_all(|_| true).await.unwrap();
            sleep(Duration::from_millis(20)).await;
            caught_up(&control).await;
        }
        control.stop();
    });
    if mix == Mix::LeaseLosses {
        let memory = memory.clone();
        let seen = diary.clone();
        helpers.spawn(async move {
            while seen.handled().len() < 5 {
                sleep(Duration::from_millis(1)).await;
            }
            let thief = steal(&memory).await;
            sleep(Duration::from_millis(50)).await;
            memory.release(&thief).await.unwrap();
        });
    }
    match drop_after {
        None => run.await.is_ok(),
        Some(after) => timeout(after, run).await.is_ok(),
    }
}

async fn parked_ids(memory: &Memory) -> BTreeSet<String> {
    let parked = memory.parked(&key(), &ParkedQuery::first(100)).await.unwrap().items;
    parked.into_iter().map(|parked| parked.id).collect()
}

/// What a life left in the store, and when the life ended.
struct Rest {
    stored: Option<Committed>,
    parked: BTreeSet<String>,
    ended: Instant,
}

/// Checks the records of two lives.
async fn check(at: u32, mix: Mix, rest: Rest, first: &Diary, second: &Diary, memory: &Memory) {
    let Rest { stored, parked: parked_before, ended } = rest;
    let (first, second) = (first.handled(), second.handled());
    let parked = parked_ids(memory).await;
    let handled: BTreeSet<String> = first.iter().chain(&second).map(|(_, id, _)| id.clone()).collect();
    let all: BTreeSet<String> = (0..PAGES * PAGE_SIZE).map(id).collect();
    let seen: BTreeSet<String> = handled.union(&parked).cloned().collect();
    assert_eq!(seen, all, "cut {at}: lost");
    assert!(handled.is_disjoint(&parked), "cut {at}: handled and parked");

    for life in [&first, &second] {
        let mut of_customers: HashMap<&str, Vec<&str>> = HashMap::new();
        // A replay may come after messages that were written later, so it is left out.
        for (customer, id, _) in life.iter().filter(|(_, id, _)| mix != Mix::Replays || !is_parked(id)) {
            of_customers.entry(customer).or_default().push(id);
        }
        for (customer, ids) in of_customers {
            // A reader that loses the lease before it stored what was settled handles the same messages again.
            let is_in_order = |pair: &[&str]| pair[0] < pair[1] || mix == Mix::LeaseLosses && pair[0] == pair[1];
            assert!(ids.windows(2).all(is_in_order), "cut {at}: {customer} out of order or twice: {ids:?}");
        }
    }

    // Each acknowledged message has changed its customer's conversation once, however often it was handled.
    let mut told = BTreeSet::new();
    let page = memory.conversations(&key(), &ConversationQuery::first(100)).await.unwrap();
    for record in page.items {
        let (_, json) = record.state().unwrap().unwrap();
        let ids: Vec<String> = serde_json::from_str(&json).unwrap();
        let in_order: Vec<&String> = ids.iter().filter(|id| mix != Mix::Replays || !is_parked(id)).collect();
        assert!(in_order.windows(2).all(|pair| pair[0] < pair[1]), "cut {at}: applied twice, or out of order: {ids:?}");
        assert!(ids.iter().all(|id| customer_of(id[1..].parse().unwrap()) == record.customer.as_str()));
        let count = ids.len();
        let distinct: BTreeSet<String> = ids.into_iter().collect();
        assert_eq!(distinct.len(), count, "cut {at}: applied twice");
        told.extend(distinct);
    }
    assert_eq!(told, handled, "cut {at}: what was acknowledged has changed the conversation");

    let settled: BTreeSet<String> = stored.into_iter().flat_map(|stored| stored.settled).collect();
    for (_, id, handled_at) in &first {
        // A replayed message that is still parked is handled again.
        if second.iter().any(|(_, again, _)| again == id) && !(mix == Mix::Replays && parked_before.contains(id)) {
            assert!(!settled.contains(id), "cut {at}: {id} was stored as settled, and repeated");
            let age = ended - *handled_at;
            assert!(
                age <= Duration::from_millis(300),
                "cut {at}: {id} was settled {age:?} before the crash, and repeated"
            );
        }
    }
}

/// Tries every cut, until one is after the end. Returns the number of cuts.
async fn every_cut(mix: Mix, cut: impl Fn(u32) -> (Crash, Option<Duration>)) -> u32 {
    for at in 0.. {
        let memory = Memory::new();
        let (crash, drop_after) = cut(at);
        let (finished, first, ended) = live(&memory, mix, crash, drop_after).await;
        let rest = Rest { stored: memory.load(&key()).await.unwrap(), parked: parked_ids(&memory).await, ended };
        let (second_finished, second, _) = live(&memory, mix, Crash::after(usize::MAX), None).await;
        assert!(second_finished);
        check(at, mix, rest, &first, &second, &memory).await;
        assert!(mix != Mix::Replays || parked_ids(&memory).await.is_empty(), "cut {at}: not replayed");
        if finished {
            assert_eq!(second.handled().len(), 0, "nothing is left after a life that came to its end");
            return at;
        }
    }
    unreachable!()
}

#[allow(clippy::print_stdout, reason = "a test tells how many there were")]
async fn crash_at_every_await(mix: Mix) {
    let cuts = every_cut(mix, |at| (Crash::after(at as usize), None)).await;
    println!("{cuts} cut points, all complete");
    assert!(cuts > 60, "{cuts}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_loses_nothing_with_acknowledgements() {
    crash_at_every_await(Mix::Acks).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_loses_nothing() {
    crash_at_every_await(Mix::AcksRetriesParksPanics).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_loses_nothing_with_stops() {
    crash_at_every_await(Mix::Stops).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_loses_nothing_with_lease_losses() {
    crash_at_every_await(Mix::LeaseLosses).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_loses_nothing_with_replays() {
    crash_at_every_await(Mix::Replays).await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_loses_nothing_with_batches() {
    crash_at_every_await(Mix::Batches).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_run_at_any_time_loses_nothing() {
    for mix in [Mix::Acks, Mix::AcksRetriesParksPanics] {
        let cuts =
            every_cut(mix, |at| (Crash::after(usize::MAX), Some(Duration::from_millis(7 * u64::from(at))))).await;
        println!("{cuts} cut points, all complete");
        assert!(cuts > 15, "{cuts}");
    }
}
