//! Connects to a Redis, by whichever of the redis crate's clients its topology needs.

use ::redis::aio::MultiplexedConnection;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster::ClusterClient;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster_async::ClusterConnection;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
#[cfg(feature = "redis-sentinel")]
use ::redis::sentinel::SentinelClient;
use ::redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult};

use super::Redis;

/// The client of a topology.
pub(super) enum Connector {
    Single(Box<Client>),
    #[cfg(feature = "redis-cluster")]
    Cluster(ClusterClient, Vec<Client>),
    #[cfg(feature = "redis-sentinel")]
    Sentinel(tokio::sync::Mutex<SentinelClient>),
}

impl Connector {
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        match self {
            Self::Single(client) => {
                client.get_multiplexed_async_connection_with_config(&config()).await.map(Connection::One)
            }
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(client, _) => client.get_async_connection().await.map(Connection::Cluster),
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(client) => {
                client.lock().await.get_async_connection_with_config(&config()).await.map(Connection::One)
            }
        }
    }

    /// Returns a separate connection that receives published messages.
    pub(super) async fn listen(&self) -> RedisResult<::redis::aio::PubSub> {
        match self {
            Self::Single(client) => client.get_async_pubsub().await,
            // Each node of a cluster receives what is published at any other node.
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_, nodes) => first_that_answers(nodes).await,
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(client) => {
                let primary = client.lock().await.async_get_client().await?;
                primary.get_async_pubsub().await
            }
        }
    }

    /// Returns whether the store can listen. A cluster's client that the caller made does not say where the nodes are.
    pub(super) fn can_listen(&self) -> bool {
        match self {
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_, nodes) => !nodes.is_empty(),
            _ => true,
        }
    }

    /// Returns whether the client connects again by itself, as that of a cluster does.
    pub(super) fn reconnects(&self) -> bool {
        match self {
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(..) => true,
            _ => false,
        }
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Redis::CONNECT_TIMEOUT))
        // The link limits the time of a call, since it must notice that the connection is lost.
        .set_response_timeout(None)
}

#[cfg(feature = "redis-cluster")]
async fn first_that_answers(nodes: &[Client]) -> RedisResult<::redis::aio::PubSub> {
    let mut refusal = None;
    for node in nodes {
        match tokio::time::timeout(Redis::CONNECT_TIMEOUT, node.get_async_pubsub()).await {
            Ok(Ok(listening)) => return Ok(listening),
            Ok(Err(error)) => refusal = Some(error),
            Err(_) => {}
        }
    }
    Err(refusal.unwrap_or_else(|| (::redis::ErrorKind::Io, "no node of the cluster answers").into()))
}

/// One connection to a server, or the connections to the nodes of a cluster. Clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    #[cfg(feature = "redis-cluster")]
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Runs a command without a key on the node that has this key.
    #[cfg_attr(not(feature = "redis-cluster"), allow(unused_variables, reason = "one server has all keys"))]
    pub(super) async fn query_beside<T: FromRedisValue>(&mut self, command: Cmd, key: &str) -> RedisResult<T> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(connection) => {
                let node = SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master));
                let answer = connection.route_command(command, RoutingInfo::SingleNode(node)).await?;
                Ok(::redis::from_redis_value(answer)?)
            }
        }
    }
}
