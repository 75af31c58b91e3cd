//! A Redis in one of its three topologies, for tests that must pass on each of them.

use wecom_kf_inbox::store::Redis;

use crate::cluster::Cluster;
use crate::sentinel::Watched;
use crate::server::{Persistence, Server};

pub(crate) enum Servers {
    One(Server),
    Watched(Watched),
    Cluster(Cluster),
}

impl Servers {
    pub(crate) async fn one() -> Self {
        Self::One(Server::start(Persistence::Nothing).await)
    }

    pub(crate) async fn watched() -> Self {
        Self::Watched(Watched::start().await)
    }

    pub(crate) async fn cluster() -> Self {
        Self::Cluster(Cluster::start_with_replicas().await)
    }

    pub(crate) async fn store(&self) -> Redis {
        match self {
            Self::One(server) => server.store().await,
            Self::Watched(watched) => watched.builder().open().await.unwrap(),
            Self::Cluster(cluster) => cluster.builder().open().await.unwrap(),
        }
    }

    /// Returns what a [worker](crate::worker) needs to open the store: the topology and its URLs.
    pub(crate) fn for_workers(&self) -> String {
        match self {
            Self::One(server) => server.url(),
            Self::Watched(watched) => watched.for_workers(),
            Self::Cluster(cluster) => cluster.for_workers(),
        }
    }

    /// Kills a primary, and lets its replica take over.
    pub(crate) async fn fail_over(&mut self) {
        match self {
            Self::One(_) => panic!("one server has no replica"),
            Self::Watched(watched) => {
                watched.kill_primary();
                watched.take_over().await;
            }
            Self::Cluster(cluster) => {
                cluster.kill(0);
                cluster.take_over(0).await;
            }
        }
    }
}
