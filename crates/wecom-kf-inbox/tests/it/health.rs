//! Whether an inbox and a group are alive and ready, and what the endpoints and the JSON of the metrics say.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use wecom_kf::{Client, Credentials};
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::{
    Error, Failure, GroupHandle, Health, HealthLimits, Inbox, InboxGroup, InboxHandle, Metrics, ReadBy, ReasonKind,
    Status, Summary, callback,
};
use wecom_kf_sim::{Simulator, op};

use crate::fake::{Answer, FakeStore, FakeWeCom, KF, builder, caught_up, now, text, text_at};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Returns the kinds of the reasons, after a check that they decide.
fn kinds(health: &Health) -> Vec<ReasonKind> {
    let kinds: Vec<ReasonKind> = health.reasons.iter().map(|reason| reason.kind).collect();
    assert_eq!(health.ready, kinds.is_empty(), "{health}");
    assert_eq!(health.alive, !kinds.iter().any(|kind| kind.needs_restart()), "{health}");
    kinds
}

fn reasons(handle: &InboxHandle) -> Vec<ReasonKind> {
    kinds(&handle.health())
}

fn run(inbox: Inbox) -> (InboxHandle, JoinHandle<Result<Summary, Error>>) {
    (inbox.handle(), tokio::spawn(inbox.run(|_| async { Ok(()) })))
}

async fn ready(handle: &InboxHandle) {
    let wait = async {
        while !handle.health().ready {
            sleep(SECOND / 10).await;
        }
    };
    timeout(MINUTE, wait).await.unwrap_or_else(|_| panic!("{}", handle.health()));
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_from_its_start_to_its_stop() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA")]);
    let inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let handle = inbox.handle();
    sleep(MINUTE * 10).await;
    assert_eq!(reasons(&handle), [ReasonKind::NotStarted]);
    let run = tokio::spawn(inbox.run(|_| async {
        sleep(SECOND * 10).await;
        Ok(())
    }));
    ready(&handle).await;
    assert_eq!((handle.health().accounts.read, handle.metrics().read_by), (1, ReadBy::ThisProcess));
    handle.stop();
    sleep(SECOND).await;
    assert_eq!(reasons(&handle), [ReasonKind::Stopping]);
    assert_eq!(handle.metrics().status, Status::Stopping);
    assert_eq!(run.await.unwrap().unwrap().handled, 1);
    assert_eq!(reasons(&handle), [ReasonKind::Stopped]);
    assert_eq!(handle.health().to_string(), format!("not alive: it ended 0 s ago ({KF})"));
}

#[tokio::test(start_paused = true)]
async fn an_inbox_that_was_dropped_or_is_damaged_has_ended() {
    let wecom = FakeWeCom::new(10, []);
    let (handle, task) = run(builder(&wecom, Memory::new()).open().await.unwrap());
    ready(&handle).await;
    task.abort();
    sleep(SECOND).await;
    assert_eq!((reasons(&handle), handle.metrics().status), (vec![ReasonKind::Stopped], Status::Stopped));

    let store = FakeStore::default();
    let inbox = builder(&wecom, store.clone()).open().await.unwrap();
    store.corrupt();
    let (handle, task) = run(inbox);
    task.await.unwrap().unwrap_err();
    assert_eq!(reasons(&handle), [ReasonKind::Stopped]);
    assert!(handle.health().last_error.unwrap().text.contains("a test said so"));
}

