use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Simulator, op};

use crate::bot::Bot;

async fn chat(doubted: &str) -> (Simulator, Bot, Customer) {
    let sim = Simulator::builder().doubt(doubted).unwrap().servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    (sim, bot, wang)
}

fn trans(to: i64, servicer: Option<&str>, customer: &Customer) -> Value {
    let mut body = json!({ "open_kfid": customer.open_kfid(), "external_userid": customer.external_userid(), "service_state": to });
    servicer.into_iter().for_each(|servicer| body["servicer_userid"] = json!(servicer));
    body
}

#[tokio::test]
async fn every_rule_that_can_be_switched_is_tried_here() {
    // The rules that have a test of their own in another file.
    let elsewhere = ["refetch_gives_same_token", "callback_names_account", "expired_token_is_42001"];
    let page = wecom_kf_sim::beliefs_page();
    let here = include_str!("beliefs.rs");
    let switchable = page.split("## Unverified\n").next().unwrap();
    let ids: Vec<_> = switchable.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(ids.len(), 15);
    for id in ids {
        assert!(elsewhere.contains(&id) || here.contains(&format!("(\"{id}\")")), "{id} is not tried");
    }
    Simulator::builder().doubt("nothing").unwrap_err();
}

#[tokio::test]
async fn sessions() {
    let (_sim, bot, wang) = chat("bot_may_end_session").await;
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, trans(4, None, &wang)).await, 95016);

    let (_sim, bot, wang) = chat("same_servicer_is_refused").await;
    bot.ok(op::SERVICE_STATE_TRANS, trans(3, Some("zhangsan"), &wang)).await;
    bot.ok(op::SERVICE_STATE_TRANS, trans(3, Some("zhangsan"), &wang)).await;

    let (sim, bot, wang) = chat("closed_window_is_95002").await;
    sim.advance(Duration::from_secs(49 * 3600));
    let bot = Bot { access_token: Bot::of(&sim).await.access_token, ..bot };
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "您好")).await, 95018);

    let (sim, _, wang) = chat("welcome_again_after_48_hours").await;
    sim.advance(Duration::from_secs(49 * 3600));
    assert_eq!(wang.enters(), None);
    assert!(sim.customer("小李").enters().is_some());
}

#[tokio::test]
async fn sending() {
    let (_sim, bot, wang) = chat("repeated_msgid_is_refused").await;
    let mut message = bot.text(&wang, "您好");
    message["msgid"] = json!("own-1");
    bot.ok(op::SEND_MSG, message.clone()).await;
    bot.ok(op::SEND_MSG, message).await;
    assert_eq!(wang.heard().len(), 2);

    let (sim, bot, _) = chat("event_reply_does_not_count").await;
    let li = sim.customer("小李");
    let code = li.enters().unwrap();
    li.says("你好");
    bot.ok(op::SEND_MSG_ON_EVENT, json!({ "code": code, "msgtype": "text", "text": { "content": "欢迎" } })).await;
    for _ in 0..4 {
        bot.ok(op::SEND_MSG, bot.text(&li, "您好")).await;
    }
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&li, "您好")).await, 95001);

    let card = json!({ "userid": "zhangsan" });
    let (_sim, bot, wang) = chat("business_card_is_limited").await;
    bot.ok(op::SEND_MSG, bot.message(&wang, "business_card", card.clone())).await;
    bot.ok(op::SEND_MSG, bot.message(&wang, "business_card", card.clone())).await;

    let (_sim, bot, wang) = chat("newer_kinds_can_be_sent").await;
    assert_eq!(bot.errcode(op::SEND_MSG, bot.message(&wang, "business_card", card)).await, 40008);
}

#[tokio::test]
async fn reading_accounts_and_replies() {
    let (sim, bot, _) = chat("bad_cursor_is_40058").await;
    assert_eq!(bot.errcode(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "cursor": "none" })).await, 50100);

    let (sim, bot, _) = chat("last_account_stays").await;
    bot.ok(op::ACCOUNT_DEL, json!({ "open_kfid": sim.open_kfid() })).await;

    let (_sim, bot, _) = chat("account_list_takes_get").await;
    let get = bot.http.get(bot.url(op::ACCOUNT_LIST)).query(&[("access_token", &bot.access_token)]);
    let reply: Value = get.send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["errcode"], 40058);

    let (sim, bot, _) = chat("success_has_errcode").await;
    let reply = bot.call(op::ACCOUNT_LIST, json!({})).await;
    assert!(
        reply["account_list"].is_array() && reply.get("errcode").is_none() && reply.get("errmsg").is_none(),
        "{reply}"
    );
    assert_eq!(sim.journal().pop().unwrap().errcode, Some(0));
    assert_eq!(bot.errcode(op::SYNC_MSG, json!({})).await, 40058);
}
