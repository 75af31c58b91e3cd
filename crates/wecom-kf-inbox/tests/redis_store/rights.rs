//! The store with a user who lacks some rights, and with data that is not ours.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use wecom_kf_inbox::store::{Acquired, FORMAT, InboxKey, InboxStore, Redis, StoreError, conformance};

use crate::server::{Persistence, Server};

/// The rights that the documentation of `Redis` calls enough.
const ENOUGH: &str =
    "~wecom-kf:* &wecom-kf:* +@scripting +@hash +@sortedset +@keyspace +@connection +@pubsub +time +wait";

/// All commands of the scripts that write.
const COMMANDS: [&str; 16] = [
    "del",
    "hset",
    "hget",
    "hmget",
    "hdel",
    "pexpire",
    "expireat",
    "zadd",
    "zscore",
    "zcard",
    "zrangebyscore",
    "zrangebylex",
    "zrevrange",
    "zrem",
    "type",
    "time",
];

async fn set_user(connection: &mut MultiplexedConnection, rights: &str) {
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg("bot").arg("reset").arg("on").arg(">pw");
    for right in rights.split(' ') {
        command.arg(right);
    }
    let () = command.query_async(connection).await.unwrap();
}

fn url(server: &Server) -> String {
    server.url().replace("//", "//bot:pw@")
}

fn key() -> InboxKey {
    InboxKey::new("a.invalid/ww1", "wk1".into())
}

struct Admin<'a>(&'a Server);

impl conformance::Mishaps for Admin<'_> {
    async fn break_commits(&self, step: usize) -> bool {
        let Some(command) = COMMANDS.get(step) else { return false };
        // The user keeps the connection when the rights change.
        set_right(self.0, &format!("-{command}")).await;
        true
    }

    async fn repair(&self) {
        for command in COMMANDS {
            set_right(self.0, &format!("+{command}")).await;
        }
    }

    async fn forget(&self) -> bool {
        let () = redis::cmd("FLUSHALL").query_async(&mut self.0.connection().await).await.unwrap();
        true
    }

    async fn set_format(&self, key: &InboxKey, format: u32) -> bool {
        let state = format!("wecom-kf:{{{key}}}:state");
        let mut command = redis::cmd("HSET");
        command.arg(state).arg("format").arg(format);
        let _: i64 = command.query_async(&mut self.0.connection().await).await.unwrap();
        true
    }
}

async fn set_right(server: &Server, right: &str) {
    let mut command = redis::cmd("ACL");
    command.arg(&["SETUSER", "bot", right]);
    let () = command.query_async(&mut server.connection().await).await.unwrap();
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn redis_passes_the_mishaps_it_can_suffer() {
    let server = Server::start(Persistence::Nothing).await;
    set_user(&mut server.connection().await, ENOUGH).await;
    let store = Redis::open(&url(&server)).await.unwrap();
    conformance::mishaps(&store, &Admin(&server)).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_user_who_may_not_scan_cannot_list_the_inboxes() {
    let server = Server::start(Persistence::Nothing).await;
    set_user(&mut server.connection().await, &format!("{ENOUGH} -scan")).await;
    let store = Redis::open(&url(&server)).await.unwrap();
    let refused = store.keys().await.unwrap_err();
    assert!(matches!(refused, StoreError::Settings(_)) && refused.to_string().contains("refuses SCAN"), "{refused}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn each_right_that_is_missing_is_found_at_the_start() {
    let server = Server::start(Persistence::Nothing).await;
    let mut other = server.connection().await;
    set_user(&mut other, ENOUGH).await;
    Redis::open(&url(&server)).await.unwrap();
    for command in COMMANDS {
        set_user(&mut other, &format!("{ENOUGH} -{command}")).await;
        let refused = Redis::open(&url(&server)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Settings(_)), "{command}: {refused}");
        let text = refused.to_string();
        assert!(text.contains(&command.to_uppercase()), "{command}: {text}");
    }
    set_user(&mut other, &format!("{ENOUGH} -wait")).await;
    let refused = Redis::builder(url(&server)).replicas(1).open().await.unwrap_err();
    assert!(matches!(refused, StoreError::Settings(_)) && refused.to_string().contains("wait"), "{refused}");
    for rights in ["~wecom-kf:* +@all -@scripting", "~other:* &wecom-kf:* +@all"] {
        set_user(&mut other, rights).await;
        let refused = Redis::open(&url(&server)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Settings(_)), "{rights}: {refused}");
    }
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut other).await.unwrap();
    assert!(keys.iter().all(|key| key.contains("{try ")), "only keys for trying were touched: {keys:?}");
}

