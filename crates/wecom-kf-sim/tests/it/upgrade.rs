//! The upgrade service: configuration, offer, withdrawal.

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Operation, Simulator, UpgradeOffer, op};

use crate::bot::Bot;

async fn get(bot: &Bot, operation: Operation) -> Value {
    let request = bot.http.get(bot.url(operation)).query(&[("access_token", &bot.access_token)]);
    request.send().await.unwrap().json().await.unwrap()
}

fn request(customer: &Customer, members: Value) -> Value {
    let mut body = members;
    body["open_kfid"] = json!(customer.open_kfid());
    body["external_userid"] = json!(customer.external_userid());
    body
}

#[tokio::test]
async fn the_settings_are_what_the_configuration_says() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let config = get(&bot, op::GET_UPGRADE_SERVICE_CONFIG).await;
    assert_eq!(config, json!({ "errcode": 0, "errmsg": "ok" }));
    sim.set_upgrade_members(&["zhangsan"], &[2, 3]);
    sim.set_upgrade_groupchats(&["wrGroup"]);
    let config = get(&bot, op::GET_UPGRADE_SERVICE_CONFIG).await;
    assert_eq!(config["member_range"], json!({ "userid_list": ["zhangsan"], "department_id_list": [2, 3] }));
    assert_eq!(config["groupchat_range"], json!({ "chat_id_list": ["wrGroup"] }));
}

#[tokio::test]
async fn what_is_offered_can_be_taken_until_it_is_cancelled() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    sim.set_upgrade_members(&["zhangsan"], &[2]);
    sim.department(2, &["lisi"]);
    sim.set_upgrade_groupchats(&["wrGroup"]);
    assert_eq!(wang.upgrade_offer(), None);
    wang.accepts_upgrade().unwrap_err();

    let offer = json!({ "type": 1, "member": { "userid": "zhangsan", "wording": "专人服务" } });
    bot.ok(op::UPGRADE_SERVICE, request(&wang, offer)).await;
    let Some(UpgradeOffer::Member { userid, wording, .. }) = wang.upgrade_offer() else { panic!("no member") };
    assert_eq!((userid.as_str(), wording.as_deref()), ("zhangsan", Some("专人服务")));
    let offer = json!({ "type": 1, "member": { "userid": "lisi" } });
    let (offered, _) = tokio::join!(wang.is_offered("lisi"), bot.ok(op::UPGRADE_SERVICE, request(&wang, offer)));
    assert_eq!(offered.unwrap(), UpgradeOffer::Member { userid: "lisi".to_owned(), wording: None });
    let offer = json!({ "type": 2, "groupchat": { "chat_id": "wrGroup" } });
    bot.ok(op::UPGRADE_SERVICE, request(&wang, offer)).await;
    let Some(UpgradeOffer::Groupchat { chat_id, wording, .. }) = wang.upgrade_offer() else { panic!("no group") };
    assert_eq!((chat_id.as_str(), wording), ("wrGroup", None));

    wang.accepts_upgrade().unwrap();
    wang.accepts_upgrade().unwrap_err();
    bot.ok(op::CANCEL_UPGRADE_SERVICE, request(&wang, json!({}))).await;
    assert_eq!(wang.upgrade_offer(), None);
    bot.ok(op::CANCEL_UPGRADE_SERVICE, request(&wang, json!({}))).await;
}

#[tokio::test]
async fn what_cannot_be_offered_is_refused() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    sim.set_upgrade_members(&["zhangsan"], &[2]);
    let member = json!({ "type": 1, "member": { "userid": "zhangsan" } });
    let stranger = json!({ "open_kfid": sim.open_kfid(), "external_userid": "wmNobody" });
    let stranger = |mut members: Value| {
        members["open_kfid"] = stranger["open_kfid"].clone();
        members["external_userid"] = stranger["external_userid"].clone();
        members
    };
    let cases = [
        ("member not configured", request(&wang, json!({ "type": 1, "member": { "userid": "lisi" } })), 95021),
        ("group not configured", request(&wang, json!({ "type": 2, "groupchat": { "chat_id": "wrGroup" } })), 95021),
        ("group for a member", request(&wang, json!({ "type": 1, "groupchat": { "chat_id": "wrGroup" } })), 40058),
        ("member for a group", request(&wang, json!({ "type": 2, "member": { "userid": "zhangsan" } })), 40058),
        ("no such type", request(&wang, json!({ "type": 3, "member": { "userid": "zhangsan" } })), 40058),
        ("nobody's customer", stranger(member.clone()), 40096),
    ];
    for (what, body, errcode) in cases {
        assert_eq!(bot.errcode(op::UPGRADE_SERVICE, body).await, errcode, "{what}");
    }
    assert_eq!(bot.errcode(op::CANCEL_UPGRADE_SERVICE, stranger(json!({}))).await, 40096);
    assert_eq!(wang.upgrade_offer(), None);
    sim.manage_upgrade_in_console();
    assert_eq!(bot.errcode(op::UPGRADE_SERVICE, request(&wang, member)).await, 95015);
}

#[tokio::test]
async fn the_qualification_says_whether_channels_are_bound() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    assert_eq!(get(&bot, op::GET_CORP_QUALIFICATION).await["wechat_channels_binding"], false);
    sim.bind_wechat_channels();
    assert_eq!(get(&bot, op::GET_CORP_QUALIFICATION).await["wechat_channels_binding"], true);
}
