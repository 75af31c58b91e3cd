//! Reading what is known of customers.

use std::time::Duration;

use serde_json::{Value, json};
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn customers_are_shown_as_they_are() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let (wang, li, silent) = (sim.customer("小王"), sim.customer("小李"), sim.customer("不说话"));
    wang.says("你好");
    wang.set_gender(1);
    wang.set_unionid(Some("oUnion"));
    wang.set_avatar(Some("http://a.example/0"));
    li.says("你好");
    li.set_avatar(None);
    let ids = [wang.external_userid(), "wmNobody", li.external_userid(), silent.external_userid()];
    let reply = bot.ok(op::CUSTOMER_BATCHGET, json!({ "external_userid_list": ids })).await;
    let expected = json!([
        {
            "external_userid": ids[0], "nickname": "小王", "gender": 1, "unionid": "oUnion",
            "avatar": "http://a.example/0",
        },
        { "external_userid": ids[2], "nickname": "小李", "gender": 0 },
    ]);
    assert_eq!(reply["customer_list"], expected);
    assert_eq!(reply["invalid_external_userid"], json!(["wmNobody", silent.external_userid()]));
    silent.enters();
    let reply = bot.ok(op::CUSTOMER_BATCHGET, json!({ "external_userid_list": [silent.external_userid()] })).await;
    assert!(reply["customer_list"][0]["avatar"].as_str().unwrap().starts_with("http://avatar.example/"));
}

#[tokio::test]
async fn at_most_100_are_shown_at_once() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    for (count, errcode) in [(0, 40058), (1, 0), (100, 0), (101, 40058)] {
        let ids: Vec<_> = (0..count).map(|number| format!("wm{number}")).collect();
        let body = json!({ "external_userid_list": ids });
        assert_eq!(bot.errcode(op::CUSTOMER_BATCHGET, body).await, errcode, "{count}");
    }
}

#[tokio::test]
async fn the_context_of_the_last_entering_is_there_for_48_hours_if_asked_for() {
    let sim = Simulator::builder().token_lifetime(99 * HOUR).start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    let link = bot.ok(op::ADD_CONTACT_WAY, json!({ "open_kfid": sim.open_kfid(), "scene": "a" })).await;
    wang.enters_from_channels(1, "某号");
    wang.enters_by(&format!("{}&scene_param=b", link["url"].as_str().unwrap())).unwrap();
    let context = async |wanted: Value| {
        let body = json!({ "external_userid_list": [wang.external_userid()], "need_enter_session_context": wanted });
        let reply = bot.ok(op::CUSTOMER_BATCHGET, body).await;
        reply["customer_list"][0].get("enter_session_context").cloned()
    };
    assert_eq!(context(json!(1)).await, Some(json!({ "scene": "a", "scene_param": "b" })));
    assert_eq!(context(json!(0)).await, None);
    sim.advance(48 * HOUR - Duration::from_secs(60));
    assert!(context(json!(1)).await.is_some());
    wang.says("你好");
    sim.advance(Duration::from_secs(61));
    assert_eq!(context(json!(1)).await, None, "but the customer can still be read");
    sim.advance(48 * HOUR);
    let body = json!({ "external_userid_list": [wang.external_userid()] });
    let reply = bot.ok(op::CUSTOMER_BATCHGET, body).await;
    assert_eq!(reply["customer_list"], json!([]));
    assert_eq!(reply["invalid_external_userid"], json!([wang.external_userid()]), "no contact in 48 hours");
}
