//! Several groups that share a store, as several processes do: accounts are spread, move, and callbacks reach the reader.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf::messages::Content;
use wecom_kf::{Client, Credentials, OpenKfid};
use wecom_kf_inbox::store::{FleetStore, InboxKey, InboxStore, Memory, Wake};
use wecom_kf_inbox::{ColdStart, GroupHandle, InboxGroup, Status, Summary};
use wecom_kf_sim::Simulator;

/// No machine takes longer for what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

const ACCOUNTS: usize = 8;

/// How often each text was handled, and by which process.
type Handled = Arc<Mutex<HashMap<String, Vec<usize>>>>;

struct Fleet {
    sim: Simulator,
    store: Memory,
    handled: Handled,
    processes: BTreeMap<usize, (GroupHandle, JoinHandle<Summary>)>,
}

impl Fleet {
    async fn start() -> Self {
        let mut builder = Simulator::builder();
        for number in 0..ACCOUNTS {
            builder = builder.account(format!("店{number}"));
        }
        let (sim, store) = (builder.start().await.unwrap(), Memory::new());
        Self { sim, store, handled: Handled::default(), processes: BTreeMap::new() }
    }

    async fn add(&mut self, number: usize) {
        let credentials = Credentials::new(self.sim.corp_id(), self.sim.secret());
        let client = Client::builder(credentials).base_url(self.sim.base_url());
        let client = client.http(|http| http.no_proxy()).pacing(wecom_kf::Pacing::unlimited()).build().unwrap();
        let group = InboxGroup::builder(client).store(self.store.clone()).cold_start(ColdStart::Everything);
        let group = group.member(number).open().await.unwrap();
        let (handle, handled) = (group.handle(), self.handled.clone());
        let task = tokio::spawn(group.run(move |delivery| {
            let handled = handled.clone();
            async move {
                if let Content::Text(text) = delivery.content() {
                    handled.lock().unwrap().entry(text.content.clone()).or_default().push(number);
                }
                Ok(())
            }
        }));
        self.processes.insert(number, (handle, task));
    }

    /// How many accounts each process reads.
    fn counts(&self) -> Vec<usize> {
        let reads = |(handle, _): &(GroupHandle, _)| {
            handle
                .metrics()
                .values()
                .filter(|metrics| matches!(metrics.status, Status::Reads | Status::CaughtUp))
                .count()
        };
        let mut counts: Vec<usize> = self.processes.values().map(reads).collect();
        counts.sort_unstable();
        counts
    }

    async fn until_spread(&self, counts: &[usize]) -> Duration {
        let begun = Instant::now();
        let spread = async {
            while self.counts() != counts {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, spread).await.unwrap_or_else(|_| panic!("{:?} instead of {counts:?}", self.counts()));
        begun.elapsed()
    }

    async fn stop(&mut self, number: usize) -> Summary {
        let (handle, task) = self.processes.remove(&number).unwrap();
        handle.stop();
        timeout(PATIENCE, task).await.expect("the group ends").unwrap()
    }

    /// A customer of each account writes a text, and the callbacks come to one process.
    fn everybody_writes(&self, text: &str) -> BTreeSet<String> {
        let accounts = self.sim.open_kfids();
        let write = |open_kfid: &String| {
            let text = format!("{text} {open_kfid}");
            self.sim.customer_of(open_kfid, "小王").unwrap().says(&text);
            text
        };
        accounts.iter().map(write).collect()
    }

    async fn until_handled(&self, texts: &BTreeSet<String>) {
        let all = async {
            while !texts.iter().all(|text| self.handled.lock().unwrap().contains_key(text)) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let missing =
            || texts.iter().filter(|text| !self.handled.lock().unwrap().contains_key(*text)).collect::<Vec<_>>();
        timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("not handled: {:?}", missing()));
    }

    fn assert_handled_once(&self) {
        let handled = self.handled.lock().unwrap();
        let repeated: Vec<_> = handled.iter().filter(|(_, by)| by.len() > 1).collect();
        assert!(repeated.is_empty(), "handled more than once: {repeated:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_spread_and_move_when_processes_come_and_go() {
    let mut fleet = Fleet::start().await;
    fleet.add(1).await;
    fleet.until_spread(&[8]).await;
    let mut texts = fleet.everybody_writes("one");
    fleet.add(2).await;
    fleet.until_spread(&[4, 4]).await;
    texts.extend(fleet.everybody_writes("two"));
    fleet.add(3).await;
    let took = fleet.until_spread(&[2, 3, 3]).await;
    println!("spread over a third process in {took:?}");
    texts.extend(fleet.everybody_writes("three"));
    for number in 1..=3 {
        // A rolling restart.
        fleet.stop(number).await;
        texts.extend(fleet.everybody_writes(&format!("without {number}")));
        fleet.until_spread(&[4, 4]).await;
        fleet.add(number + 10).await;
        fleet.until_spread(&[2, 3, 3]).await;
        texts.extend(fleet.everybody_writes(&format!("with {number}")));
    }
    // Callbacks come to one of the processes only, and reach the others.
    let (gateway, _) = fleet.processes.values().next().unwrap();
    fleet.sim.wakes(gateway.waker());
    texts.extend(fleet.everybody_writes("woken"));
    fleet.until_handled(&texts).await;
    fleet.assert_handled_once();
    for number in 11..=13 {
        fleet.stop(number).await;
    }
    assert_eq!(fleet.handled.lock().unwrap().len(), texts.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_at_any_process_wakes_the_reader_within_moments() {
    let mut fleet = Fleet::start().await;
    for number in 1..=3 {
        fleet.add(number).await;
    }
    fleet.until_spread(&[2, 3, 3]).await;
    let (gateway, _) = &fleet.processes[&2];
    fleet.sim.wakes(gateway.waker());
    let (begun, mut took) = (Instant::now(), Vec::new());
    for round in 0..20 {
        let texts = fleet.everybody_writes(&format!("round {round}"));
        let written = Instant::now();
        fleet.until_handled(&texts).await;
        took.push(written.elapsed());
    }
    took.sort_unstable();
    println!("all eight accounts handled in {:?} (median), {:?} (longest)", took[10], took[19]);
    // Polls come every 30 s, so only callbacks can be as fast as this on any machine.
    assert!(begun.elapsed() < PATIENCE * 4, "{took:?}");
    fleet.assert_handled_once();
}

#[tokio::test(start_paused = true)]
async fn a_callback_for_nobody_yet_is_kept_for_the_one_who_comes() {
    let (store, key) = (Memory::new(), InboxKey::new("scope", OpenKfid::new("wk1")));
    let wake = Wake::new(Some("token".into()), 17);
    let number = FleetStore::wake(&store, &key, &wake).await.unwrap();
    sleep(Duration::from_secs(599)).await;
    assert_eq!(store.fleet().unwrap().last_wake(&key).await.unwrap(), Some((number, wake)));
    sleep(Duration::from_secs(2)).await;
    assert_eq!(store.fleet().unwrap().last_wake(&key).await.unwrap(), None, "its token is no longer valid");
}
