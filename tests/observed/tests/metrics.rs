//! Records all metrics through the simulator, with exact counts (feature `metrics`).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::sync::Barrier;
use tokio::time::{sleep, timeout};
use wecom_kf::messages::Content;
use wecom_kf::{Client, Credentials, Pacing};
use wecom_kf_inbox::meters::{self, Meter};
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::{ColdStart, Delivery, Failure, Inbox, RetryPolicy};
use wecom_kf_sim::{Simulator, op};

/// What was recorded: the values by name and labels, such as `wecom_kf_retries_total account=wk1 class=unknown`.
struct Recorded(BTreeMap<String, DebugValue>);

impl Recorded {
    fn by(snapshotter: &Snapshotter) -> Self {
        let values = snapshotter.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
            let key = key.key();
            let labels: String = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
            (format!("{}{labels}", key.name()), value)
        });
        Self(values.collect())
    }

    /// Returns the names with the names of their labels.
    fn names(&self) -> BTreeSet<String> {
        let without_value = |part: &str| part.split('=').next().unwrap_or_default().to_owned();
        self.0.keys().map(|key| key.split(' ').map(without_value).collect::<Vec<_>>().join(" ")).collect()
    }

    /// Returns the counters, and how many values each histogram has, of which the key begins like this.
    fn counts(&self, begins: &str) -> Vec<(&str, u64)> {
        let counts = self.0.iter().filter(|(key, _)| key.starts_with(begins)).map(|(key, value)| {
            let count = match value {
                DebugValue::Counter(count) => *count,
                DebugValue::Histogram(values) => values.len() as u64,
                DebugValue::Gauge(value) => value.into_inner() as u64,
            };
            (key.strip_prefix(begins).unwrap_or_default().trim(), count)
        });
        counts.collect()
    }

    fn count(&self, begins: &str) -> u64 {
        self.counts(begins).iter().map(|(_, count)| count).sum()
    }
}

fn name_and_labels(meter: &Meter) -> String {
    [&[meter.name], meter.labels].concat().join(" ")
}

/// Answers two customers at once; fails once, or for good.
async fn answer(both: Arc<Barrier>, delivery: Delivery) -> Result<(), Failure> {
    let Content::Text(text) = delivery.content() else { return Ok(()) };
    match (text.content.as_str(), delivery.tries()) {
        ("好", _) => {
            both.wait().await;
            delivery.reply("好").await?;
        }
        ("再试", 1) => return Err("not now".into()),
        ("不行", _) => return Err(Failure::park("not at all")),
        ("忙", _) => drop(delivery.reply("忙").await?),
        _ => {}
    }
    Ok(())
}

#[tokio::test]
async fn each_metric_counts_exactly_what_happened() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    // All tasks of this test run on this thread.
    let _guard = metrics::set_default_local_recorder(&recorder);
    meters::describe();
    let sim = Simulator::builder().disable_assumption("tokenless_reads_are_limited").unwrap().start().await.unwrap();
    let builder = Client::builder(Credentials::new(sim.corp_id(), sim.secret())).base_url(sim.base_url());
    // One call at a time, so that the second of two answers waits.
    let client = builder.pacing(Pacing::unlimited().calls_at_once(1)).http(|http| http.no_proxy()).build().unwrap();
    let kf = sim.open_kfid();
    for (customer, text) in [("小王", "好"), ("小李", "好"), ("小赵", "再试"), ("小钱", "不行")] {
        sim.customer(customer).says(text);
    }
    let waits = Duration::from_millis(10);
    let inbox = Inbox::builder(client, kf.clone()).store(Memory::new()).cold_start(ColdStart::Everything);
    let inbox = inbox
        .poll(Duration::from_millis(20))
        .retries(RetryPolicy::within(Duration::from_secs(600)).waits(waits, waits));
    let inbox = inbox.open().await.unwrap();
    let handle = inbox.handle();
    let run = tokio::spawn(inbox.run_with(Arc::new(Barrier::new(2)), answer));
    let settled = |count: u64| {
        let handle = handle.clone();
        let wait = async move {
            while handle.metrics().acked + handle.metrics().parked < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        async move { timeout(Duration::from_secs(60), wait).await.unwrap() }
    };
    settled(4).await;
    // WeCom is busy with the one answer, and then ends the token.
    sim.fault(op::SEND_MSG).errcode(45009).times(1);
    sim.customer("小孙").says("忙");
    settled(5).await;
    sim.expire_token();
    sim.customer("小孙").says("没事");
    settled(6).await;
    handle.stop();
    run.await.unwrap().unwrap();

    let recorded = Recorded::by(&snapshotter);
    let listed: BTreeSet<String> = wecom_kf::meters::ALL.iter().chain(&meters::ALL).map(name_and_labels).collect();
    assert_eq!(recorded.names(), listed, "what is recorded is what is documented");

    let account = format!("account={kf}");
    let of = |name: &str| recorded.counts(&format!("{name} {account}"));
    assert_eq!(of("wecom_kf_deliveries_total"), [("outcome=acked", 5), ("outcome=parked", 1), ("outcome=retried", 2)]);
    assert_eq!(of("wecom_kf_handling_seconds"), of("wecom_kf_deliveries_total"));
    assert_eq!(of("wecom_kf_first_delivery_seconds"), [("", 6)]);
    assert_eq!(of("wecom_kf_retries_total"), [("class=unavailable", 1), ("class=unknown", 1)]);
    assert_eq!(of("wecom_kf_parked_total"), [("reason=unknown", 1)]);
    let metrics = handle.metrics();
    assert_eq!(of("wecom_kf_pages_total"), [("outcome=ok", metrics.pulls)]);
    assert_eq!(of("wecom_kf_commit_seconds"), [("outcome=ok", metrics.commits)]);
    for gauge in ["wecom_kf_unsettled_messages", "wecom_kf_in_progress", "wecom_kf_lag_seconds", "wecom_kf_reads"] {
        assert_eq!(of(gauge), [("", 0)], "{gauge} is that of an inbox that has ended");
    }

    let sends = recorded.counts("wecom_kf_requests_total operation=send_msg");
    assert_eq!(sends, [("errcode=0", 3), ("errcode=45009", 1)]);
    assert_eq!(recorded.counts("wecom_kf_pacing_wait_seconds"), [("operation=send_msg", 1)]);
    let rejected = recorded.count("wecom_kf_requests_total operation=sync_msg errcode=42001");
    assert_eq!(rejected, 1);
    assert_eq!(recorded.counts("wecom_kf_token_renewals_total"), [("outcome=ok", 2)]);
    assert_eq!(recorded.counts("wecom_kf_call_seconds operation=send_msg"), [("outcome=failed", 1), ("outcome=ok", 3)]);
    for operation in [op::GETTOKEN, op::SYNC_MSG, op::SEND_MSG, op::ACCOUNT_LIST] {
        let requests = recorded.count(&format!("wecom_kf_requests_total operation={} ", operation.id));
        assert_eq!(requests, sim.calls(operation) as u64, "{}", operation.id);
    }
}
