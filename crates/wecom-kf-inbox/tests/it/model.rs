//! A crash after every await: nothing is lost, and only the pages at work are repeated.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{sleep, timeout};
use wecom_kf::{BoxFuture, Error};
use wecom_kf_inbox::store::{Acquired, Commit, InboxKey, InboxState, InboxStore, Lease, Memory, Parked, StoreError};
use wecom_kf_inbox::{Delivery, Failure, Fetched, PageRequest, PageSource, Summary};

use crate::fake::{FakeWeCom, builder, caught_up, key, text};

const PAGES: usize = 5;
const PAGE_SIZE: usize = 4;

/// Counts awaits, and stops everything at a given one.
#[derive(Clone)]
struct Crash {
    left: Arc<AtomicUsize>,
    happened: Arc<Notify>,
}

impl Crash {
    fn after(awaits: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(awaits)), happened: Arc::default() }
    }

    /// An await: at the last one nothing comes after it.
    async fn point(&self) {
        yield_now().await;
        if self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err() {
            self.happened.notify_one();
            pending::<()>().await;
        }
    }
}

/// What it wraps, with an await before each step and after it.
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

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.renew(lease, limit)
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.release(lease)
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<InboxState, StoreError>> {
        Box::pin(self.around(self.0.load(key)))
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.around(self.0.commit(lease, commit)))
    }

    fn parked<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Vec<Parked>, StoreError>> {
        self.0.parked(key)
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.0.drop_parked(key, id)
    }
}

/// What becomes of messages.
#[derive(Clone, Copy, PartialEq)]
enum Mix {
    Acks,
    AcksRetriesParksPanics,
}

/// What happened in one life of the process, in order.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<Vec<(String, String)>>>);

impl Diary {
    fn handled(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().clone()
    }
}

fn id(number: usize) -> String {
    format!("m{number:02}")
}

/// Three customers, in turn.
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
    // Some take longer than a commit, so that one that came too early would be seen.
    if number % PAGE_SIZE == number % 3 {
        sleep(Duration::from_millis(5)).await;
        crash.point().await;
    }
    if mix == Mix::AcksRetriesParksPanics {
        match number % 7 {
            2 if delivery.tries() < 3 => return Err(Failure::retry("not yet")),
            3 => return Err(Failure::park("never")),
            5 if delivery.tries() < 2 => panic!("a panic that the test wants"),
            _ => {}
        }
    }
    let customer = delivery.message().external_userid().unwrap().to_string();
    diary.0.lock().unwrap().push((customer, delivery.id().to_owned()));
    crash.point().await;
    Ok(())
}

/// One life: until all is handled, or the crash. Gives whether it came to the end.
async fn live(memory: &Memory, mix: Mix, crash: Crash, polls: Option<usize>) -> (bool, Diary) {
    let diary = Diary::default();
    let source = Breaking(history(), crash.clone());
    let inbox = builder(&history(), Breaking(memory.clone(), crash.clone())).source(source).concurrency(2);
    let life = async {
        let inbox = inbox.open().await.unwrap();
        let control = inbox.handle();
        let (noted, point) = (diary.clone(), crash.clone());
        let run = inbox.run(move |delivery| handle(delivery, mix, point.clone(), noted.clone()));
        // On a task of its own: only what wakes the inbox polls it.
        let mut stop = JoinSet::new();
        stop.spawn(async move {
            caught_up(&control).await;
            control.stop();
        });
        polled(run, polls).await
    };
    let finished = tokio::select! {
        () = crash.happened.notified() => false,
        // An hour of the paused clock is short.
        finished = timeout(Duration::from_secs(3600), life) => finished.expect("it hangs"),
    };
    // What was spawned is aborted now.
    yield_now().await;
    (finished, diary)
}

