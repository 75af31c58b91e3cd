//! Canaries: secrets that no printed text may contain.

use std::error::Error as _;
use std::fmt::{Debug, Display};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wecom_kf_callback::{Callback, Event, Lang, Query, Reason, XmlProblem};

use crate::{NONCE, RECEIVER, TIMESTAMP, envelope, query_of, reason, signed};

const TOKEN: &str = "CanaryCallbackToken";
const KEY: &str = "CanaryKeyOf43CharactersCanaryKeyOf43Charact";
const WORDS: &str = "CanaryOfCustomersWords";

fn callback() -> Callback {
    Callback::new(TOKEN, KEY, RECEIVER).unwrap()
}

fn prints(value: &(impl Debug + Display)) -> Vec<String> {
    vec![format!("{value}"), format!("{value:#}"), format!("{value:?}"), format!("{value:#?}")]
}

#[track_caller]
fn assert_clean(printed: &str, canaries: &[&str]) {
    assert!(!printed.contains("anary"), "{printed}");
    for canary in canaries {
        assert!(!printed.contains(canary), "{printed} has {canary}");
    }
}

#[test]
fn settings_errors_show_no_setting() {
    let keys = [
        format!("{KEY}="),
        format!("{KEY}\u{200b}"),
        KEY[..42].to_owned(),
        KEY.replace('4', "密"),
        format!("{KEY}{KEY}"),
    ];
    let tokens = [format!("“{TOKEN}”"), TOKEN.repeat(2), TOKEN.replace('T', "-")];
    let of_keys = keys.iter().map(|key| Callback::new(TOKEN, key, RECEIVER));
    let of_tokens = tokens.iter().map(|token| Callback::new(token, KEY, RECEIVER));
    let of_receiver = [Callback::new(TOKEN, KEY, "Canary Canary")];
    let mut errors = 0;
    for error in of_keys.chain(of_tokens).chain(of_receiver).map(Result::unwrap_err) {
        prints(&error).iter().for_each(|printed| assert_clean(printed, &["密"]));
        assert!(error.source().is_none());
        errors += 1;
    }
    assert_eq!(errors, 9);
}

#[test]
fn a_callback_shows_neither_token_nor_key() {
    let printed = format!("{:?}", callback());
    assert_eq!(printed, format!("Callback {{ receiver_id: {RECEIVER:?}, .. }}"));
    assert_clean(&format!("{:#?}", callback()), &[]);
}

#[test]
fn an_event_shows_neither_its_token_nor_unknown_words() {
    let news = "<xml><ToUserName>ww1</ToUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>\
        <Event>kf_msg_or_event</Event><Token>CanaryToken</Token></xml>";
    let printed = format!("{:?}", Event::parse(news).unwrap());
    assert_eq!(
        printed,
        "KfMsgOrEvent(KfMsgOrEvent { open_kfid: None, token: EventToken(***), create_time: 1, to_user_name: \"ww1\" })"
    );
    let message = "<xml><MsgType>text</MsgType><Content>CanaryOfWords</Content></xml>";
    let printed = format!("{:?}", Event::parse(message).unwrap());
    assert_eq!(printed, "Unknown(Unknown { msg_type: Some(\"text\"), event: None, .. })");
    assert_clean(&format!("{:#?}", Event::parse(news.replace("<CreateTime>1", "<CreateTime>")).unwrap()), &[]);
}

#[test]
fn a_refusal_says_one_thing_outside_and_shows_nothing_inside() {
    let callback = callback();
    let words = format!("<xml><Content>{WORDS}</Content><a></b></xml>");
    let other_receiver = Callback::new(TOKEN, KEY, "CanaryReceiver").unwrap().encrypt(&words, [0; 16]);
    let other_key = Callback::new(TOKEN, KEY.replace('K', "L"), RECEIVER).unwrap().encrypt(&words, [0; 16]);
    let whole = callback.encrypt(&words, [0; 16]);
    let right = callback.sign(TIMESTAMP, NONCE, &whole);

    let mut errors = vec![
        Query::parse("CanaryOfAQuery").unwrap_err(),
        Query::parse("msg_signature=a&timestamp=Canary&nonce=1").unwrap_err(),
        Query::parse("msg_signature=a&timestamp=1&nonce=Canary%").unwrap_err(),
        Query::parse("msg_signature=a&timestamp=1&nonce=Canary&nonce=").unwrap_err(),
        callback.verify_url(&query_of("Canary", TIMESTAMP, NONCE).unwrap()).unwrap_err(),
        callback.decrypt(&query_of("Canary", TIMESTAMP, NONCE).unwrap(), envelope(&whole).as_bytes()).unwrap_err(),
        callback.event(&signed(&callback, &whole), envelope(&whole).as_bytes()).unwrap_err(),
        Event::parse(words).unwrap_err(),
    ];
    for body in ["<Canary>", "<!DOCTYPE Canary><a/>", "<xml>&Canary;</xml>", "<xml><Canary/></xml>"] {
        errors.push(callback.decrypt(&signed(&callback, ""), body.as_bytes()).unwrap_err());
    }
    for encrypt in ["Canary!", "Canary==", &STANDARD.encode([7; 32]), &other_receiver, &other_key] {
        let refusal = callback.decrypt(&signed(&callback, encrypt), envelope(encrypt).as_bytes());
        errors.push(refusal.unwrap_err());
    }
    assert_eq!(errors.len(), 17);
    for error in errors {
        assert_eq!(error.to_string(), "callback refused");
        assert!(error.source().is_none(), "a source would be printed outside with the chain");
        prints(&error).iter().for_each(|printed| assert_clean(printed, &[&right, &whole]));
        prints(error.reason()).iter().for_each(|printed| assert_clean(printed, &[&right, &whole]));
        assert_clean(&error.reason().in_lang(Lang::Zh), &[&right, &whole]);
    }
}

#[test]
fn reason_reads_well_in_both_languages() {
    let encrypt = callback().encrypt("CanaryOfWords", [0; 16]);
    let refusal = reason(callback().event(&signed(&callback(), &encrypt), envelope(&encrypt).as_bytes()));
    assert!(matches!(refusal, Reason::MessageNotXml { problem: XmlProblem::Malformed, .. }));
    assert_eq!(refusal.to_string(), "message is refused as XML: not well-formed");
    assert_eq!(
        (refusal.in_lang(Lang::Zh).as_str(), refusal.remedy(Lang::Zh)),
        ("消息不是可接受的 XML：格式不完整", "签名与密钥均正确，应为企业微信所发：请提 issue 反馈（勿附内容）")
    );
}
