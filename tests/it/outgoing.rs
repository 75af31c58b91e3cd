//! Every kind that can be sent: the body WeCom gets, the limits that are checked, and a simulator that takes it.

use serde_json::{Value, json};
use wecom_kf::message::outgoing::{BusinessCard, CaLink, File, Image, Link, Location, Miniprogram, Video, Voice};
use wecom_kf::message::{MenuLink, Msgmenu, Outgoing, Text};
use wecom_kf::{ErrCode, Error, Lang};
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

/// Every kind, and the body it becomes.
fn kinds(media_id: &str) -> Vec<(Outgoing, &'static str, Value)> {
    let media = json!({ "media_id": media_id });
    vec![
        (Text::new("您好").unwrap().into(), "text", json!({ "content": "您好" })),
        (Image::new(media_id).unwrap().into(), "image", media.clone()),
        (Voice::new(media_id).unwrap().into(), "voice", media.clone()),
        (Video::new(media_id).unwrap().into(), "video", media.clone()),
        (File::new(media_id).unwrap().into(), "file", media),
        (
            Link::new("查看物流", "https://example.com/track?id=1", media_id)
                .unwrap()
                .desc("点击查看详情")
                .unwrap()
                .into(),
            "link",
            json!({ "title": "查看物流", "desc": "点击查看详情", "url": "https://example.com/track?id=1", "thumb_media_id": media_id }),
        ),
        (
            Miniprogram::new("wx00", "pages/index.html", media_id).unwrap().title("小程序").unwrap().into(),
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
            Location::new(23.1, -113.25).unwrap().name("某某小区").address("某市某路1号").into(),
            "location",
            json!({ "latitude": 23.1, "longitude": -113.25, "name": "某某小区", "address": "某市某路1号" }),
        ),
        (BusinessCard::new("lisi").unwrap().into(), "business_card", json!({ "userid": "lisi" })),
        (
            CaLink::new("https://work.weixin.qq.com/ca/cawcde").unwrap().into(),
            "ca_link",
            json!({ "link_url": "https://work.weixin.qq.com/ca/cawcde" }),
        ),
    ]
}

#[tokio::test]
async fn every_kind_is_sent_as_one_body_under_its_name() {
    for (message, msgtype, body) in kinds("m1") {
        let server = BrokenServer::start(|_, _| None).await;
        server.client().message().send(&"wk".into(), &"wm".into(), message).await.unwrap();
        let sent = server.bodies("/cgi-bin/kf/send_msg").remove(0);
        let mut expected = json!({ "touser": "wm", "open_kfid": "wk", "msgid": sent["msgid"], "msgtype": msgtype });
        expected[msgtype] = body;
        assert_eq!(sent, expected, "{msgtype}");
    }
}

#[tokio::test]
async fn every_kind_is_taken_by_the_simulator_and_reaches_the_customer() {
    let sim = Simulator::start().await.unwrap();
    let client = client_of(&sim);
    for (number, (message, msgtype, _)) in kinds(&sim.media_id()).into_iter().enumerate() {
        let customer = sim.customer(&format!("客户{number}"));
        customer.says("在吗");
        client.message().send(&sim.open_kfid().into(), &customer.external_userid().into(), message).await.unwrap();
        assert_eq!(customer.hears().await.unwrap().msgtype, msgtype);
    }
}

#[test]
fn what_wecom_would_refuse_or_cut_is_refused_here_with_limit_and_length() {
    let long = |bytes: usize| "x".repeat(bytes);
    let menu = |menu: Msgmenu| menu.check().err();
    let eleven = (0..11).fold(Msgmenu::new("h"), |menu, number| menu.click(number.to_string(), "x"));
    let cases: Vec<(Option<Error>, &str)> = vec![
        (Image::new("").err(), "media_id is empty"),
        (BusinessCard::new("").err(), "userid is empty"),
        (Link::new(long(129), "https://x", "m").err(), "title has 129 bytes, at most 128"),
        (Link::new("t", "ftp://x", "m").err(), "url must be a URL that begins with http:// or https://"),
        (Link::new("t", format!("https://{}", long(2041)), "m").err(), "url has 2049 bytes, at most 2048"),
        (Link::new("t", "https://x", "").err(), "thumb_media_id is empty"),
        (Link::new("t", "https://x", "m").unwrap().desc(long(513)).err(), "desc has 513 bytes, at most 512"),
        (Miniprogram::new("a", "p", "m").unwrap().title(long(65)).err(), "title has 65 bytes, at most 64"),
        (Location::new(90.1, 0.0).err(), "latitude must be from -90 to 90"),
        (Location::new(0.0, f64::NAN).err(), "longitude must be from -180 to 180"),
        (menu(Msgmenu::without_head()), "msgmenu is empty"),
        (menu(Msgmenu::new(long(1025))), "head_content has 1025 bytes, at most 1024"),
        (menu(Msgmenu::new("h").tail(long(1025))), "tail_content has 1025 bytes, at most 1024"),
        (menu(eleven), "msgmenu.list has 11 items, at most 10"),
        (menu(Msgmenu::new("h").click("", "x")), "click.id is empty"),
        (menu(Msgmenu::new("h").click(long(129), "x")), "click.id has 129 bytes, at most 128"),
        (menu(Msgmenu::new("h").click("1", "长".repeat(43))), "click.content has 129 bytes, at most 128"),
        (menu(Msgmenu::new("h").view("x", "x")), "view.url must be a URL that begins with http:// or https://"),
        (menu(Msgmenu::new("h").view("https://x", long(1025))), "view.content has 1025 bytes, at most 1024"),
        (menu(Msgmenu::new("h").miniprogram(long(33), "p", "c")), "miniprogram.appid has 33 bytes, at most 32"),
        (
            menu(Msgmenu::new("h").miniprogram("a", long(1025), "c")),
            "miniprogram.pagepath has 1025 bytes, at most 1024",
        ),
        (menu(Msgmenu::new("h").text(long(257))), "text.content has 257 bytes, at most 256"),
        // The first of two problems is the one that is told.
        (menu(Msgmenu::new("h").text("").tail("")), "text.content is empty"),
        (MenuLink::new("", "a", "b").err(), "label of the menu link is empty"),
        (MenuLink::new("a", "", "b").err(), "text of the menu link is empty"),
        (MenuLink::new("a", "b", "").err(), "id of the menu link is empty"),
    ];
    for (error, expected) in cases {
        let error = error.unwrap_or_else(|| panic!("{expected}: was taken"));
        assert!(error.to_string().starts_with(expected), "{error} / {expected}");
        assert_chinese(&error);
    }
}

