//! A thousand accounts on four processes: how soon they are spread, what an account costs when nothing happens, how many
//! commits a second reach Redis, and that nothing is lost. The test prints its figures:
//!
//! ```text
//! WECOM_KF_FLEET_ACCOUNTS=1000 cargo test --release -p wecom-kf-inbox \
//!     --features conformance,redis-rustls,redis-cluster,redis-sentinel --test redis_store thousand -- --include-ignored --nocapture
//! ```
#![allow(clippy::print_stdout, reason = "these tests print their figures")]

use std::collections::{BTreeMap, HashMap};
use std::env;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use wecom_kf::messages::Page;
use wecom_kf::{BoxFuture, Error, OpenKfid};
use wecom_kf_inbox::store::{FleetStore, InboxKey, InboxStore, Redis, Wake};
use wecom_kf_inbox::{ColdStart, Fetched, InboxGroup, Metrics, PageRequest, PageSource, Status};
use wecom_kf_sim::Simulator;

use crate::server::{PATIENCE, Persistence, Server};
use crate::worker::{Log, What, Worker, client, store, tell};

const PROCESSES: usize = 4;
/// How long nothing happens while the cost of that is measured, and how long messages come.
const MEASURED: Duration = Duration::from_secs(20);
/// In the steady phase, each account gets a message in this time.
const EVERY: Duration = Duration::from_secs(2);

/// A source whose messages are those that callbacks have announced: the token of a callback is how many there are so far.
#[derive(Clone, Default)]
struct Announced(Arc<Mutex<HashMap<OpenKfid, usize>>>);

impl PageSource for Announced {
    fn fetch(&self, request: PageRequest) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let announced = {
                let mut all = self.0.lock().unwrap();
                let announced = all.entry(request.open_kfid.clone()).or_default();
                let told = request.token.as_ref().map_or(0, |token| token.expose().parse().unwrap());
                *announced = told.max(*announced);
                *announced
            };
            let from: usize = request.cursor.as_deref().map_or(0, |cursor| cursor[1..].parse().unwrap());
            let list: Vec<String> =
                (from..announced.max(from)).map(|number| message(&request.open_kfid, number)).collect();
            let to = from + list.len();
            let body = format!(r#"{{"errcode":0,"next_cursor":"c{to}","has_more":0,"msg_list":[{}]}}"#, list.join(","));
            Ok(Fetched::Page(Page::from_json(body.as_bytes()).unwrap()))
        })
    }
}

/// Each message is of another customer, and of the year 2024, so that it is handled at once.
fn message(open_kfid: &OpenKfid, number: usize) -> String {
    format!(
        r#"{{"msgid":"{open_kfid}-{number}","open_kfid":"{open_kfid}","external_userid":"wm{number}","send_time":1718000000,"origin":3,"msgtype":"text","text":{{"content":"你好"}}}}"#
    )
}

/// This is not a test but the program of each process. Alone it does nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a process of the other test"]
async fn a_process_of_the_fleet() {
    let Some(store) = store().await else { return };
    let source = Announced::default();
    let group = InboxGroup::builder(client(&store)).store(store).cold_start(ColdStart::Everything);
    let group = group.each(move |inbox| inbox.source(source.clone())).open().await.unwrap();
    let (handle, handled) = (group.handle(), Arc::new(AtomicU64::new(0)));
    let counted = handled.clone();
    let reports = tokio::spawn(async move {
        let mut last = None;
        loop {
            let metrics = handle.metrics();
            let reads = |metrics: &&Metrics| matches!(metrics.status, Status::Reads | Status::CaughtUp);
            let reading = metrics.values().filter(reads).count();
            let commits: u64 = metrics.values().map(|metrics| metrics.commits).sum();
            let now = Some((reading, counted.load(Relaxed), commits));
            if std::mem::replace(&mut last, now) != now {
                tell("counts", &format!("{reading}/{}/{commits}", counted.load(Relaxed)));
            }
            sleep(Duration::from_millis(200)).await;
        }
    });
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    let stop = async move { term.recv().await };
    let run = group.run_until(stop, move |_| {
        handled.fetch_add(1, Relaxed);
        async { Ok(()) }
    });
    run.await;
    reports.abort();
}

