//! Links for customers, and the event of entering by one.

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Simulator, op};

use crate::bot::Bot;

async fn link(bot: &Bot, sim: &Simulator, scene: Option<&str>) -> String {
    let mut body = json!({ "open_kfid": sim.open_kfid() });
    scene.into_iter().for_each(|scene| body["scene"] = json!(scene));
    bot.ok(op::ADD_CONTACT_WAY, body).await["url"].as_str().unwrap().to_owned()
}

/// The last event, without the code.
async fn event(bot: &Bot, customer: &Customer) -> Value {
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": customer.open_kfid() })).await;
    let mut event = page["msg_list"].as_array().unwrap().last().unwrap()["event"].clone();
    event.as_object_mut().unwrap().remove("welcome_code");
    event
}

fn entered(customer: &Customer, members: Value) -> Value {
    let mut event = members;
    event["event_type"] = json!("enter_session");
    event["open_kfid"] = json!(customer.open_kfid());
    event["external_userid"] = json!(customer.external_userid());
    event
}

#[tokio::test]
async fn who_comes_by_a_link_brings_its_scene_and_what_was_appended() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    let (with_scene, without) = (link(&bot, &sim, Some("web_footer-1")).await, link(&bot, &sim, None).await);
    assert!(with_scene.starts_with("https://work.weixin.qq.com/kf/kfc"), "{with_scene}");
    assert!(with_scene.contains("?enc_scene=ENC"), "{with_scene}");
    assert_eq!(with_scene, link(&bot, &sim, Some("web_footer-1")).await);
    assert_ne!(with_scene, link(&bot, &sim, Some("web_footer-2")).await);

    let code = wang.enters_by(&with_scene).unwrap();
    assert!(code.is_some());
    assert_eq!(event(&bot, &wang).await, entered(&wang, json!({ "scene": "web_footer-1" })));
    wang.enters_by(&format!("{with_scene}&scene_param=a%3D1%26b%3D%E5%BA%97")).unwrap();
    let expected = json!({ "scene": "web_footer-1", "scene_param": "a=1&b=店" });
    assert_eq!(event(&bot, &wang).await, entered(&wang, expected));
    wang.enters_by(&format!("{without}&scene_param=a")).unwrap();
    assert_eq!(event(&bot, &wang).await, entered(&wang, json!({ "scene": "" })), "only with a scene");
    wang.enters();
    assert_eq!(event(&bot, &wang).await, entered(&wang, json!({ "scene": "" })));
}

#[tokio::test]
async fn a_link_is_used_as_it_is_or_not_at_all() {
    let sim = Simulator::builder().account("甲").account("乙").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let url = link(&bot, &sim, Some("a")).await;
    let (page, query) = url.split_once('?').unwrap();
    let wang = sim.customer("小王");
    let wrong = [
        "https://a.example".to_owned(),
        page.to_owned(),
        format!("{page}x?{query}"),
        format!("{url}x"),
        format!("{page}?enc_scene=ENCnone"),
        format!("{url}&scene_param={}", "x".repeat(129)),
    ];
    for url in wrong {
        wang.enters_by(&url).unwrap_err();
    }
    let elsewhere = sim.customer_of(&sim.open_kfids()[1], "小王").unwrap();
    let error = elsewhere.enters_by(&url).unwrap_err();
    assert_eq!(error.to_string(), "the link leads to another account");
    wang.enters_by(&format!("{url}&scene_param={}", "x".repeat(128))).unwrap();
    assert_eq!(bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await["msg_list"][1], json!(null));
}

#[tokio::test]
async fn a_scene_is_short_and_plain() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let with = |scene: &str| json!({ "open_kfid": sim.open_kfid(), "scene": scene });
    let cases = [
        (with(&"x".repeat(32)), 0),
        (with(&"x".repeat(33)), 40058),
        (with("页脚"), 40058),
        (with("a b"), 40058),
        (json!({ "open_kfid": "wkNobody" }), 95004),
        (json!({}), 40058),
    ];
    for (body, errcode) in cases {
        assert_eq!(bot.errcode(op::ADD_CONTACT_WAY, body.clone()).await, errcode, "{body}");
    }
}

#[tokio::test]
async fn who_comes_from_channels_says_so() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.enters_from_channels(2, "某直播");
    let expected = json!({ "scene": "", "wechat_channels": { "scene": 2, "nickname": "某直播" } });
    assert_eq!(event(&bot, &wang).await, entered(&wang, expected));
    wang.enters_from_channels(5, "某店");
    let expected = json!({ "scene": "", "wechat_channels": { "scene": 5, "shop_nickname": "某店" } });
    assert_eq!(event(&bot, &wang).await, entered(&wang, expected));
}
