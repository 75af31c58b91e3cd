//! Reading messages: pages, limits, cursors, retention.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn contents(page: &Value) -> Vec<&str> {
    page["msg_list"].as_array().unwrap().iter().map(|message| message["text"]["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_oldest_first() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    (0..5).for_each(|number| drop(wang.says(&number.to_string())));
    let read = |cursor: Value| {
        let bot = &bot;
        let request = json!({ "open_kfid": wang.open_kfid(), "limit": 2, "cursor": cursor });
        async move { bot.ok(op::SYNC_MSG, request).await }
    };
    let first = read(json!("")).await;
    assert_eq!((contents(&first), &first["has_more"]), (vec!["0", "1"], &json!(1)));
    let second = read(first["next_cursor"].clone()).await;
    assert_eq!((contents(&second), &second["has_more"]), (vec!["2", "3"], &json!(1)));
    let third = read(second["next_cursor"].clone()).await;
    assert_eq!((contents(&third), &third["has_more"]), (vec!["4"], &json!(0)));
    let end = read(third["next_cursor"].clone()).await;
    assert_eq!((contents(&end), &end["has_more"]), (vec![], &json!(0)));
    assert_eq!(end["next_cursor"], third["next_cursor"]);

    wang.says("5");
    assert_eq!(contents(&read(end["next_cursor"].clone()).await), ["5"]);
    assert_eq!(contents(&read(first["next_cursor"].clone()).await), ["2", "3"], "an old cursor reads again");
    assert!(end["next_cursor"].as_str().unwrap().len() <= 64);
}

#[tokio::test]
async fn without_limit_a_page_has_1000_messages() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    (0..1001).for_each(|number| drop(wang.says(&number.to_string())));
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": wang.open_kfid() })).await;
    assert_eq!((contents(&page).len(), &page["has_more"]), (1000, &json!(1)));
    for limit in [0, 1001] {
        let request = json!({ "open_kfid": wang.open_kfid(), "limit": limit });
        assert_eq!(bot.errcode(op::SYNC_MSG, request).await, 40058);
    }
}

#[tokio::test]
async fn a_cursor_belongs_to_its_account_and_its_simulator() {
    let sim = Simulator::builder().account("甲").account("乙").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let [first, second] = &sim.open_kfids()[..] else { panic!("two accounts") };
    let cursor = &bot.ok(op::SYNC_MSG, json!({ "open_kfid": first })).await["next_cursor"];
    let with = |open_kfid: &str, cursor: &Value| json!({ "open_kfid": open_kfid, "cursor": cursor });
    assert_eq!(bot.errcode(op::SYNC_MSG, with(first, cursor)).await, 0);
    assert_eq!(bot.errcode(op::SYNC_MSG, with(second, cursor)).await, 40058);
    assert_eq!(bot.errcode(op::SYNC_MSG, with(first, &json!("made up"))).await, 40058);
    assert_eq!(bot.errcode(op::SYNC_MSG, with(first, &json!("x".repeat(65)))).await, 40058);

    let other = Simulator::start().await.unwrap();
    let reply = Bot::of(&other).await.errcode(op::SYNC_MSG, with(&other.open_kfid(), cursor)).await;
    assert_eq!(reply, 40058);
}

#[tokio::test]
async fn a_cursor_from_the_future_of_the_same_seed_is_bad() {
    let old = Simulator::builder().seed(1).start().await.unwrap();
    old.customer("小王").says("你好");
    let request = json!({ "open_kfid": old.open_kfid() });
    let cursor = Bot::of(&old).await.ok(op::SYNC_MSG, request).await["next_cursor"].clone();
    let new = Simulator::builder().seed(1).start().await.unwrap();
    let request = json!({ "open_kfid": new.open_kfid(), "cursor": cursor });
    assert_eq!(Bot::of(&new).await.errcode(op::SYNC_MSG, request).await, 40058);
}

#[tokio::test]
async fn accounts_do_not_see_each_others_messages() {
    let sim = Simulator::builder().account("甲").account("乙").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let second = &sim.open_kfids()[1];
    let (here, there) = (sim.customer("小王"), sim.customer_of(second, "小王").unwrap());
    assert_ne!(here.external_userid(), there.external_userid());
    here.says("甲");
    there.says("乙");
    assert_eq!(contents(&bot.ok(op::SYNC_MSG, json!({ "open_kfid": second })).await), ["乙"]);
    assert_eq!(bot.errcode(op::SYNC_MSG, json!({})).await, 40058, "open_kfid is required");
    sim.customer_of("wkNobody", "小王").unwrap_err();
}

#[tokio::test]
async fn messages_are_kept_for_three_days() {
    let sim = Simulator::start().await.unwrap();
    let mut bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    let request = json!({ "open_kfid": wang.open_kfid() });
    let start = bot.ok(op::SYNC_MSG, request.clone()).await["next_cursor"].clone();
    wang.says("old");
    sim.advance(71 * HOUR);
    wang.says("new");
    bot.access_token = Bot::of(&sim).await.access_token;
    assert_eq!(contents(&bot.ok(op::SYNC_MSG, request.clone()).await), ["old", "new"]);
    sim.advance(HOUR + Duration::from_secs(1));
    let token = bot.gettoken(&sim).await["access_token"].as_str().unwrap().to_owned();
    bot.access_token = token;
    assert_eq!(contents(&bot.ok(op::SYNC_MSG, request).await), ["new"]);
    let from_start = json!({ "open_kfid": wang.open_kfid(), "cursor": start });
    assert_eq!(contents(&bot.ok(op::SYNC_MSG, from_start).await), ["new"], "a cursor into what is gone reads on");
}

#[tokio::test]
async fn a_callback_token_is_good_for_ten_minutes() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let with = |token: &str| json!({ "open_kfid": sim.open_kfid(), "token": token });
    let token = sim.sync_token();
    assert_eq!(bot.errcode(op::SYNC_MSG, with(&token)).await, 0);
    sim.advance(Duration::from_secs(599));
    assert_eq!(bot.errcode(op::SYNC_MSG, with(&token)).await, 0, "as often as one likes");
    sim.advance(Duration::from_secs(2));
    assert_eq!(bot.errcode(op::SYNC_MSG, with(&token)).await, 95007);
    assert_eq!(bot.errcode(op::SYNC_MSG, with("made up")).await, 95007);
}

#[tokio::test]
async fn an_empty_page_can_say_that_there_is_more() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    sim.customer("小王").says("你好");
    sim.empty_page_next();
    sim.empty_page_next();
    let mut cursors = vec![json!("")];
    for _ in 0..2 {
        let request = json!({ "open_kfid": sim.open_kfid(), "cursor": cursors.last() });
        let empty = bot.ok(op::SYNC_MSG, request).await;
        assert_eq!((contents(&empty), &empty["has_more"]), (vec![], &json!(1)));
        assert!(!cursors.contains(&empty["next_cursor"]), "the cursor goes on");
        cursors.push(empty["next_cursor"].clone());
    }
    let request = json!({ "open_kfid": sim.open_kfid(), "cursor": cursors.last() });
    let page = bot.ok(op::SYNC_MSG, request).await;
    assert_eq!((contents(&page), &page["has_more"]), (vec!["你好"], &json!(0)));
}

#[tokio::test]
async fn what_the_bot_sent_never_comes_back() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    bot.ok(op::SEND_MSG, bot.text(&wang, "在")).await;
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "voice_format": 1 })).await;
    assert_eq!(contents(&page), ["你好"]);
    assert_eq!(bot.errcode(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "voice_format": 2 })).await, 40058);
}