/// What the processes have reported, added up.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    handled: u64,
    commits: u64,
}

struct Fleet {
    store: Redis,
    server: Server,
    scope: String,
    accounts: Vec<OpenKfid>,
    log: Log,
    workers: Vec<Worker>,
    /// How many messages each account has.
    announced: usize,
}

impl Fleet {
    async fn of(sim: &Simulator) -> Self {
        let server = Server::start(Persistence::EverySecond).await;
        let scope = format!("{}/{}", sim.base_url().replace("http://", ""), sim.corp_id());
        let store = server.store().await;
        let accounts: Vec<OpenKfid> = sim.open_kfids().into_iter().map(OpenKfid::from).collect();
        let mut fleet = Self { store, server, scope, accounts, log: Log::default(), workers: Vec::new(), announced: 0 };
        for _ in 0..PROCESSES {
            fleet.add(sim);
        }
        fleet
    }

    fn add(&mut self, sim: &Simulator) {
        let program = "thousand::a_process_of_the_fleet";
        self.workers.push(Worker::start_program(program, sim, &self.server.url(), &self.log, None));
    }

    /// The last report of each process: how many accounts it reads, messages it has handled, and commits it has made.
    fn reports(&self) -> BTreeMap<u32, [u64; 3]> {
        let mut last = BTreeMap::new();
        for entry in self.log.lock().unwrap().iter().filter(|entry| entry.what == What::Counts) {
            let numbers: Vec<u64> = entry.text.split('/').map(|number| number.parse().unwrap()).collect();
            last.insert(entry.process, numbers.try_into().unwrap());
        }
        last
    }

    fn counts(&self) -> Counts {
        let add = |sum: Counts, [_, handled, commits]: &[u64; 3]| Counts {
            handled: sum.handled + handled,
            commits: sum.commits + commits,
        };
        self.reports().values().fold(Counts::default(), add)
    }

