//! An inbox on a store whose primary is killed while customers write.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use wecom_kf::{Client, Credentials};
use wecom_kf_inbox::store::{InboxKey, InboxStore, Redis};
use wecom_kf_inbox::{ColdStart, Delivery, Inbox};
use wecom_kf_sim::Simulator;

use crate::cluster::Cluster;
use crate::sentinel::Watched;
use crate::server::PATIENCE;

const CUSTOMERS: usize = 5;

/// How often each message was handled.
type Handled = Arc<Mutex<HashMap<String, usize>>>;

struct Scene {
    sim: Simulator,
    store: Redis,
    handled: Handled,
    written: usize,
}

impl Scene {
    async fn start(store: Redis) -> Self {
        let sim = Simulator::start().await.unwrap();
        let credentials = Credentials::new(sim.corp_id(), sim.secret());
        let client = Client::builder(credentials)
            .base_url(sim.base_url())
            .pacing(wecom_kf::Pacing::unlimited())
            .http(|http| http.no_proxy())
            .build()
            .unwrap();
        let inbox = Inbox::builder(client, sim.open_kfid()).store(store.clone()).cold_start(ColdStart::Everything);
        let inbox = inbox.poll(Duration::from_millis(50)).open().await.unwrap();
        let handled = Handled::default();
        let counts = handled.clone();
        tokio::spawn(inbox.run(move |delivery: Delivery| {
            *counts.lock().unwrap().entry(delivery.id().to_owned()).or_default() += 1;
            async { Ok(()) }
        }));
        Self { sim, store, handled, written: 0 }
    }

    async fn write(&mut self, messages: usize) {
        for _ in 0..messages {
            self.sim.customer(&format!("{}", self.written % CUSTOMERS)).says(&format!("{}", self.written));
            self.written += 1;
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn key(&self) -> InboxKey {
        let host = self.sim.base_url().replace("http://", "");
        InboxKey::new(format!("{host}/{}", self.sim.corp_id()), self.sim.open_kfid().into())
    }

    /// Asserts that each message was handled and settled once.
    async fn all_is_settled_once(&self) {
        let key = self.key();
        let until = Instant::now() + PATIENCE;
        loop {
            let settled = match self.store.load(&key).await {
                Ok(stored) => stored.map_or(0, |stored| stored.settled.len()),
                Err(error) if error.is_retryable() => 0,
                Err(error) => panic!("{error}"),
            };
            if settled == self.written {
                break;
            }
            assert!(Instant::now() < until, "{settled} of {} are settled", self.written);
            sleep(Duration::from_millis(100)).await;
        }
        let handled = self.handled.lock().unwrap();
        assert_eq!(handled.len(), self.written, "each was handled");
        assert!(handled.values().all(|times| *times == 1), "some were handled twice: {handled:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn an_inbox_survives_the_failover_of_a_watched_primary() {
    let mut watched = Watched::start().await;
    let mut scene = Scene::start(watched.builder().replicas(1).open().await.unwrap()).await;
    scene.write(100).await;
    watched.kill_primary();
    watched.take_over().await;
    scene.write(100).await;
    scene.all_is_settled_once().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn an_inbox_survives_the_end_of_a_node_of_its_cluster() {
    let mut cluster = Cluster::start_with_replicas().await;
    let mut scene = Scene::start(cluster.builder().replicas(1).open().await.unwrap()).await;
    scene.write(100).await;
    let node = cluster.node_of(&scene.key()).await;
    cluster.kill(node);
    cluster.take_over(node).await;
    scene.write(100).await;
    scene.all_is_settled_once().await;
}
