//! Decoding a page of `sync_msg` from any bytes.

use wecom_kf::messages::{Content, Event, Page};
use wecom_kf::raw::{FromJson, types};
use wecom_kf::{ErrCode, Error, MsgId, OpenKfid};

fn texts(page: &Page) -> Vec<String> {
    let text = |content: &Content| match content {
        Content::Text(text) => text.content.clone(),
        other => format!("{other:?}"),
    };
    page.messages().iter().map(|message| text(message.content())).collect()
}

fn page_of(messages: &[&[u8]]) -> Vec<u8> {
    let mut json = br#"{"errcode":0,"errmsg":"ok","next_cursor":"c2","has_more":1,"msg_list":["#.to_vec();
    json.extend(messages.join(&b','));
    json.extend(b"]}");
    json
}

fn text(content: &[u8]) -> Vec<u8> {
    [br#"{"msgid":"m","msgtype":"text","text":{"content":""#, content, br#""}}"#].concat()
}

#[test]
fn a_malformed_message_does_not_affect_the_other_999() {
    let fine = text("您好".as_bytes());
    let mut messages = vec![fine.as_slice(); 999];
    messages.insert(500, br#"{"msgid":["?"],"msgtype":{},"text":7}"#);
    let page = Page::from_json(&page_of(&messages)).unwrap();
    assert_eq!((page.messages().len(), page.next_cursor(), page.has_more()), (1000, Some(&"c2".into()), true));
    let unknown = page
        .messages()
        .iter()
        .filter(|message| matches!(message.content(), Content::Unknown { .. }))
        .collect::<Vec<_>>();
    assert_eq!(unknown.len(), 1);
    assert_eq!(unknown[0].raw().as_bytes(), messages[500]);
    assert!(page.messages()[999].raw().as_bytes() == fine);
}

/// Members in WeCom's usual order and without escapes are decoded by a faster path than others.
#[test]
fn order_and_escapes_of_members_do_not_matter() {
    let event = r#""open_kfid":"wk1","welcome_code":"C""#;
    let bodies = [
        format!(r#"{{"event_type":"enter_session",{event}}}"#),
        format!(r#"{{{event},"event_type":"enter_session"}}"#),
        format!(r#"{{"\u0065vent_type":"\u0065nter_session",{event}}}"#),
        format!(r#"{{"event_type":"\u0065nter_session",{event}}}"#),
        format!(r#"{{ "more" : [1e999] , "event_type" : "enter_session" , {event} }}"#),
    ];
    for body in &bodies {
        for message in [
            format!(r#"{{"msgid":"m","msgtype":"event","event":{body}}}"#),
            format!(r#"{{"event":{body},"msgtype":"event","msgid":"m"}}"#),
            format!(r#"{{"\u006dsgid":"\u006d","\u006dsgtype":"\u0065vent","\u0065vent":{body}}}"#),
            format!(r#"{{"more":1e999,"msgid":"m","msgtype":"\u0065vent","event":{body}}}"#),
        ] {
            let page = Page::from_json(&page_of(&[message.as_bytes()])).unwrap();
            let read = &page.messages()[0];
            assert_eq!((read.msgid().map(MsgId::as_str), read.msgtype(), read.raw()), (Some("m"), "event", &*message));
            assert_eq!(read.open_kfid().map(OpenKfid::as_str), Some("wk1"), "{message}");
            let Content::Event(Event::EnterSession(entered)) = read.content() else {
                panic!("{message}: {:?}", read.content());
            };
            assert_eq!(entered.welcome_code.as_ref().map(|id| id.as_str()), Some("C"));
        }
    }
}

#[test]
fn an_event_of_unknown_kind_or_shape_is_unknown() {
    for (event, event_type) in [
        (r#"{"event_type":"from_tomorrow","status":1}"#, "from_tomorrow"),
        (r#"{"event_type":"msg_send_fail","fail_msgid":{}}"#, "msg_send_fail"),
        (r#"{"fail_msgid":{},"event_type":"msg_send_fail"}"#, "msg_send_fail"),
        (r#"{"event_type":7}"#, "7"),
    ] {
        let message = format!(r#"{{"msgid":"m","msgtype":"event","event":{event}}}"#);
        let page = Page::from_json(&page_of(&[message.as_bytes()])).unwrap();
        let unknown = Content::Event(Event::Unknown { event_type: event_type.to_owned() });
        assert_eq!(page.messages()[0].content(), &unknown, "{event}");
    }
    for event in ["{}", r#"{"event_type":""}"#, r#"{"event_type":[],"status":1}"#, r#"["msg_send_fail"]"#] {
        let message = format!(r#"{{"msgid":"m","msgtype":"event","event":{event}}}"#);
        let page = Page::from_json(&page_of(&[message.as_bytes()])).unwrap();
        assert_eq!(page.messages()[0].content(), &Content::Unknown { msgtype: "event".to_owned() }, "{event}");
    }
}

#[test]
fn a_refusal_is_an_error_with_its_code() {
    let refusals: [&[u8]; 4] = [
        br#"{"errcode":95007,"errmsg":"invalid msg token"}"#,
        br#"{"errcode":"95007","msg_list":{}}"#,
        b"{\"errcode\":95007,\"errmsg\":\"cut \xe4\xbd\",\"msg_list\":7}",
        b"\xef\xbb\xbf{\"errcode\":95007,\"errmsg\":\"a\nb\"}",
    ];
    for json in refusals {
        let error = Page::from_json(json).unwrap_err();
        assert_eq!(error.code(), Some(ErrCode::INVALID_SYNC_TOKEN), "{}", String::from_utf8_lossy(json));
        // Other operations are equally lenient.
        assert_eq!(types::SendResponse::decode(json).unwrap().errcode, 95007);
    }
}

#[test]
fn an_invalid_page_is_an_error_that_does_not_show_it() {
    for json in
        ["", "[]", "null", "17", "<html>secret</html>", r#"{"msg_list":["secret"#, r#"{"msg_list":{"secret":1}}"#]
    {
        let error = Page::from_json(json.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::NoAnswer { operation: "sync_msg", .. }), "{json}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn null_counts_as_absent() {
    for json in ["{}", r#"{"errcode":null,"msg_list":null,"next_cursor":null,"has_more":null}"#, "\u{feff}{}"] {
        let page = Page::from_json(json.as_bytes()).unwrap();
        assert_eq!((page.messages().len(), page.next_cursor(), page.has_more()), (0, None, false));
    }
    assert!(Page::from_json(br#"{"has_more":"1"}"#).unwrap().has_more());
    // Malformed members beside the list do not affect the messages.
    let odd = br#"{"errmsg":[],"has_more":"yes","next_cursor":{},"msg_list":[{"msgid":"m"}]}"#;
    assert_eq!(Page::from_json(odd).unwrap().messages().len(), 1);
}

#[test]
fn forbidden_characters_are_replaced() {
    let fine = text("好".as_bytes());
    let cases: [(&[u8], &str); 5] = [
        (b"a\xffb\xe4\xbd", "a\u{fffd}b\u{fffd}"),
        (b"a\x01b\nc", "a\u{fffd}b\u{fffd}c"),
        (br"a\ud83d", "a\u{fffd}"),
        (br"\ude42a", "\u{fffd}a"),
        (br"\ud83d\ude42", "\u{1f642}"),
    ];
    for (content, expected) in cases {
        let page = Page::from_json(&page_of(&[&fine, &text(content), &fine])).unwrap();
        assert_eq!(texts(&page), ["好", expected, "好"]);
    }
    let broken = [b"\x01".as_slice(), &page_of(&[])].concat();
    assert!(Page::from_json(&broken).is_err(), "a control character outside strings is not valid JSON");
}

#[test]
fn no_bytes_cause_a_panic() {
    let page = page_of(&[&text("您好🙂".as_bytes()), &text(br"\ud83d\ude42\n")]);
    for cut in 0..page.len() {
        let _ = Page::from_json(&page[..cut]).map(|page| texts(&page));
    }
    for at in 0..page.len() {
        for byte in [0, b'"', b'\\', b'{', b']', b'u', 0x80, 0xff] {
            let mut changed = page.clone();
            changed[at] = byte;
            let _ = Page::from_json(&changed).map(|page| texts(&page));
        }
    }
}
