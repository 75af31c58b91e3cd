//! A cluster of three nodes, with replicas or without.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::time::{Instant, sleep};
use wecom_kf_inbox::store::{
    Acquired, Commit, Committed, Generation, InboxKey, InboxStore, Redis, RedisAddress, RedisBuilder, StoreError,
    conformance,
};

use crate::load::{Reader, nothing_is_lost_or_doubled};
use crate::server::{PATIENCE, Persistence, Server};

const SLOTS: u16 = 16_384;

pub(crate) struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts three nodes with a third of the slots each.
    pub(crate) async fn start() -> Self {
        Self::of(3).await
    }

    /// Starts three nodes with a replica each.
    pub(crate) async fn start_with_replicas() -> Self {
        let cluster = Self::of(6).await;
        for (number, node) in cluster.nodes[3..].iter().enumerate() {
            let primary = cluster.id(number).await;
            run::<()>(&mut node.connection().await, &["CLUSTER", "REPLICATE", &primary]).await;
        }
        for node in 0..3 {
            cluster.has_a_replica(node).await;
        }
        cluster
    }

    async fn of(count: usize) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(start_node().await);
        }
        let cluster = Self { nodes };
        for (number, node) in cluster.nodes.iter().enumerate() {
            let epoch = (number + 1).to_string();
            run::<()>(&mut node.connection().await, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await;
        }
        for node in &cluster.nodes {
            for other in &cluster.nodes {
                let (port, bus) = (other.port().to_string(), bus_port(other.port()).to_string());
                run::<()>(&mut node.connection().await, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
            }
        }
        for number in 0..3 {
            let slots: Vec<String> =
                (0..SLOTS).filter(|slot| owner(*slot) == number).map(|slot| slot.to_string()).collect();
            let command: Vec<&str> =
                ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str)).collect();
            run::<()>(&mut cluster.nodes[number].connection().await, &command).await;
        }
        cluster.all_are_well().await;
        cluster
    }

    /// Checks that all nodes know each other, and that all slots are served.
    async fn all_are_well(&self) {
        let until = Instant::now() + PATIENCE;
        for node in &self.nodes {
            loop {
                let info: String = run(&mut node.connection().await, &["CLUSTER", "INFO"]).await;
                let known = format!("cluster_known_nodes:{}\r", self.nodes.len());
                if info.contains("cluster_state:ok") && info.contains(&known) {
                    break;
                }
                assert!(Instant::now() < until, "{info}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn has_a_replica(&self, node: usize) {
        let until = Instant::now() + PATIENCE;
        loop {
            let info: String = run(&mut self.nodes[node].connection().await, &["INFO", "REPLICATION"]).await;
            if info.contains("state=online") {
                return;
            }
            assert!(Instant::now() < until, "{info}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Kills one of the three nodes.
    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// Makes the replica of a killed node take over. The node comes back as a replica.
    pub(crate) async fn take_over(&mut self, node: usize) {
        let mut replica = self.nodes[node + 3].connection().await;
        // The nodes would do it themselves, but only after the node timeout.
        run::<()>(&mut replica, &["CLUSTER", "FAILOVER", "TAKEOVER"]).await;
        let until = Instant::now() + PATIENCE;
        loop {
            let info: String = run(&mut replica, &["INFO", "REPLICATION"]).await;
            if info.contains("role:master") {
                break;
            }
            assert!(Instant::now() < until, "the replica does not take over: {info}");
            sleep(Duration::from_millis(50)).await;
        }
        self.nodes[node].start_again().await;
    }

    /// Returns which of the three nodes has the keys of an inbox.
    pub(crate) async fn node_of(&self, key: &InboxKey) -> usize {
        owner(run(&mut self.nodes[0].connection().await, &["CLUSTER", "KEYSLOT", &key.to_string()]).await)
    }

    async fn id(&self, node: usize) -> String {
        run(&mut self.nodes[node].connection().await, &["CLUSTER", "MYID"]).await
    }

    fn address(&self) -> RedisAddress {
        RedisAddress::cluster(self.nodes.iter().map(Server::url))
    }

    pub(crate) fn builder(&self) -> RedisBuilder {
        Redis::builder(self.address())
    }

    pub(crate) fn for_workers(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(Server::url).collect();
        format!("cluster {}", urls.join(" "))
    }

    /// Returns a key whose slot is on this node.
    async fn key_at(&self, node: usize) -> (InboxKey, u16) {
        let mut connection = self.nodes[0].connection().await;
        for number in 0.. {
            let key = InboxKey::new("a.invalid/ww1", format!("wk{number}").as_str().into());
            let slot: u16 = run(&mut connection, &["CLUSTER", "KEYSLOT", &key.to_string()]).await;
            if owner(slot) == node {
                return (key, slot);
            }
        }
        unreachable!("every third key is there")
    }

    /// Moves a slot to another node, as `redis-cli --cluster reshard` does.
    async fn move_slot(&self, slot: u16, from: usize, to: usize) {
        let (from_id, to_id, slot) = (self.id(from).await, self.id(to).await, slot.to_string());
        let (mut source, mut target) = (self.nodes[from].connection().await, self.nodes[to].connection().await);
        run::<()>(&mut target, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).await;
        run::<()>(&mut source, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).await;
        let port = self.nodes[to].port().to_string();
        loop {
            let keys: Vec<String> = run(&mut source, &["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await;
            // The keys move one by one, so that commits meet a slot whose keys are on both sides.
            let Some(key) = keys.first() else { break };
            let _: redis::Value = run(&mut source, &["MIGRATE", "127.0.0.1", &port, key, "0", NODE_TIMEOUT_MS]).await;
            sleep(Duration::from_millis(20)).await;
        }
        for node in [to, from, 3 - to - from] {
            run::<()>(&mut self.nodes[node].connection().await, &["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).await;
        }
    }
}

/// The timeout is so long that no node is taken for dead because the machine is busy.
const NODE_TIMEOUT_MS: &str = "120000";

async fn start_node() -> Server {
    // The bus of a node has another port, which must be free too. If it is not, another node is started.
    Server::start_with(
        Persistence::EverySecond,
        &[
            "--cluster-enabled",
            "yes",
            "--cluster-node-timeout",
            NODE_TIMEOUT_MS,
            "--cluster-replica-validity-factor",
            "0",
        ],
    )
    .await
}

fn bus_port(port: u16) -> u16 {
    port + 10_000
}

fn owner(slot: u16) -> usize {
    usize::from(slot / (SLOTS / 3 + 1))
}

async fn run<T: redis::FromRedisValue>(connection: &mut MultiplexedConnection, command: &[&str]) -> T {
    let answer = redis::cmd(command[0]).arg(&command[1..]).query_async(connection).await;
    answer.unwrap_or_else(|error| panic!("{}: {error}", command[..2.min(command.len())].join(" ")))
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_cluster_passes_the_conformance_suite() {
    let cluster = Cluster::start().await;
    let store = cluster.builder().open().await.unwrap();
    store.check().await.unwrap();
    conformance::inbox_store(async || store.clone()).await;
    conformance::token_store(async || store.clone()).await;
    conformance::fleet_store(async || store.clone()).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn all_of_thirty_accounts_work_in_a_cluster() {
    let cluster = Cluster::start().await;
    let store = cluster.builder().open().await.unwrap();
    for number in 0..30 {
        let key = InboxKey::new("a.invalid/ww1", format!("wk{number}").as_str().into());
        let Acquired::Lease(lease) = store.acquire(&key, "a", Duration::from_secs(600)).await.unwrap() else {
            panic!("nobody else asks")
        };
        store.commit(&lease, &Commit::whole(&Committed::new(Generation::random()))).await.unwrap();
        assert_eq!(store.load(&key).await.unwrap().unwrap().revision, 1, "{key}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_node_of_a_cluster_is_no_server_by_itself() {
    let cluster = Cluster::start().await;
    let refused = Redis::open(&cluster.nodes[0].url()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Settings(_)), "{refused}");
    assert!(refused.to_string().contains("use RedisAddress::cluster"), "{refused}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_slot_that_moves_under_load_loses_and_doubles_nothing() {
    let cluster = Cluster::start().await;
    let store = cluster.builder().open().await.unwrap();
    let (key, slot) = cluster.key_at(0).await;
    let reader = Reader::start(&store, key.clone());
    reader.goes_on_for(100).await;
    cluster.move_slot(slot, 0, 2).await;
    reader.goes_on_for(100).await;
    let outcome = reader.end().await;
    assert_eq!(outcome.wrote_back, 0, "nothing was lost");
    nothing_is_lost_or_doubled(&store, &key, &outcome).await;
}

async fn failover_under_load(replicas: usize) {
    let mut cluster = Cluster::start_with_replicas().await;
    let store = cluster.builder().replicas(replicas).open().await.unwrap();
    let (key, _) = cluster.key_at(0).await;
    let reader = Reader::start(&store, key.clone());
    reader.goes_on_for(100).await;
    cluster.kill(0);
    reader.meets_it_down().await;
    cluster.take_over(0).await;
    reader.goes_on_for(100).await;
    let outcome = reader.end().await;
    if replicas > 0 {
        assert_eq!(outcome.wrote_back, 0, "the replica had all that was committed");
    }
    nothing_is_lost_or_doubled(&store, &key, &outcome).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_failover_in_a_cluster_under_load_loses_and_doubles_nothing() {
    failover_under_load(0).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_failover_in_a_cluster_loses_no_commit_that_waited_for_the_replica() {
    failover_under_load(1).await;
}
