//! Operations on servicers.

use serde_json::{Value, json};
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;

async fn listed(bot: &Bot, open_kfid: &str) -> Vec<Value> {
    let query = [("access_token", bot.access_token.as_str()), ("open_kfid", open_kfid)];
    let reply = bot.http.get(bot.url(op::SERVICER_LIST)).query(&query).send().await.unwrap();
    let reply: Value = reply.json().await.unwrap();
    assert_eq!(reply["errcode"], 0, "{reply}");
    reply["servicer_list"].as_array().unwrap().clone()
}

/// The entries of a reply as (id, errcode, errmsg is "success" or "ignored").
fn results(reply: &Value) -> Vec<(String, i64, bool)> {
    let results = reply["result_list"].as_array().unwrap().iter().map(|result| {
        let id = result.get("userid").or(result.get("department_id")).unwrap().to_string();
        let (errcode, errmsg) = (result["errcode"].as_i64().unwrap(), result["errmsg"].as_str().unwrap());
        assert_eq!(errcode == 0, ["success", "ignored"].contains(&errmsg), "{result}");
        (id, errcode, errmsg == "success")
    });
    results.collect()
}

#[tokio::test]
async fn servicers_come_and_go_each_with_an_outcome() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let open_kfid = sim.open_kfid();
    sim.member("zhangsan");
    sim.member("lisi");
    sim.department(2, &[]);
    assert_eq!(listed(&bot, &open_kfid).await, Vec::<Value>::new());

    let long = "x".repeat(65);
    let both = json!({
        "open_kfid": open_kfid, "userid_list": ["zhangsan", "nobody", "zhangsan", long], "department_id_list": [2, 4],
    });
    let expected = [
        ("\"zhangsan\"".to_owned(), 0, true),
        ("\"nobody\"".to_owned(), 60111, false),
        ("\"zhangsan\"".to_owned(), 0, false),
        (format!("{long:?}"), 40031, false),
        ("2".to_owned(), 0, true),
        ("4".to_owned(), 60123, false),
    ];
    assert_eq!(results(&bot.ok(op::SERVICER_ADD, both).await), expected);
    let list = listed(&bot, &open_kfid).await;
    assert_eq!(list, [json!({ "userid": "zhangsan", "status": 0 }), json!({ "department_id": 2 })]);

    let del =
        json!({ "open_kfid": open_kfid, "userid_list": ["zhangsan", "lisi", "nobody"], "department_id_list": [2] });
    let expected = [
        ("\"zhangsan\"".to_owned(), 0, true),
        ("\"lisi\"".to_owned(), 0, false),
        ("\"nobody\"".to_owned(), 0, false),
        ("2".to_owned(), 0, true),
    ];
    assert_eq!(results(&bot.ok(op::SERVICER_DEL, del).await), expected);
    assert_eq!(listed(&bot, &open_kfid).await, Vec::<Value>::new());
}

#[tokio::test]
async fn lists_must_not_be_empty_nor_long() {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let many: Vec<_> = (0..101).map(|number| format!("m{number}")).collect();
    let cases = [
        (json!({}), 40058),
        (json!({ "userid_list": [], "department_id_list": [] }), 40058),
        (json!({ "userid_list": many }), 40058),
        (json!({ "department_id_list": (0..101).collect::<Vec<_>>() }), 40058),
        (json!({ "userid_list": many[1..] }), 0),
        (json!({ "userid_list": ["zhangsan"], "open_kfid": "wkNobody" }), 95004),
    ];
    for operation in [op::SERVICER_ADD, op::SERVICER_DEL] {
        for (mut body, errcode) in cases.clone() {
            if body.get("open_kfid").is_none() {
                body["open_kfid"] = json!(sim.open_kfid());
            }
            assert_eq!(bot.errcode(operation, body.clone()).await, errcode, "{operation:?} {body}");
        }
    }
}

