//! Three processes that share eight accounts through a Redis, in each of its topologies: spread, rolling restarts, a kill, a
//! failover, and callbacks that come to a process that reads nothing.
#![allow(clippy::print_stdout, reason = "these tests print their figures")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use wecom_kf_inbox::{Gateway, Settings};
use wecom_kf_sim::Simulator;

use crate::server::PATIENCE;
use crate::servers::Servers;
use crate::worker::{Log, What, Worker, since_epoch};

const ACCOUNTS: usize = 8;
const PROCESSES: usize = 3;

struct Fleet {
    sim: Simulator,
    servers: Servers,
    log: Log,
    workers: Vec<Worker>,
    /// When each text was written.
    written: HashMap<String, Duration>,
}

impl Fleet {
    async fn on(servers: Servers) -> Self {
        let mut builder = Simulator::builder();
        for number in 0..ACCOUNTS {
            builder = builder.account(format!("店{number}"));
        }
        let sim = builder.start().await.unwrap();
        let gateway = Gateway::new(servers.store().await, &Settings::from_vars(sim.vars())).unwrap();
        sim.wakes(gateway.waker());
        let mut fleet = Self { sim, servers, log: Log::default(), workers: Vec::new(), written: HashMap::new() };
        for _ in 0..PROCESSES {
            fleet.add();
        }
        fleet
    }

    fn add(&mut self) {
        self.workers.push(Worker::start_group(&self.sim, &self.servers.for_workers(), &self.log));
    }

    /// How many accounts each living process reads.
    fn counts(&self) -> Vec<usize> {
        let mut last: BTreeMap<u32, usize> = BTreeMap::new();
        for entry in self.log.lock().unwrap().iter().filter(|entry| entry.what == What::Reads) {
            last.insert(entry.process, entry.text.parse().unwrap());
        }
        let mut counts: Vec<usize> =
            self.workers.iter().map(|worker| last.get(&worker.pid).copied().unwrap_or_default()).collect();
        counts.sort_unstable();
        counts
    }

    async fn until_spread(&mut self, counts: &[usize]) -> Duration {
        let begun = Instant::now();
        while self.counts() != counts {
            assert!(begun.elapsed() < PATIENCE, "{:?} instead of {counts:?}", self.counts());
            sleep(Duration::from_millis(5)).await;
        }
        begun.elapsed()
    }

    /// A customer of each account writes a text without spaces.
    fn everybody_writes(&mut self, text: &str) {
        assert!(!text.contains(' '), "the report of a worker ends a text at a space: {text}");
        for open_kfid in self.sim.open_kfids() {
            let text = format!("{text}/{open_kfid}");
            self.written.insert(text.clone(), since_epoch());
            self.sim.customer_of(&open_kfid, "小王").unwrap().says(&text);
        }
    }

    fn handled(&self) -> HashMap<String, Vec<Duration>> {
        let mut handled: HashMap<String, Vec<Duration>> = HashMap::new();
        for entry in self.log.lock().unwrap().iter().filter(|entry| entry.what == What::Ends) {
            handled.entry(entry.text.clone()).or_default().push(entry.at);
        }
        handled
    }

