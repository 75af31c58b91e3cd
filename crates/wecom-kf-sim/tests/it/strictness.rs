use serde_json::{Value, json};
use wecom_kf_sim::{Operation, Simulator, op};

use crate::bot::Bot;

#[tokio::test]
async fn a_field_the_document_does_not_know_is_refused_and_named() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    let mut nested = bot.text(&wang, "您好");
    nested["text"]["colour"] = json!("red");
    let cases = [(op::ACCOUNT_LIST, json!({ "ofset": 1 }), "`ofset`"), (op::SEND_MSG, nested, "`text.colour`")];
    for (operation, body, named) in cases {
        let reply = bot.call(operation, body).await;
        assert_eq!(reply["errcode"], 40058);
        let errmsg = reply["errmsg"].as_str().unwrap();
        assert!(errmsg.contains("the simulator is stricter than WeCom: unknown field"), "{errmsg}");
        assert!(errmsg.contains(named), "{errmsg}");
    }
}

#[tokio::test]
async fn the_field_that_is_wrong_is_named() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let text = json!({ "content": "您好" });
    let cases: [(Operation, Value, &str); 10] = [
        (op::SEND_MSG, json!({ "touser": "wm1", "open_kfid": "wk1", "text": text }), "missing field `msgtype`"),
        (op::SEND_MSG, json!({ "touser": "wm1", "msgtype": "text", "text": text }), "missing field `open_kfid`"),
        (op::SEND_MSG, json!({ "touser": "wm1", "open_kfid": "wk1", "msgtype": "text", "text": {} }), "content`"),
        (op::SEND_MSG, json!({ "msgtype": "text", "open_kfid": "wk1" }), "missing field `touser`"),
        (op::SEND_MSG, json!({ "touser": "", "msgtype": "text", "open_kfid": "wk1" }), "field `touser`"),
        (op::SYNC_MSG, json!({ "open_kfid": "wk1", "limit": "ten" }), "field `limit`"),
        (op::SYNC_MSG, json!({ "open_kfid": "wk1", "cursor": null }), "field `cursor`"),
        (
            op::SYNC_MSG,
            json!({ "open_kfid": "x".repeat(65) }),
            "field `open_kfid`: at most 64 bytes of UTF-8 are allowed",
        ),
        (op::SYNC_MSG, json!({}), "missing field `open_kfid`"),
        (op::ACCOUNT_DEL, json!([]), ": the request is not of type"),
    ];
    for (operation, body, named) in cases {
        let reply = bot.call(operation, body).await;
        assert_eq!(reply["errcode"], 40058);
        assert!(reply["errmsg"].as_str().unwrap().contains(named), "{reply}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    for body in ["", "{", "touser=1", "\u{feff}{}"] {
        let reply = bot.request(op::ACCOUNT_LIST, body).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.json::<Value>().await.unwrap()["errcode"], 40058, "{body:?}");
    }
    let large = bot.request(op::ACCOUNT_LIST, "x".repeat(1024 * 1024 + 1)).send().await.unwrap();
    assert_eq!(large.json::<Value>().await.unwrap()["errcode"], 40206);
}

#[tokio::test]
async fn a_bad_token_goes_before_a_bad_body() {
    let sim = Simulator::start().await.unwrap();
    let mut bot = Bot::of(&sim).await;
    bot.access_token = "unknown".to_owned();
    let reply: Value = bot.request(op::SEND_MSG, "{").send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["errcode"], 40014);
}

#[tokio::test]
async fn errmsg_is_in_the_servers_style() {
    let sim = Simulator::builder().seed(1).start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let reply = bot.call(op::SYNC_MSG, json!({ "open_kfid": "wk1", "token": "made up" })).await;
    let errmsg = reply["errmsg"].as_str().unwrap();
    let (what, rest) = errmsg.split_once(", hint: [").unwrap();
    let (hint, rest) = rest.split_once(']').unwrap();
    assert!(!what.is_empty());
    assert!(hint.len() == 19 && hint.bytes().all(|byte| byte.is_ascii_digit()), "{hint}");
    assert_eq!(rest, ", from ip: 127.0.0.1, more info at https://open.work.weixin.qq.com/devtool/query?e=95004");
}

#[tokio::test]
async fn a_path_that_is_none_is_a_404_with_a_hint() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let reply = bot.http.get(format!("{}/kf/sync_msg?access_token=x", sim.base_url())).send().await.unwrap();
    assert_eq!(reply.status(), 404);
    let hint: Value = reply.json().await.unwrap();
    assert_eq!(hint["operations"].as_array().unwrap().len(), op::ALL.len());
    assert_eq!((sim.requests(), sim.calls(op::SYNC_MSG)), (2, 0));
    let call = sim.journal().pop().unwrap();
    assert_eq!((call.operation, call.status, call.errcode), ("unknown_path", 404, None));
    assert_eq!(call.request, "GET /kf/sync_msg");
}
