//! Tokens and secrets are in no journal, `Debug` or errmsg.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use serde_json::json;
use wecom_kf_sim::{Corp, Simulator, op};

use crate::bot::Bot;

const SECRET: &str = "canary-of-the-secret-0123456789";

#[tokio::test]
async fn journal_debug_and_errmsg_show_no_token_and_no_secret() {
    let told = Arc::new(Mutex::new(String::new()));
    let listener = told.clone();
    let builder = Simulator::builder().corp("ww1", SECRET).on_call(move |call| {
        listener.lock().unwrap().push_str(&format!("{call:?}"));
    });
    let builder_shown = format!("{builder:?}");
    let sim = builder.start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    let (token, sync_token) = (bot.access_token.as_str(), sim.sync_token());

    // Wherever a careless client may put them.
    let misplaced = json!({ "open_kfid": sim.open_kfid(), token: 1, "list": [token] });
    let errmsgs = [
        bot.call(op::SYNC_MSG, misplaced).await,
        bot.call(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), SECRET: SECRET })).await,
        bot.call(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "token": sync_token })).await,
        bot.call(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "token": "canary-of-another-token" })).await,
        bot.call(op::SYNC_MSG, json!({ "open_kfid": token })).await,
        bot.call(op::SEND_MSG, bot.text(&wang, &format!("my token is {token}"))).await,
    ];
    bot.request(op::SEND_MSG, format!("not JSON: {token}")).send().await.unwrap();
    let file = Part::bytes(token.as_bytes().to_vec()).file_name(format!("{token}.txt")).mime_str("text/plain").unwrap();
    let upload = bot.request(op::MEDIA_UPLOAD, "").query(&[("type", "file"), ("note", SECRET)]);
    upload.multipart(Form::new().part("media", file)).send().await.unwrap();
    let broken = bot.request(op::MEDIA_UPLOAD, format!("--x\r\n{token} {SECRET}"));
    broken.header("content-type", "multipart/form-data; boundary=x").send().await.unwrap();
    bot.http.get(bot.url(op::MEDIA_GET)).query(&[("access_token", token), ("media_id", token)]).send().await.unwrap();
    bot.http.get(format!("{}/{token}?corpsecret={SECRET}", sim.base_url())).send().await.unwrap();
    sim.revoke_token();
    bot.call(op::ACCOUNT_LIST, json!({ "token": token })).await;

    let journal = sim.journal();
    assert_eq!(journal.len(), 13);
    assert_eq!(journal[8].request()["filename"], "***.txt");
    assert_eq!(journal[0].request(), json!({ "corpid": "ww1" }));
    assert_eq!(journal[1].request()["list"], json!(["***"]));
    let shown = format!(
        "{journal:?} {errmsgs:?} {sim:?} {wang:?} {:?} {:?} {builder_shown} {}",
        sim.servicer("zhangsan"),
        sim.fault(op::SEND_MSG),
        told.lock().unwrap(),
    );
    // A part of a token would be bad enough.
    for canary in [SECRET, &token[..40], &sync_token[..20], "canary-of-another-token"] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}

#[tokio::test]
async fn the_journal_has_every_call_in_order() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    bot.ok(op::ACCOUNT_LIST, json!({ "limit": 5 })).await;
    bot.errcode(op::SYNC_MSG, json!({})).await;
    let journal = sim.journal();
    let calls: Vec<_> = journal.iter().map(|call| (call.operation, call.errcode, call.status)).collect();
    assert_eq!(calls, [("gettoken", Some(0), 200), ("account_list", Some(0), 200), ("sync_msg", Some(40058), 200)]);
    assert_eq!(journal[1].request(), json!({ "limit": 5 }));
    assert!(journal[1].at.abs_diff(sim.now()) <= 2);
}

#[tokio::test]
async fn what_stands_in_a_query_or_a_file_name_is_masked_too() {
    let sim = Simulator::builder().corp("ww1", SECRET).start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let token = bot.access_token.as_str();
    let query = [("access_token", token), ("open_kfid", token), ("type", SECRET)];
    for operation in [op::SERVICER_LIST, op::MEDIA_GET] {
        bot.http.get(bot.url(operation)).query(&query).header("range", SECRET).send().await.unwrap();
    }
    let part = reqwest::multipart::Part::bytes(SECRET.as_bytes()).file_name(token.to_owned());
    let form = reqwest::multipart::Form::new().part("media", part.mime_str("text/plain").unwrap());
    bot.http.post(bot.url(op::MEDIA_UPLOAD)).query(&query).multipart(form).send().await.unwrap();
    let journal = sim.journal();
    assert_eq!(journal.len(), 4);
    assert_eq!(journal[1].request(), json!({ "open_kfid": "***", "type": "***", "Range": "***" }));
    let shown = format!("{journal:?}");
    for canary in [SECRET, &token[..40]] {
        assert!(!shown.contains(canary), "{canary} in {shown}");
    }
}

#[tokio::test]
async fn old_foreign_and_escaped_tokens_are_masked_too() {
    let builder = Simulator::builder().corp("ww1", SECRET).another(Corp::new("ww2", "the-other-secret"));
    let sim = builder.fresh_token_each_time().manual_clock().start().await.unwrap();
    let (old, foreign) = (Bot::of(&sim).await.access_token, Bot::of(&sim.corp("ww2").unwrap()).await.access_token);
    let old_sync_token = sim.sync_token();
    sim.advance(Duration::from_secs(30 * 24 * 60 * 60));
    let bot = Bot::of(&sim).await;
    (0..100).for_each(|_| drop(sim.sync_token()));
    let wang = sim.customer("小王");
    wang.says("你好");
    let escaped = format!("\\u{:04x}{}", u32::from(old.as_bytes()[0]), &old[1..]);
    let canaries = [&old, &foreign, &old_sync_token, SECRET, "the-other-secret", &escaped];
    let body = bot.text(&wang, "CANARIES").to_string().replace("CANARIES", &canaries.join(" "));
    bot.request(op::SEND_MSG, body).send().await.unwrap();
    let call = sim.journal().pop().unwrap();
    assert_eq!(call.errcode, Some(0));
    assert_eq!(call.request()["text"]["content"], ["***"; 6].join(" "));
}