#[tokio::test]
async fn a_bad_menu_is_refused_before_a_request_is_made() {
    let server = BrokenServer::start(|_, _| None).await;
    let bad = Msgmenu::new("h").click("", "x");
    let error = server.client().message().send(&"wk".into(), &"wm".into(), bad).await.unwrap_err();
    assert!(matches!(&error, Error::InvalidInput { what, .. } if what.in_lang(Lang::En) == "click.id"), "{error}");
    assert_eq!(server.all_requests(), 0);
}

#[test]
fn a_long_text_is_cut_between_characters_into_five_pieces_at_most() {
    for (text, pieces) in [
        ("短".to_owned(), 1),
        ("x".repeat(2048), 1),
        ("x".repeat(2049), 2),
        ("长".repeat(682 * 5), 5),
        ("🙂".repeat(512 * 5), 5),
    ] {
        let cut: Vec<Text> = Text::split(&text).unwrap().collect();
        assert_eq!(cut.len(), pieces);
        assert!(cut.iter().all(|piece| (1..=2048).contains(&piece.content().len())));
        assert_eq!(cut.iter().map(Text::content).collect::<String>(), text);
    }
    assert!(Text::split("").is_err());
    assert!(Text::split(&"长".repeat(682 * 5 + 1)).unwrap_err().to_string().contains("has 6 pieces, at most 5"));
    assert_eq!(Text::split_all(&"x".repeat(2048 * 6)).count(), 6);
    assert_eq!(Text::split_all("").count(), 0);
}

#[tokio::test]
async fn five_pieces_arrive_and_the_sixth_is_refused() {
    let sim = Simulator::start().await.unwrap();
    let (client, customer) = (client_of(&sim), sim.customer("小王"));
    customer.says("讲讲");
    let (kf, id) = (sim.open_kfid().into(), customer.external_userid().into());
    for piece in Text::split(&"长".repeat(682 * 5)).unwrap() {
        client.message().send(&kf, &id, piece).await.unwrap();
    }
    let error = client.message().send(&kf, &id, Text::new("再").unwrap()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED));
}

#[test]
fn no_debug_shows_what_is_sent() {
    for (message, msgtype, _) in kinds("canary-media") {
        let shown = format!("{message:?}");
        for words in ["您好", "canary", "满意", "example.com", "某某", "lisi", "物流"] {
            assert!(!shown.contains(words), "{msgtype}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_menu_link_sends_its_text_whatever_it_holds() {
    let sim = Simulator::start().await.unwrap();
    let client = client_of(&sim);
    let customer = sim.customer("小王");
    let (kf, user) = (customer.open_kfid().into(), customer.external_userid().into());
    let links = [
        ("退款", "我要退款", "q1"),
        ("a</a><b> & \"c\" 'd'", "100% &kefumenuid=x#+\"'> </a>", "q=2&\u{feff}\n"),
        ("&lt;&amp;lt;", "%E9%80%80 a+b", "q%203"),
    ];
    for (label, content, id) in links {
        customer.says("你好");
        let link = MenuLink::new(label, content, id).unwrap();
        client.message().send(&kf, &user, Text::new(format!("请选择：{link}，谢谢")).unwrap()).await.unwrap();
        customer.taps_link(label).unwrap();
        let request = wecom_kf::message::SyncRequest::new(&kf).token(sim.sync_token());
        let page = client.message().sync(request).await.unwrap();
        let Some(wecom_kf::message::Content::Text(tapped)) = page.messages().last().map(|message| message.content())
        else {
            panic!("no text")
        };
        assert_eq!((tapped.content.as_str(), tapped.menu_id.as_deref()), (content, Some(id)));
    }
}