#[tokio::test]
async fn an_account_has_at_most_2000_members_and_20_departments() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let open_kfid = sim.open_kfid();
    let names: Vec<_> = (0..2001).map(|number| format!("m{number}")).collect();
    names.iter().for_each(|name| drop(sim.member(name)));
    for some in names[..2000].chunks(100) {
        let reply = bot.ok(op::SERVICER_ADD, json!({ "open_kfid": open_kfid, "userid_list": some })).await;
        assert_eq!(results(&reply).iter().filter(|(_, _, success)| *success).count(), 100);
    }
    let add = |name: &str| json!({ "open_kfid": open_kfid, "userid_list": [name, "nobody"] });
    assert_eq!(bot.errcode(op::SERVICER_ADD, add("m2000")).await, 95020);
    assert_eq!(bot.errcode(op::SERVICER_ADD, add("m7")).await, 0, "who is there takes no room");

    (0..21).for_each(|id| sim.department(id, &[]));
    let add = |ids: Vec<u64>| json!({ "open_kfid": open_kfid, "department_id_list": ids });
    assert_eq!(bot.errcode(op::SERVICER_ADD, add((0..21).collect())).await, 95020);
    assert_eq!(bot.errcode(op::SERVICER_ADD, add((0..20).collect())).await, 0);
    assert_eq!(listed(&bot, &open_kfid).await.len(), 2020);
}

#[tokio::test]
async fn the_list_says_who_receives_and_numbers_it_otherwise_than_the_event() {
    let sim = Simulator::builder().servicer("lisi").servicer("wangwu").servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    sim.servicer("lisi").stops();
    sim.servicer("wangwu").suspends();
    let expected = [
        json!({ "userid": "lisi", "status": 1, "stop_type": 0 }),
        json!({ "userid": "wangwu", "status": 1, "stop_type": 1 }),
        json!({ "userid": "zhangsan", "status": 0 }),
    ];
    assert_eq!(listed(&bot, &sim.open_kfid()).await, expected);

    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let event = &page["msg_list"][1]["event"];
    assert_eq!((&event["status"], &event["stop_type"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn only_who_serves_the_account_is_given_its_sessions() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("转人工");
    sim.department(7, &["lisi"]);
    let zhangsan = sim.member("zhangsan");
    let to = |userid: &str| {
        let mut body = json!({ "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid() });
        body["service_state"] = json!(3);
        body["servicer_userid"] = json!(userid);
        body
    };
    for userid in ["zhangsan", "lisi", "nobody"] {
        assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, to(userid)).await, 95014, "{userid}");
    }
    let add = json!({ "open_kfid": sim.open_kfid(), "userid_list": ["zhangsan"], "department_id_list": [7] });
    bot.ok(op::SERVICER_ADD, add).await;
    zhangsan.suspends();
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, to("zhangsan")).await, 95019);
    assert_eq!(bot.errcode(op::SERVICE_STATE_TRANS, to("lisi")).await, 0, "by the department");
    zhangsan.resumes();
    sim.servicer("lisi").transfers(&wang, "zhangsan").unwrap();
    assert_eq!(wang.servicer_userid().as_deref(), Some("zhangsan"));
}

#[tokio::test]
async fn a_new_account_has_no_servicers() {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let added = bot.ok(op::ACCOUNT_ADD, json!({ "name": "售后", "media_id": sim.media_id() })).await;
    assert_eq!(listed(&bot, added["open_kfid"].as_str().unwrap()).await, Vec::<Value>::new());
    assert_eq!(listed(&bot, &sim.open_kfid()).await.len(), 1);
    sim.servicer("zhangsan").stops();
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": added["open_kfid"] })).await;
    assert_eq!(page["msg_list"], json!([]), "only where they serve");
}

#[tokio::test]
async fn the_list_is_also_had_by_post() {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let by_body = bot.ok(op::SERVICER_LIST, json!({ "open_kfid": sim.open_kfid() })).await;
    let query = [("open_kfid", sim.open_kfid())];
    let by_query = bot.request(op::SERVICER_LIST, "").query(&query).send().await.unwrap();
    assert_eq!(by_query.json::<Value>().await.unwrap(), by_body);
    assert_eq!(by_body["servicer_list"].as_array().unwrap().len(), 1);

    let get = |query: &'static [(&'static str, &'static str)]| {
        bot.http.get(bot.url(op::SERVICER_LIST)).query(&[("access_token", &bot.access_token)]).query(query).send()
    };
    for (query, errcode) in [(&[][..], 40058), (&[("open_kfid", "wkNobody")], 95004), (&[("open_kfid", "x")], 95000)] {
        assert_eq!(get(query).await.unwrap().json::<Value>().await.unwrap()["errcode"], errcode);
    }
}
