//! Where a `Redis` is, and the client that its topology needs.

use std::fmt;

#[cfg(feature = "redis-sentinel")]
use ::redis::ConnectionAddr;
#[cfg(feature = "redis-cluster")]
use ::redis::cluster::ClusterClient;
#[cfg(feature = "redis-sentinel")]
use ::redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use ::redis::{Client, ConnectionInfo, IntoConnectionInfo, RedisError, RedisResult};
use wecom_kf::Bilingual;

#[cfg(feature = "redis-cluster")]
use super::Redis;
use super::connect::Connector;
use crate::store::StoreError;

/// Where a Redis is.
///
/// A text is a URL: `redis://[user][:password@]host[:port][/database]`, `rediss://…` for TLS (feature `redis-rustls`),
/// or `unix:///path`. The clients of the [`redis`](https://docs.rs/redis/1) crate, version 1, can be used too; they
/// bring TLS, certificates and time limits of their own.
#[derive(Debug)]
pub struct RedisAddress(Place);

enum Place {
    Url(String),
    Client(Box<Client>),
    #[cfg(feature = "redis-cluster")]
    Cluster(Vec<String>),
    #[cfg(feature = "redis-cluster")]
    ClusterClient(Box<ClusterClient>),
    #[cfg(feature = "redis-sentinel")]
    Sentinel(Vec<String>, String),
    #[cfg(feature = "redis-sentinel")]
    SentinelClient(Box<SentinelClient>),
}

impl RedisAddress {
    /// A Redis Cluster, by the URLs of some of its nodes. All of them have the same user, password and kind of TLS.
    ///
    /// The others are found through those that answer, so name at least two.
    #[cfg(feature = "redis-cluster")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-cluster")))]
    pub fn cluster<T: Into<String>>(nodes: impl IntoIterator<Item = T>) -> Self {
        Self(Place::Cluster(nodes.into_iter().map(Into::into).collect()))
    }

    /// A primary that sentinels watch, by the URLs of the sentinels, and a URL for the primary whose host is the name that
    /// the sentinels have for it: `redis://:PASSWORD@mymaster/0`. All sentinels have the user and password of the first
    /// URL.
    #[cfg(feature = "redis-sentinel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-sentinel")))]
    pub fn sentinel<T: Into<String>>(sentinels: impl IntoIterator<Item = T>, primary: impl Into<String>) -> Self {
        Self(Place::Sentinel(sentinels.into_iter().map(Into::into).collect(), primary.into()))
    }
}

impl From<&str> for RedisAddress {
    fn from(url: &str) -> Self {
        Self(Place::Url(url.to_owned()))
    }
}

impl From<&String> for RedisAddress {
    fn from(url: &String) -> Self {
        Self(Place::Url(url.clone()))
    }
}

impl From<String> for RedisAddress {
    fn from(url: String) -> Self {
        Self(Place::Url(url))
    }
}

impl From<Client> for RedisAddress {
    fn from(client: Client) -> Self {
        Self(Place::Client(Box::new(client)))
    }
}

#[cfg(feature = "redis-cluster")]
impl From<ClusterClient> for RedisAddress {
    fn from(client: ClusterClient) -> Self {
        Self(Place::ClusterClient(Box::new(client)))
    }
}

#[cfg(feature = "redis-sentinel")]
impl From<SentinelClient> for RedisAddress {
    fn from(client: SentinelClient) -> Self {
        Self(Place::SentinelClient(Box::new(client)))
    }
}

/// The `Debug` of an address shows no URL, since it may hold a password.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url(_) => "Url",
            Self::Client(_) => "Client",
            #[cfg(feature = "redis-cluster")]
            Self::Cluster(_) => "Cluster",
            #[cfg(feature = "redis-cluster")]
            Self::ClusterClient(_) => "ClusterClient",
            #[cfg(feature = "redis-sentinel")]
            Self::Sentinel(..) => "Sentinel",
            #[cfg(feature = "redis-sentinel")]
            Self::SentinelClient(_) => "SentinelClient",
        })
    }
}

