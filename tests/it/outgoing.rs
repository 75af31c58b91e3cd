//! Every kind of message that can be sent: the body that is sent, the checked limits, and that the simulator accepts it.

use serde_json::{Value, json};
use wecom_kf::messages::outgoing::{BusinessCard, CaLink, File, Image, Link, Location, Miniprogram, Video, Voice};
use wecom_kf::messages::{MenuLink, Msgmenu, Outgoing, Text};
use wecom_kf::{ErrCode, Error};
use wecom_kf_sim::Simulator;

use crate::broken::BrokenServer;
use crate::chinese::assert_chinese;
use crate::simulator::client_of;

fn menu() -> Msgmenu {
    Msgmenu::new("您对本次服务满意吗？")
        .click("101", "满意")
        .view("https://example.com/help", "自助查询")
        .miniprogram("wx00fixture00appid", "pages/index?order=1", "打开小程序")
        .text("第一行\n第二行")
        .text_without_newline("同一行")
        .tail("欢迎再次光临")
}

/// Returns every kind with its name and the body that is sent.
fn kinds(media_id: &str) -> Vec<(Outgoing, &'static str, Value)> {
    let media = json!({ "media_id": media_id });
    vec![
        (Text::new("您好").into(), "text", json!({ "content": "您好" })),
        (Image::new(media_id).into(), "image", media.clone()),
        (Voice::new(media_id).into(), "voice", media.clone()),
        (Video::new(media_id).into(), "video", media.clone()),
        (File::new(media_id).into(), "file", media),
        (
            Link::new("查看物流", "https://example.com/track?id=1", media_id).desc("点击查看详情").into(),
            "link",
            json!({ "title": "查看物流", "desc": "点击查看详情", "url": "https://example.com/track?id=1", "thumb_media_id": media_id }),
        ),
        (
            Miniprogram::new("wx00", "pages/index.html", media_id).title("小程序").into(),
            "miniprogram",
            json!({ "appid": "wx00", "pagepath": "pages/index.html", "thumb_media_id": media_id, "title": "小程序" }),
        ),
        (
            menu().into(),
            "msgmenu",
            json!({
                "head_content": "您对本次服务满意吗？",
                "list": [
                    { "type": "click", "click": { "id": "101", "content": "满意" } },
                    { "type": "view", "view": { "url": "https://example.com/help", "content": "自助查询" } },
                    { "type": "miniprogram", "miniprogram": { "appid": "wx00fixture00appid", "pagepath": "pages/index?order=1", "content": "打开小程序" } },
                    { "type": "text", "text": { "content": "第一行\n第二行" } },
                    { "type": "text", "text": { "content": "同一行", "no_newline": 1 } },
                ],
                "tail_content": "欢迎再次光临",
            }),
        ),
        (
            Location::new(23.1, -113.25).name("某某小区").address("某市某路1号").into(),
            "location",
            json!({ "latitude": 23.1, "longitude": -113.25, "name": "某某小区", "address": "某市某路1号" }),
        ),
        (BusinessCard::new("lisi").into(), "business_card", json!({ "userid": "lisi" })),
        (
            CaLink::new("https://work.weixin.qq.com/ca/cawcde").into(),
            "ca_link",
            json!({ "link_url": "https://work.weixin.qq.com/ca/cawcde" }),
        ),
    ]
}

#[tokio::test]
async fn every_kind_is_sent_as_a_body_with_its_name() {
    for (message, msgtype, body) in kinds("m1") {
        let server = BrokenServer::start(|_, _| None).await;
        server.client().messages().send("wk", "wm", message).await.unwrap();
        let sent = server.bodies("/cgi-bin/kf/send_msg").remove(0);
        let mut expected = json!({ "touser": "wm", "open_kfid": "wk", "msgid": sent["msgid"], "msgtype": msgtype });
        expected[msgtype] = body;
        assert_eq!(sent, expected, "{msgtype}");
    }
}

