//! Several processes on one Redis. Some of them die, stand still, or lose the connection to Redis.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use wecom_kf::raw::op;
use wecom_kf::{Client, ClientBuilder, Credentials, TokenSource};
use wecom_kf_inbox::SharedToken;
use wecom_kf_inbox::store::{InboxKey, InboxStore, Lease, TokenStore};
use wecom_kf_sim::Simulator;

use crate::server::{PATIENCE, Persistence, Server};
use crate::worker::{Entry, Log, What, Worker, since_epoch};

const CUSTOMERS: usize = 6;
const BETWEEN_MESSAGES: Duration = Duration::from_millis(10);
const SECOND: Duration = Duration::from_secs(1);

/// The simulator, a Redis, processes, and customers who keep writing.
struct Scene {
    sim: Arc<Simulator>,
    server: Server,
    log: Log,
    workers: Vec<Worker>,
    /// The msgid of each text that was written.
    written: Arc<Mutex<HashMap<String, String>>>,
}

impl Scene {
    async fn with(processes: usize, persistence: Persistence) -> Self {
        let (sim, server) = (Arc::new(simulator().await), Server::start(persistence).await);
        // The fetch is slow, so that all processes want a token before there is one.
        sim.fault(op::GETTOKEN).delay(2 * SECOND);
        let mut scene = Self { sim, server, log: Log::default(), workers: Vec::new(), written: Arc::default() };
        for _ in 0..processes {
            scene.add();
        }
        scene
    }

    fn add(&mut self) {
        self.workers.push(Worker::start(&self.sim, &self.server, &self.log, None));
    }

    /// Makes customers write this many messages, one after the other, named `customer-number`.
    fn write(&self, count: usize) -> JoinHandle<()> {
        let (sim, written) = (self.sim.clone(), self.written.clone());
        let first = written.lock().unwrap().len();
        tokio::spawn(async move {
            for number in first..first + count {
                let (name, text) = (format!("{}", number % CUSTOMERS), format!("{}-{number}", number % CUSTOMERS));
                let msgid = sim.customer(&name).says(&text);
                written.lock().unwrap().insert(text, msgid);
                sleep(BETWEEN_MESSAGES).await;
            }
        })
    }

    fn entries(&self) -> Vec<Entry> {
        self.log.lock().unwrap().clone()
    }

    /// Returns the process that last began a message.
    fn reader(&self) -> usize {
        let pid = self.entries().last().unwrap().process;
        self.workers.iter().position(|worker| worker.pid == pid).unwrap()
    }

