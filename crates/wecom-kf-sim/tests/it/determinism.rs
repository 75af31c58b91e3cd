use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;
use crate::control::Control;

/// A conversation with faults, refusals, findings and time that passes.
async fn journal(seed: u64) -> Value {
    let sim = Simulator::builder().seed(seed).manual_clock().servicer("zhangsan").start().await.unwrap();
    sim.fault(op::SEND_MSG).errcode(-1).probability(0.5).always();
    let mut bot = Bot::of(&sim).await;
    sim.fault(op::SYNC_MSG).half_a_body().probability(0.2).times(5);
    let mut cursor = json!("");
    for round in 0..40 {
        let customer = sim.customer(["小王", "小李", "老周"][round % 3]);
        customer.enters();
        customer.says("你好");
        let request = json!({ "open_kfid": sim.open_kfid(), "cursor": cursor, "token": sim.sync_token() });
        if let Ok(page) = bot.try_call(op::SYNC_MSG, request).await {
            cursor = page["next_cursor"].clone();
        }
        let _ = bot.try_call(op::SEND_MSG, bot.text(&customer, &format!("您好 {round}"))).await;
        let _ = bot.try_call(op::ACCOUNT_LIST, json!({ "limitt": 1 })).await;
        if round == 20 {
            sim.servicer("zhangsan").takes(&customer);
            sim.advance(Duration::from_secs(8000));
        }
        sim.advance(Duration::from_secs(7));
        if bot.try_call(op::ACCOUNT_LIST, json!({})).await.is_ok_and(|reply| reply["errcode"] == 42001) {
            bot = Bot::of(&sim).await;
        }
    }
    let control = Control::of(&sim);
    let mut journal = control.get("/journal").await;
    journal["report"] = control.get("/report").await;
    journal
}

#[tokio::test]
async fn two_runs_with_one_seed_and_a_manual_clock_write_the_same_journal() {
    let (one, other, third) = (journal(7).await, journal(7).await, journal(8).await);
    assert!(one["entries"].as_array().unwrap().len() > 150);
    assert!(!one["report"]["findings"].as_array().unwrap().is_empty());
    assert_eq!(one, other);
    assert_ne!(one, third);
}
