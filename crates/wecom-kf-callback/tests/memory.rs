//! The memory that parsing a body needs. This is a process of its own, because the allocator counts the whole process.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use peak_alloc::PeakAlloc;
use wecom_kf_callback::{Callback, MAX_BODY, Query};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Returns the peak memory of parsing a body, in addition to the body itself.
fn peak(callback: &Callback, query: &Query, body: &str) -> usize {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let _ = callback.event(query, body.as_bytes());
    ALLOCATED.peak_usage() - before
}

#[test]
fn parsing_needs_less_than_four_times_the_body() {
    let callback = Callback::new("FixtureCallbackTok01", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY", "ww1").unwrap();
    let mut worst = 0;
    let mut measure = |name: &str, query: &Query, body: &str, most: usize| {
        let peak = peak(&callback, query, body);
        println!("{name:?}: {peak} bytes for {}", body.len());
        assert!(peak < most, "{name:?} takes {peak} for {}", body.len());
        worst = worst.max(peak);
    };

    let query = Query::parse("msg_signature=s&timestamp=1718000001&nonce=n").unwrap();
    for (before, unit, after) in [
        ("", "<", ""),
        ("", "<a>", ""),
        ("", "<a/>", ""),
        ("<xml>", "<Encrypt/>", "</xml>"),
        ("<xml><", "a", "/></xml>"),
        ("<xml><", "b", "></xml>"),
        ("<xml><a ", "a='' ", "/></xml>"),
        ("<xml><Encrypt>", "&lt;", "</Encrypt></xml>"),
        ("<xml><Encrypt>", "a<?b?>", "</Encrypt></xml>"),
        ("<xml><Encrypt>", "<![CDATA[a]]>", "</Encrypt></xml>"),
        ("<xml><Encrypt>", "AAAA", "</Encrypt></xml>"),
        ("<!DOCTYPE xml [", "<!ENTITY a \"&b;&b;\">", "]><xml/>"),
    ] {
        let junk = [before, &unit.repeat((MAX_BODY - 100) / unit.len()), after].concat();
        // At most a copy of the single text. The body is then refused, because it has no signature.
        measure(unit, &query, &junk, junk.len() + 1024);
    }

    // The same text as a signed message.
    for unit in
        ["<a>", "<a/>", "<AuthAddOpenKfId>a</AuthAddOpenKfId>", "<AuthAddOpenKfId/>", "<Token>a</Token>", "<a>&lt;</a>"]
    {
        let inside = "<xml><ToUserName>w</ToUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>\
            <Event>kf_account_auth_change</Event>";
        let xml = [inside, &unit.repeat(MAX_BODY * 7 / 10 / unit.len()), "</xml>"].concat();
        let sealed = callback.seal(&xml, "1718000001", "9988776655", [7; 16]);
        drop(xml);
        measure(unit, &Query::parse(&sealed.query).unwrap(), &sealed.body, 4 * sealed.body.len());
    }
    assert!(worst > MAX_BODY, "nothing was measured");
}
