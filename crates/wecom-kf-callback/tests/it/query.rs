//! Parsing queries: which ones are accepted, and the errors of the others.

use proptest::prelude::*;
use wecom_kf_callback::{Lang, MAX_QUERY, Query, Reason};

use crate::{NONCE, TIMESTAMP, callback, reason};

fn refusal(raw_query: &str) -> String {
    reason(Query::parse(raw_query)).to_string()
}

#[test]
fn values_are_decoded_once_and_a_plus_stays_a_plus() {
    let query = Query::parse(
        "msg_signature=a&timestamp=%31%32%33%34567890&nonce=%E4%BD%A0&echostr=a+b%2Bc%2bd%252B%3D==%20%26",
    )
    .unwrap();
    assert_eq!(query.msg_signature(), "a");
    assert_eq!(query.timestamp(), "1234567890");
    assert_eq!(query.nonce(), "你");
    assert_eq!(query.echostr(), Some("a+b+c+d%2B=== &"));
}

#[test]
fn other_parameters_a_question_mark_and_any_order_are_fine() {
    let query = Query::parse("?app=1&app=2&&x&%ZZ=%ZZ&nonce=n&timestamp=1718000001&msg_signature=s").unwrap();
    assert_eq!((query.msg_signature(), query.timestamp(), query.nonce()), ("s", TIMESTAMP, "n"));
    assert_eq!(query.echostr(), None);
}

#[test]
fn a_missing_parameter_is_named() {
    assert_eq!(refusal(""), "msg_signature is missing from the query");
    assert_eq!(refusal("timestamp=1718000001&nonce=n"), "msg_signature is missing from the query");
    assert_eq!(refusal("msg_signature=s&nonce=n"), "timestamp is missing from the query");
    assert_eq!(refusal("msg_signature=s&timestamp=1718000001"), "nonce is missing from the query");
    assert_eq!(
        refusal("/callback?msg_signature=s&timestamp=1718000001&nonce=n"),
        "msg_signature is missing from the query"
    );
    let query = Query::parse("msg_signature=s&timestamp=1718000001&nonce=n").unwrap();
    assert_eq!(reason(callback().verify_url(&query)).to_string(), "echostr is missing from the query");
}

#[test]
fn a_repeated_parameter_is_named() {
    let whole = "msg_signature=s&timestamp=1718000001&nonce=n&echostr=e";
    for parameter in ["msg_signature", "timestamp", "nonce", "echostr"] {
        for again in ["=1", "=", ""] {
            let raw = format!("{whole}&{parameter}{again}");
            assert_eq!(refusal(&raw), format!("{parameter} is in the query more than once"));
        }
    }
}

#[test]
fn a_malformed_parameter_is_named() {
    for value in ["%", "%2", "%2G", "%+1", "%%20", "%FF", "%ED%A0%80"] {
        let raw = format!("msg_signature=s&timestamp=1718000001&nonce={value}");
        assert_eq!(refusal(&raw), "nonce in the query must be percent-encoded UTF-8", "{value}");
    }
    let others = [
        "",
        "-1",
        "1x",
        "+1",
        "%2B1",
        "1.0",
        " 1",
        "%EF%BC%91",
        "171800000",
        "17180000011",
        "171800000x",
        "-718000001",
    ];
    for value in others {
        let raw = format!("msg_signature=s&timestamp={value}&nonce=n");
        assert_eq!(refusal(&raw), "timestamp in the query must be ten digits", "{value}");
    }
}

#[test]
fn the_query_is_bounded() {
    let raw = |length: usize| {
        let head = "msg_signature=s&timestamp=1718000001&nonce=";
        format!("{head}{}", "n".repeat(length - head.len()))
    };
    assert!(Query::parse(&raw(MAX_QUERY)).is_ok());
    assert_eq!(reason(Query::parse(&raw(MAX_QUERY + 1))).to_string(), "query has 8193 bytes, at most 8192 are read");
}

#[test]
fn an_echostr_decoded_like_a_form_has_its_own_remedy() {
    // With these random bytes, the echostr contains '+' three times.
    let random =
        (0..=255).map(|byte| [byte; 16]).find(|random| callback().encrypt("hello", *random).matches('+').count() == 3);
    let raw = callback().seal_url("hello", TIMESTAMP, NONCE, random.unwrap());
    let refusal = |raw: &str| reason(callback().verify_url(&Query::parse(raw).unwrap()));

    assert_eq!(refusal(&raw.replace("%2B", " ")), refusal(&raw.replace("%2B", "%20")));
    let spoiled = refusal(&raw.replace("%2B", "%20"));
    assert_eq!(spoiled.to_string(), "signature differs; echostr has 3 spaces, probably decoded from '+'");
    assert_eq!(spoiled.remedy(Lang::En), "pass the raw query to Query::parse: a framework or a proxy decoded '+'");
    assert_eq!(
        (spoiled.in_lang(Lang::Zh).as_str(), spoiled.remedy(Lang::Zh)),
        ("签名不符，echostr 有 3 个空格，多半是 '+' 被解码", "把原始 query 交给 Query::parse：框架或代理解码了 '+'")
    );
    assert_eq!(
        refusal(&raw.replacen("%2B", "%20", 1)).to_string(),
        "signature differs; echostr has 1 space, probably decoded from '+'"
    );

    let twice = refusal(&raw.replace('%', "%25"));
    assert!(matches!(twice, Reason::SignatureDiffers { spaces: 0, percents: 3.., .. }), "{twice}");
    assert_eq!(twice.remedy(Lang::En), "pass the raw query to Query::parse: a proxy encoded it a second time");

    let foreign = refusal(&raw.replace("nonce=9", "nonce=8"));
    assert_eq!(foreign.to_string(), "signature differs");
    assert!(
        foreign.remedy(Lang::En).starts_with("compare Token with the one in the admin console"),
        "{}",
        foreign.remedy(Lang::En)
    );
}

proptest! {
    #[test]
    fn no_query_panics(raw_query: String) {
        let _ = Query::parse(&raw_query);
    }

    #[test]
    fn no_likely_query_panics(signature in ".*", timestamp in "[0-9%]*", nonce in "[%0-9A-G+&=]*", echostr in "[%0-9a-zA-Z+/= &]*") {
        let raw = format!("msg_signature={signature}&timestamp={timestamp}&nonce={nonce}&echostr={echostr}");
        if let Ok(query) = Query::parse(&raw) {
            prop_assert!(callback().verify_url(&query).is_err());
        }
    }

    #[test]
    fn what_is_written_is_read(text in "[!-;=-~]{0,64}", timestamp in "[0-9]{10}", nonce in ".{0,40}", random: [u8; 16]) {
        let query = Query::parse(&callback().seal_url(&text, &timestamp, &nonce, random)).unwrap();
        prop_assert_eq!(query.timestamp(), timestamp);
        prop_assert_eq!(query.nonce(), nonce);
        prop_assert_eq!(callback().verify_url(&query).unwrap(), text);
    }
}
