//! A bot in a process of its own. Tests start it, watch it and kill it.

use std::env;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use wecom_kf::messages::Content;
use wecom_kf::{Client, Settings};
use wecom_kf_inbox::store::{Redis, RedisAddress};
use wecom_kf_inbox::{ColdStart, Delivery, Failure, Inbox, InboxGroup, Metrics, SharedToken, Status};
use wecom_kf_sim::Simulator;

use crate::server::{Server, signal};

/// The lease is so long that no process loses it because the machine is busy. Tests end the lease of a process that
/// they killed.
const LEASE: Duration = Duration::from_secs(60);
const HANDLING: Duration = Duration::from_millis(10);
const REDIS: &str = "WECOM_KF_TEST_REDIS";
const SINCE: &str = "WECOM_KF_TEST_SINCE";
const GROUP: &str = "WECOM_KF_TEST_GROUP";

/// A step of a process, which it reports by a line of its output.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) process: u32,
    pub(crate) what: What,
    pub(crate) text: String,
    /// The time since the epoch. All processes are on one machine, so their clocks agree.
    pub(crate) at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Begins,
    Ends,
    /// How many accounts the process reads from now on.
    Reads,
    /// Other numbers, which the program explains.
    Counts,
}

/// The steps of all processes of a test, in the order of their reports.
pub(crate) type Log = Arc<Mutex<Vec<Entry>>>;

/// A process of its own that handles messages. It runs this test binary once more, with the test below.
pub(crate) struct Worker {
    child: Child,
    pub(crate) pid: u32,
    reads: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker. On a cold start it reads everything, or what was sent since that time.
    pub(crate) fn start(sim: &Simulator, server: &Server, log: &Log, since: Option<u64>) -> Self {
        let since = since.map(|since| (SINCE, since.to_string()));
        Self::start_worker(sim, &server.url(), log, since)
    }

    /// Starts a worker that shares all accounts with others of its kind. `redis` is what [`store`] reads.
    pub(crate) fn start_group(sim: &Simulator, redis: &str, log: &Log) -> Self {
        Self::start_worker(sim, redis, log, Some((GROUP, "yes".to_owned())))
    }

    fn start_worker(sim: &Simulator, redis: &str, log: &Log, setting: Option<(&str, String)>) -> Self {
        Self::start_program("worker::a_process_of_the_other_tests", sim, redis, log, setting)
    }

    /// Starts this test binary as another process, with one of its ignored tests as the program.
    pub(crate) fn start_program(
        program: &str,
        sim: &Simulator,
        redis: &str,
        log: &Log,
        setting: Option<(&str, String)>,
    ) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", program, "--ignored", "--nocapture"])
            .envs(sim.vars())
            .env("NO_PROXY", "127.0.0.1")
            .env(REDIS, redis)
            .envs(setting)
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let pid = child.id().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = log.clone();
        let reads = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(entry) = entry(pid, &line) {
                    log.lock().unwrap().push(entry);
                }
            }
        });
        Self { child, pid, reads }
    }

    /// Kills the process with SIGKILL. Afterwards the log has everything that it reported.
    pub(crate) async fn kill(&mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
        (&mut self.reads).await.unwrap();
    }

    /// Asks the process to end in order, and waits for that.
    pub(crate) async fn end(&mut self) {
        signal(self.pid, "TERM");
        self.child.wait().await.unwrap();
        (&mut self.reads).await.unwrap();
    }

    pub(crate) fn stop(&self) {
        signal(self.pid, "STOP");
    }

    pub(crate) fn go_on(&self) {
        signal(self.pid, "CONT");
    }
}

fn entry(process: u32, line: &str) -> Option<Entry> {
    let mut words = line.strip_prefix("@ ")?.split(' ');
    let what = match words.next()? {
        "begins" => What::Begins,
        "ends" => What::Ends,
        "reads" => What::Reads,
        "counts" => What::Counts,
        _ => return None,
    };
    let text = words.next()?.to_owned();
    Some(Entry { process, what, text, at: Duration::from_nanos(words.next()?.parse().ok()?) })
}