    /// Waits until the living processes read all accounts, none of them more than one more than another.
    async fn until_spread(&self) -> Duration {
        let begun = Instant::now();
        loop {
            let reports = self.reports();
            let reading: Vec<u64> = self
                .workers
                .iter()
                .map(|worker| reports.get(&worker.pid).map_or(0, |[reading, ..]| *reading))
                .collect();
            let is_even = reading.iter().max().unwrap() - reading.iter().min().unwrap() <= 1;
            if is_even && reading.iter().sum::<u64>() == self.accounts.len() as u64 {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < PATIENCE, "{} accounts are not spread: {reading:?}", self.accounts.len());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Announces that an account has this many messages.
    async fn announce(&self, account: &OpenKfid, count: usize) {
        let key = InboxKey::new(&*self.scope, account.clone());
        let wake = Wake::new(Some(count.to_string().as_str().into()), 1_718_000_000);
        self.store.wake(&key, &wake).await.unwrap();
    }

    async fn everybody_writes(&mut self) {
        self.announced += 1;
        join_all(self.accounts.iter().map(|account| self.announce(account, self.announced))).await;
    }

    async fn all_is_handled(&self) {
        let begun = Instant::now();
        let expected = (self.announced * self.accounts.len()) as u64;
        while self.counts().handled < expected {
            assert!(begun.elapsed() < PATIENCE, "{:?} of {expected}", self.counts());
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn cpu(&self) -> Cpu {
        Cpu {
            at: Instant::now(),
            workers: self.workers.iter().map(|worker| cpu_seconds(worker.pid)).sum(),
            redis: cpu_seconds(self.server.pid()),
        }
    }
}

/// The CPU time that was used so far, in seconds.
struct Cpu {
    at: Instant,
    workers: f64,
    redis: f64,
}

impl Cpu {
    fn print_until(&self, now: &Self, what: &str) {
        let seconds = (now.at - self.at).as_secs_f64();
        let share = |before: f64, after: f64| 100.0 * (after - before) / seconds;
        let (workers, redis) = (share(self.workers, now.workers), share(self.redis, now.redis));
        println!("{what}: the {PROCESSES} processes use {workers:.1} % of a core together, Redis {redis:.1} %");
    }
}

fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// The memory of a process, in KiB.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_thousand_accounts_on_four_processes() {
    let number = env::var("WECOM_KF_FLEET_ACCOUNTS").map_or(1000, |number| number.parse().unwrap());
    let mut builder = Simulator::builder();
    for account in 0..number {
        builder = builder.account(format!("店{account}"));
    }
    let sim = builder.start().await.unwrap();
    let mut fleet = Fleet::of(&sim).await;
    let accounts = fleet.accounts.len();
    let took = fleet.until_spread().await;
    println!("{accounts} accounts are spread over {PROCESSES} processes after {took:.1?}, starts included");

    let before = fleet.cpu();
    sleep(MEASURED).await;
    before.print_until(&fleet.cpu(), "nothing happens");
    let each: Vec<u64> = fleet.workers.iter().map(|worker| memory(worker.pid) / 1024).collect();
    println!("memory of the processes when nothing has happened yet: {each:?} MiB");

    let (before, begun, mut ticks) = (fleet.cpu(), fleet.counts(), interval(EVERY / 100));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let rounds = MEASURED.as_secs() / EVERY.as_secs();
    for _ in 0..rounds {
        fleet.announced += 1;
        for part in fleet.accounts.chunks(accounts.div_ceil(100)) {
            ticks.tick().await;
            join_all(part.iter().map(|account| fleet.announce(account, fleet.announced))).await;
        }
    }
    fleet.all_is_handled().await;
    let now = fleet.cpu();
    let (seconds, done) = ((now.at - before.at).as_secs_f64(), fleet.counts());
    println!(
        "a message in {EVERY:?} for each: {:.0} messages and {:.0} commits a second",
        (done.handled - begun.handled) as f64 / seconds,
        (done.commits - begun.commits) as f64 / seconds
    );
    before.print_until(&now, "meanwhile");

    let (before, begun) = (fleet.cpu(), fleet.counts());
    while before.at.elapsed() < MEASURED {
        fleet.everybody_writes().await;
    }
    fleet.all_is_handled().await;
    let now = fleet.cpu();
    let (seconds, done) = ((now.at - before.at).as_secs_f64(), fleet.counts());
    println!(
        "as many as the machine can do: {:.0} messages and {:.0} commits a second",
        (done.handled - begun.handled) as f64 / seconds,
        (done.commits - begun.commits) as f64 / seconds
    );
    before.print_until(&now, "meanwhile");
    let each: Vec<u64> = fleet.workers.iter().map(|worker| memory(worker.pid) / 1024).collect();
    println!("memory of the processes after {} messages for each account: {each:?} MiB", fleet.announced);

    let mut leaving = fleet.workers.remove(0);
    let begun = Instant::now();
    leaving.end().await;
    fleet.until_spread().await;
    println!(
        "{accounts} accounts are read by three processes {:.1?} after the fourth was told to stop",
        begun.elapsed()
    );
    fleet.everybody_writes().await;
    fleet.all_is_handled().await;
    for worker in &mut fleet.workers {
        worker.end().await;
    }
    let keys = fleet.store.keys().await.unwrap();
    assert_eq!(keys.len(), accounts);
    for key in keys {
        let stored = fleet.store.load(&key).await.unwrap().unwrap();
        assert_eq!(stored.cursor, Some(format!("c{}", fleet.announced)), "{key}: every message is settled");
    }
    let repeated = fleet.counts().handled - (fleet.announced * accounts) as u64;
    println!("{repeated} messages were handled again");
}