    /// Waits until a process that is not one of these begins a message. Returns its id, and when that was.
    async fn other_than(&self, pids: &[u32]) -> (u32, Duration) {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.entries().into_iter().find(|entry| !pids.contains(&entry.process));
            if let Some(entry) = found {
                return (entry.process, entry.at);
            }
            assert!(Instant::now() < until, "nobody took over");
            sleep(Duration::from_millis(10)).await;
        }
    }

    async fn all_is_handled(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let written: HashSet<String> = self.written.lock().unwrap().keys().cloned().collect();
            let handled: HashSet<String> = ended(&self.entries()).map(|entry| entry.text.clone()).collect();
            if handled.is_superset(&written) {
                return;
            }
            let lost: Vec<_> = written.difference(&handled).collect();
            assert!(Instant::now() < until, "{} of {} were never handled: {lost:?}", lost.len(), written.len());
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn lease_key(&self) -> String {
        format!("wecom-kf:{{{}}}:lease", self.key())
    }

    /// Returns the holder of the lease and its fence.
    async fn holder(&self) -> Option<(String, u64)> {
        let mut connection = self.server.connection().await;
        let asked = redis::cmd("HMGET").arg(self.lease_key()).arg(&["holder", "fence"]).to_owned();
        let (holder, fence): (Option<String>, Option<u64>) = asked.query_async(&mut connection).await.unwrap();
        holder.zip(fence)
    }

    /// Ends the lease of a process that was killed, as if its time had run out. Returns when that was.
    async fn end_lease_of(&self, pid: u32) -> Duration {
        let (holder, fence) = self.holder().await.expect("it had the lease");
        assert!(holder.starts_with(&format!("{pid}-")), "{holder} has the lease, and not {pid}");
        let at = since_epoch();
        self.server.store().await.release(&Lease::new(self.key(), holder, fence)).await.unwrap();
        at
    }

    /// Returns whether any process had the lease since Redis was started.
    async fn somebody_had_the_lease(&self) -> bool {
        let mut connection = self.server.connection().await;
        let state = format!("wecom-kf:{{{}}}:state", self.key());
        redis::cmd("HEXISTS").arg(state).arg("fence").query_async(&mut connection).await.unwrap()
    }

    /// Returns until when the lease lasts at least.
    async fn lease_until(&self) -> Duration {
        let (now, mut connection) = (since_epoch(), self.server.connection().await);
        let left: i64 = redis::cmd("PTTL").arg(self.lease_key()).query_async(&mut connection).await.unwrap();
        now + Duration::from_millis(left.max(0).unsigned_abs())
    }

    /// Returns the ids of settled messages.
    async fn settled(&self) -> Vec<String> {
        let stored = self.server.store().await.load(&self.key()).await.unwrap();
        stored.map(|stored| stored.settled).unwrap_or_default()
    }

    fn key(&self) -> InboxKey {
        let place = self.sim.base_url().replace("http://", "");
        InboxKey::new(format!("{place}/{}", self.sim.corp_id()), self.sim.open_kfid().into())
    }

    /// Returns the texts that were begun more than once.
    fn repeated(&self) -> HashSet<String> {
        let mut once = HashSet::new();
        begun(&self.entries())
            .filter(|entry| !once.insert(entry.text.clone()))
            .map(|entry| entry.text.clone())
            .collect()
    }

    /// Asserts that nothing that was settled by then came again later.
    fn nothing_came_again_of(&self, settled: &[String], since: Duration) {
        let written = self.written.lock().unwrap();
        let (entries, settled): (_, HashSet<&String>) = (self.entries(), settled.iter().collect());
        let before: HashSet<&str> =
            begun(&entries).filter(|entry| entry.at <= since).map(|entry| &*entry.text).collect();
        let again: Vec<_> = begun(&entries)
            .filter(|entry| entry.at > since && before.contains(&*entry.text))
            .filter(|entry| settled.contains(&written[&entry.text]))
            .map(|entry| entry.text.clone())
            .collect();
        assert!(again.is_empty(), "settled, and handled once more: {again:?}");
    }

    /// Asserts the order: in each process, and among first attempts, a customer's messages came as they were written.
    fn in_order(&self) {
        let entries = self.entries();
        let mut last: BTreeMap<(u32, String), usize> = BTreeMap::new();
        let mut seen = HashSet::new();
        let mut last_new: BTreeMap<String, usize> = BTreeMap::new();
        let mut by_time: Vec<_> = begun(&entries).collect();
        by_time.sort_by_key(|entry| entry.at);
        for entry in by_time {
            let (customer, number) = entry.text.split_once('-').unwrap();
            let number: usize = number.parse().unwrap();
            let before = last.insert((entry.process, customer.to_owned()), number);
            assert!(before < Some(number), "{} came after {before:?}", entry.text);
            if seen.insert(&entry.text) {
                let before = last_new.insert(customer.to_owned(), number);
                assert!(before < Some(number), "{} came first after {before:?}", entry.text);
            }
        }
    }

    /// Asserts that no two processes had a message at the same time. A process that began a message and did not end it
    /// had it until the process died or its lease ended.
    fn never_two_at_once(&self, released: &[(u32, Duration)]) {
        let entries = self.entries();
        let mut spans: HashMap<&str, Vec<(Duration, Duration)>> = HashMap::new();
        for begin in begun(&entries) {
            let end = ended(&entries)
                .find(|end| end.process == begin.process && end.text == begin.text && end.at >= begin.at)
                .map(|end| end.at);
            let released =
                released.iter().find(|(pid, at)| *pid == begin.process && begin.at <= *at).map(|(_, at)| *at);
            let until = [end, released].into_iter().flatten().min().unwrap_or(Duration::MAX);
            spans.entry(&begin.text).or_default().push((begin.at, until));
        }
        for (text, mut spans) in spans {
            spans.sort();
            let overlap = spans.windows(2).any(|pair| pair[1].0 < pair[0].1);
            assert!(!overlap, "{text} was handled by two at once: {spans:?}");
        }
    }
}

