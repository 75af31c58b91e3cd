//! A bot that says how it is: metrics for Prometheus, and whether it is alive and ready.
//!
//! ```text
//! cargo run -p wecom-kf-observed --example observed_bot
//! ```
//!
//! It plays on a simulator of its own, asks its own endpoints as Prometheus and Kubernetes do, and prints the answers.
//! `guide::production` explains them.
#![allow(clippy::print_stdout, reason = "a program talks")]

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::time::sleep;
use wecom_kf_inbox::messages::Content;
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::wecom_kf::{Pacing, reqwest};
use wecom_kf_inbox::{ColdStart, Delivery, Failure, Inbox, Report, Settings, callback, meters};
use wecom_kf_sim::{Simulator, op};

#[tokio::main]
async fn main() -> Result<(), Report> {
    let scrapes = install_recorder()?;
    // The bot has no callback here, so it reads more often than WeCom allows without one.
    let sim = Simulator::builder().disable_assumption("tokenless_reads_are_limited")?.start().await?;
    let settings = Settings::from_vars(sim.vars());
    let client = settings.client_builder()?.pacing(Pacing::unlimited()).build()?;
    let inbox = Inbox::builder(client, settings.open_kfid()?)
        .poll(Duration::from_millis(100))
        .store(Memory::new()) // a bot of yours: `Redb::open("bot.redb")?`
        .cold_start(ColdStart::Everything)
        .open()
        .await?;
    let handle = inbox.handle();

    let endpoints = handle.health_routes().route("/metrics", callback::get(async move || scrapes.render()));
    let listener = TcpListener::bind("127.0.0.1:0").await?; // a bot of yours: a port that the internet does not reach
    let address = listener.local_addr()?;
    tokio::spawn(callback::serve(listener, endpoints));
    let ask = async |path: &str| {
        let answer =
            reqwest::Client::builder().no_proxy().build()?.get(format!("http://{address}{path}")).send().await?;
        println!("GET {path}\n{}\n{}\n", answer.status(), answer.text().await?);
        Ok::<_, Report>(())
    };

    ask("/health/ready").await?;
    let bot = tokio::spawn(inbox.run(answer));
    sim.fault(op::SEND_MSG).errcode(45009).times(1);
    for name in ["小王", "小李", "小赵"] {
        sim.customer(name).says("你好");
    }
    while handle.metrics().acked < 3 {
        sleep(Duration::from_millis(10)).await;
    }
    ask("/health/live").await?;
    ask("/health/ready").await?;
    ask("/metrics").await?;
    handle.stop();
    println!("{}", bot.await??);
    Ok(())
}

/// Installs the recorder, and returns what `/metrics` answers.
fn install_recorder() -> Result<PrometheusHandle, Report> {
    let buckets = [0.01, 0.1, 1.0, 10.0, 60.0, 600.0]; // seconds
    let recorder = PrometheusBuilder::new().set_buckets(&buckets)?.build_recorder();
    let scrapes = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    meters::describe();
    let kept = scrapes.clone();
    tokio::spawn(async move {
        loop {
            // Histograms grow until somebody scrapes them, or this is called.
            kept.run_upkeep();
            sleep(Duration::from_secs(5)).await;
        }
    });
    Ok(scrapes)
}

async fn answer(delivery: Delivery) -> Result<(), Failure> {
    if let Content::Text(text) = delivery.content() {
        delivery.reply(&text.content).await?;
    }
    Ok(())
}
