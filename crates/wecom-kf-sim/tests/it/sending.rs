//! Sending messages: kinds, limits, refusals, msgids.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Simulator, op};

use crate::bot::Bot;

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn chat() -> (Simulator, Bot, Customer) {
    let sim = Simulator::builder().servicer("zhangsan").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.says("你好");
    (sim, bot, wang)
}

async fn send(bot: &Bot, message: Value) -> i64 {
    bot.errcode(op::SEND_MSG, message).await
}

#[tokio::test]
async fn every_kind_can_be_sent() {
    let (sim, bot, wang) = chat().await;
    let media = || json!({ "media_id": sim.media_id() });
    let thumb = sim.media_id();
    let kinds = [
        ("text", json!({ "content": "您好" })),
        ("image", media()),
        ("voice", media()),
        ("video", media()),
        ("file", media()),
        ("link", json!({ "title": "t", "desc": "d", "url": "https://a.example", "thumb_media_id": thumb })),
        ("miniprogram", json!({ "appid": "wx1", "title": "t", "thumb_media_id": thumb, "pagepath": "a.html" })),
        ("msgmenu", json!({ "list": [{ "type": "text", "text": { "content": "您好" } }] })),
        ("location", json!({ "latitude": 31.2, "longitude": 121.5 })),
        ("business_card", json!({ "userid": "zhangsan" })),
        ("ca_link", json!({ "link_url": "https://work.weixin.qq.com/ca/x" })),
    ];
    for (msgtype, body) in kinds {
        wang.says("下一个");
        assert_eq!(send(&bot, bot.message(&wang, msgtype, body.clone())).await, 0, "{msgtype}");
        let heard = wang.hears().await.unwrap();
        assert_eq!((heard.msgtype.as_str(), &heard.body), (msgtype, &body));
        assert_eq!(heard.text().is_some(), msgtype == "text");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_message_is_named() {
    let (sim, bot, wang) = chat().await;
    let text = || bot.text(&wang, "您好");
    let with = |member: &str, value: Value| {
        let mut message = text();
        message[member] = value;
        message
    };
    let link = |url: &str| json!({ "title": "t", "url": url, "thumb_media_id": sim.media_id() });
    let item = |item: Value| bot.message(&wang, "msgmenu", json!({ "list": [item] }));
    let click = json!({ "type": "click", "click": { "content": "好" } });
    let cases = [
        ("account of nobody", with("open_kfid", json!("wkNobody")), 95004),
        ("no account at all", with("open_kfid", json!("nonsense")), 95000),
        ("customer of nobody", with("touser", json!("wmNobody")), 40096),
        ("kind without body", with("msgtype", json!("image")), 40058),
        ("unknown kind", bot.message(&wang, "news", json!({})), 40008),
        ("two bodies", with("image", json!({ "media_id": sim.media_id() })), 40058),
        ("empty text", with("text", json!({ "content": "" })), 44004),
        ("long text", with("text", json!({ "content": "字".repeat(683) })), 45002),
        ("unknown media", bot.message(&wang, "image", json!({ "media_id": "nope" })), 40007),
        ("long menu", bot.message(&wang, "msgmenu", json!({ "list": vec![click.clone(); 11] })), 95008),
        ("unknown item", item(json!({ "type": "button", "button": { "content": "好" } })), 95009),
        ("item without body", item(json!({ "type": "view" })), 40058),
        (
            "item with two",
            item(json!({ "type": "click", "click": { "content": "好" }, "text": { "content": "好" } })),
            40058,
        ),
        ("link without scheme", bot.message(&wang, "link", link("a.example")), 45034),
        ("long link", bot.message(&wang, "link", link(&format!("https://{}", "a".repeat(2048)))), 40039),
        ("empty msgid", with("msgid", json!("")), 40058),
        ("long msgid", with("msgid", json!("x".repeat(33))), 40058),
        ("odd msgid", with("msgid", json!("客服")), 40058),
        ("far away", bot.message(&wang, "location", json!({ "latitude": 91, "longitude": 0 })), 40058),
    ];
    for (what, message, errcode) in cases {
        assert_eq!(send(&bot, message).await, errcode, "{what}");
    }
    assert_eq!((wang.heard(), wang.state()), (vec![], 0), "nothing was sent, nothing moved");
    assert_eq!(send(&bot, with("text", json!({ "content": "字".repeat(682) }))).await, 0);
    assert_eq!(send(&bot, bot.message(&wang, "msgmenu", json!({ "list": vec![click; 10] }))).await, 0);
}

#[tokio::test]
async fn five_messages_follow_a_message_of_the_customer() {
    let (_sim, bot, wang) = chat().await;
    for number in 1..=5 {
        assert_eq!(send(&bot, bot.text(&wang, "您好")).await, 0, "{number}");
    }
    assert_eq!(send(&bot, bot.text(&wang, "您好")).await, 95001);
    wang.taps("hours", "营业时间");
    assert_eq!(send(&bot, bot.text(&wang, "您好")).await, 0, "a tap counts as a message");
    assert_eq!(wang.heard().len(), 6);
}

#[tokio::test]
async fn the_window_closes_after_48_hours() {
    let (sim, _, wang) = chat().await;
    sim.advance(48 * HOUR - Duration::from_secs(60));
    let bot = Bot::of(&sim).await;
    assert_eq!(send(&bot, bot.text(&wang, "您好")).await, 0);
    sim.advance(Duration::from_secs(61));
    assert_eq!(send(&bot, bot.text(&wang, "您好")).await, 95002);
    assert_eq!(wang.state(), 4);
    wang.says("还在吗");
    assert_eq!((wang.state(), send(&bot, bot.text(&wang, "您好")).await), (0, 0));
}

#[tokio::test]
async fn only_states_0_and_1_may_send() {
    let (sim, bot, wang) = chat().await;
    let never_wrote = sim.customer("小李");
    assert_eq!(send(&bot, bot.text(&never_wrote, "您好")).await, 95018);
    let zhangsan = sim.servicer("zhangsan");
    zhangsan.takes(&wang);
    assert_eq!((wang.state(), send(&bot, bot.text(&wang, "您好")).await), (3, 95018));
    zhangsan.ends(&wang).unwrap();
    assert_eq!((wang.state(), send(&bot, bot.text(&wang, "您好")).await), (4, 95018));
    wang.says("又来了");
    assert_eq!(send(&bot, bot.text(&wang, "您好")).await, 0);
    let queue = json!({ "open_kfid": wang.open_kfid(), "external_userid": wang.external_userid(), "service_state": 2 });
    bot.ok(op::SERVICE_STATE_TRANS, queue).await;
    assert_eq!((wang.state(), send(&bot, bot.text(&wang, "您好")).await), (2, 95018));
}

#[tokio::test]
async fn a_repeated_msgid_is_a_repeat_whatever_happened_since() {
    let (sim, bot, wang) = chat().await;
    let mut message = bot.text(&wang, "您好");
    message["msgid"] = json!("own-1");
    assert_eq!(bot.ok(op::SEND_MSG, message.clone()).await["msgid"], "own-1");
    assert_eq!(send(&bot, message.clone()).await, 95033);
    for _ in 0..4 {
        send(&bot, bot.text(&wang, "您好")).await;
    }
    assert_eq!(send(&bot, message.clone()).await, 95033, "not 95001");
    sim.servicer("zhangsan").takes(&wang);
    assert_eq!(send(&bot, message.clone()).await, 95033, "not 95018");
    sim.advance(49 * HOUR);
    let bot = Bot::of(&sim).await;
    assert_eq!(send(&bot, message.clone()).await, 95033, "not 95002");
    assert_eq!(wang.heard().len(), 5);

    message["msgid"] = json!("own-2");
    assert_eq!(send(&bot, message.clone()).await, 95018);
    wang.says("又来了");
    assert_eq!(send(&bot, message).await, 0, "what was refused is no repeat");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_sends_with_one_msgid_at_once_one_goes_through() {
    let (_sim, bot, wang) = chat().await;
    let mut message = bot.text(&wang, "您好");
    message["msgid"] = json!("own");
    let codes = join_all((0..50).map(|_| send(&bot, message.clone()))).await;
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1);
    assert_eq!(codes.iter().filter(|code| **code == 95033).count(), 49);
    assert_eq!(wang.heard().len(), 1);
}

#[tokio::test]
async fn a_msgid_is_unique_within_its_account_only() {
    let sim = Simulator::builder().account("甲").account("乙").start().await.unwrap();
    let bot = Bot::of(&sim).await;
    for open_kfid in sim.open_kfids() {
        let (wang, li) = (sim.customer_of(&open_kfid, "小王").unwrap(), sim.customer_of(&open_kfid, "小李").unwrap());
        for (customer, errcode) in [(&wang, 0), (&li, 95033)] {
            customer.says("你好");
            let mut message = bot.text(customer, "您好");
            message["msgid"] = json!("own");
            assert_eq!(send(&bot, message).await, errcode);
        }
    }
}

#[tokio::test]
async fn what_the_platform_changes_is_what_the_customer_hears() {
    let (sim, bot, wang) = chat().await;
    let (title, desc) = ("题".repeat(50), "x".repeat(600));
    let link = json!({ "title": title, "desc": desc, "url": "http://a.example", "thumb_media_id": sim.media_id() });
    assert_eq!(send(&bot, bot.message(&wang, "link", link)).await, 0);
    let heard = wang.hears().await.unwrap().body;
    assert_eq!(heard["title"], "题".repeat(42), "128 bytes, at the border of a character");
    assert_eq!(heard["desc"], "x".repeat(512));

    let item = |id: Value| json!({ "type": "click", "click": { "id": id, "content": "好" } });
    let mut anonymous = item(json!(""));
    anonymous["click"].as_object_mut().unwrap().remove("id");
    let menu = json!({ "list": [item(json!("hours")), anonymous] });
    assert_eq!(send(&bot, bot.message(&wang, "msgmenu", menu)).await, 0);
    let list = &wang.hears().await.unwrap().body["list"];
    assert_eq!(list[0]["click"]["id"], "hours");
    assert!(!list[1]["click"]["id"].as_str().unwrap().is_empty(), "the server makes one");
}

#[tokio::test]
async fn business_cards_need_a_written_message_and_go_once_in_48_hours() {
    let (sim, bot, _) = chat().await;
    let li = sim.customer("小李");
    li.taps("card", "名片");
    let card = bot.message(&li, "business_card", json!({ "userid": "zhangsan" }));
    assert_eq!(send(&bot, card.clone()).await, 95024);
    li.says("名片");
    assert_eq!(send(&bot, card.clone()).await, 0);
    assert_eq!(send(&bot, card).await, 95025);
}