/// Polls it so many times at most, then drops it. Whether it ended.
async fn polled(run: impl Future<Output = Result<Summary, wecom_kf_inbox::Error>>, polls: Option<usize>) -> bool {
    let mut run = pin!(run);
    let mut left = polls;
    poll_fn(move |context| match &mut left {
        Some(0) => Poll::Ready(false),
        left => {
            if let Some(left) = left {
                *left -= 1;
            }
            run.as_mut().poll(context).map(|ended| ended.is_ok())
        }
    })
    .await
}

/// Checks what two lives made of the history, the first of which ended with `stored`.
async fn check(at: usize, stored: InboxState, first: &Diary, second: &Diary, memory: &Memory, mix: Mix) {
    let (first, second) = (first.handled(), second.handled());
    let parked: BTreeSet<String> = memory.parked(&key()).await.unwrap().into_iter().map(|parked| parked.id).collect();
    let handled: BTreeSet<String> = first.iter().chain(&second).map(|(_, id)| id.clone()).collect();
    let all: BTreeSet<String> = (0..PAGES * PAGE_SIZE).map(id).collect();
    let seen: BTreeSet<String> = handled.union(&parked).cloned().collect();
    assert_eq!(seen, all, "cut {at}: lost");
    assert!(handled.is_disjoint(&parked), "cut {at}: handled and parked");

    for life in [&first, &second] {
        let mut of_customers: HashMap<&str, Vec<&str>> = HashMap::new();
        for (customer, id) in life {
            of_customers.entry(customer).or_default().push(id);
        }
        for (customer, ids) in of_customers {
            assert!(
                ids.windows(2).all(|pair| pair[0] < pair[1]),
                "cut {at}: {customer} out of order or twice: {ids:?}"
            );
        }
    }

    // From where the first life's cursor stands: that page, and the one ahead if a message held it up.
    let stands = stored.cursor.map_or(0, |cursor| cursor[1..].trim_end_matches('e').parse::<usize>().unwrap());
    let at_work = if mix == Mix::Acks { PAGE_SIZE } else { 2 * PAGE_SIZE };
    let may_repeat: BTreeSet<String> = (stands..stands + at_work).map(id).collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, id) in first.iter().chain(&second) {
        *times.entry(id).or_default() += 1;
    }
    for (id, times) in times {
        assert!(times == 1 || may_repeat.contains(id), "cut {at}: {id} was repeated, the cursor stood at {stands}");
    }
}

/// Every cut there is, until one is behind the end. Gives how many there were.
async fn every_cut(mix: Mix, cut: impl Fn(usize) -> (Crash, Option<usize>)) -> usize {
    for at in 0.. {
        let memory = Memory::new();
        let (crash, polls) = cut(at);
        let (finished, first) = live(&memory, mix, crash, polls).await;
        let stored = memory.load(&key()).await.unwrap();
        let (second_finished, second) = live(&memory, mix, Crash::after(usize::MAX), None).await;
        assert!(second_finished);
        check(at, stored, &first, &second, &memory, mix).await;
        if finished {
            assert_eq!(second.handled(), [], "nothing is left after a life that came to its end");
            return at;
        }
    }
    unreachable!()
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_of_source_store_or_handler_loses_nothing() {
    let cuts = every_cut(Mix::Acks, |at| (Crash::after(at), None)).await;
    println!("{cuts} cut points, 100 % complete");
    assert!(cuts > 60, "{cuts}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_await_loses_nothing_with_retries_parks_and_panics() {
    let cuts = every_cut(Mix::AcksRetriesParksPanics, |at| (Crash::after(at), None)).await;
    println!("{cuts} cut points, 100 % complete");
    assert!(cuts > 60, "{cuts}");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_run_after_any_poll_loses_nothing() {
    for mix in [Mix::Acks, Mix::AcksRetriesParksPanics] {
        let cuts = every_cut(mix, |at| (Crash::after(usize::MAX), Some(at))).await;
        println!("{cuts} cut points, 100 % complete");
        assert!(cuts > 30, "{cuts}");
    }
}