#[tokio::test]
async fn the_simulator_delivers_every_kind_to_the_customer() {
    let sim = Simulator::start().await.unwrap();
    let client = client_of(&sim);
    for (number, (message, msgtype, _)) in kinds(&sim.media_id()).into_iter().enumerate() {
        let customer = sim.customer(&format!("客户{number}"));
        customer.says("在吗");
        client.messages().send(sim.open_kfid(), customer.external_userid(), message).await.unwrap();
        assert_eq!(customer.hears().await.unwrap().msgtype, msgtype);
    }
}

/// Messages that exceed a limit, each with the beginning of the error's text.
fn invalid() -> Vec<(Outgoing, &'static str)> {
    let long = |bytes: usize| "x".repeat(bytes);
    let menu = || Msgmenu::new("h");
    let link = |label: &str, content: &str, id: &str| format!("请选择：{}", MenuLink::new(label, content, id)).into();
    let eleven = (0..11).fold(menu(), |menu, number| menu.click(number.to_string(), "x"));
    vec![
        ("".into(), "text is empty"),
        ("长".repeat(683).into(), "text has 2049 bytes, at most 2048"),
        (link("", "a", "b"), "label of the menu link is empty"),
        (link("a", "", "b"), "text of the menu link is empty"),
        (link("a", "b", ""), "id of the menu link is empty"),
        (Image::new("").into(), "media_id is empty"),
        (Voice::new("").into(), "media_id is empty"),
        (Video::new("").into(), "media_id is empty"),
        (File::new("").into(), "media_id is empty"),
        (BusinessCard::new("").into(), "userid is empty"),
        (CaLink::new("").into(), "link_url is empty"),
        (Link::new("", "https://x", "m").into(), "title is empty"),
        (Link::new(long(129), "https://x", "m").into(), "title has 129 bytes, at most 128"),
        (Link::new("t", "ftp://x", "m").into(), "url must be a URL that begins with http:// or https://"),
        (Link::new("t", format!("https://{}", long(2041)), "m").into(), "url has 2049 bytes, at most 2048"),
        (Link::new("t", "https://x", "").into(), "thumb_media_id is empty"),
        (Link::new("t", "https://x", "m").desc(long(513)).into(), "desc has 513 bytes, at most 512"),
        (Miniprogram::new("", "p", "m").into(), "appid is empty"),
        (Miniprogram::new("a", "", "m").into(), "pagepath is empty"),
        (Miniprogram::new("a", "p", "").into(), "thumb_media_id is empty"),
        (Miniprogram::new("a", "p", "m").title(long(65)).into(), "title has 65 bytes, at most 64"),
        (Location::new(90.1, 0.0).into(), "latitude must be from -90 to 90"),
        (Location::new(0.0, f64::NAN).into(), "longitude must be from -180 to 180"),
        (Msgmenu::without_head().into(), "msgmenu is empty"),
        (Msgmenu::new(long(1025)).into(), "head_content has 1025 bytes, at most 1024"),
        (menu().tail(long(1025)).into(), "tail_content has 1025 bytes, at most 1024"),
        (eleven.into(), "msgmenu.list has 11 items, at most 10"),
        (menu().click("", "x").into(), "click.id is empty"),
        (menu().click(long(129), "x").into(), "click.id has 129 bytes, at most 128"),
        (menu().click("1", "长".repeat(43)).into(), "click.content has 129 bytes, at most 128"),
        (menu().view("x", "x").into(), "view.url must be a URL that begins with http:// or https://"),
        (menu().view("https://x", long(1025)).into(), "view.content has 1025 bytes, at most 1024"),
        (menu().miniprogram(long(33), "p", "c").into(), "miniprogram.appid has 33 bytes, at most 32"),
        (menu().miniprogram("a", long(1025), "c").into(), "miniprogram.pagepath has 1025 bytes, at most 1024"),
        (menu().miniprogram("a", "p", "").into(), "miniprogram.content is empty"),
        (menu().text(long(257)).into(), "text.content has 257 bytes, at most 256"),
        (menu().text_without_newline("").into(), "text.content is empty"),
        // The first of two problems is reported.
        (menu().text("").tail("").into(), "text.content is empty"),
    ]
}

