//! The store on one server.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use wecom_kf::{AccessToken, CorpSecret, Lang};
use wecom_kf_inbox::Report;
use wecom_kf_inbox::store::{
    Acquired, Change, Commit, Committed, Generation, InboxKey, InboxStore, Lease, Parked, ParkedKind, Redis,
    StoreError, StoredToken, TokenKey, TokenOutcome, TokenStore, TokenTurn, TokenWish, conformance,
};

use crate::server::{PATIENCE, Persistence, Server, free_port, signal};

const LONG: Duration = Duration::from_secs(600);
const SECOND: Duration = Duration::from_secs(1);

fn key() -> InboxKey {
    InboxKey::new("a.invalid/ww1", "wk1".into())
}

async fn acquire(store: &Redis, holder: &str) -> Lease {
    match store.acquire(&key(), holder, LONG).await.unwrap() {
        Acquired::Lease(lease) => lease,
        held => panic!("{held:?}"),
    }
}

/// Writes a commit with one id, the first one or the next. Returns the state that is stored afterwards.
async fn commit(store: &Redis, lease: &Lease) -> Result<Committed, StoreError> {
    let stored = store.load(&key()).await?;
    let commit = following(stored.as_ref());
    store.commit(lease, &commit).await?;
    Ok(store.load(&key()).await?.unwrap())
}

fn following(stored: Option<&Committed>) -> Commit {
    let mut commit = match stored {
        Some(stored) => Commit::next(stored),
        None => Commit::whole(&Committed::new(Generation::random())),
    };
    commit.cursor = Some(format!("c{}", commit.revision));
    commit.settled = vec![format!("m{}", commit.revision)];
    commit
}

