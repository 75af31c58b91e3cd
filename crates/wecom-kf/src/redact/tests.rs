//! Tests that secrets in every encoding, complete and shortened, are removed from WeCom's messages.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{MAX_OUTSIDE, scrub};

const SECRET: &str = "kX9/q+Zr_2=w&T<m\"4\\7%eLp";

fn scrubbed(text: &str) -> String {
    scrub(text, [SECRET], [])
}

/// Encodings of a single character.
#[derive(Clone, Copy, Debug)]
enum Escape {
    None,
    PercentUpper,
    PercentLower,
    HtmlNamed,
    HtmlDecimal,
    HtmlHexadecimal,
    JsonUnit,
    JsonShort,
}

const ESCAPES: [Escape; 8] = [
    Escape::None,
    Escape::PercentUpper,
    Escape::PercentLower,
    Escape::HtmlNamed,
    Escape::HtmlDecimal,
    Escape::HtmlHexadecimal,
    Escape::JsonUnit,
    Escape::JsonShort,
];

impl Escape {
    fn of(self, character: char) -> String {
        let mut buffer = [0; 4];
        let bytes = character.encode_utf8(&mut buffer).bytes();
        let mut units = [0; 2];
        match self {
            Self::None => character.into(),
            Self::PercentUpper => bytes.map(|byte| format!("%{byte:02X}")).collect(),
            Self::PercentLower => bytes.map(|byte| format!("%{byte:02x}")).collect(),
            Self::HtmlNamed => match character {
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '"' => "&quot;".to_owned(),
                '/' => "&sol;".to_owned(),
                other => format!("&#{};", u32::from(other)),
            },
            Self::HtmlDecimal => format!("&#{};", u32::from(character)),
            Self::HtmlHexadecimal => format!("&#x{:04x};", u32::from(character)),
            Self::JsonUnit => character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
            Self::JsonShort => match character {
                '/' => "\\/".to_owned(),
                '"' => "\\\"".to_owned(),
                '\\' => "\\\\".to_owned(),
                other => other.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04X}")).collect(),
            },
        }
    }

    fn of_text(self, text: &str) -> String {
        text.chars().map(|character| self.of(character)).collect()
    }
}

#[test]
fn a_secret_is_cut_out_in_every_encoding() {
    for escape in ESCAPES {
        let text = format!("no: {}, from ip", escape.of_text(SECRET));
        assert_eq!(scrubbed(&text), "no: ***, from ip", "{escape:?}: {text}");
    }
    let json = serde_json::Value::from(SECRET).to_string();
    assert_eq!(scrubbed(&format!("no: {json}")), "no: \"***\"");
    let form = "a b".to_owned() + SECRET;
    assert_eq!(scrub("q=a+bkX9%2Fq%2BZr_2%3Dw%26T%3Cm%224%5C7%25eLp&x", [&*form], []), "q=***&x");
}

#[test]
fn base64_is_cut_out_wherever_the_secret_begins_in_it() {
    for before in ["", "a", "ab", "abc", "{\"corpsecret\":\""] {
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(format!("{before}{SECRET}\"}}"));
            let core = &encoded[before.len() * 4 / 3 + 2..][..8];
            // The Base64 may be next to characters of its alphabet, be shortened, or be encoded once more.
            let cut = &encoded[..before.len() * 4 / 3 + 14];
            let texts = [
                encoded.clone(),
                format!("/path/{encoded}/x"),
                format!("x{encoded}"),
                format!("xy{encoded}"),
                cut.to_owned(),
                encoded.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"),
                encoded.replace('/', "\\/"),
                format!("{}\r\n{}", &encoded[..5], &encoded[5..]),
            ];
            for text in texts {
                let scrubbed = scrubbed(&format!("no: {text} end"));
                assert!(scrubbed.contains("***") && !scrubbed.contains(core), "{before:?} {text}: {scrubbed}");
                assert!(scrubbed.starts_with("no: ") && scrubbed.ends_with(" end"), "{scrubbed}");
            }
        }
    }
}

#[test]
fn a_beginning_of_eight_characters_is_cut_out_and_one_of_seven_is_not() {
    assert_eq!(scrubbed(&format!("no: {}", &SECRET[..8])), "no: ***");
    assert_eq!(scrubbed(&format!("no: {}!", &SECRET[..12])), "no: ***!");
    assert_eq!(scrubbed(&format!("no: {}", &SECRET[..7])), format!("no: {}", &SECRET[..7]));
    // A secret of fewer than eight characters is removed only if all of it is there.
    assert_eq!(scrub("the pass and the passw", ["passw"], []), "the pass and the ***");
    // Two adjacent secrets become one group of asterisks.
    assert_eq!(scrubbed(&format!("{SECRET}{SECRET} {SECRET}")), "*** ***");
}

