//! Parsing decrypted events: the order of elements, unknown ones and missing ones.

use proptest::prelude::*;
use wecom_kf_callback::{Event, KfAccountAuthChange, KfMsgOrEvent, Unknown};

const NEWS: &str = "<xml><ToUserName><![CDATA[ww1]]></ToUserName><CreateTime>1718000000</CreateTime>\
    <MsgType><![CDATA[event]]></MsgType><Event><![CDATA[kf_msg_or_event]]></Event>\
    <Token><![CDATA[ENC1]]></Token><OpenKfId><![CDATA[wk1]]></OpenKfId></xml>";

fn news(xml: &str) -> KfMsgOrEvent {
    match Event::parse(xml).unwrap() {
        Event::KfMsgOrEvent(news) => news,
        other => panic!("{other:?}"),
    }
}

fn unknown(xml: &str) -> Unknown {
    match Event::parse(xml).unwrap() {
        Event::Unknown(unknown) => {
            assert_eq!(unknown.xml, xml);
            unknown
        }
        other => panic!("{other:?}"),
    }
}

fn auth_change(children: &str) -> KfAccountAuthChange {
    let xml = format!(
        "<xml><ToUserName>ww1</ToUserName><FromUserName>sys</FromUserName><CreateTime>7</CreateTime>\
         <MsgType>event</MsgType><Event>kf_account_auth_change</Event>{children}</xml>"
    );
    match Event::parse(xml).unwrap() {
        Event::KfAccountAuthChange(change) => change,
        other => panic!("{other:?}"),
    }
}

#[test]
fn elements_may_have_any_order_and_form() {
    for xml in [
        NEWS,
        "<xml><OpenKfId>wk1</OpenKfId><Token>ENC1</Token><Event>kf_msg_or_event</Event><MsgType>event</MsgType>\
         <CreateTime>1718000000</CreateTime><ToUserName>ww1</ToUserName></xml>",
        &NEWS.replace("<Token>", "<New><Token>no</Token></New>\n<Token>\n").replace("]]>", "]]>\n\t"),
        &NEWS.replace("1718000000", "\n<![CDATA[ 1718000000 ]]>"),
    ] {
        let news = news(xml);
        assert_eq!(news.open_kfid.as_deref(), Some("wk1"), "{xml}");
        assert_eq!(news.token.expose(), "ENC1", "{xml}");
        assert_eq!(news.create_time, 1_718_000_000, "{xml}");
        assert_eq!(news.to_user_name, "ww1", "{xml}");
    }
}

#[test]
fn an_event_without_a_single_account_has_no_open_kfid() {
    let account = "<OpenKfId><![CDATA[wk1]]></OpenKfId>";
    for other in
        ["", "<OpenKfId/>", "<OpenKfId><![CDATA[]]></OpenKfId>", "<OpenKfId>a</OpenKfId><OpenKfId>b</OpenKfId>"]
    {
        assert_eq!(news(&NEWS.replace(account, other)).open_kfid, None, "{other}");
    }
}

#[test]
fn an_event_without_a_required_element_is_unknown() {
    let token = "<Token><![CDATA[ENC1]]></Token>";
    for xml in [
        NEWS.replace(token, ""),
        NEWS.replace(token, "<Token/>"),
        NEWS.replace(token, "<Token><a/></Token>"),
        NEWS.replace(token, &token.repeat(2)),
        NEWS.replace("1718000000", "today"),
        NEWS.replace("1718000000", "99999999999999999999"),
        NEWS.replace("CreateTime", "createtime"),
        NEWS.replace("ww1", ""),
    ] {
        let unknown = unknown(&xml);
        assert_eq!((unknown.msg_type.as_deref(), unknown.event.as_deref()), (Some("event"), Some("kf_msg_or_event")));
    }
}

#[test]
fn accounts_granted_and_withdrawn_are_lists() {
    let added = auth_change("<AuthAddOpenKfId><![CDATA[wk1]]></AuthAddOpenKfId>");
    assert_eq!((&*added.added, &*added.removed), (&["wk1".to_owned()][..], &[][..]));
    assert_eq!((added.create_time, &*added.to_user_name), (7, "ww1"));
    let removed = auth_change("<AuthDelOpenKfId>wk1</AuthDelOpenKfId><AuthDelOpenKfId>wk2</AuthDelOpenKfId>");
    assert_eq!((&*removed.added, &*removed.removed), (&[][..], &["wk1".to_owned(), "wk2".to_owned()][..]));
    let none = auth_change("<AuthAddOpenKfId/><AuthDelOpenKfId><a/></AuthDelOpenKfId>");
    assert!(none.added.is_empty() && none.removed.is_empty());
}

#[test]
fn other_events_and_messages_are_unknown() {
    for (xml, msg_type, event) in [
        ("<xml/>", None, None),
        ("<xml><MsgType>text</MsgType><Content>hi</Content></xml>", Some("text"), None),
        ("<xml><MsgType>event</MsgType><Event>LOCATION</Event></xml>", Some("event"), Some("LOCATION")),
        ("<xml><MsgType>event</MsgType><MsgType>event</MsgType><Event>e</Event></xml>", None, Some("e")),
        (&NEWS.replace("<![CDATA[event]]>", "text"), Some("text"), Some("kf_msg_or_event")),
        ("<xml><InfoType>suite_ticket</InfoType></xml>", None, None),
        (
            "<xml><S><O><I>1</I></O><O><I>2</I></O></S><MsgType>event</MsgType><Event>t</Event></xml>",
            Some("event"),
            Some("t"),
        ),
    ] {
        let unknown = unknown(xml);
        assert_eq!((unknown.msg_type.as_deref(), unknown.event.as_deref()), (msg_type, event), "{xml}");
    }
}

proptest! {
    #[test]
    fn news_come_back_as_they_were_written(
        token in "[!-;=?-~]{1,64}", account in "[!-;=?-~]{1,64}", time: i64,
    ) {
        let [token_text, account_text] = [&token, &account].map(|text| text.replace('&', "&amp;").replace("]]>", "]]&gt;"));
        let xml = format!(
            "<xml><ToUserName>ww1</ToUserName><CreateTime>{time}</CreateTime><MsgType>event</MsgType>\
             <Event>kf_msg_or_event</Event><Token>{token_text}</Token><OpenKfId>{account_text}</OpenKfId></xml>"
        );
        let news = news(&xml);
        prop_assert_eq!(news.token.expose(), token);
        prop_assert_eq!(news.open_kfid, Some(account));
        prop_assert_eq!(news.create_time, time);
    }
}
