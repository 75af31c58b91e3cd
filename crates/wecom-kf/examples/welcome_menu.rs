//! Welcomes customers with a menu, and answers when they tap an item.
//!
//! ```text
//! cargo run --example welcome_menu
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

#[path = "shared/stage.rs"]
mod stage;

use stage::{Reader, Stage};
use wecom_kf::messages::{Content, Event, Message, Msgmenu};
use wecom_kf::{Client, Error, Report};
use wecom_kf_sim::Simulator;

#[tokio::main]
async fn main() -> Result<(), Report> {
    let stage = Stage::set().await?;
    let mut reader = Reader::from_now(&stage).await?;
    let client = stage.client.clone();
    let bot = async move {
        loop {
            // Handle events first, because a welcome code is valid for only 20 seconds.
            let (entered, others): (Vec<_>, Vec<_>) = reader.next().await?.into_iter().partition(is_event);
            for message in entered.iter().chain(&others) {
                if let Err(error) = answer(&client, message).await {
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

fn is_event(message: &Message) -> bool {
    matches!(message.content(), Content::Event(_))
}

async fn answer(client: &Client, message: &Message) -> Result<(), Error> {
    let (Some(kf), Some(customer)) = (message.open_kfid(), message.external_userid()) else { return Ok(()) };
    match message.content() {
        Content::Event(Event::EnterSession(entered)) => {
            // WeCom sends a code only for a customer who was not welcomed in the last 48 hours.
            let Some(code) = &entered.welcome_code else { return Ok(()) };
            let menu = Msgmenu::new("您好，请选择").click("hours", "营业时间").click("where", "门店地址");
            client.messages().send_on_event(code, menu.view("https://example.com/help", "自助查询")).await?;
        }
        Content::Text(text) => {
            let reply = match text.menu_id.as_ref().map(|id| id.as_str()) {
                Some("hours") => "周一至周五 9:00–18:00",
                Some("where") => "人民路 1 号，地铁 2 号线旁",
                _ => "请点菜单里的选项，或直接留言。",
            };
            client.messages().send(kf, customer, reply).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Simulates a customer who enters the chat and taps an item.
async fn play(sim: &Simulator) -> Result<(), Report> {
    let customer = sim.customer("小王");
    customer.enters();
    println!("小王 enters");
    let menu = customer.hears().await?;
    println!("  bot  {}", menu.body["head_content"].as_str().unwrap_or_default());
    for item in menu.body["list"].as_array().into_iter().flatten() {
        let kind = item["type"].as_str().unwrap_or_default();
        println!("       › {}", item[kind]["content"].as_str().unwrap_or_default());
    }
    customer.taps("hours", "营业时间");
    println!("小王 taps 营业时间");
    println!("  bot  {}", customer.hears().await?);
    Ok(())
}