pub(crate) fn since_epoch() -> Duration {
    UNIX_EPOCH.elapsed().unwrap()
}

#[allow(clippy::print_stdout, reason = "that is how a process of a test tells it")]
pub(crate) fn tell(what: &str, text: &str) {
    // The line begins with a line break, since the test harness may have left an unfinished line.
    println!("\n@ {what} {text} {}", since_epoch().as_nanos());
}

/// Opens the store that the test named, or returns `None` if nobody started this process. The name is a URL, or the topology
/// and its URLs: `cluster NODE…`, `sentinel PRIMARY SENTINEL…`.
pub(crate) async fn store() -> Option<Redis> {
    let named = env::var(REDIS).ok()?;
    let mut words = named.split(' ').map(str::to_owned);
    let address: RedisAddress = match (words.next().as_deref(), words) {
        #[cfg(feature = "redis-cluster")]
        (Some("cluster"), nodes) => RedisAddress::cluster(nodes),
        #[cfg(feature = "redis-sentinel")]
        (Some("sentinel"), mut words) => {
            let primary = words.next().unwrap();
            RedisAddress::sentinel(words, primary)
        }
        _ => named.as_str().into(),
    };
    Some(Redis::builder(address).open().await.unwrap())
}

/// Returns the client of the simulator that the test named. It shares its token through the store.
pub(crate) fn client(store: &Redis) -> Client {
    let settings = Settings::from_env();
    let (plain, credentials) = (settings.client().unwrap(), settings.credentials().unwrap());
    let shared = SharedToken::new(&plain, &credentials, store.clone());
    settings.client_builder().unwrap().pacing(wecom_kf::Pacing::unlimited()).token_source(shared).build().unwrap()
}

async fn handle(delivery: Delivery) -> Result<(), Failure> {
    if let Content::Text(text) = delivery.content() {
        tell("begins", &text.content);
        sleep(HANDLING).await;
        tell("ends", &text.content);
    }
    Ok(())
}

/// Reads the accounts that fall to this process, until SIGTERM.
async fn group(client: Client, store: Redis, cold_start: ColdStart) {
    let group = InboxGroup::builder(client).store(store).cold_start(cold_start).member(std::process::id());
    let group = group.open().await.unwrap();
    let handle = group.handle();
    let reports = tokio::spawn(async move {
        let mut last = usize::MAX;
        loop {
            let reads = |metrics: &Metrics| matches!(metrics.status, Status::Reads | Status::CaughtUp);
            let count = handle.metrics().values().filter(|metrics| reads(metrics)).count();
            if std::mem::replace(&mut last, count) != count {
                tell("reads", &count.to_string());
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    group.run_until(async move { term.recv().await }, handle_briefly).await;
    reports.abort();
}

async fn handle_briefly(delivery: Delivery) -> Result<(), Failure> {
    if let Content::Text(text) = delivery.content() {
        tell("ends", &text.content);
    }
    Ok(())
}

/// This is not a test but the program that [`Worker::start`] starts. Alone it does nothing.
#[tokio::test]
#[ignore = "a process of the other tests"]
async fn a_process_of_the_other_tests() {
    let Some(store) = store().await else { return };
    let client = client(&store);
    let cold_start = match env::var(SINCE) {
        Ok(since) => ColdStart::Since(SystemTime::UNIX_EPOCH + Duration::from_secs(since.parse().unwrap())),
        Err(_) => ColdStart::Everything,
    };
    if env::var(GROUP).is_ok() {
        return group(client, store, cold_start).await;
    }
    let inbox = Inbox::builder(client, env::var("WECOM_KF_OPEN_KFID").unwrap()).store(store).cold_start(cold_start);
    let inbox = inbox.lease(LEASE).poll(Duration::from_millis(50)).open().await.unwrap();
    inbox.run(handle).await.unwrap();
}