/// Certificates in PEM. Their `Debug` shows none of them.
#[derive(Default)]
pub(super) struct Certificates {
    pub(super) ca: Option<Vec<u8>>,
    /// The client's certificate and its key.
    pub(super) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl RedisAddress {
    /// Returns the client, and the address as text without user and password.
    pub(super) fn connector(self, certificates: &Certificates) -> Result<(Connector, String), StoreError> {
        let has_certificates = certificates.ca.is_some() || certificates.client.is_some();
        match self.0 {
            Place::Url(url) => Ok(single(from_url(&url, certificates)?)),
            #[cfg(feature = "redis-cluster")]
            Place::Cluster(urls) => cluster(&urls, certificates),
            #[cfg(feature = "redis-sentinel")]
            Place::Sentinel(urls, primary) => sentinel(&urls, &primary, certificates),
            _ if has_certificates => Err(StoreError::Settings(Bilingual::fixed(
                "a client of the redis crate brings its own certificates",
                "以 Redis 客户端对象连接时，证书应在该对象中设置",
            ))),
            Place::Client(client) => Ok(single(*client)),
            #[cfg(feature = "redis-cluster")]
            Place::ClusterClient(client) => Ok((Connector::Cluster(*client, Vec::new()), "(Redis Cluster)".to_owned())),
            #[cfg(feature = "redis-sentinel")]
            Place::SentinelClient(client) => Ok((Connector::Sentinel((*client).into()), "(Redis Sentinel)".to_owned())),
        }
    }
}

fn single(client: Client) -> (Connector, String) {
    let address = shown(client.get_connection_info());
    (Connector::Single(client.into()), address)
}

fn shown(info: &ConnectionInfo) -> String {
    match info.redis_settings().db() {
        0 => info.addr().to_string(),
        database => format!("{}/{database}", info.addr()),
    }
}

fn parsed(url: &str) -> Result<ConnectionInfo, StoreError> {
    let info = url.into_connection_info().map_err(|error| StoreError::Settings(bad_url(url, &error)))?;
    // Some proxies close a connection when the client tells them the name of its library.
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings))
}

fn from_url(url: &str, certificates: &Certificates) -> Result<Client, StoreError> {
    let info = parsed(url)?;
    client(info, certificates).map_err(|error| StoreError::Settings(bad_url(url, &error)))
}

#[cfg(feature = "redis-rustls")]
fn client(info: ConnectionInfo, certificates: &Certificates) -> RedisResult<Client> {
    match certificates.for_redis() {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    }
}

#[cfg(not(feature = "redis-rustls"))]
fn client(info: ConnectionInfo, _: &Certificates) -> RedisResult<Client> {
    Client::open(info)
}

#[cfg(feature = "redis-rustls")]
impl Certificates {
    fn for_redis(&self) -> Option<::redis::TlsCertificates> {
        if self.ca.is_none() && self.client.is_none() {
            return None;
        }
        let client_tls = self.client.clone();
        let client_tls =
            client_tls.map(|(client_cert, client_key)| ::redis::ClientTlsConfig { client_cert, client_key });
        Some(::redis::TlsCertificates { client_tls, root_cert: self.ca.clone() })
    }
}

#[cfg(feature = "redis-cluster")]
fn cluster(urls: &[String], certificates: &Certificates) -> Result<(Connector, String), StoreError> {
    let infos = urls.iter().map(|url| parsed(url)).collect::<Result<Vec<_>, _>>()?;
    let nodes = urls.iter().map(|url| from_url(url, certificates)).collect::<Result<Vec<_>, _>>()?;
    let address = infos.iter().map(shown).collect::<Vec<_>>().join(", ");
    let builder = ClusterClient::builder(infos)
        .connection_timeout(Redis::CONNECT_TIMEOUT)
        // If a node does not answer in this time, the client looks again which node has the slot, and repeats the call.
        .response_timeout(Redis::CONNECT_TIMEOUT)
        .min_retry_wait(20)
        .max_retry_wait(500)
        .retries(12);
    #[cfg(feature = "redis-rustls")]
    let builder = match certificates.for_redis() {
        Some(certificates) => builder.certs(certificates),
        None => builder,
    };
    match builder.build() {
        Ok(client) => Ok((Connector::Cluster(client, nodes), format!("{address} (Redis Cluster)"))),
        Err(error) => Err(StoreError::Settings(bad_url("", &error))),
    }
}

