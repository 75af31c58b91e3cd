//! A bot with a memory and with state: it waits until a customer has finished writing, and knows who came before.
//!
//! ```text
//! cargo run -p wecom-kf-inbox --example memory_bot
//! ```
//!
//! It plays on a simulator of its own. `guide::conversations` explains it.
#![allow(clippy::print_stdout, reason = "a program talks")]

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use wecom_kf_inbox::store::Memory;
use wecom_kf_inbox::wecom_kf::Pacing;
use wecom_kf_inbox::{Batch, ColdStart, Failure, Inbox, Quiet, Report, Settings};
use wecom_kf_sim::Simulator;

/// What all handlers share.
struct Shop {
    name: &'static str,
}

/// What the bot keeps of each customer.
#[derive(Default, Serialize, Deserialize)]
struct Visits {
    count: u32,
}

#[tokio::main]
async fn main() -> Result<(), Report> {
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
    let control = inbox.handle();
    let quiet = Quiet::of(Duration::from_millis(300));
    let bot = tokio::spawn(inbox.batch(quiet).run_with(Arc::new(Shop { name: "小店" }), answer));

    let customer = sim.customer("小王");
    for (turn, messages) in [["你好", "在吗"], ["蛋糕", "今天还有吗"]].into_iter().enumerate() {
        for message in messages {
            println!("小王: {message}");
            customer.says(message);
        }
        while customer.heard().len() <= turn {
            sleep(Duration::from_millis(10)).await;
        }
        println!("bot:  {}", customer.heard()[turn].text().unwrap_or_default());
    }
    control.stop();
    println!("{}", bot.await??);
    Ok(())
}

async fn answer(shop: Arc<Shop>, batch: Batch) -> Result<(), Failure> {
    let text = batch.text();
    if text.is_empty() {
        return Ok(()); // an event, or a picture
    }
    let mut visits = batch.conversation::<Visits>().await?;
    visits.count += 1;
    visits.save()?;
    batch.reply(format!("{}：第 {} 次来信「{}」", shop.name, visits.count, text.replace('\n', "，"))).await?;
    Ok(())
}
