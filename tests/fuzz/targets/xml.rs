//! The decrypted XML of a callback.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wecom_kf_callback::{Event, KfMsgOrEvent};
use wecom_kf_fuzz::show;

/// The shortest token to look for. A shorter one may be part of a field's name by chance.
const LONG_TOKEN: usize = 24;

fuzz_target!(|data: &[u8]| {
    let Ok(xml) = str::from_utf8(data) else { return };
    match Event::parse(xml) {
        Ok(event) => {
            assert_eq!(Event::parse(xml).ok().as_ref(), Some(&event), "the same XML is another event");
            check(xml, &event);
        }
        Err(error) => show(&error),
    }
});

fn check(xml: &str, event: &Event) {
    let shown = format!("{event:?} {event:#?}");
    match event {
        Event::KfMsgOrEvent(news) => {
            check_token_is_hidden(news, &shown);
            check_written_again(news);
        }
        Event::Unknown(unknown) => assert_eq!(unknown.xml, xml),
        _ => {}
    }
}

fn check_token_is_hidden(news: &KfMsgOrEvent, shown: &str) {
    let token = news.token.expose();
    assert!(!token.is_empty());
    let public = [news.to_user_name.as_str(), news.open_kfid.as_deref().unwrap_or_default()];
    if token.len() > LONG_TOKEN && !public.iter().any(|text| text.contains(token)) {
        assert!(!shown.contains(token), "Debug shows the token");
    }
}

/// Checks that an event in WeCom's form is parsed as the same event.
fn check_written_again(news: &KfMsgOrEvent) {
    let account = news.open_kfid.as_deref().map(|open_kfid| element("OpenKfId", open_kfid)).unwrap_or_default();
    let xml = format!(
        "<xml>{}<CreateTime>{}</CreateTime>{}{}{}{account}</xml>",
        element("ToUserName", &news.to_user_name),
        news.create_time,
        element("MsgType", "event"),
        element("Event", "kf_msg_or_event"),
        element("Token", news.token.expose()),
    );
    assert_eq!(Event::parse(&*xml).ok(), Some(Event::KfMsgOrEvent(news.clone())), "{xml}");
}

/// Writes CDATA. CDATA cannot contain its own end, so such an end is split between two sections.
fn element(name: &str, text: &str) -> String {
    format!("<{name}><![CDATA[{}]]></{name}>", text.replace("]]>", "]]]]><![CDATA[>"))
}
