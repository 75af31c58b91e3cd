//! Hands customers who ask for a human (人工) to a servicer who is receiving, or into the pool.
//!
//! ```text
//! cargo run --example hand_over
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

#[path = "shared/stage.rs"]
mod stage;

use stage::{Reader, Stage};
use wecom_kf::messages::{Content, Message, Origin};
use wecom_kf::{Client, Error, Report, To};
use wecom_kf_sim::Simulator;

#[tokio::main]
async fn main() -> Result<(), Report> {
    let stage = Stage::set().await?;
    let mut reader = Reader::from_now(&stage).await?;
    let client = stage.client.clone();
    let bot = async move {
        loop {
            for message in reader.next().await? {
                if let Err(error) = answer(&client, &message).await {
                    eprintln!("{}", Report::from(error));
                }
            }
        }
    };
    match &stage.sim {
        None => bot.await,
        Some(sim) => tokio::select! {
            ended = bot => ended,
            played = play(sim) => played,
        },
    }
}

async fn answer(client: &Client, message: &Message) -> Result<(), Error> {
    let (Some(kf), Some(customer), Some(Origin::CUSTOMER)) =
        (message.open_kfid(), message.external_userid(), message.origin())
    else {
        return Ok(());
    };
    let Content::Text(text) = message.content() else { return Ok(()) };
    if !text.content.contains("人工") {
        // If a servicer has the session, the bot stays silent, and the error says who has it.
        let reply = "想找真人？发送「人工」。";
        return client.messages().send(kf, customer, reply).checking_session().await.map(drop);
    }
    // From now on WeCom refuses `send`, except for this one text.
    let hand_over = client.sessions().hand_over(kf, customer, To::anyone_receiving());
    hand_over.saying("正在为您转接人工，请稍候。").await.map(drop)
}

/// Simulates a customer who asks for a human, and a servicer who answers.
async fn play(sim: &Simulator) -> Result<(), Report> {
    let customer = sim.customer("小王");
    for text in ["你好", "转人工"] {
        customer.says(text);
        println!("小王      {text}");
        println!("  bot     {}", customer.hears().await?);
    }
    let servicer = customer.servicer_userid().unwrap_or_default();
    println!("          (state {}, {servicer} has the session)", customer.state());
    sim.servicer(&servicer).says(&customer, "您好，我来为您查询。");
    println!("{servicer}  您好，我来为您查询。");
    Ok(())
}
