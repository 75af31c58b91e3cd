//! The same seed and the same steps write the same journal.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use wecom_kf_sim::{Corp, Simulator, op};

use crate::bot::Bot;
use crate::control::Control;

/// The first of January 2026 in China.
const START: Duration = Duration::from_secs(1_767_196_800);

/// A conversation with faults, refusals, findings and time that passes.
async fn journal(seed: u64) -> Value {
    journal_of(&Simulator::builder().seed(seed).manual_clock_from(START).servicer("zhangsan").start().await.unwrap())
        .await
}

async fn journal_of(sim: &Simulator) -> Value {
    sim.fault(op::SEND_MSG).errcode(-1).probability(0.5).always();
    let mut bot = Bot::of(sim).await;
    settings(sim, &bot).await;
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
            bot = Bot::of(sim).await;
        }
    }
    let control = Control::of(sim);
    let mut journal = control.get("/journal").await;
    journal["report"] = control.get("/report").await;
    journal
}

/// Everything besides messages.
async fn settings(sim: &Simulator, bot: &Bot) {
    let open_kfid = sim.open_kfid();
    let customer = sim.customer("小王");
    let picture = Part::bytes(&b"\x89PNG\r\n\x1a\n"[..]).file_name("a.png").mime_str("image/png").unwrap();
    let upload = bot.request(op::MEDIA_UPLOAD, "").query(&[("type", "image")]);
    let uploaded = upload.multipart(Form::new().part("media", picture)).send().await.unwrap();
    let media_id = uploaded.json::<Value>().await.unwrap()["media_id"].clone();
    let query = [("access_token", bot.access_token.as_str()), ("media_id", media_id.as_str().unwrap())];
    bot.http.get(bot.url(op::MEDIA_GET)).query(&query).send().await.unwrap();
    let way = bot.ok(op::ADD_CONTACT_WAY, json!({ "open_kfid": open_kfid, "scene": "poster" })).await;
    customer.enters_by(way["url"].as_str().unwrap()).unwrap();
    sim.department(1, &["lisi", "wangwu"]);
    bot.ok(op::SERVICER_ADD, json!({ "open_kfid": open_kfid, "department_id_list": [1] })).await;
    sim.servicer("wangwu").suspends();
    let group = bot.ok(op::KNOWLEDGE_ADD_GROUP, json!({ "name": "售前" })).await;
    let answer = json!({
        "text": { "content": "九点" }, "attachments": [{ "msgtype": "image", "image": { "media_id": media_id } }],
    });
    let question = json!({ "text": { "content": "几点开门？" } });
    let intent = json!({ "group_id": group["group_id"], "question": question, "answers": [answer] });
    bot.ok(op::KNOWLEDGE_ADD_INTENT, intent).await;
    bot.ok(op::KNOWLEDGE_LIST_INTENT, json!({ "limit": 1 })).await;
    customer.says("你好");
    if let Ok(sent) = bot.try_call(op::SEND_MSG, bot.text(&customer, "您好")).await {
        bot.call(op::RECALL_MSG, json!({ "open_kfid": open_kfid, "msgid": sent["msgid"] })).await;
    }
}

#[tokio::test]
async fn two_runs_with_one_seed_and_one_time_write_the_same_journal() {
    let (one, other, third) = (journal(7).await, journal(7).await, journal(8).await);
    assert!(one["entries"].as_array().unwrap().len() > 150);
    assert!(!one["report"]["findings"].as_array().unwrap().is_empty());
    assert_eq!(one, other);
    assert_ne!(one, third);
}

#[tokio::test]
async fn a_further_corp_changes_nothing_of_the_first() {
    let alone = journal(7).await;
    let builder = Simulator::builder().seed(7).manual_clock_from(START).servicer("zhangsan");
    let sim = builder.another(Corp::default().servicer("zhangsan")).start().await.unwrap();
    let other = &sim.corps()[1];
    let bot = Bot::of(other).await;
    other.customer("小王").says("你好");
    bot.ok(op::SYNC_MSG, json!({ "open_kfid": other.open_kfid() })).await;
    assert_eq!(journal_of(&sim).await, alone);
    assert_eq!((other.journal().len(), other.seed()), (2, Some(7)));
}

#[tokio::test]
async fn the_ids_of_a_further_corp_follow_from_the_seed_and_are_its_own() {
    let ids = async |seed: u64| {
        // Callback tokens contain the time.
        let builder = Simulator::builder().seed(seed).manual_clock_from(START);
        let sim = builder.another(Corp::default()).another(Corp::default()).start().await.unwrap();
        let corps = sim.corps();
        let ids = corps.iter().map(|corp| {
            let customer = corp.customer("小王").external_userid().to_owned();
            [corp.corp_id(), corp.secret(), corp.open_kfid(), customer, corp.sync_token()]
        });
        ids.collect::<Vec<_>>().concat()
    };
    let (one, other, third) = (ids(7).await, ids(7).await, ids(8).await);
    assert_eq!(one, other);
    let all: std::collections::BTreeSet<_> = one.iter().chain(&third).collect();
    assert_eq!((one.len(), all.len()), (15, 30));
}