fn parked(id: &str, keep_until: i64) -> Parked {
    Parked::new(id, ParkedKind::Message, "{\"msgid\":\"m1\"}").because("a test", 1).kept(0, keep_until)
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn redis_passes_the_inbox_conformance_suite() {
    // Most servers write their append-only file every second.
    let server = Server::start(Persistence::EverySecond).await;
    conformance::inbox_store(async || server.store().await).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn redis_passes_the_fleet_conformance_suite() {
    let server = Server::start(Persistence::EverySecond).await;
    conformance::fleet_store(async || server.store().await).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn redis_passes_the_token_conformance_suite() {
    let server = Server::start(Persistence::Nothing).await;
    conformance::token_store(async || server.store().await).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_killed_redis_with_append_only_file_keeps_every_commit() {
    let mut server = Server::start(Persistence::Always).await;
    let store = server.store().await;
    let lease = acquire(&store, "a").await;
    let mut last = commit(&store, &lease).await.unwrap();
    for _ in 2..=50 {
        last = commit(&store, &lease).await.unwrap();
    }
    let next = following(Some(&last));
    server.kill();
    let down = store.commit(&lease, &next).await;
    assert!(matches!(&down, Err(error @ StoreError::Down(_)) if error.is_retryable()), "{down:?}");
    server.start_again().await;
    assert_eq!((last.revision, last.cursor.as_deref(), last.settled.len()), (50, Some("c50"), 50));
    assert_eq!(store.load(&key()).await.unwrap(), Some(last));
    assert!(matches!(store.acquire(&key(), "b", LONG).await.unwrap(), Acquired::Held { holder, .. } if holder == "a"));
    store.commit(&lease, &next).await.unwrap();
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_that_forgot_refuses_the_old_lease() {
    let mut server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let lease = acquire(&store, "a").await;
    let next = following(Some(&commit(&store, &lease).await.unwrap()));
    server.kill();
    server.start_again().await;
    assert!(matches!(store.commit(&lease, &next).await, Err(StoreError::StaleLease)));
    assert_eq!(store.load(&key()).await.unwrap(), None);
    let again = acquire(&store, "a").await;
    assert!(again.fence > lease.fence, "{} is not greater than {}", again.fence, lease.fence);
    assert!(matches!(store.commit(&lease, &next).await, Err(StoreError::StaleLease)), "whoever has it since");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_connection_that_was_cut_costs_nobody_anything() {
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let lease = acquire(&store, "a").await;
    let mut other = server.connection().await;
    for _ in 0..20 {
        let cut: i64 =
            redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").query_async(&mut other).await.unwrap();
        assert_eq!(cut, 1, "the store's connection, and no second one of it");
        commit(&store, &lease).await.unwrap();
    }
    assert_eq!(store.load(&key()).await.unwrap().unwrap().settled.len(), 20);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_that_hangs_is_down_after_five_seconds_and_recovers() {
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let lease = acquire(&store, "a").await;
    let first = following(None);
    signal(server.pid(), "STOP");
    let asked_at = Instant::now();
    let answer = store.commit(&lease, &first).await;
    let waited = asked_at.elapsed();
    signal(server.pid(), "CONT");
    let Err(error @ StoreError::Down(_)) = answer else { panic!("{answer:?}") };
    assert!(Report::line(&error, Lang::En).contains("within 5 s"), "{error}");
    assert!(waited >= Redis::ANSWER_TIMEOUT, "{waited:?}");
    // It is unknown whether the commit was written. The same commit again is written only once.
    store.commit(&lease, &first).await.unwrap();
    assert_eq!(store.load(&key()).await.unwrap().unwrap().settled, ["m1"]);
}

/// A proxy to a server whose connections can fall silent, as when a machine goes away or a firewall forgets them.
async fn way_to(server: &Server) -> (String, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, address) = (format!("redis://{}/", listener.local_addr().unwrap()), server.address());
    let (silenced, silencing) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut inner, _)) = listener.accept().await {
            let (address, mut silencing) = (address.clone(), silencing.clone());
            silencing.mark_unchanged();
            tokio::spawn(async move {
                let mut outer = TcpStream::connect(address).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut inner, &mut outer) => {}
                    // The connection stays open, and nothing passes through it.
                    _ = silencing.changed() => std::future::pending().await,
                }
            });
        }
    });
    (url, silenced)
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_connection_that_fell_silent_is_given_up_for_a_new_one() {
    let server = Server::start(Persistence::Nothing).await;
    let (url, silenced) = way_to(&server).await;
    let store = Redis::open(&url).await.unwrap();
    let lease = acquire(&store, "a").await;
    silenced.send_modify(|times| *times += 1);
    let first = following(None);
    assert!(matches!(store.commit(&lease, &first).await, Err(StoreError::Down(_))));
    // Over the old connection the store would be down again.
    store.commit(&lease, &first).await.unwrap();
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_commit_that_reaches_a_redis_after_its_lease_is_refused() {
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let Acquired::Lease(lease) = store.acquire(&key(), "a", SECOND).await.unwrap() else { panic!("it is free") };
    signal(server.pid(), "STOP");
    let late = tokio::spawn({
        let store = store.clone();
        async move { store.commit(&lease, &following(None)).await }
    });
    sleep(2 * SECOND).await;
    signal(server.pid(), "CONT");
    assert!(matches!(late.await.unwrap(), Err(StoreError::StaleLease)));
    assert_eq!(store.load(&key()).await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn every_key_that_may_go_has_its_time_and_no_other() {
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let lease = acquire(&store, "a").await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let all = vec![parked("p1", now + 1000), parked("p2", now + 2000), parked("p3", i64::MAX)];
    let mut first = following(None);
    first.parked = all;
    store.commit(&lease, &first).await.unwrap();
    let mut other = server.connection().await;
    let mut left = async |what: &str| -> i64 {
        let key = format!("wecom-kf:{{a.invalid/ww1/wk1}}:{what}");
        redis::cmd("TTL").arg(key).query_async(&mut other).await.unwrap()
    };
    assert_eq!((left("state").await, left("settled").await), (-1, -1));
    assert!((590..=600).contains(&left("lease").await));
    assert!(left("parked").await > 1_000_000_000, "as long as the last of them");
    for id in ["p3", "p2"] {
        assert!(store.drop_parked(&key(), id).await.unwrap());
    }
    for what in ["parked", "parked_order", "parked_until"] {
        let left = left(what).await;
        assert!((990..=1001).contains(&left), "{what} goes in {left} s");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_secret_is_nowhere_in_redis_and_the_token_goes_with_its_time() {
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let key = TokenKey::new("https://a.invalid", "ww1", &CorpSecret::from("CANARY-SECRET"));
    let wish = TokenWish::new(SECOND, LONG);
    let TokenTurn::Refresh(refresh) = store.turn(&key, &wish).await.unwrap() else { panic!("there is none yet") };
    let token = StoredToken::new(AccessToken::from("T1"), 7200 * SECOND);
    store.finish(&refresh, &TokenOutcome::Token { token, hold: Duration::ZERO }).await.unwrap();

    let mut other = server.connection().await;
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut other).await.unwrap();
    assert_eq!(keys, [format!("wecom-kf:{{{}}}:token", key.as_str())]);
    let all: Vec<String> = redis::cmd("HGETALL").arg(&keys[0]).query_async(&mut other).await.unwrap();
    assert!(all.contains(&"T1".to_owned()) && !all.iter().any(|text| text.contains("CANARY")), "{all:?}");
    let left: i64 = redis::cmd("TTL").arg(&keys[0]).query_async(&mut other).await.unwrap();
    assert!((7310..=7320).contains(&left), "{left}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn of_a_thousand_who_ask_for_a_token_at_once_one_is_told_to_fetch_it() {
    let server = Server::start(Persistence::Nothing).await;
    let stores = [server.store().await, server.store().await, server.store().await];
    let key = TokenKey::new("https://a.invalid", "ww1", &CorpSecret::from("s"));
    let wish = TokenWish::new(SECOND, LONG);
    let asked = (0..1000).map(|number| stores[number % 3].turn(&key, &wish));
    let turns = futures_util::future::join_all(asked).await;
    let refreshes = turns.iter().filter(|turn| matches!(turn, Ok(TokenTurn::Refresh(_)))).count();
    let waiting = turns.iter().filter(|turn| matches!(turn, Ok(TokenTurn::Wait))).count();
    assert_eq!((refreshes, waiting), (1, 999));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn fences_go_up_whoever_asks_however_fast() {
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let mut fences = Vec::new();
    for _ in 0..500 {
        fences.push(acquire(&store, "a").await.fence);
    }
    assert!(fences.is_sorted());
    assert_eq!(fences.iter().collect::<HashSet<_>>().len(), 500);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn foreign_data_under_our_keys_is_not_reported_as_down() {
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let mut other = server.connection().await;
    let () =
        redis::cmd("SET").arg("wecom-kf:{a.invalid/ww1/wk1}:state").arg("x").query_async(&mut other).await.unwrap();
    let corrupt = store.load(&key()).await;
    let Err(error @ StoreError::Corrupt(_)) = corrupt else { panic!("{corrupt:?}") };
    assert!(!error.is_retryable() && error.to_string().contains("keys of another program"), "{error}");
    assert!(matches!(store.acquire(&key(), "a", LONG).await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_wrong_password_is_told_without_it() {
    let server = Server::start(Persistence::Nothing).await;
    let mut other = server.connection().await;
    let set = redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("right").to_owned();
    let () = set.query_async(&mut other).await.unwrap();
    let address = server.address();
    for (url, what) in [
        (format!("redis://:CANARY@{address}/"), "refused: "),
        (format!("redis://CANARY-USER:CANARY@{address}/"), "refused: "),
        (format!("redis://{address}/"), "NOAUTH"),
    ] {
        let refused = Redis::open(&url).await.unwrap_err();
        let text = format!("{refused} {refused:?}");
        assert!(text.contains(what) && text.contains("right user and password"), "{text}");
        assert!(!text.contains("CANARY"), "{text}");
    }
    let store = Redis::open(&format!("redis://:right@{address}/")).await.unwrap();
    assert_eq!(store.load(&key()).await.unwrap(), None);
    assert!(!format!("{store:?}").contains("right@"), "{store:?}");
}

#[tokio::test]
async fn an_absent_redis_is_named_without_its_password() {
    let url = format!("redis://u:CANARY@127.0.0.1:{}/3", free_port());
    // If the network is down at the start, the store waits for it.
    let store = Redis::open(&url).await.unwrap();
    let refused = store.load(&key()).await.unwrap_err();
    let text = format!("{refused} {refused:?}");
    assert!(refused.is_retryable() && text.contains("no connection with the Redis at 127.0.0.1:"), "{text}");
    assert!(text.contains("/3") && !text.contains("CANARY"), "{text}");
}

#[tokio::test]
async fn a_url_that_is_none_is_told_without_what_it_says() {
    for url in
        ["CANARY", "redis://", "redis://:CANARY@127.0.0.1/CANARY", "http://u:CANARY@h/", "redis://:CANARY@0.0.0.0/"]
    {
        let refused = Redis::open(url).await.unwrap_err();
        let text = format!("{refused} {refused:?}");
        assert!(matches!(refused, StoreError::Settings(_)), "{text}");
        assert!(!refused.is_retryable() && text.contains("it should be like redis://"), "{text}");
        assert!(!text.contains("CANARY"), "{text}");
    }
    #[cfg(not(feature = "redis-rustls"))]
    assert!(Redis::open("rediss://h/").await.unwrap_err().to_string().contains("the feature redis-rustls"));
}

/// Older servers, and proxies, quote what they do not understand.
#[tokio::test]
async fn what_a_server_repeats_of_a_command_is_not_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut read = [0; 4096];
                while socket.read(&mut read).await.is_ok_and(|count| count > 0) {
                    let refusal = b"-ERR unknown command `EVALSHA`, with args beginning with: `CANARY`, `CANARY`,\r\n";
                    let _ = socket.write_all(&refusal.repeat(4)).await;
                }
            });
        }
    });
    for url in [format!("redis://{address}/"), format!("redis://u:CANARY@{address}/")] {
        let refused = match Redis::open(&url).await {
            Ok(store) => store.check().await.unwrap_err(),
            Err(refused) => refused,
        };
        let text = format!("{refused} {refused:?}");
        assert!(text.contains("refuse"), "{text}");
        assert!(!text.contains("CANARY"), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_new_listener_is_told_to_look_and_the_others_are_not() {
    let server = Server::start(Persistence::Nothing).await;
    let store = server.store().await;
    let key = |account: &str| InboxKey::new("a.invalid/ww1", account.into());
    let mut first = store.changes(&key("wk1"));
    // Something may have happened before it listened.
    assert_eq!(timeout(PATIENCE, first.next()).await.unwrap(), Some(Change::Something));
    for number in 2..10 {
        let mut other = store.changes(&key(&format!("wk{number}")));
        assert_eq!(timeout(PATIENCE, other.next()).await.unwrap(), Some(Change::Something));
    }
    assert_eq!(first.next().now_or_never(), None, "nothing has happened to the first one");
}