/// The host of the primary's URL is the name that the sentinels have for it.
#[cfg(feature = "redis-sentinel")]
fn sentinel(urls: &[String], primary: &str, certificates: &Certificates) -> Result<(Connector, String), StoreError> {
    let sentinels = urls.iter().map(|url| parsed(url)).collect::<Result<Vec<_>, _>>()?;
    let primary_info = parsed(primary)?;
    let (ConnectionAddr::Tcp(name, _) | ConnectionAddr::TcpTls { host: name, .. }) = primary_info.addr() else {
        return Err(StoreError::Settings(Bilingual::fixed(
            "the URL of the primary must have its name as the host",
            "主节点的 URL 须以其名称作为主机名",
        )));
    };
    let address = sentinels.iter().map(shown).collect::<Vec<_>>().join(", ");
    match sentinel_client(name, &sentinels, &primary_info, certificates) {
        Ok(client) => Ok((Connector::Sentinel(client.into()), format!("{address} (Redis Sentinel, {name})"))),
        Err(error) => Err(StoreError::Settings(bad_url(primary, &error))),
    }
}

#[cfg(feature = "redis-sentinel")]
fn sentinel_client(
    name: &str,
    sentinels: &[ConnectionInfo],
    primary: &ConnectionInfo,
    certificates: &Certificates,
) -> RedisResult<SentinelClient> {
    let addresses = sentinels.iter().map(|info| info.addr().clone());
    let login = primary.redis_settings();
    let mut builder = SentinelClientBuilder::new(addresses, name, SentinelServerType::Master)?
        .set_client_to_redis_db(login.db())
        .set_client_to_redis_protocol(login.protocol());
    if let Some(user) = login.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = login.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if is_tls(primary) {
        builder = builder.set_client_to_redis_tls_mode(::redis::TlsMode::Secure);
    }
    let login = sentinels.first().map(ConnectionInfo::redis_settings);
    if let Some(user) = login.and_then(|login| login.username()) {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = login.and_then(|login| login.password()) {
        builder = builder.set_client_to_sentinel_password(password);
    }
    certified(builder, sentinels, primary, certificates)?.build()
}

#[cfg(all(feature = "redis-sentinel", feature = "redis-rustls"))]
fn certified(
    mut builder: SentinelClientBuilder,
    sentinels: &[ConnectionInfo],
    primary: &ConnectionInfo,
    certificates: &Certificates,
) -> RedisResult<SentinelClientBuilder> {
    let Some(certificates) = certificates.for_redis() else { return Ok(builder) };
    if !is_tls(primary) {
        return Err(
            (::redis::ErrorKind::InvalidClientConfig, "certificates need a URL that begins with rediss://").into()
        );
    }
    if sentinels.iter().all(is_tls) {
        builder = builder.set_client_to_sentinel_certificates(certificates.clone());
    }
    Ok(builder.set_client_to_redis_certificates(certificates))
}

#[cfg(all(feature = "redis-sentinel", not(feature = "redis-rustls")))]
fn certified(
    builder: SentinelClientBuilder,
    _: &[ConnectionInfo],
    _: &ConnectionInfo,
    _: &Certificates,
) -> RedisResult<SentinelClientBuilder> {
    Ok(builder)
}

#[cfg(feature = "redis-sentinel")]
fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

/// The URL is not shown, since it may hold a password.
fn bad_url(url: &str, error: &RedisError) -> Bilingual {
    let is_tls = ["rediss:", "valkeys:"].iter().any(|scheme| url.starts_with(scheme));
    if is_tls && cfg!(not(feature = "redis-rustls")) {
        return Bilingual::fixed(
            "the URL of the Redis asks for TLS; build wecom-kf-inbox with the feature redis-rustls",
            "Redis 的 URL 要求使用 TLS；构建 wecom-kf-inbox 时请启用 redis-rustls",
        );
    }
    // Without a detail, the text of the error is fixed and can be shown.
    let what = if error.detail().is_none() { error.to_string() } else { "it cannot be read".to_owned() };
    Bilingual::new(
        format!("the URL of the Redis: {what}; it should be like redis://:PASSWORD@127.0.0.1:6379/0"),
        "Redis 的 URL 无法识别；应形如 redis://:PASSWORD@127.0.0.1:6379/0",
    )
}
