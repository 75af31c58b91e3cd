//! Connects to a Redis, by whichever of the redis crate's clients its topology needs.

use ::redis::aio::MultiplexedConnection;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster::ClusterClient;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster_async::ClusterConnection;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
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

    /// Returns the servers that together have all keys.
    pub(super) async fn servers(&mut self) -> RedisResult<Vec<Server>> {
        match self {
            Self::One(_) => Ok(vec![Server::OfKeys]),
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(connection) => {
                let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                let answers: std::collections::BTreeMap<String, String> =
                    routed(connection, ::redis::cmd("PING"), all).await?;
                answers.keys().map(|address| Server::primary(address)).collect()
            }
        }
    }

    /// Runs a command at this server.
    pub(super) async fn query_at<T: FromRedisValue>(&mut self, command: Cmd, server: &Server) -> RedisResult<T> {
        match (self, server) {
            #[cfg(feature = "redis-cluster")]
            (Self::Cluster(connection), Server::Primary { host, port }) => {
                let node = SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port };
                routed(connection, command, RoutingInfo::SingleNode(node)).await
            }
            (connection, _) => connection.query(&command).await,
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
                routed(connection, command, RoutingInfo::SingleNode(node)).await
            }
        }
    }
}

/// Runs a command at other nodes of a cluster than those that have its keys.
#[cfg(feature = "redis-cluster")]
async fn routed<T: FromRedisValue>(
    connection: &mut ClusterConnection,
    command: Cmd,
    at: RoutingInfo,
) -> RedisResult<T> {
    // An error of the server comes as an answer.
    let answer = connection.route_command(command, at).await?.extract_error()?;
    Ok(::redis::from_redis_value(answer)?)
}

/// Where a command runs.
pub(super) enum Server {
    /// At the server that has the keys of the command: the only one, if it is not a cluster.
    OfKeys,
    /// At this node, whatever the keys are.
    #[cfg(feature = "redis-cluster")]
    Primary { host: String, port: u16 },
}

#[cfg(feature = "redis-cluster")]
impl Server {
    fn primary(address: &str) -> RedisResult<Self> {
        match address.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) => Ok(Self::Primary { host: host.to_owned(), port }),
            _ => Err((::redis::ErrorKind::Parse, "a node of the cluster has no valid address").into()),
        }
    }
}
