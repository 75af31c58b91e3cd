//! Operations on accounts.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;

#[tokio::test]
async fn accounts_come_change_and_go() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let added = bot.ok(op::ACCOUNT_ADD, json!({ "name": "售后", "media_id": sim.media_id() })).await;
    let open_kfid = added["open_kfid"].as_str().unwrap();
    assert_eq!(sim.open_kfids(), [sim.open_kfid(), open_kfid.to_owned()]);

    let before = listed(&bot, json!({})).await;
    bot.ok(op::ACCOUNT_UPDATE, json!({ "open_kfid": open_kfid, "name": "售后二" })).await;
    bot.ok(op::ACCOUNT_UPDATE, json!({ "open_kfid": sim.open_kfid(), "media_id": sim.media_id() })).await;
    let after = listed(&bot, json!({})).await;
    assert_eq!((&after[0]["name"], &after[1]["name"]), (&json!("小店"), &json!("售后二")));
    assert_ne!(after[0]["avatar"], before[0]["avatar"]);
    assert_eq!(after[1]["avatar"], before[1]["avatar"], "what is left out stays");

    bot.ok(op::ACCOUNT_DEL, json!({ "open_kfid": open_kfid })).await;
    assert_eq!(listed(&bot, json!({})).await.len(), 1);
    for operation in [op::ACCOUNT_DEL, op::ACCOUNT_UPDATE, op::SYNC_MSG] {
        assert_eq!(bot.errcode(operation, json!({ "open_kfid": open_kfid })).await, 95004, "{operation:?}");
        assert_eq!(bot.errcode(operation, json!({ "open_kfid": "nonsense" })).await, 95000, "{operation:?}");
    }
    assert_eq!(bot.errcode(op::ACCOUNT_DEL, json!({ "open_kfid": sim.open_kfid() })).await, 95005);
}

#[tokio::test]
async fn bad_names_and_media_are_refused() {
    let sim = Simulator::start().await.unwrap();
    let old_media = sim.media_id();
    sim.advance(Duration::from_secs(3 * 24 * 60 * 60 - 60));
    let bot = Bot::of(&sim).await;
    let cases = [
        ("  ", sim.media_id(), 95006),
        ("十七个字的名字太长了所以会被拒绝掉", sim.media_id(), 95006),
        ("售后", "unknown".to_owned(), 40007),
        ("售后", "x".repeat(129), 40058),
    ];
    for (name, media_id, errcode) in cases {
        for (operation, rest) in
            [(op::ACCOUNT_ADD, json!({})), (op::ACCOUNT_UPDATE, json!({ "open_kfid": sim.open_kfid() }))]
        {
            let mut body = rest;
            body["name"] = json!(name);
            body["media_id"] = json!(media_id);
            assert_eq!(bot.errcode(operation, body).await, errcode, "{operation:?} {name}");
        }
    }
    // An update may leave the name out, and an empty one counts as absent.
    let unnamed = json!({ "open_kfid": sim.open_kfid(), "name": "", "media_id": sim.media_id() });
    assert_eq!(bot.errcode(op::ACCOUNT_ADD, unnamed.clone()).await, 40058);
    assert_eq!(bot.errcode(op::ACCOUNT_UPDATE, unnamed).await, 0);
    assert_eq!(bot.errcode(op::ACCOUNT_ADD, json!({ "name": "售后", "media_id": old_media })).await, 0);
    let unpictured = json!({ "name": "无头像", "media_id": "" });
    assert_eq!(bot.errcode(op::ACCOUNT_ADD, unpictured).await, 0, "SDKs send it empty");
    assert_eq!(bot.errcode(op::ACCOUNT_ADD, json!({ "name": "无头像" })).await, 40058);
    sim.advance(Duration::from_secs(61));
    assert_eq!(bot.errcode(op::ACCOUNT_ADD, json!({ "name": "售后", "media_id": old_media })).await, 40007);
    assert_eq!(sim.open_kfids().len(), 3);
}

#[tokio::test]
async fn a_corp_has_at_most_5000_accounts() {
    let mut builder = Simulator::builder();
    for number in 0..4999 {
        builder = builder.account(number.to_string());
    }
    let sim = builder.start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let add = json!({ "name": "售后", "media_id": sim.media_id() });
    assert_eq!(bot.errcode(op::ACCOUNT_ADD, add.clone()).await, 0);
    assert_eq!(bot.errcode(op::ACCOUNT_ADD, add).await, 95005);
}

#[tokio::test]
async fn the_list_is_paged_by_offset_and_limit() {
    let builder = (0..250).fold(Simulator::builder(), |builder, number| builder.account(number.to_string()));
    let sim = builder.start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let name = |account: &Value| account["name"].as_str().unwrap().parse::<usize>().unwrap();
    let cases = [
        (json!({}), 0..100),
        (json!({ "offset": 100 }), 100..200),
        (json!({ "offset": 200, "limit": 100 }), 200..250),
        (json!({ "offset": 3, "limit": 2 }), 3..5),
        (json!({ "offset": 250 }), 0..0),
    ];
    for (request, expected) in cases {
        let names: Vec<_> = listed(&bot, request.clone()).await.iter().map(name).collect();
        assert_eq!(names, expected.collect::<Vec<_>>(), "{request}");
    }
    for limit in [0, 101] {
        assert_eq!(bot.errcode(op::ACCOUNT_LIST, json!({ "limit": limit })).await, 40058);
    }
}

#[tokio::test]
async fn the_list_is_also_had_by_get_but_nothing_else_is() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let get = |operation| bot.http.get(bot.url(operation)).query(&[("access_token", &bot.access_token)]).send();
    let list: Value = get(op::ACCOUNT_LIST).await.unwrap().json().await.unwrap();
    assert_eq!(list["account_list"].as_array().unwrap().len(), 1);
    let sync: Value = get(op::SYNC_MSG).await.unwrap().json().await.unwrap();
    assert_eq!(sync["errcode"], 40058);
    let post: Value = bot.http.post(bot.url(op::GETTOKEN)).send().await.unwrap().json().await.unwrap();
    assert_eq!(post["errcode"], 40058);
}

async fn listed(bot: &Bot, request: Value) -> Vec<Value> {
    bot.ok(op::ACCOUNT_LIST, request).await["account_list"].as_array().unwrap().clone()
}
