//! A bot whose spans go to OpenTelemetry: one for each delivery, and within it those of the calls.
//!
//! ```text
//! cargo run -p wecom-kf-observed --example traced_bot
//! ```
//!
//! It plays on a simulator of its own, and prints the spans instead of sending them. A bot of yours has an exporter such as
//! that of the crate `opentelemetry-otlp` in its place. `guide::production` explains the spans.
#![allow(clippy::print_stdout, reason = "a program talks")]

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tokio::time::sleep;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use wecom_kf_inbox::messages::Content;
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::wecom_kf::Pacing;
use wecom_kf_inbox::{ColdStart, Delivery, Failure, Inbox, Report, Settings};
use wecom_kf_sim::{Simulator, op};

/// Prints each span when it ends.
#[derive(Debug)]
struct Printer;

impl SpanExporter for Printer {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            let fields: Vec<String> =
                span.attributes.iter().map(|field| format!("{}={}", field.key, field.value)).collect();
            println!("trace {}  {}  {}", span.span_context.trace_id(), span.name, fields.join(" "));
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Report> {
    let provider = SdkTracerProvider::builder().with_simple_exporter(Printer).build();
    // Deliveries are of level INFO, calls of level DEBUG.
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("traced_bot"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(LevelFilter::DEBUG);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;

    // The bot has no callback here, so it reads more often than WeCom allows without one.
    let sim = Simulator::builder().disable_assumption("tokenless_reads_are_limited")?.start().await?;
    let settings = Settings::from_vars(sim.vars());
    let client = settings.client_builder()?.pacing(Pacing::unlimited()).build()?;
    let inbox = Inbox::builder(client, settings.open_kfid()?)
        .poll(Duration::from_millis(500))
        .store(Memory::new()) // a bot of yours: `Redb::open("bot.redb")?`
        .cold_start(ColdStart::Everything)
        .open()
        .await?;
    let handle = inbox.handle();
    sim.fault(op::SEND_MSG).errcode(45009).times(1);
    sim.customer("小王").says("你好");
    let bot = tokio::spawn(inbox.run(answer));
    while handle.metrics().acked < 1 {
        sleep(Duration::from_millis(10)).await;
    }
    handle.stop();
    println!("{}", bot.await??);
    provider.shutdown()?;
    Ok(())
}

async fn answer(delivery: Delivery) -> Result<(), Failure> {
    if let Content::Text(text) = delivery.content() {
        tracing::info!("answering"); // an event of the span, which says which message it is about
        delivery.reply(&text.content).await?;
    }
    Ok(())
}
