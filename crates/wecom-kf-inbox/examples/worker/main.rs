//! A bot of several processes on one Redis: one of them reads, and when it dies another takes over.
//!
//! ```text
//! cargo run -p wecom-kf-inbox --features redis --example worker
//! ```
//!
//! Without an account it plays a scene: a simulator and two workers, and it kills the one that reads. With
//! `WECOM_CORP_ID` and `WECOM_KF_SECRET` set it is a worker for all accounts of the app: start two and kill one.
//! `REDIS_URL` names the Redis, by default `redis://127.0.0.1/`, and `HEALTH_LISTEN` the address where the worker answers
//! `/health/live` and `/health/ready`, by default a free port.
#![allow(clippy::print_stdout, reason = "a program talks")]

mod stage;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;
use wecom_kf_inbox::messages::Content;
use wecom_kf_inbox::store::Redis;
use wecom_kf_inbox::wecom_kf::Pacing;
use wecom_kf_inbox::{
    ColdStart, Delivery, Failure, GroupHandle, InboxGroup, Report, Settings, SharedToken, Status, callback, defaults,
};

/// How long a lease lasts. When a worker dies, another one reads its accounts once the lease has ended and the dead one has been
/// silent for [`defaults::MEMBER`].
const LEASE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Report> {
    let redis = Redis::open(&redis_url()).await?;
    if Settings::from_env().is_empty() {
        // Without a Redis the example ends here.
        redis.check().await?;
        stage::play().await
    } else {
        work(redis).await
    }
}

fn redis_url() -> String {
    std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1/".to_owned())
}

async fn work(redis: Redis) -> Result<(), Report> {
    // The scene sets a poll interval that is shorter than WeCom allows.
    let poll = std::env::args().nth(1).map(|seconds| seconds.parse()).transpose()?;
    let pacing = if poll.is_some() { Pacing::unlimited() } else { Pacing::default() };
    let poll = poll.map_or(Ok(defaults::POLL), Duration::try_from_secs_f64)?;
    let settings = Settings::from_env();
    // One access token for all workers.
    let token = SharedToken::new(&settings.client()?, &settings.credentials()?, redis.clone());
    let client = settings.client_builder()?.pacing(pacing).token_source(token).build()?;

    let group = InboxGroup::builder(client)
        .store(redis)
        .cold_start(ColdStart::FromNow)
        .each(move |inbox| inbox.lease(LEASE).poll(poll))
        .open()
        .await?;
    serve_health(&group.handle()).await?;
    tokio::spawn(tell_who_reads(group.handle()));
    let summary = group.run_until(tokio::signal::ctrl_c(), answer).await;
    println!("worker {}  {summary}", std::process::id());
    Ok(())
}

/// Answers those who ask whether this worker is alive and ready, such as Kubernetes.
async fn serve_health(group: &GroupHandle) -> Result<(), Report> {
    let address = std::env::var("HEALTH_LISTEN").unwrap_or_else(|_| "127.0.0.1:0".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("worker {}  health at http://{}/health/ready", std::process::id(), listener.local_addr()?);
    tokio::spawn(callback::serve(listener, group.health_routes()));
    Ok(())
}

async fn answer(delivery: Delivery) -> Result<(), Failure> {
    if let Content::Text(text) = delivery.content() {
        delivery.reply(format!("worker {}: {}", std::process::id(), text.content)).await?;
    }
    Ok(())
}

/// Prints for each account whether this worker reads it, whenever that changes.
async fn tell_who_reads(group: GroupHandle) {
    let mut told = BTreeMap::new();
    loop {
        for (account, metrics) in group.metrics() {
            let does = match metrics.status {
                Status::Opened => continue,
                Status::StandsBy => "stands by",
                Status::StoreIsDown => "waits for Redis",
                Status::Stopped => "has stopped",
                _ => "reads",
            };
            if told.insert(account.clone(), does) != Some(does) {
                println!("worker {}  {does}  {account}", std::process::id());
            }
        }
        sleep(Duration::from_millis(50)).await;
    }
}
