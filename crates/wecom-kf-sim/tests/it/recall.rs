//! Recalling messages.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Simulator, op};

use crate::bot::Bot;

async fn recall(bot: &Bot, customer: &Customer, msgid: &str) -> i64 {
    bot.errcode(op::RECALL_MSG, json!({ "open_kfid": customer.open_kfid(), "msgid": msgid })).await
}

#[tokio::test]
async fn a_message_is_recalled_within_two_minutes_and_still_counts() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    let mut message = bot.text(&wang, "说错了");
    message["msgid"] = json!("own");
    bot.ok(op::SEND_MSG, message.clone()).await;
    bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    assert_eq!(wang.hears().await.unwrap().text(), Some("说错了"));

    sim.advance(Duration::from_secs(110));
    assert_eq!(recall(&bot, &wang, "own").await, 0);
    assert_eq!(wang.heard().len(), 1, "it is gone");
    assert_eq!(wang.hears().await.unwrap().text(), Some("您好"), "the next is heard all the same");
    assert_eq!(recall(&bot, &wang, "own").await, 95028);
    assert_eq!(bot.errcode(op::SEND_MSG, message).await, 95033, "its msgid stays used");
    for _ in 0..3 {
        bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    }
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 95001, "it counts among the five");
}

#[tokio::test]
async fn what_cannot_be_recalled_is_refused() {
    let sim = Simulator::builder().account("甲").account("乙").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    let code = wang.enters().unwrap();
    let welcome = json!({ "code": code, "msgtype": "text", "text": { "content": "您好" } });
    let welcome = bot.ok(op::SEND_MSG_ON_EVENT, welcome).await;
    wang.says("你好");
    let sent = bot.ok(op::SEND_MSG, bot.text(&wang, "您好")).await;
    let msgid = |reply: &Value| reply["msgid"].as_str().unwrap().to_owned();

    assert_eq!(recall(&bot, &wang, "unknown").await, 95028);
    assert_eq!(recall(&bot, &wang, &msgid(&welcome)).await, 40058, "not by send_msg");
    let elsewhere = sim.customer_of(&sim.open_kfids()[1], "小王").unwrap();
    assert_eq!(recall(&bot, &elsewhere, &msgid(&sent)).await, 95028, "of another account");
    assert_eq!(bot.errcode(op::RECALL_MSG, json!({ "open_kfid": "wkNobody", "msgid": "x" })).await, 95004);
    sim.advance(Duration::from_secs(121));
    assert_eq!(recall(&bot, &wang, &msgid(&sent)).await, 95029);
    assert_eq!(wang.heard().len(), 2);
}
