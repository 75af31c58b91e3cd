//! Prints the figures of an account, day by day.
//!
//! ```text
//! cargo run --example statistics -- 2026-11-01 2026-11-07
//! ```
//!
//! Without a WeCom account it plays two days on a simulator, and prints their figures.
#![allow(clippy::print_stdout, reason = "a program talks")]

#[path = "shared/stage.rs"]
#[allow(dead_code, reason = "nothing is read here")]
mod stage;

use std::time::Duration;

use stage::Stage;
use wecom_kf::Report;
use wecom_kf::statistics::{AccountFigures, Date, Day, date_in_china};

#[tokio::main]
async fn main() -> Result<(), Report> {
    let stage = Stage::set().await?;
    let mut arguments = std::env::args().skip(1);
    let days = match (arguments.next(), arguments.next()) {
        (Some(first), Some(last)) => first.parse::<Date>()?..=last.parse()?,
        _ => two_days_on_the_simulator(&stage).await?,
    };
    let figures = stage.client.statistics().account(&stage.kf, days).await?;
    println!("day         sessions  customers  messages  by the bot  to people");
    figures.iter().for_each(|day| println!("{}", line(day)));
    Ok(())
}

fn line(Day { date, figures, .. }: &Day<AccountFigures>) -> String {
    let Some(figures) = figures else {
        return format!("{date}         –          –         –           –          –");
    };
    // `None` means that WeCom could not compute the rate. It does not mean 0 %.
    let transferred = figures.ai_transfer_rate.map_or("–".to_owned(), |rate| format!("{:.0} %", 100.0 * rate));
    format!(
        "{date}  {:>8}  {:>9}  {:>8}  {:>10}  {transferred:>9}",
        figures.session_cnt, figures.customer_cnt, figures.customer_msg_cnt, figures.ai_session_reply_cnt
    )
}

/// Simulates a day with two customers, and a day without any.
async fn two_days_on_the_simulator(stage: &Stage) -> Result<std::ops::RangeInclusive<Date>, Report> {
    let Some(sim) = &stage.sim else { return Err("which days? statistics -- <first> <last>".into()) };
    let first = date_in_china(sim.now() as i64);
    for name in ["小王", "小李"] {
        let customer = sim.customer(name);
        customer.says("你好");
        stage.client.messages().send(&stage.kf, customer.external_userid(), "您好").await?;
    }
    // The figures of a day are available after 06:00 of the next day.
    sim.advance(Duration::from_secs(2 * 24 * 3600 + 6 * 3600));
    Ok(first..=first.tomorrow()?)
}