#[tokio::test(start_paused = true)]
async fn a_standby_is_ready_and_says_that_another_reads() {
    let (wecom, store) = (FakeWeCom::new(10, []), FakeStore::default());
    let (reader, first) = run(builder(&wecom, store.clone()).open().await.unwrap());
    caught_up(&reader).await;
    let (standby, _second) = run(builder(&wecom, store.clone()).open().await.unwrap());
    ready(&standby).await;
    sleep(MINUTE * 60).await;
    assert_eq!(reasons(&standby), []);
    let metrics = standby.metrics();
    assert_eq!((metrics.status, metrics.read_by), (Status::StandsBy, ReadBy::AnotherProcess));
    assert!(metrics.read_by_for > MINUTE * 59);
    assert_eq!(standby.health().accounts.read, 0);
    reader.stop();
    first.await.unwrap().unwrap();
    caught_up(&standby).await;
    assert_eq!((reasons(&standby), standby.health().accounts.read), (vec![], 1));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_counts_after_30_s_and_a_lease_after_2_min() {
    let (wecom, store) = (FakeWeCom::new(10, []), FakeStore::default());
    let (handle, _task) = run(builder(&wecom, store.clone()).open().await.unwrap());
    caught_up(&handle).await;
    store.is_down(true);
    // The lease was acquired at the start. Its renewal fails after 10 s, and it ends after 30 s.
    sleep(SECOND * 39).await;
    assert_eq!(reasons(&handle), [], "{}", handle.health());
    sleep(SECOND * 2).await;
    assert_eq!(reasons(&handle), [ReasonKind::StoreDown]);
    assert_eq!((handle.metrics().status, handle.metrics().read_by), (Status::StoreIsDown, ReadBy::Unknown));
    sleep(SECOND * 108).await;
    assert_eq!(reasons(&handle), [ReasonKind::StoreDown]);
    sleep(SECOND * 3).await;
    assert_eq!(reasons(&handle), [ReasonKind::StoreDown, ReasonKind::NoLease]);
    assert_eq!(
        handle.health().to_string(),
        format!("not ready: the store has been down for 2 min ({KF}); no lease for 2 min ({KF})")
    );
    store.is_down(false);
    ready(&handle).await;
    caught_up(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_nothing_is_down_since_it_was_asked() {
    let (wecom, store) = (FakeWeCom::new(10, []), FakeStore::default());
    let (handle, _task) = run(builder(&wecom, store.clone()).open().await.unwrap());
    caught_up(&handle).await;
    store.hangs();
    // It is asked after 10 s, and the lease ends after 30 s.
    sleep(SECOND * 39).await;
    assert_eq!(reasons(&handle), []);
    sleep(SECOND * 2).await;
    assert_eq!(reasons(&handle), [ReasonKind::StoreDown]);
}

#[tokio::test(start_paused = true)]
async fn a_standby_whose_store_is_down_is_not_ready() {
    let (wecom, store) = (FakeWeCom::new(10, []), FakeStore::default());
    let (reader, _first) = run(builder(&wecom, store.memory.clone()).open().await.unwrap());
    caught_up(&reader).await;
    let (standby, _second) = run(builder(&wecom, store.clone()).open().await.unwrap());
    ready(&standby).await;
    store.is_down(true);
    sleep(MINUTE).await;
    assert_eq!(reasons(&standby), [ReasonKind::StoreDown]);
    store.is_down(false);
    ready(&standby).await;
}

#[tokio::test(start_paused = true)]
async fn reading_that_fails_counts_after_2_min_and_not_in_a_standby() {
    let (wecom, store) = (FakeWeCom::new(10, []), FakeStore::default());
    for _ in 0..1000 {
        wecom.fault(Answer::Errcode(-1));
    }
    let (handle, _task) = run(builder(&wecom, store.clone()).open().await.unwrap());
    sleep(SECOND * 119).await;
    assert_eq!((reasons(&handle), handle.metrics().status), (vec![], Status::BacksOff));
    sleep(SECOND * 2).await;
    assert_eq!(reasons(&handle), [ReasonKind::ReadsFail]);
    assert_eq!(handle.metrics().last_page_ago, None);
    store.steal().await;
    sleep(SECOND * 40).await;
    assert_eq!((reasons(&handle), handle.metrics().status), (vec![], Status::StandsBy));
    sleep(SECOND * 40).await;
    assert_eq!(handle.metrics().status, Status::BacksOff, "the lease of the other has ended");
    wecom.clear_faults(0);
    caught_up(&handle).await;
    assert_eq!((reasons(&handle), handle.metrics().reads_fail_for), (vec![], None));
    assert!(handle.metrics().last_page_ago.unwrap() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_lag_counts_until_the_message_is_settled_and_the_limit_can_be_set() {
    for (limits, expected) in [
        (HealthLimits::default(), vec![ReasonKind::Lag]),
        (HealthLimits::default().lag(Duration::from_secs(100_000)), vec![]),
    ] {
        let wecom = FakeWeCom::new(10, [text_at("m0", "wmA", now() - 400)]);
        let mut inbox = builder(&wecom, Memory::new()).health_limits(limits).open().await.unwrap();
        let handle = inbox.handle();
        let delivery = inbox.next().await.unwrap().unwrap();
        assert_eq!(reasons(&handle), expected);
        delivery.ack();
        assert_eq!(reasons(&handle), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_not_ready() {
    let (handle, _task) = run(builder(&FakeWeCom::new(10, []), Memory::new()).open().await.unwrap());
    caught_up(&handle).await;
    handle.pause();
    sleep(SECOND).await;
    assert_eq!(reasons(&handle), [ReasonKind::Paused]);
    handle.resume();
    sleep(SECOND).await;
    assert_eq!(reasons(&handle), []);
}

#[test]
fn a_task_that_is_overdue_for_a_minute_is_not_alive() {
    let of = |overdue_for: Option<Duration>| {
        let mut metrics = Metrics::default();
        (metrics.status, metrics.read_by) = (Status::Reads, ReadBy::ThisProcess);
        metrics.overdue_for = overdue_for;
        kinds(&metrics.health(&KF.into(), &HealthLimits::default()))
    };
    assert_eq!(of(None), []);
    assert_eq!(of(Some(SECOND * 59)), []);
    assert_eq!(of(Some(SECOND * 60)), [ReasonKind::Stuck]);
}

#[test]
fn a_task_that_does_not_run_is_noticed() {
    // The threads of this runtime are blocked, as handlers do it that wait in the wrong way.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = runtime.block_on(async {
        let lease = Duration::from_millis(200);
        let inbox = builder(&FakeWeCom::new(10, []), Memory::new()).lease(lease);
        let (handle, _task) =
            run(inbox.health_limits(HealthLimits::default().stuck(SECOND / 100)).open().await.unwrap());
        caught_up(&handle).await;
        handle
    });
    std::thread::sleep(Duration::from_millis(300));
    let health = handle.health();
    assert_eq!(kinds(&health), [ReasonKind::Stuck]);
    assert!(handle.metrics().overdue_for.is_some());
}

#[tokio::test(start_paused = true)]
async fn metrics_as_json_have_stable_keys() {
    let wecom = FakeWeCom::new(10, [text("m0", "wmA"), text("m1", "wmB")]);
    let inbox = builder(&wecom, Memory::new()).open().await.unwrap();
    let handle = inbox.handle();
    let stop = {
        let handle = handle.clone();
        async move {
            while handle.metrics().parked == 0 {
                sleep(SECOND).await;
            }
        }
    };
    inbox
        .run_until(
            stop,
            |delivery| async move { if delivery.id() == "m0" { Ok(()) } else { Err(Failure::park("no")) } },
        )
        .await
        .unwrap();
    let json = serde_json::to_value(handle.metrics()).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "acked",
            "commits",
            "delivered",
            "duplicates",
            "failed_pulls",
            "failures",
            "has_more",
            "in_progress",
            "is_suspicious",
            "lag_messages",
            "lag_seconds",
            "last_error",
            "last_failure",
            "last_page_ago_seconds",
            "oldest_send_time",
            "overdue_for_seconds",
            "pages",
            "parked",
            "parked_when_full",
            "pulls",
            "read_by",
            "read_by_for_seconds",
            "reads_fail_for_seconds",
            "replays",
            "retries",
            "servicer_messages",
            "settled_ahead",
            "skipped",
            "status",
            "status_for_seconds",
            "store_down_for_seconds",
            "store_failures",
        ]
    );
    assert_eq!((&json["status"], &json["read_by"]), (&"stopped".into(), &"unknown".into()));
    assert_eq!((&json["failures"]["unknown"], &json["acked"]), (&1.into(), &1.into()));
    assert_eq!((&json["last_failure"]["class"], &json["last_failure"]["id"]), (&"unknown".into(), &"m1".into()));
    assert!(json["last_page_ago_seconds"].is_u64() && json["store_down_for_seconds"].is_null(), "{json}");
}

/// Asks an endpoint. Returns the status and the body.
async fn ask(address: std::net::SocketAddr, path: &str) -> (u16, serde_json::Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: bot\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/json"), "{head}");
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn the_endpoints_answer_200_or_503_and_keep_no_store_open() {
    let inbox = builder(&FakeWeCom::new(10, []), Memory::new()).open().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(callback::serve(listener, inbox.handle().health_routes()));
    assert_eq!(ask(address, "/health/live").await.0, 200);
    let (status, json) = ask(address, "/health/ready").await;
    assert_eq!((status, &json["alive"], &json["ready"]), (503, &true.into(), &false.into()));
    assert_eq!(json["reasons"][0]["kind"], "not_started");
    let (handle, task) = run(inbox);
    ready(&handle).await;
    assert_eq!(ask(address, "/health/ready").await.0, 200);
    handle.stop();
    task.await.unwrap().unwrap();
    drop(handle);
    let (status, json) = ask(address, "/health/live").await;
    assert_eq!((status, &json["reasons"][0]["kind"]), (503, &"stopped".into()));
}

fn client(sim: &Simulator) -> Client {
    let builder = Client::builder(Credentials::new(sim.corp_id(), sim.secret())).base_url(sim.base_url());
    builder.pacing(wecom_kf::Pacing::unlimited()).http(|http| http.no_proxy()).build().unwrap()
}

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), wait).await.expect("it takes too long");
}

/// Opens a group that polls often, on a simulator without the limit on that.
async fn group(sim: &Simulator, store: Memory, limits: HealthLimits) -> (InboxGroup, GroupHandle) {
    let builder = InboxGroup::builder(client(sim)).store(store).health_limits(limits);
    let builder = builder.look_every(Duration::from_millis(50)).each(|inbox| inbox.poll(Duration::from_millis(20)));
    let group = builder.open().await.unwrap();
    let handle = group.handle();
    (group, handle)
}

#[tokio::test]
async fn a_process_of_a_fleet_is_ready_without_an_account() {
    let sim = Simulator::builder().disable_assumption("tokenless_reads_are_limited").unwrap().start().await.unwrap();
    let store = Memory::new();
    let mut handles = Vec::new();
    let limits = HealthLimits::default().no_lease(Duration::ZERO).store_down(Duration::ZERO);
    for _ in 0..2 {
        let (group, handle) = group(&sim, store.clone(), limits).await;
        assert_eq!(kinds(&handle.health()), [ReasonKind::NotStarted]);
        tokio::spawn(group.run(|_| async { Ok(()) }));
        handles.push(handle);
    }
    until(|| handles.iter().all(|handle| handle.health().ready && handle.health().members == 2)).await;
    until(|| handles.iter().map(|handle| handle.health().accounts.read).sum::<usize>() == 1).await;
    let mut counts: Vec<_> =
        handles.iter().map(|handle| handle.health().accounts).map(|all| (all.found, all.here)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [(1, 0), (1, 1)]);
}

#[tokio::test]
async fn a_group_that_cannot_list_its_accounts_is_not_ready() {
    let sim = Simulator::builder().disable_assumption("tokenless_reads_are_limited").unwrap().start().await.unwrap();
    let limits = HealthLimits::default().reads_fail(Duration::ZERO);
    let fault = sim.fault(op::ACCOUNT_LIST).errcode(-1).always();
    let (group, handle) = group(&sim, Memory::new(), limits).await;
    let run = tokio::spawn(group.run(|_| async { Ok(()) }));
    until(|| kinds(&handle.health()) == [ReasonKind::NotListed]).await;
    assert!(handle.health().last_error.unwrap().text.contains("account_list"));
    fault.remove();
    until(|| handle.health().ready && handle.health().accounts.read == 1).await;
    sim.fault(op::ACCOUNT_LIST).errcode(-1).always();
    until(|| kinds(&handle.health()) == [ReasonKind::NotListed]).await;
    handle.stop();
    run.await.unwrap();
    assert_eq!(kinds(&handle.health()), [ReasonKind::Stopped]);
}