#[test]
fn words_of_people_are_cut_out_but_not_the_scheme_of_a_url() {
    let words = ["https://e.example/?phone=13800000000", "您好，我要退款吗", "ok"];
    let scrub = |text: &str| scrub(text, [], words);
    assert_eq!(scrub("bad https://e.example/?phone=138000"), "bad ***");
    let hint = "ok, more info at https://open.work.weixin.qq.com/devtool/query?e=40001";
    assert_eq!(scrub(hint), hint);
    assert_eq!(scrub("no: \\u60a8\\u597d\\uff0c\\u6211\\u8981\\u9000\\u6b3e\\u5417"), "no: ***");
    assert_eq!(scrub("no: 您好，我要退款吗？"), "no: ***？");
}

#[test]
fn a_text_without_secrets_stays_as_it_is() {
    for text in [
        "",
        "invalid credential, access_token is invalid or not latest, hint: [1718000001_1_abcdefghijklmnop], from ip: 203.0.113.7",
        "100% &amp; \\u4f60 %zz &#xzz; \\q %",
        "错误：参数不合法",
    ] {
        assert_eq!(scrubbed(text), text);
    }
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let long = scrubbed(&"密".repeat(10_000));
    assert_eq!(long.len(), MAX_OUTSIDE / 3 * 3);
    let text = format!("{}{SECRET}", "x".repeat(MAX_OUTSIDE - 10));
    assert!(scrubbed(&text).ends_with("x***"), "the beginning that is left is cut out, too");
}

/// Nested escapes must not take long to search, because the number of views is limited.
#[test]
fn a_hostile_text_has_few_views() {
    let escapes = "%2525%26amp;%26%2338;\\u0025\\u0026+%2B%255cu0041&#37;41QUJDREVGR0hJSktMTU5P";
    let text = escapes.repeat(MAX_OUTSIDE / escapes.len());
    assert!(views(&super::View::of(&text), 0) < 600);
    scrubbed(&text);

    fn views(view: &super::View, decoded: usize) -> usize {
        if decoded == super::MOST_DECODINGS {
            return 1;
        }
        let inner = super::Decoder::ALL.into_iter().filter_map(|decoder| view.decoded(decoder));
        1 + inner.map(|view| views(&view, decoded + 1)).sum::<usize>()
    }
}

#[test]
fn the_beginning_of_a_secret_that_looks_like_a_url_is_removed() {
    assert_eq!(super::scrub("no: 0Aa!A!:/", ["0Aa!A!://AaAAa0!!"], []), "no: ***");
}

fn escape() -> impl Strategy<Value = Escape> {
    proptest::sample::select(&ESCAPES[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Each character is encoded alone, because servers encode only the characters that need it. The result is encoded
    /// once more and shortened.
    #[test]
    fn a_secret_in_any_two_encodings_is_cut_out_whole_or_cut_short(
        secret in "[!-~]{8,40}|[!-~您🙂é]{8,40}",
        inner in escape(),
        outer in escape(),
        kept in 8_usize..=20,
    ) {
        let characters = secret.chars().take(kept).map(|character| outer.of_text(&inner.of(character)));
        let encoded: String = characters.collect();
        let scrubbed = scrub(&format!("no: {encoded}"), [&*secret], []);
        prop_assert_eq!(scrubbed, "no: ***", "{} as {}", secret, encoded);
    }

    #[test]
    fn a_secret_in_base64_is_cut_out(
        secret in "[!-~]{12,40}",
        before in "[ -~]{0,9}",
        after in "[ -~]{0,9}",
        escape in escape(),
        is_url_safe: bool,
    ) {
        let engine = if is_url_safe { &URL_SAFE } else { &STANDARD };
        let encoded = engine.encode(format!("{before}{secret}{after}"));
        // The characters of Base64 that depend only on the first eight characters of the secret.
        let (first, last) = ((before.len() * 4).div_ceil(3), (before.len() + 8) * 4 / 3);
        let core = escape.of_text(&encoded[first..last]);
        let scrubbed = scrub(&format!("no: {}", escape.of_text(&encoded)), [&*secret], []);
        prop_assert!(!scrubbed.contains(&core), "{secret} as {encoded}: {scrubbed}");
    }

    #[test]
    fn any_text_and_any_secrets_are_fine(text: String, secrets: Vec<String>, words: Vec<String>) {
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let scrubbed = scrub(&text, secrets.iter().copied(), words.iter().map(String::as_str));
        for secret in secrets.iter().filter(|secret| !secret.is_empty() && !"***".contains(**secret)) {
            prop_assert!(!scrubbed.replace("***", "\u{0}").contains(secret), "{secret} in {scrubbed}");
        }
    }
}
