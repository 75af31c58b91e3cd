//! A primary and a replica, watched by a sentinel.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use wecom_kf_inbox::store::{InboxKey, InboxStore, Redis, RedisAddress, RedisBuilder, StoreError, conformance};

use crate::load::{Reader, nothing_is_lost_or_doubled};
use crate::server::{PATIENCE, Persistence, Server, free_port, new_folder, program};

/// The entries of a sentinel about servers.
type Entries = Vec<HashMap<String, String>>;

pub(crate) struct Watched {
    primary: Server,
    replica: Server,
    sentinel: Child,
    sentinel_port: u16,
    folder: std::path::PathBuf,
}

impl Watched {
    pub(crate) async fn start() -> Self {
        let primary = Server::start(Persistence::EverySecond).await;
        let port = primary.port().to_string();
        let replica = Server::start_with(
            Persistence::EverySecond,
            &["--replicaof", &format!("127.0.0.1 {port}"), "--repl-diskless-sync-delay", "0"],
        )
        .await;
        let (sentinel_port, folder) = (free_port(), new_folder());
        let settings = format!(
            "port {sentinel_port}\nbind 127.0.0.1\ndir {folder}\n\
             sentinel monitor mymaster 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds mymaster 120000\nsentinel failover-timeout mymaster 120000\n",
            folder = folder.display()
        );
        let file = folder.join("sentinel.conf");
        std::fs::write(&file, settings).unwrap();
        let sentinel = Command::new(program()).arg(&file).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap();
        let watched = Self { primary, replica, sentinel, sentinel_port, folder };
        watched.replica_is_known().await;
        watched
    }

    fn address(&self) -> RedisAddress {
        RedisAddress::sentinel([format!("redis://127.0.0.1:{}/", self.sentinel_port)], "redis://mymaster/")
    }

    pub(crate) fn builder(&self) -> RedisBuilder {
        Redis::builder(self.address())
    }

    pub(crate) fn for_workers(&self) -> String {
        format!("sentinel redis://mymaster/ redis://127.0.0.1:{}/", self.sentinel_port)
    }

    async fn ask_sentinel<T: redis::FromRedisValue>(&self, question: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}/", self.sentinel_port)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("SENTINEL").arg(question).query_async(&mut connection).await
    }

    /// Waits until the sentinel knows a replica that is connected to its primary.
    async fn replica_is_known(&self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let replicas: Entries = self.ask_sentinel(&["REPLICAS", "mymaster"]).await.unwrap_or_default();
            let is_connected = |replica: &HashMap<String, String>| {
                replica.get("master-link-status").is_some_and(|status| status == "ok")
                    && replica.get("flags").is_some_and(|flags| flags == "slave")
            };
            if replicas.iter().any(is_connected) {
                return;
            }
            assert!(Instant::now() < until, "the sentinel finds no replica: {replicas:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) fn kill_primary(&mut self) {
        self.primary.kill();
    }

    /// Makes the replica of the killed primary take over. The old primary comes back as a replica.
    pub(crate) async fn take_over(&mut self) {
        // The sentinel would do this itself after two minutes. The time is so long that it never acts because the
        // machine is busy.
        let until = Instant::now() + PATIENCE;
        while let Err(error) = self.ask_sentinel::<()>(&["FAILOVER", "mymaster"]).await {
            assert!(Instant::now() < until, "the sentinel begins no failover: {error}");
            sleep(Duration::from_millis(50)).await;
        }
        while self.primary_port().await != Some(self.replica.port().to_string()) {
            assert!(Instant::now() < until, "the replica does not take over");
            sleep(Duration::from_millis(50)).await;
        }
        self.primary.start_again().await;
    }

    async fn primary_port(&self) -> Option<String> {
        let primaries: Entries = self.ask_sentinel(&["MASTERS"]).await.ok()?;
        primaries.first().and_then(|primary| primary.get("port").cloned())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.sentinel.kill();
        let _ = self.sentinel.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn key() -> InboxKey {
    InboxKey::new("a.invalid/ww1", "wk1".into())
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_watched_primary_passes_the_conformance_suite() {
    let watched = Watched::start().await;
    let store = watched.builder().replicas(1).open().await.unwrap();
    store.check().await.unwrap();
    conformance::inbox_store(async || store.clone()).await;
    conformance::token_store(async || store.clone()).await;
    conformance::fleet_store(async || store.clone()).await;
}

async fn failover_under_load(replicas: usize) {
    let mut watched = Watched::start().await;
    let store = watched.builder().replicas(replicas).open().await.unwrap();
    let reader = Reader::start(&store, key());
    reader.goes_on_for(100).await;
    watched.kill_primary();
    reader.meets_it_down().await;
    watched.take_over().await;
    reader.goes_on_for(100).await;
    let outcome = reader.end().await;
    if replicas > 0 {
        assert_eq!(outcome.wrote_back, 0, "the replica had all that was committed");
    }
    nothing_is_lost_or_doubled(&store, &key(), &outcome).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_failover_under_load_loses_and_doubles_nothing() {
    failover_under_load(0).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_failover_loses_no_commit_that_waited_for_the_replica() {
    failover_under_load(1).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_commit_that_no_replica_has_does_not_count() {
    let mut watched = Watched::start().await;
    let store = watched.builder().replicas(1).open().await.unwrap();
    let reader = Reader::start(&store, key());
    reader.goes_on_for(10).await;
    watched.replica.kill();
    let until = Instant::now() + PATIENCE;
    // The reader waits until the replica is back.
    loop {
        let lease = store.acquire(&key(), "reader", Duration::from_secs(600)).await.unwrap();
        let wecom_kf_inbox::store::Acquired::Lease(lease) = lease else { panic!("nobody else asks") };
        let stored = store.load(&key()).await.unwrap().unwrap();
        let next = wecom_kf_inbox::store::Commit::next(&stored);
        match store.commit(&lease, &next).await {
            Err(StoreError::Down(why)) => {
                assert!(why.to_string().contains("of 1 replicas"), "{why}");
                break;
            }
            // The commit was written before the replica was gone, or the reader committed first.
            Ok(()) | Err(StoreError::StaleLease | StoreError::OutOfStep) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(Instant::now() < until, "commits count without a replica");
    }
    drop(reader);
}

#[tokio::test]
async fn sentinels_that_are_not_there_are_waited_for() {
    let address = RedisAddress::sentinel([format!("redis://127.0.0.1:{}/", free_port())], "redis://:CANARY@mymaster/");
    let store = Redis::builder(address).open().await.unwrap();
    let refused = store.load(&key()).await.unwrap_err();
    let text = format!("{refused} {refused:?} {store:?}");
    assert!(refused.is_retryable() && text.contains("Redis Sentinel, mymaster"), "{text}");
    assert!(!text.contains("CANARY"), "{text}");
}
