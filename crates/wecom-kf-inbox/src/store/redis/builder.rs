//! The settings of a `Redis`.

use std::sync::Arc;

use wecom_kf::Bilingual;

use super::address::{Certificates, RedisAddress};
use super::keys::{Keys, PREFIX};
use super::link::Link;
use super::{Inner, Redis};
use crate::report::in_one_line;
use crate::store::StoreError;

/// Settings of a [`Redis`]: [`Redis::builder`].
#[derive(Debug)]
#[must_use = "nothing is connected before `open`"]
pub struct RedisBuilder {
    address: RedisAddress,
    prefix: String,
    name: Option<String>,
    replicas: usize,
    certificates: Certificates,
}

impl RedisBuilder {
    pub(super) fn new(address: RedisAddress) -> Self {
        let certificates = Certificates::default();
        Self { address, prefix: PREFIX.to_owned(), name: None, replicas: 0, certificates }
    }

    /// Sets what all keys and channels begin with; `wecom-kf:` by default. Bots with different prefixes share nothing.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Names the connection, so that `CLIENT LIST` shows whose it is. The name must have no blanks. If the server does
    /// not allow names, the connection has none. In a cluster, connections to nodes that are found later have none.
    pub fn connection_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets a commit count only when this many replicas have it, by `WAIT`; 0 by default.
    ///
    /// With 1 or more, a failover to such a replica loses no commit. While fewer replicas are connected the store counts as
    /// [down](StoreError::Down), and each commit takes a second longer.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Trusts servers with a certificate of this authority, in PEM, instead of the authorities that the system trusts.
    #[cfg(feature = "redis-rustls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-rustls")))]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.ca = Some(pem.into());
        self
    }

    /// Shows the server this certificate, in PEM, with its key in PEM.
    #[cfg(feature = "redis-rustls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-rustls")))]
    pub fn client_certificate(mut self, pem: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.certificates.client = Some((pem.into(), key.into()));
        self
    }

    /// Connects, and tries on a separate key every command that the store needs.
    ///
    /// A Redis that cannot be reached is not an error. A warning says so, the store counts as [down](StoreError::Down)
    /// until it can be reached, and the commands are tried then.
    ///
    /// # Errors
    ///
    /// [`StoreError::Settings`]: a setting cannot be used, or Redis refuses the login or one of the commands. The text
    /// holds no password.
    pub async fn open(self) -> Result<Redis, StoreError> {
        let redis = self.build()?;
        match redis.check().await {
            Err(error @ StoreError::Down(_)) => {
                tracing::warn!(error = %in_one_line(&error), "continuing without the Redis until it answers")
            }
            outcome => outcome?,
        }
        Ok(redis)
    }

    fn build(self) -> Result<Redis, StoreError> {
        let settings = |en, zh| StoreError::Settings(Bilingual::fixed(en, zh));
        if self.prefix.contains(['{', '}']) {
            return Err(settings(
                "the key prefix must not contain braces, by which a cluster places keys",
                "键前缀不能含花括号，集群据此分配键",
            ));
        }
        if self.name.as_ref().is_some_and(|name| !name.chars().all(|char| char.is_ascii_graphic())) {
            return Err(settings(
                "the name of the connection may contain only ASCII letters, digits and signs",
                "连接名称只能含 ASCII 字母、数字和符号",
            ));
        }
        let (connector, address) = self.address.connector(&self.certificates)?;
        let link = Link::new(connector, address, self.name, self.replicas);
        Ok(Redis(Arc::new(Inner::new(link, Keys::new(self.prefix)))))
    }
}