#[tokio::test]
async fn a_message_that_fails_its_check_is_never_sent() {
    let server = BrokenServer::start(|_, _| None).await;
    let client = server.client();
    let messages = client.messages();
    for (message, expected) in invalid() {
        let can_be_a_welcome = matches!(message, Outgoing::Text(_) | Outgoing::Msgmenu(_));
        let mut outcomes = vec![
            message.check().map(|()| "m".into()),
            messages.send("wk", "wm", message.clone()).check().map(|()| "m".into()),
            messages.send("wk", "wm", message.clone()).await,
            messages.send("wk", "wm", message.clone()).checking_session().msgid("m").await,
        ];
        if can_be_a_welcome {
            outcomes.push(messages.send_on_event("c", message.clone()).check().map(|()| "m".into()));
            outcomes.push(messages.send_on_event("c", message).await);
        }
        for outcome in outcomes {
            let error = outcome.err().unwrap_or_else(|| panic!("{expected}: was sent"));
            assert!(error.to_string().starts_with(expected), "{error} / {expected}");
            assert!(matches!(error, Error::InvalidInput { .. }), "{error}");
            assert_chinese(&error);
        }
    }
    assert_eq!(server.all_requests(), 0);
    for (message, msgtype, _) in kinds("m1") {
        assert!(message.check().is_ok(), "{msgtype}");
    }
}

#[test]
fn a_long_text_without_breaks_is_split_between_characters() {
    for (text, pieces) in [
        ("短".to_owned(), 1),
        ("x".repeat(2048), 1),
        ("x".repeat(2049), 2),
        ("长".repeat(682 * 5), 5),
        ("🙂".repeat(512 * 5), 5),
    ] {
        let cut: Vec<Text> = Text::split(&text).collect();
        assert_eq!(cut.len(), pieces);
        assert!(cut.iter().all(|piece| (1..=2048).contains(&piece.content().len())));
        assert_eq!(cut.iter().map(Text::content).collect::<String>(), text);
    }
    assert_eq!(Text::split("").count(), 0);
    assert_eq!(Text::split(&format!("a{}b", " ".repeat(9000))).count(), 2);
}

#[tokio::test]
async fn five_pieces_arrive_and_the_sixth_is_refused() {
    let sim = Simulator::start().await.unwrap();
    let (client, customer) = (client_of(&sim), sim.customer("小王"));
    customer.says("讲讲");
    let (kf, id) = (&sim.open_kfid(), customer.external_userid());
    for piece in Text::split(&"长".repeat(682 * 5)) {
        client.messages().send(kf, id, piece).await.unwrap();
    }
    let error = client.messages().send(kf, id, "再").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED));
}

#[test]
fn debug_does_not_show_the_sent_texts() {
    for (message, msgtype, _) in kinds("canary-media") {
        let shown = format!("{message:?}");
        for words in ["您好", "canary", "满意", "example.com", "某某", "lisi", "物流"] {
            assert!(!shown.contains(words), "{msgtype}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_menu_link_sends_any_text() {
    let sim = Simulator::start().await.unwrap();
    let client = client_of(&sim);
    let customer = sim.customer("小王");
    let (kf, user) = (customer.open_kfid(), customer.external_userid());
    let links = [
        ("退款", "我要退款", "q1"),
        ("a</a><b> & \"c\" 'd'", "100% &kefumenuid=x#+\"'> </a>", "q=2&\u{feff}\n"),
        ("&lt;&amp;lt;", "%E9%80%80 a+b", "q%203"),
    ];
    for (label, content, id) in links {
        customer.says("你好");
        let link = MenuLink::new(label, content, id);
        client.messages().send(kf, user, format!("请选择：{link}，谢谢")).await.unwrap();
        customer.taps_link(label).unwrap();
        let page = client.messages().page(kf).token(sim.sync_token()).await.unwrap();
        let Some(wecom_kf::messages::Content::Text(tapped)) = page.messages().last().map(|message| message.content())
        else {
            panic!("no text")
        };
        assert_eq!((tapped.content.as_str(), tapped.menu_id.as_ref().map(|id| id.as_str())), (content, Some(id)));
    }
}
