//! A page of `sync_msg`: every message decodes, keeps its JSON unchanged, and survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wecom_kf::messages::{Content, Message, Page};
use wecom_kf::{Error, Lang};

/// The limit of nesting, because forwarded messages may contain forwarded messages.
const MAX_DEPTH: u32 = 6;

fuzz_target!(|data: &[u8]| {
    match Page::from_json(data) {
        Ok(page) => {
            let _ = (page.next_cursor(), page.has_more(), format!("{page:?}"));
            for message in page.messages() {
                check(data, message);
            }
        }
        Err(error) => show(&error),
    }
});

fn check(page: &[u8], message: &Message) {
    let raw = message.raw();
    // Characters that are not allowed in JSON were replaced.
    if let Ok(page) = str::from_utf8(page)
        && !raw.contains('\u{fffd}')
    {
        assert!(page.contains(raw), "the JSON of a message is not as it came");
    }
    let json = serde_json::to_string(message).expect("a message is valid JSON");
    assert_eq!(json, raw, "a message is not written as it came");
    let again: Message = serde_json::from_str(&json).expect("a message is read from what it was written as");
    assert_same(message, &again);
    assert_same(message, &message.detached());
    walk(message.content(), 0);
}

fn assert_same(one: &Message, other: &Message) {
    assert_eq!(one.raw(), other.raw());
    assert_eq!((one.msgid(), one.msgtype(), one.send_time()), (other.msgid(), other.msgtype(), other.send_time()));
    assert_eq!((one.open_kfid(), one.external_userid()), (other.open_kfid(), other.external_userid()));
    assert_eq!((one.origin(), one.servicer_userid()), (other.origin(), other.servicer_userid()));
    assert_eq!(format!("{one:?} {:?}", one.content()), format!("{other:?} {:?}", other.content()));
}

fn walk(content: &Content, depth: u32) {
    let _ = format!("{content:?}");
    if depth < MAX_DEPTH
        && let Content::MergedMsg(merged) = content
    {
        merged.item.iter().for_each(|item| walk(&item.content(), depth + 1));
    }
}

fn show(error: &Error) {
    let _ = (error.to_string(), error.code(), error.class(), error.is_retryable());
    let _ = (error.in_lang(Lang::En), error.in_lang(Lang::Zh), error.remedy(Lang::En), format!("{error:?}"));
}
