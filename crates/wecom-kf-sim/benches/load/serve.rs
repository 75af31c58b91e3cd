//! The simulator's side: serves until standard input ends, and lets customers write when a line says so.

use std::io::{self, BufRead};

use serde_json::json;
use wecom_kf_sim::{Corp, Simulator};

pub(crate) const CUSTOMERS: usize = 500;
/// Flag: each `gettoken` returns a new token.
pub(crate) const FRESH_TOKENS: &str = "fresh-tokens";

#[tokio::main]
pub(crate) async fn serve(flags: &[&str]) {
    // The figures are about speed, not about the limits of WeCom.
    let builder = Simulator::builder().disable_assumption("tokenless_reads_are_limited").unwrap();
    let builder = builder.disable_assumption("reads_at_once_are_limited").unwrap();
    let builder = if flags.contains(&FRESH_TOKENS) { builder.fresh_token_each_time() } else { builder };
    let other = Corp::new("ww-other", "secret-of-the-other");
    let sim = builder.seed(7).corp("ww-first", "secret-of-the-first").another(other).start().await.unwrap();
    let customers: Vec<_> = (0..CUSTOMERS).map(|number| sim.customer(&format!("customer {number}"))).collect();
    println!(
        "{}",
        json!({
            "base_url": sim.base_url(),
            "open_kfid": sim.open_kfid(),
            "customers": customers.iter().map(|customer| customer.external_userid()).collect::<Vec<_>>(),
        })
    );
    tokio::task::spawn_blocking(move || {
        let mut writers = customers.iter().cycle();
        for line in io::stdin().lock().lines() {
            let messages = line.unwrap().parse().unwrap();
            writers
                .by_ref()
                .take(messages)
                .for_each(|customer| drop(customer.says("请问你们的营业时间是几点到几点？")));
            println!("done");
        }
    })
    .await
    .unwrap();
}
