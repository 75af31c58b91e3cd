//! What is refused, and what is not: unknown fields, wrong shapes, empty members, the words of a refusal.

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Operation, Simulator, op};

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
        (op::SYNC_MSG, json!({ "open_kfid": "wk1", "cursor": 5 }), "field `cursor`"),
        (
            op::SYNC_MSG,
            json!({ "open_kfid": "x".repeat(65) }),
            "field `open_kfid`: at most 64 bytes of UTF-8 are allowed",
        ),
        (op::SYNC_MSG, json!({}), "missing field `open_kfid`"),
        (op::ACCOUNT_DEL, json!([]), ": the request is a list, but an object is expected"),
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
    assert_eq!(call.request(), "GET /kf/sync_msg");
}

/// A session in state 0 of a corp with a servicer, an offer that can be made, and a group of the knowledge base.
async fn corp(disabled: &[&str]) -> (Simulator, Bot, Customer, Value) {
    let builder = disabled.iter().fold(Simulator::builder(), |builder, id| builder.disable_assumption(id).unwrap());
    let sim = builder.servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    let group_id = bot.ok(op::KNOWLEDGE_ADD_GROUP, json!({ "name": "售后" })).await["group_id"].clone();
    (sim, bot, wang, group_id)
}

/// Requests as SDKs of typed languages send them: every member is there, the unused ones are empty.
fn with_empty_members(wang: &Customer, group_id: &Value) -> Vec<(Operation, Value)> {
    let (kf, user) = (wang.open_kfid(), wang.external_userid());
    let mut menu = json!({ "head_content": null, "tail_content": "", "list": [
        { "type": "click", "click": { "id": "", "content": "甲" }, "view": { "url": "", "content": "" } },
        { "type": "text", "text": { "content": "乙", "no_newline": null }, "miniprogram": null },
    ] });
    let send = |msgtype: &str, body: &Value| {
        json!({
            "touser": user, "open_kfid": kf, "msgid": null, "msgtype": msgtype, "image": { "media_id": "" },
            "voice": null, "file": {}, "link": [], "location": "", "text": { "content": "" }, "msgmenu": {}, msgtype: body,
        })
    };
    let sent_menu = send("msgmenu", &menu.take());
    let intent = json!({ "group_id": group_id, "question": { "text": { "content": "退款" } }, "similar_questions": { "items": null },
        "answers": [{ "text": { "content": "好" }, "attachments": null }] });
    vec![
        (
            op::SERVICE_STATE_TRANS,
            json!({ "open_kfid": kf, "external_userid": user, "service_state": 1, "servicer_userid": "" }),
        ),
        (
            op::SERVICE_STATE_TRANS,
            json!({ "open_kfid": kf, "external_userid": user, "service_state": 1, "servicer_userid": null }),
        ),
        (op::SEND_MSG, send("text", &json!({ "content": "您好" }))),
        (op::SEND_MSG, sent_menu),
        (op::ACCOUNT_LIST, json!({ "offset": null, "limit": "" })),
        (op::ACCOUNT_UPDATE, json!({ "open_kfid": kf, "name": "客服", "media_id": "" })),
        (op::SYNC_MSG, json!({ "open_kfid": kf, "cursor": null, "token": null, "limit": null, "voice_format": "" })),
        (op::ADD_CONTACT_WAY, json!({ "open_kfid": kf, "scene": null })),
        (op::CUSTOMER_BATCHGET, json!({ "external_userid_list": [user], "need_enter_session_context": null })),
        (op::GET_CORP_STATISTIC, json!({ "open_kfid": "", "start_time": 0, "end_time": 0 })),
        (op::SERVICER_ADD, json!({ "open_kfid": kf, "userid_list": ["zhangsan"], "department_id_list": null })),
        (op::KNOWLEDGE_LIST_GROUP, json!({ "cursor": "", "limit": null, "group_id": "" })),
        (op::KNOWLEDGE_LIST_INTENT, json!({ "cursor": null, "group_id": "", "intent_id": "" })),
        (op::KNOWLEDGE_ADD_INTENT, intent),
    ]
}

#[tokio::test]
async fn empty_optional_members_count_as_absent() {
    let (_sim, bot, wang, group_id) = corp(&[]).await;
    for (operation, body) in with_empty_members(&wang, &group_id) {
        let errcode = bot.errcode(operation, body.clone()).await;
        // The figures of a day before the corp began are refused for their time.
        assert!(errcode == 0 || operation == op::GET_CORP_STATISTIC, "{operation:?} {body}: {errcode}");
    }
    assert_eq!(wang.state(), 1);
    assert_eq!(wang.heard().len(), 2);
}