    /// Waits until all that was written is handled. Returns how long each text took, in order.
    async fn all_is_handled(&self) -> Vec<Duration> {
        let begun = Instant::now();
        loop {
            let handled = self.handled();
            let lost: BTreeSet<_> = self.written.keys().filter(|text| !handled.contains_key(*text)).collect();
            if lost.is_empty() {
                let mut took: Vec<_> =
                    self.written.iter().map(|(text, at)| handled[text][0].saturating_sub(*at)).collect();
                took.sort_unstable();
                return took;
            }
            assert!(begun.elapsed() < PATIENCE, "never handled: {lost:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn repeated(&self) -> Vec<String> {
        self.handled().into_iter().filter(|(_, at)| at.len() > 1).map(|(text, _)| text).collect()
    }
}

async fn accounts_are_spread_over_processes_and_move_without_loss_or_repeat(servers: Servers) {
    let mut fleet = Fleet::on(servers).await;
    let took = fleet.until_spread(&[2, 3, 3]).await;
    println!("8 accounts on 3 processes after {took:?}, starts included");
    fleet.everybody_writes("spread");
    for round in 0..3 {
        // The next process of a rolling restart.
        let mut old = fleet.workers.remove(0);
        let begun = Instant::now();
        fleet.everybody_writes(&format!("before{round}"));
        old.end().await;
        fleet.everybody_writes(&format!("without{round}"));
        fleet.until_spread(&[4, 4]).await;
        println!("restart {round}: taken over {:?} after the signal", begun.elapsed());
        fleet.add();
        fleet.until_spread(&[2, 3, 3]).await;
        fleet.everybody_writes(&format!("with{round}"));
    }
    let took = fleet.all_is_handled().await;
    println!("the longest wait of a message beside three restarts: {:?}", took.last().unwrap());
    assert!(fleet.repeated().is_empty(), "settled twice: {:?}", fleet.repeated());
    for worker in &mut fleet.workers {
        worker.end().await;
    }
    assert!(fleet.repeated().is_empty(), "settled twice: {:?}", fleet.repeated());
}

async fn accounts_of_a_killed_process_move_when_its_leases_end(servers: Servers) {
    let mut fleet = Fleet::on(servers).await;
    fleet.until_spread(&[2, 3, 3]).await;
    fleet.everybody_writes("before");
    fleet.all_is_handled().await;
    fleet.workers.remove(0).kill().await;
    let killed = Instant::now();
    fleet.everybody_writes("after");
    fleet.until_spread(&[4, 4]).await;
    println!("accounts of a killed process are read {:?} later (leases last 30 s)", killed.elapsed());
    fleet.all_is_handled().await;
}

async fn a_callback_at_a_gateway_reaches_the_reader(servers: Servers) {
    let mut fleet = Fleet::on(servers).await;
    fleet.until_spread(&[2, 3, 3]).await;
    for round in 0..50 {
        fleet.everybody_writes(&format!("round{round}"));
        sleep(Duration::from_millis(100)).await;
    }
    let took = fleet.all_is_handled().await;
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)];
    println!("callback to handler over Redis: p50 {:?}, p99 {:?}, longest {:?}", at(50), at(99), took.last().unwrap());
    assert!(fleet.repeated().is_empty());
}

async fn a_fleet_survives_the_failover_of_a_primary(servers: Servers) {
    let mut fleet = Fleet::on(servers).await;
    fleet.until_spread(&[2, 3, 3]).await;
    for round in 0..10 {
        fleet.everybody_writes(&format!("before{round}"));
        sleep(Duration::from_millis(20)).await;
    }
    fleet.servers.fail_over().await;
    fleet.everybody_writes("after");
    fleet.all_is_handled().await;
    // A replica that takes over may not have the last commits, so repeats are allowed here.
    fleet.until_spread(&[2, 3, 3]).await;
    fleet.workers.remove(0).end().await;
    fleet.until_spread(&[4, 4]).await;
    fleet.everybody_writes("two");
    fleet.all_is_handled().await;
}

/// Makes a test of each topology from the scenarios above.
macro_rules! on {
    ($topology:ident: $($scenario:ident),+) => {
        mod $topology {
            use super::Servers;
            $(
                #[tokio::test(flavor = "multi_thread")]
                #[ignore = "needs redis-server"]
                async fn $scenario() {
                    super::$scenario(Servers::$topology().await).await;
                }
            )+
        }
    };
}

on!(one:
    accounts_are_spread_over_processes_and_move_without_loss_or_repeat,
    accounts_of_a_killed_process_move_when_its_leases_end,
    a_callback_at_a_gateway_reaches_the_reader);
on!(watched:
    accounts_are_spread_over_processes_and_move_without_loss_or_repeat,
    accounts_of_a_killed_process_move_when_its_leases_end,
    a_callback_at_a_gateway_reaches_the_reader,
    a_fleet_survives_the_failover_of_a_primary);
on!(cluster:
    accounts_are_spread_over_processes_and_move_without_loss_or_repeat,
    accounts_of_a_killed_process_move_when_its_leases_end,
    a_callback_at_a_gateway_reaches_the_reader,
    a_fleet_survives_the_failover_of_a_primary);
