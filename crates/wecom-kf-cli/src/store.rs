//! The store of a bot, as the program opens it: what `--store`, `WECOM_KF_STORE` or a profile may say, and what is said if it
//! cannot be used. An address may hold a password, so no error shows it.

use std::sync::Arc;

use wecom_kf::Bilingual;
use wecom_kf_inbox::store::{InboxStore, Redb, Redis, RedisAddress, StoreError};

use crate::app::App;
use crate::failure::{Exit, Failure, Problem};
use crate::profile;

/// The prefix of the word that sets what all keys in a Redis begin with.
const PREFIX: &str = "prefix=";

/// Where a store is.
#[derive(Debug)]
enum Address {
    File(String),
    Redis { address: RedisAddress, prefix: Option<String> },
}

/// An open store.
pub(crate) struct Store {
    pub(crate) inboxes: Arc<dyn InboxStore>,
    /// Whether other processes can use it at the same time.
    pub(crate) is_shared: bool,
}

/// What opening a store leads to.
pub(crate) enum Opened {
    Store(Store),
    /// A bot has the file open. The failure says so, and what to do.
    InUse(Failure),
}

impl App {
    /// Opens the store that `--store`, the profile or the environment names. It is not created.
    pub(crate) async fn store(&self) -> Result<Store, Failure> {
        match self.open_store().await? {
            Opened::Store(store) => Ok(store),
            Opened::InUse(failure) => Err(failure),
        }
    }

    /// Opens the store like [`store`](Self::store), for a command to which a running bot is no failure.
    pub(crate) async fn open_store(&self) -> Result<Opened, Failure> {
        let text = self.variables()?.get(profile::STORE).map_or("", |text| text.trim());
        if text.is_empty() {
            return Err(no_store().into());
        }
        match parsed(text).ok_or_else(invalid)? {
            Address::File(path) => match tokio::task::spawn_blocking(move || Redb::open_existing(path)).await? {
                Ok(file) => Ok(Opened::Store(Store { inboxes: Arc::new(file), is_shared: false })),
                Err(error @ StoreError::InUse(_)) => Ok(Opened::InUse(explained(error))),
                Err(error) => Err(explained(error)),
            },
            Address::Redis { address, prefix } => {
                let mut builder = Redis::builder(address).connection_name("wecom-kf");
                if let Some(prefix) = prefix {
                    builder = builder.key_prefix(prefix);
                }
                Ok(Opened::Store(Store { inboxes: Arc::new(builder.open().await?), is_shared: true }))
            }
        }
    }
}

/// Reads an address: the path of a file, or words with the URLs of a Redis, since no URL has blanks.
fn parsed(text: &str) -> Option<Address> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let kind = words.first().copied()?;
    let is_kind = matches!(kind, "cluster" | "sentinel") && words.len() > 1;
    if !is_kind && !is_url(kind) {
        // A URL of something else must not be taken for a path.
        return (!text.contains("://")).then(|| Address::File(text.to_owned()));
    }
    if is_kind {
        words.remove(0);
    }
    let prefix = words.last().and_then(|word| word.strip_prefix(PREFIX)).map(str::to_owned);
    if prefix.is_some() {
        words.pop();
    }
    if !words.iter().all(|word| is_url(word)) {
        return None;
    }
    let address = match (kind, &words[..]) {
        ("cluster", [_, ..]) => RedisAddress::cluster(words),
        ("sentinel", [primary, sentinels @ ..]) if !sentinels.is_empty() => {
            RedisAddress::sentinel(sentinels.iter().copied(), *primary)
        }
        (_, [url]) if !is_kind => RedisAddress::from(*url),
        _ => return None,
    };
    Some(Address::Redis { address, prefix })
}

fn is_url(word: &str) -> bool {
    const SCHEMES: [&str; 6] = ["redis://", "rediss://", "valkey://", "valkeys://", "unix://", "redis+unix://"];
    SCHEMES.iter().any(|scheme| word.starts_with(scheme))
}

/// Says what the person on call can do about a file that cannot be opened.
fn explained(error: StoreError) -> Failure {
    match error {
        StoreError::InUse(what) => Problem::new(
            what,
            (
                "While a bot runs, only the bot can use its file. Ask the bot: wecom-kf inbox status --health URL. For the rest, stop the bot and run this command again. A store in Redis can be used at any time.",
                "机器人运行期间，只有它自己能使用该文件。可用 wecom-kf inbox status --health URL 询问机器人；其他操作请先停止机器人，再运行本命令。Redis 存储则随时可用。",
            ),
        )
        .into(),
        StoreError::Settings(what) => Problem::new(
            what,
            (
                "Check the path, and whose file it is. A bot creates its file when it first runs.",
                "检查路径和文件的所有者。机器人首次运行时会创建该文件。",
            ),
        )
        .exit(Exit::Credentials)
        .into(),
        error => error.into(),
    }
}

fn no_store() -> Problem {
    Problem::new(
        Bilingual::fixed("no store is set", "没有设置存储"),
        (
            "Name the bot's store with --store, WECOM_KF_STORE, or store in the profile: the path of its file, or redis://HOST.",
            "用 --store、WECOM_KF_STORE 或配置档的 store 指定机器人的存储：文件路径，或 redis://HOST。",
        ),
    )
    .exit(Exit::Credentials)
}

/// The address is not shown, since it may hold a password.
fn invalid() -> Problem {
    Problem::new(
        Bilingual::fixed("the address of the store is invalid", "存储地址无效"),
        (
            "Write the path of a file, or redis://:PASSWORD@HOST:6379/0, or \"cluster redis://A redis://B\", or \"sentinel redis://:PASSWORD@NAME/0 redis://SENTINEL1:26379 redis://SENTINEL2:26379\". After a Redis, prefix=TEXT sets the prefix of its keys.",
            "写文件路径，或 redis://:PASSWORD@HOST:6379/0，或 \"cluster redis://A redis://B\"，或 \"sentinel redis://:PASSWORD@NAME/0 redis://SENTINEL1:26379 redis://SENTINEL2:26379\"。Redis 地址之后可加 prefix=TEXT 设置键前缀。",
        ),
    )
    .exit(Exit::Credentials)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parsed(text) {
            None => "invalid".to_owned(),
            Some(Address::File(path)) => format!("file {path}"),
            Some(Address::Redis { address, prefix }) => format!("{address:?} {prefix:?}"),
        }
    }

    #[test]
    fn a_store_is_a_file_or_a_redis_of_some_kind() {
        assert_eq!(shown("/var/lib/my bot/bot.redb"), "file /var/lib/my bot/bot.redb");
        assert_eq!(shown("cluster"), "file cluster");
        assert_eq!(shown("redis://:p@a:6379/0"), "RedisAddress(Url) None");
        assert_eq!(shown("unix:///run/redis.sock prefix=shop:"), "RedisAddress(Url) Some(\"shop:\")");
        assert_eq!(shown("cluster redis://a rediss://b  prefix=x:"), "RedisAddress(Cluster) Some(\"x:\")");
        assert_eq!(shown("sentinel redis://:p@main/0 redis://a redis://b"), "RedisAddress(Sentinel) None");
        for wrong in [
            "http://a",
            "redis://a redis://b",
            "cluster a b",
            "sentinel redis://main",
            "cluster prefix=x:",
            "redis://a b",
        ] {
            assert_eq!(shown(wrong), "invalid", "{wrong}");
        }
    }
}