fn begun(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.what == What::Begins)
}

fn ended(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.what == What::Ends)
}

/// Returns how long after the end of the reader another process took over. That may not be before the reader's lease
/// ended.
fn taken_over_after(ended: Duration, lease_until: Duration, taken_at: Duration) -> Duration {
    assert!(taken_at >= lease_until, "{:?} before the lease was over", lease_until - taken_at);
    taken_at - ended
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn after_a_kill_another_process_takes_over_without_loss() {
    let mut scene = Scene::with(2, Persistence::Nothing).await;
    let writing = scene.write(1200);
    let (mut gone, mut released) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        scene.other_than(&gone).await;
        sleep(SECOND).await;
        let reader = scene.reader();
        let mut killed = scene.workers.remove(reader);
        killed.kill().await;
        let at = since_epoch();
        let lease_until = scene.end_lease_of(killed.pid).await;
        let settled = scene.settled().await;
        gone.push(killed.pid);
        released.push((killed.pid, at));
        scene.add();
        let (_, taken_at) = scene.other_than(&gone).await;
        println!(
            "killed after {} settled; taken over after {:?}",
            settled.len(),
            taken_over_after(at, lease_until, taken_at)
        );
        scene.nothing_came_again_of(&settled, at);
    }
    writing.await.unwrap();
    scene.all_is_handled().await;
    scene.in_order();
    scene.never_two_at_once(&released);
    assert_eq!(scene.sim.calls(op::GETTOKEN), 1, "for five processes");
    println!("1200 written, {} repeated", scene.repeated().len());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_reader_that_stood_still_moves_nothing_when_it_goes_on() {
    let mut scene = Scene::with(3, Persistence::Nothing).await;
    let writing = scene.write(300);
    scene.other_than(&[]).await;
    sleep(SECOND).await;
    let holders = Holders::watch(&scene).await;

    let stale = scene.reader();
    let stale_pid = scene.workers[stale].pid;
    scene.workers[stale].stop();
    let stopped_at = since_epoch();
    let lease_until = scene.lease_until().await;
    let (second_pid, taken_at) = scene.other_than(&[stale_pid]).await;
    println!("taken over from one that stands still after {:?}", taken_over_after(stopped_at, lease_until, taken_at));
    writing.await.unwrap();
    let writing = scene.write(300);
    sleep(SECOND).await;
    scene.workers[stale].go_on();
    // The process finishes its messages, learns that it is too late, and stands by.
    sleep(2 * SECOND).await;

    let second = scene.workers.iter().position(|worker| worker.pid == second_pid).unwrap();
    let mut second = scene.workers.remove(second);
    second.kill().await;
    let killed_at = since_epoch();
    scene.end_lease_of(second_pid).await;
    writing.await.unwrap();
    scene.write(100).await.unwrap();
    scene.all_is_handled().await;

    let seen = holders.end().await;
    assert_eq!(seen.len(), 3, "who moved the cursor, in order: {seen:?}");
    for (holder, pid) in seen.iter().zip([stale_pid, second_pid]) {
        assert!(holder.starts_with(&format!("{pid}-")), "{holder} is not {pid}");
    }
    scene.in_order_but_for(stale_pid);
    scene.never_two_at_once(&[(stale_pid, lease_until), (second_pid, killed_at)]);
    assert_eq!(scene.sim.calls(op::GETTOKEN), 1, "for three processes");
}

impl Scene {
    /// Asserts the order, except for what the stale process did after it had stood still.
    fn in_order_but_for(&self, stale_pid: u32) {
        let entries = self.entries();
        let handled: HashSet<&str> = ended(&entries).map(|entry| &*entry.text).collect();
        assert_eq!(handled.len(), self.written.lock().unwrap().len());
        let mut last: BTreeMap<(u32, &str), usize> = BTreeMap::new();
        for entry in begun(&entries).filter(|entry| entry.process != stale_pid) {
            let (customer, number) = entry.text.split_once('-').unwrap();
            let before = last.insert((entry.process, customer), number.parse().unwrap());
            assert!(before < number.parse().ok(), "{} came after {before:?}", entry.text);
        }
    }
}

/// Records all the time which holder moved the cursor.
struct Holders {
    seen: Arc<Mutex<Vec<String>>>,
    watching: JoinHandle<()>,
}

fn push_new(seen: &Mutex<Vec<String>>, holder: String) {
    let mut seen = seen.lock().unwrap();
    if seen.last() != Some(&holder) {
        seen.push(holder);
    }
}

impl Holders {
    async fn watch(scene: &Scene) -> Self {
        let (mut connection, key) = (scene.server.connection().await, format!("wecom-kf:{{{}}}:state", scene.key()));
        let seen = Arc::new(Mutex::new(Vec::<String>::new()));
        let watching = tokio::spawn({
            let seen = seen.clone();
            async move {
                let mut last_revision = 0;
                loop {
                    let asked = redis::cmd("HMGET").arg(&key).arg(&["by_holder", "revision"]).to_owned();
                    let (holder, revision): (String, u64) = asked.query_async(&mut connection).await.unwrap();
                    assert!(revision >= last_revision, "{holder} went back to {revision}");
                    last_revision = revision;
                    push_new(&seen, holder);
                    sleep(Duration::from_millis(2)).await;
                }
            }
        });
        Self { seen, watching }
    }

    async fn end(self) -> Vec<String> {
        assert!(!self.watching.is_finished(), "it saw what must not be");
        self.watching.abort();
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_restarted_redis_with_append_only_file_loses_nothing() {
    let mut scene = Scene::with(2, Persistence::Always).await;
    let writing = scene.write(900);
    for _ in 0..2 {
        scene.other_than(&[]).await;
        sleep(SECOND).await;
        scene.server.kill();
        let at = since_epoch();
        sleep(Duration::from_millis(1500)).await;
        scene.server.start_again().await;
        let settled = scene.settled().await;
        sleep(3 * SECOND).await;
        scene.nothing_came_again_of(&settled, at);
    }
    writing.await.unwrap();
    scene.all_is_handled().await;
    assert_eq!(scene.settled_catches_up(900).await.len(), 900, "each of them once");
    assert_eq!(scene.sim.calls(op::GETTOKEN), 1);
    println!("900 written, {} repeated", scene.repeated().len());
}

impl Scene {
    /// The last commit comes after the last message was handled, so this waits for it.
    async fn settled_catches_up(&self, count: usize) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let settled = self.settled().await;
            if settled.len() >= count || Instant::now() > until {
                return settled;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_redis_that_forgot_gets_the_place_from_a_running_process() {
    let mut scene = Scene::with(1, Persistence::Nothing).await;
    let writing = scene.write(300);
    scene.other_than(&[]).await;
    sleep(SECOND).await;
    scene.server.kill();
    sleep(SECOND).await;
    scene.server.start_again().await;
    writing.await.unwrap();
    scene.all_is_handled().await;
    assert_eq!(scene.repeated(), HashSet::new(), "it knew its place");
    scene.in_order();
    assert_eq!(scene.settled_catches_up(300).await.len(), 300, "what was forgotten is back");

    scene.workers[0].kill().await;
    scene.server.kill();
    scene.server.start_again().await;
    assert_eq!(scene.settled().await, Vec::<String>::new());
    // Send times are whole seconds, so the next one is later.
    sleep(Duration::from_millis(1100)).await;
    let cold = Worker::start(&scene.sim, &scene.server, &scene.log, Some(since_epoch().as_secs()));
    scene.write(20).await.unwrap();
    scene.all_is_handled().await;
    let of_cold: HashSet<String> =
        scene.entries().into_iter().filter(|entry| entry.process == cold.pid).map(|entry| entry.text).collect();
    assert_eq!(of_cold.len(), 20, "what was sent since then, and nothing else: {of_cold:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_standby_does_not_start_over_when_redis_forgets() {
    let mut scene = Scene::with(3, Persistence::Nothing).await;
    let writing = scene.write(500);
    let (pid, _) = scene.other_than(&[]).await;
    sleep(SECOND).await;
    // The reader is stopped meanwhile, so that the others come first.
    let reader = scene.reader();
    scene.workers[reader].stop();
    scene.server.kill();
    scene.server.start_again().await;
    let until = Instant::now() + PATIENCE;
    while !scene.somebody_had_the_lease().await {
        assert!(Instant::now() < until, "nobody asks for the lease");
        sleep(Duration::from_millis(50)).await;
    }
    scene.workers[reader].go_on();
    writing.await.unwrap();
    scene.all_is_handled().await;
    assert_eq!(scene.repeated(), HashSet::new());
    scene.in_order();
    assert!(scene.entries().iter().all(|entry| entry.process == pid), "the same process reads on");
    assert_eq!(scene.settled_catches_up(500).await.len(), 500);
}

fn builder(sim: &Simulator) -> ClientBuilder {
    let credentials = Credentials::new(sim.corp_id(), sim.secret());
    // The bots read without callbacks, much more often than WeCom allows.
    let builder = Client::builder(credentials).base_url(sim.base_url()).pacing(wecom_kf::Pacing::unlimited());
    builder.http(|http| http.no_proxy())
}

fn shared(sim: &Simulator, store: impl TokenStore) -> SharedToken {
    let credentials = Credentials::new(sim.corp_id(), sim.secret());
    SharedToken::new(&builder(sim).build().unwrap(), &credentials, store)
}

fn client(sim: &Simulator, store: impl TokenStore) -> Client {
    builder(sim).token_source(shared(sim, store)).build().unwrap()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_that_is_gone_takes_no_token_away_and_fetches_go_on_without_it() {
    let (sim, mut server) = (simulator().await, Server::start(Persistence::Nothing).await);
    let clients = [client(&sim, server.store().await), client(&sim, server.store().await)];
    for client in &clients {
        client.accounts().list().await.unwrap();
    }
    assert_eq!(sim.calls(op::GETTOKEN), 1);
    server.kill();
    for client in &clients {
        client.accounts().list().await.unwrap();
    }
    assert_eq!(sim.calls(op::GETTOKEN), 1, "they go on with what they have");
    sim.revoke_token();
    let asked_at = Instant::now();
    join_all(clients.iter().map(|client| async { client.accounts().list().await.unwrap() })).await;
    assert_eq!(sim.calls(op::GETTOKEN), 3, "each fetches for itself");
    assert!(asked_at.elapsed() < PATIENCE, "{:?}", asked_at.elapsed());

    server.start_again().await;
    sim.revoke_token();
    join_all(clients.iter().map(|client| async { client.accounts().list().await.unwrap() })).await;
    assert_eq!(sim.calls(op::GETTOKEN), 4, "one for both again");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_death_during_gettoken_delays_the_others_by_ten_seconds() {
    let (sim, server) = (simulator().await, Server::start(Persistence::Nothing).await);
    let store = server.store().await;
    let (dies, clients) = (shared(&sim, store.clone()), [client(&sim, store.clone()), client(&sim, store)]);
    sim.fault(op::GETTOKEN).never_answers();
    let asked_at = Instant::now();
    let is_at_it = async {
        while sim.calls(op::GETTOKEN) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        fetched = dies.fetch(None) => panic!("there is no answer: {fetched:?}"),
        () = is_at_it => {}
    }

    join_all(clients.iter().map(|client| async { client.accounts().list().await.unwrap() })).await;
    let waited = asked_at.elapsed();
    assert!(waited > Duration::from_millis(9500) && waited < PATIENCE, "{waited:?}");
    assert_eq!(sim.calls(op::GETTOKEN), 2, "the one without an answer, and one for both");
}

/// Bots that are killed and replace each other read more often than WeCom allows without a callback's token.
async fn simulator() -> Simulator {
    Simulator::builder().disable_assumption("tokenless_reads_are_limited").unwrap().start().await.unwrap()
}