#[tokio::test]
async fn an_upgrade_with_an_empty_group_chat_is_taken() {
    let (sim, bot, wang, _) = corp(&[]).await;
    sim.set_upgrade_members(&["zhangsan"], &[]);
    for groupchat in [json!({ "chat_id": "", "wording": "" }), json!({ "chat_id": null }), json!(null), json!([])] {
        let offer = json!({ "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(), "type": 1,
            "member": { "userid": "zhangsan", "wording": "" }, "groupchat": groupchat });
        bot.ok(op::UPGRADE_SERVICE, offer).await;
    }
}

#[tokio::test]
async fn an_empty_msgid_and_empty_required_members_are_refused() {
    let (_sim, bot, wang, _) = corp(&[]).await;
    let mut message = bot.text(&wang, "您好");
    message["msgid"] = json!("");
    let reply = bot.call(op::SEND_MSG, message).await;
    assert_eq!(reply["errcode"], 40058);
    assert!(reply["errmsg"].as_str().unwrap().contains("field `msgid`"), "{reply}");
    for empty in [json!(""), json!(null), json!([]), json!({})] {
        assert_eq!(bot.errcode(op::ACCOUNT_DEL, json!({ "open_kfid": empty })).await, 40058, "{empty}");
        let message = bot.message(&wang, "image", json!({ "media_id": empty }));
        assert_eq!(bot.errcode(op::SEND_MSG, message).await, 40058, "{empty}");
    }
    assert_eq!(bot.errcode(op::SEND_MSG, bot.text(&wang, "")).await, 44004);
}

#[tokio::test]
async fn a_query_is_read_by_the_types_of_the_document() {
    let sim = Simulator::builder().account("甲").account("乙").account("丙").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let get = async |query: &[(&str, &str)]| {
        let request = bot.http.get(bot.url(op::ACCOUNT_LIST)).query(&[("access_token", &bot.access_token)]);
        request.query(query).send().await.unwrap().json::<Value>().await.unwrap()
    };
    for (query, expected) in [
        (&[("offset", "0"), ("limit", "100")][..], 3),
        (&[("offset", "1"), ("limit", "1")], 1),
        (&[("offset", "2")], 1),
        (&[("offset", ""), ("limit", "")], 3),
        (&[("limit", "2"), ("debug", "1")], 2),
    ] {
        let reply = get(query).await;
        assert_eq!(reply["account_list"].as_array().map(Vec::len), Some(expected), "{query:?}: {reply}");
    }
    for (query, named) in [(("limit", "ten"), "`limit`"), (("limit", "0"), "`limit`"), (("offset", "-1"), "`offset`")] {
        let reply = get(&[query]).await;
        assert_eq!(reply["errcode"], 40058);
        assert!(reply["errmsg"].as_str().unwrap().contains(named), "{reply}");
    }
}

#[tokio::test]
async fn a_refused_sync_msg_has_an_empty_list() {
    let sim = Simulator::start().await.unwrap();
    let mut bot = Bot::of(&sim).await;
    sim.fault(op::SYNC_MSG).errcode(45009);
    let injected = bot.call(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let stale_token = bot.call(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "token": "made up" })).await;
    let malformed = bot.request(op::SYNC_MSG, "{").send().await.unwrap().json().await.unwrap();
    bot.access_token = "unknown".to_owned();
    let unauthorised = bot.call(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    for (reply, errcode) in [(injected, 45009), (stale_token, 95007), (malformed, 40058), (unauthorised, 40014)] {
        assert_eq!((&reply["errcode"], &reply["msg_list"]), (&json!(errcode), &json!([])), "{reply}");
    }
    assert_eq!(bot.call(op::SEND_MSG, json!({})).await.get("msg_list"), None);
}

#[tokio::test]
async fn known_errmsgs_are_the_servers() {
    let (sim, bot, wang, _) = corp(&["assistant_again_is_accepted"]).await;
    let of = |state: i64| json!({ "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(), "service_state": state });
    bot.ok(op::SERVICE_STATE_TRANS, of(1)).await;
    let not_allowed = bot.call(op::SERVICE_STATE_TRANS, of(1)).await;
    bot.ok(op::SERVICE_STATE_TRANS, of(4)).await;
    let ended = bot.call(op::SERVICE_STATE_TRANS, of(1)).await;
    let stale = bot.call(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid(), "token": "made up" })).await;
    sim.fault(op::SYNC_MSG).errcode(95012);
    let foreign = bot.call(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    for (reply, errcode, errmsg) in [
        (not_allowed, 95016, "not allow transition state, hint: ["),
        (ended, 95013, "conversation end, hint: ["),
        (stale, 95007, "invalid msg token, hint: ["),
        (foreign, 95012, "not use in wecom, hint: ["),
    ] {
        assert_eq!(reply["errcode"], errcode);
        assert!(reply["errmsg"].as_str().unwrap().starts_with(errmsg), "{reply}");
    }
}