/// Earlier, the check accepted a user without the right to use sorted sets.
#[tokio::test]
#[ignore = "needs redis-server"]
async fn without_sorted_sets_nothing_is_settled_and_nothing_is_lost() {
    let server = Server::start(Persistence::Nothing).await;
    let mut other = server.connection().await;
    set_user(&mut other, &format!("{ENOUGH} -@sortedset")).await;
    let refused = Redis::open(&url(&server)).await.unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, StoreError::Settings(_)) && text.contains("ZADD, ZCARD"), "{text}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn scripts_are_sent_as_text_where_they_may_not_be_run_by_their_hash() {
    let server = Server::start(Persistence::Nothing).await;
    let mut other = server.connection().await;
    for rights in ["-evalsha", "-script", "-evalsha -script"] {
        set_user(&mut other, &format!("{ENOUGH} {rights}")).await;
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut other).await.unwrap();
        let store = Redis::open(&url(&server)).await.unwrap();
        let asked = store.acquire(&key(), rights, Duration::from_millis(1)).await.unwrap();
        assert!(matches!(asked, Acquired::Lease(_)), "{rights}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_user_who_may_not_publish_loses_only_the_hints() {
    let server = Server::start(Persistence::Nothing).await;
    set_user(&mut server.connection().await, &ENOUGH.replace("&wecom-kf:* ", "").replace(" +@pubsub", "")).await;
    let store = Redis::open(&url(&server)).await.unwrap();
    conformance::inbox_store(async || store.clone()).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn bots_with_different_prefixes_share_nothing() {
    let server = Server::start(Persistence::Nothing).await;
    let first = Redis::builder(server.url()).key_prefix("a:").connection_name("bot-a").open().await.unwrap();
    let second = Redis::builder(redis::Client::open(server.url()).unwrap()).key_prefix("b:").open().await.unwrap();
    for store in [&first, &second] {
        let asked = store.acquire(&key(), "same", Duration::from_secs(600)).await.unwrap();
        assert!(matches!(asked, Acquired::Lease(_)));
    }
    let mut other = server.connection().await;
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut other).await.unwrap();
    assert!(clients.contains("name=bot-a "), "{clients}");
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut other).await.unwrap();
    assert_eq!(keys.iter().filter(|key| key.starts_with("a:{a.invalid")).count(), 2, "{keys:?}");
    for prefix in ["{", "a}"] {
        let refused = Redis::builder(server.url()).key_prefix(prefix).open().await.unwrap_err();
        assert!(matches!(refused, StoreError::Settings(_)), "{refused}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_newer_format_is_named_with_what_to_do() {
    use conformance::Mishaps;
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    for (format, advice) in [(FORMAT + 1, "use the later version"), (1, "an unpublished version")] {
        Admin(&server).set_format(&key(), format).await;
        let refused = store.load(&key()).await.unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{text}");
        assert!(
            text.contains(&format!("has format {format}, and this version knows 2")) && text.contains(advice),
            "{text}"
        );
        assert!(matches!(store.acquire(&key(), "a", Duration::from_secs(1)).await, Err(StoreError::Corrupt(_))));
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_release_and_a_wish_are_heard_by_another_process() {
    use futures_util::StreamExt;
    use wecom_kf_inbox::store::Change;
    let server = Server::start(Persistence::Nothing).await;
    let (reader, standby) = (server.store().await, server.store().await);
    let Acquired::Lease(lease) = reader.acquire(&key(), "a", Duration::from_secs(600)).await.unwrap() else {
        panic!("it is free")
    };
    let mut changes = standby.changes(&key());
    let patience = crate::server::PATIENCE;
    // The first change says that the store listens from now on.
    assert_eq!(tokio::time::timeout(patience, changes.next()).await.unwrap(), Some(Change::Something));
    reader.wish_replays(&key(), &["none".to_owned()]).await.unwrap();
    assert_eq!(tokio::time::timeout(patience, changes.next()).await.unwrap(), Some(Change::ReplayWished));
    reader.release(&lease).await.unwrap();
    assert_eq!(tokio::time::timeout(patience, changes.next()).await.unwrap(), Some(Change::Released));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_replica_and_a_full_memory_are_waited_for() {
    let server = Server::start(Persistence::Nothing).await;
    let mut other = server.connection().await;
    let set = async |other: &mut MultiplexedConnection, command: &[&str]| {
        let () = redis::cmd(command[0]).arg(&command[1..]).query_async(other).await.unwrap();
    };
    for (begin, end) in [
        (["REPLICAOF", "127.0.0.1", "1"].as_slice(), ["REPLICAOF", "NO", "ONE"].as_slice()),
        (&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]),
    ] {
        set(&mut other, begin).await;
        let store = Redis::open(&server.url()).await.unwrap();
        let refused = store.check().await.unwrap_err();
        assert!(refused.is_retryable(), "{refused}");
        set(&mut other, end).await;
        store.check().await.unwrap();
    }
}

/// Reads one command as Redis does: the number of its words, and each word after its length.
async fn read_command(client: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Vec<Vec<u8>>> {
    let mut line = String::new();
    client.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let count: usize = line.trim_start_matches('*').trim().parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        line.clear();
        client.read_line(&mut line).await.ok()?;
        let length: usize = line.trim_start_matches('$').trim().parse().ok()?;
        let mut word = vec![0; length + 2];
        client.read_exact(&mut word).await.ok()?;
        word.truncate(length);
        words.push(word);
    }
    Some(words)
}

/// A proxy that passes on scripts with a key, sent as text, and closes the connection after anything else.
async fn strict_proxy(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, address) = (format!("redis://{}/", listener.local_addr().unwrap()), server.address());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&address).await.unwrap();
            tokio::spawn(async move {
                let (client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let answers = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                let mut client = BufReader::new(client);
                while let Some(words) = read_command(&mut client).await {
                    if words[0] != b"EVAL" || words[2] == b"0" {
                        break;
                    }
                    let mut passed_on = format!("*{}\r\n", words.len()).into_bytes();
                    for word in words {
                        passed_on.extend(format!("${}\r\n", word.len()).bytes());
                        passed_on.extend(word);
                        passed_on.extend(b"\r\n");
                    }
                    to_server.write_all(&passed_on).await.unwrap();
                }
                answers.abort();
            });
        }
    });
    url
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_proxy_that_knows_only_scripts_as_text_is_enough() {
    let server = Server::start(Persistence::Nothing).await;
    let store = Redis::open(&strict_proxy(&server).await).await.unwrap();
    store.check().await.unwrap();
    conformance::inbox_store(async || store.clone()).await;
    conformance::token_store(async || store.clone()).await;
    conformance::fleet_store(async || store.clone()).await;
}
