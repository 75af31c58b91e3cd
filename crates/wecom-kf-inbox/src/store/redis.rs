//! The store `Redis`: for many processes on many machines.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::FromRedisValue;
use futures_util::future::try_join_all;
use tokio::sync::OnceCell;

pub use self::address::RedisAddress;
pub use self::builder::RedisBuilder;
use self::changes::Listeners;
use self::error::{Failure, forbidden, is_forbidden, without_arguments};
use self::keys::Keys;
use self::link::{Link, Waits};
use self::scripts::{Question, Scripts};
use wecom_kf::Bilingual;

use super::StoreError;

mod address;
mod builder;
mod changes;
mod connect;
mod error;
mod fleet;
mod inbox;
mod keys;
mod link;
mod scan;
mod scripts;
mod token;

/// Keeps everything in a Redis, for many processes on many machines: access tokens, committed states, leases, parked
/// messages, conversations. It needs Redis 6.2 or later, or Valkey. Clones share one connection, which is made again when it is lost.
///
/// Every step is one script, which Redis runs without interruption, and which writes everything or nothing. Leases use
/// the clock of Redis. A call takes at most 5 seconds ([`ANSWER_TIMEOUT`](Self::ANSWER_TIMEOUT)); then the store counts
/// as [down](StoreError::Down).
///
/// | topology | address | feature |
/// |---|---|---|
/// | one server, or a proxy | a URL | `redis` |
/// | a primary and replicas, watched by sentinels | `RedisAddress::sentinel` | `redis-sentinel` |
/// | Redis Cluster | `RedisAddress::cluster` | `redis-cluster` |
///
/// **It promises what that Redis promises.** With `appendonly yes` and `appendfsync always` no commit is lost; with
/// `everysec`, the usual setting, up to one second of commits when the machine fails. A failover to a replica loses the
/// commits that the replica had not received, unless each commit [waits for replicas](RedisBuilder::replicas). Without an
/// append-only file Redis forgets everything when it is restarted. Set `maxmemory-policy noeviction`, or Redis forgets
/// whenever it is short of memory. The page [`promises`](crate::promises) has the details.
///
/// Redis then holds access tokens, and parked messages and conversations hold what customers wrote, so restrict access to
/// it. Of the
/// secret it holds only a fingerprint. All keys begin with `wecom-kf:` or [another prefix](RedisBuilder::key_prefix),
/// and those of one inbox share a hash tag. The keys `…:state` and `…:settled` of an account that is given up remain;
/// they can be deleted. [`keys`](super::InboxStore::keys) looks at every key of that Redis (`SCAN`), whoever wrote it.
///
/// A user of Redis needs only these rights. Without the channels (`&wecom-kf:*`, `+@pubsub`), a standby takes over a
/// few seconds later, and a callback that another process received is noticed when the lease is renewed:
///
/// ```text
/// ACL SETUSER bot on >PASSWORD ~wecom-kf:* &wecom-kf:* +@scripting +@hash +@sortedset
///     +@keyspace +@connection +@pubsub +time +wait
/// ```
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    scripts: Scripts,
    keys: Keys,
    checked: OnceCell<()>,
    listeners: Listeners,
}

impl Inner {
    fn new(link: Link, keys: Keys) -> Self {
        let (link, scripts) = (Arc::new(link), Scripts::new());
        Self { link, scripts, keys, checked: OnceCell::new(), listeners: Listeners::default() }
    }
}

impl Redis {
    /// How long a connection may take to be established.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
    /// How long a call may take, a new connection included.
    pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
    /// How long a commit waits for [replicas](RedisBuilder::replicas).
    pub const REPLICA_TIMEOUT: Duration = Duration::from_secs(1);

    /// Opens the Redis at this URL, with the defaults: see [`RedisAddress`] and [`RedisBuilder::open`].
    ///
    /// # Errors
    ///
    /// Those of [`RedisBuilder::open`].
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::builder(url).open().await
    }

    /// Returns settings for a Redis: a URL, a client of the `redis` crate, a cluster, or a primary with sentinels.
    pub fn builder(address: impl Into<RedisAddress>) -> RedisBuilder {
        RedisBuilder::new(address.into())
    }

    /// Checks that Redis answers, and that this user may run every command of this store. After it has succeeded once,
    /// it returns at once.
    ///
    /// # Errors
    ///
    /// [`StoreError::Settings`]: Redis refuses the login or a command, which is named. [`StoreError::Down`]: it cannot be
    /// reached.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.0.checked.get_or_try_init(|| self.try_commands()).await.copied()
    }

    async fn try_commands(&self) -> Result<(), StoreError> {
        // In a cluster, the commands are tried on several nodes.
        let refused = try_join_all(self.0.keys.to_try().map(|keys| self.try_commands_on(keys))).await?;
        let refused: std::collections::BTreeMap<String, String> = refused.into_iter().flatten().collect();
        if refused.keys().any(|command| command == "PUBLISH") {
            tracing::warn!("this user may not publish on the channels of the store, so a standby takes over later");
        }
        let commands: Vec<&str> = refused.keys().map(String::as_str).filter(|command| *command != "PUBLISH").collect();
        let Some(first) = commands.first().and_then(|command| refused.get(*command)) else { return Ok(()) };
        let (address, commands, why) = (self.0.link.address(), commands.join(", "), without_arguments(first));
        if is_forbidden(first) {
            return Err(forbidden(address, &commands, &why));
        }
        // Redis is a replica, is short of memory, or is starting. That may pass.
        Err(StoreError::down(Bilingual::new(
            format!("the Redis at {address} refuses {commands}: {why}"),
            format!("Redis（{address}）拒绝执行 {commands}"),
        )))
    }

    async fn try_commands_on(&self, keys: Vec<String>) -> Result<Vec<(String, String)>, StoreError> {
        let mut question = Question::new(&self.0.scripts.check, keys);
        question.arg(self.0.keys.channel_to_try());
        let refused = self.0.link.ask(&question, Waits::No).await.map_err(Failure::at_start)?;
        self.0.link.try_waiting(question.key()).await.map_err(Failure::at_start)?;
        Ok(refused)
    }

    async fn ask<T: FromRedisValue>(&self, question: &Question<'_>) -> Result<T, StoreError> {
        self.check().await?;
        self.0.link.ask(question, Waits::No).await.map_err(|failure| failure.error)
    }

    /// Asks, and waits until the replicas have the result.
    async fn ask_replicated<T: FromRedisValue>(&self, question: &Question<'_>) -> Result<T, StoreError> {
        self.check().await?;
        self.0.link.ask(question, Waits::ForReplicas).await.map_err(|failure| failure.error)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.0.link.address()).finish_non_exhaustive()
    }
}

/// Returns `''` for `None`, otherwise `=` and the value.
fn optional(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(String::new, |value| format!("={value}"))
}

fn in_ms(duration: Duration) -> u64 {
    /// The longest limit: a thousand days, since more would exceed the range of Redis's clock.
    const LONGEST: u64 = 1000 * 86_400_000;
    u64::try_from(duration.as_millis()).unwrap_or(LONGEST).min(LONGEST)
}

/// A limit of 0 ms would be over at once, so it is at least 1 ms.
fn limit_in_ms(duration: Duration) -> u64 {
    in_ms(duration).max(1)
}
