//! Load: calls per second and the 99th percentile with concurrent clients, and memory after a million messages.
//!
//! `cargo bench -p wecom-kf-sim --bench load`. Clients and simulator share the process and its cores.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may panic, and prints its figures")]

use std::time::Duration;

use futures_util::future::join_all;
use peak_alloc::PeakAlloc;
use serde_json::{Value, json};
use tokio::time::Instant;
use wecom_kf_sim::{Builder, Customer, Operation, Simulator, op};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const CLIENTS: usize = 32;
const CALLS_OF_EACH: usize = 2_000;
const MESSAGES: usize = 1_000_000;
const CUSTOMERS: usize = 1_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::main]
async fn main() {
    calls().await;
    // What the first simulator held is given back.
    tokio::time::sleep(Duration::from_secs(1)).await;
    memory().await;
}

/// It is about speed, not about what WeCom allows.
fn unlimited() -> Builder {
    let builder = Simulator::builder().disable_assumption("tokenless_reads_are_limited").unwrap();
    builder.disable_assumption("reads_at_once_are_limited").unwrap()
}

async fn calls() {
    let sim = unlimited().seed(7).start().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let query = [("corpid", sim.corp_id()), ("corpsecret", sim.secret())];
    let gettoken = http.get(format!("{}{}", sim.base_url(), op::GETTOKEN.path)).query(&query);
    let token: Value = gettoken.send().await.unwrap().json().await.unwrap();
    let token = token["access_token"].as_str().unwrap();

    let started = Instant::now();
    let clients = (0..CLIENTS).map(|number| {
        let customer = sim.customer(&format!("customer {number}"));
        one_client(http.clone(), sim.base_url(), token, customer)
    });
    let mut took: Vec<_> = join_all(clients).await.into_iter().flatten().collect();
    let whole = started.elapsed();
    took.sort_unstable();
    let at = |percent: usize| took[took.len() * percent / 100];
    println!(
        "{} calls of {CLIENTS} clients in {whole:.1?}: {:.0} calls/s, p50 {:.1?}, p99 {:.1?}",
        took.len(),
        took.len() as f64 / whole.as_secs_f64(),
        at(50),
        at(99),
    );
}

/// Customer writes, bot reads and answers.
async fn one_client(http: reqwest::Client, base_url: String, token: &str, customer: Customer) -> Vec<Duration> {
    let mut took = Vec::with_capacity(CALLS_OF_EACH);
    let mut cursor = json!("");
    let call = async |operation: Operation, body: Value| {
        let request = http.post(format!("{base_url}{}", operation.path)).query(&[("access_token", token)]).json(&body);
        let started = Instant::now();
        let reply: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(reply["errcode"], 0, "{reply}");
        (started.elapsed(), reply)
    };
    while took.len() < CALLS_OF_EACH {
        customer.says("营业时间？");
        let (elapsed, page) =
            call(op::SYNC_MSG, json!({ "open_kfid": customer.open_kfid(), "cursor": cursor, "limit": 20 })).await;
        cursor = page["next_cursor"].clone();
        took.push(elapsed);
        let message = json!({
            "touser": customer.external_userid(), "open_kfid": customer.open_kfid(),
            "msgtype": "text", "text": { "content": "9:00–18:00" },
        });
        took.push(call(op::SEND_MSG, message).await.0);
    }
    took
}

async fn memory() {
    let sim = unlimited().seed(7).manual_clock().start().await.unwrap();
    let customers: Vec<_> = (0..CUSTOMERS).map(|number| sim.customer(&format!("customer {number}"))).collect();
    let before = ALLOCATOR.current_usage_as_mb();
    let write = |messages: usize| {
        let started = Instant::now();
        for number in 0..messages {
            customers[number % CUSTOMERS].says("请问你们的营业时间是几点到几点？");
        }
        started.elapsed()
    };
    let took = write(MESSAGES);
    let full = ALLOCATOR.current_usage_as_mb() - before;
    println!("{MESSAGES} messages within three days: {full:.0} MB ({took:.1?})");
    for _ in 0..3 {
        sim.advance(4 * DAY);
        write(CUSTOMERS);
    }
    let left = ALLOCATOR.current_usage_as_mb() - before;
    println!("{CUSTOMERS} messages four days later: {left:.1} MB");
    let peak = ALLOCATOR.peak_usage_as_mb();
    for _ in 0..10 {
        sim.advance(DAY);
        write(MESSAGES / 10);
    }
    let steady = ALLOCATOR.current_usage_as_mb() - before;
    println!(
        "{MESSAGES} messages over ten days: {steady:.0} MB, no new peak: {}",
        ALLOCATOR.peak_usage_as_mb() <= peak
    );
}
