//! The checks of the settings, with common mistakes in pasting.

use proptest::prelude::*;
use wecom_kf_callback::{Callback, Lang, Query, SettingsError};

use crate::{KEY, NONCE, RECEIVER, TIMESTAMP, TOKEN, callback};

fn with_key(key: &str) -> Result<Callback, SettingsError> {
    Callback::new(TOKEN, key, RECEIVER)
}

fn refusal(key: &str) -> String {
    with_key(key).unwrap_err().to_string()
}

#[test]
fn a_key_may_end_in_any_character() {
    let alphabet: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    assert_eq!(alphabet.len(), 64);
    let ciphertexts: Vec<String> = alphabet
        .iter()
        .map(|last| {
            let callback = with_key(&format!("{}{last}", &KEY[..42])).unwrap();
            let query = Query::parse(&callback.seal_url("hello", TIMESTAMP, NONCE, [7; 16])).unwrap();
            assert_eq!(callback.verify_url(&query).unwrap(), "hello");
            callback.encrypt("hello", [7; 16])
        })
        .collect();
    for (index, four) in ciphertexts.chunks(4).enumerate() {
        assert!(four.iter().all(|other| *other == four[0]), "{index}");
        assert_eq!(ciphertexts.iter().filter(|other| **other == four[0]).count(), 4, "{index}");
    }
}

#[test]
fn pasting_mistakes_in_the_key_are_named() {
    assert_eq!(
        refusal(&format!("{KEY}=")),
        "EncodingAESKey has 44 characters and ends in '=': remove the '=', the one in the admin console has 43"
    );
    let cases = [
        (KEY.replacen('g', "\t", 1), "EncodingAESKey: character 3 is U+0009 CHARACTER TABULATION; remove it"),
        (format!("{KEY}\u{200b}"), "EncodingAESKey: character 44 is U+200B ZERO WIDTH SPACE; remove it"),
        (
            format!("“{KEY}”"),
            "EncodingAESKey: character 1 is U+201C LEFT DOUBLE QUOTATION MARK; leave out the quotes around the value",
        ),
    ];
    for (key, expected) in cases {
        assert_eq!(refusal(&key), expected);
    }
    assert_eq!(refusal(&KEY[..42]), "EncodingAESKey has 42 characters: the one in the admin console has 43");
    assert_eq!(refusal(&format!("{KEY}A")), "EncodingAESKey has 44 characters: the one in the admin console has 43");
    assert_eq!(refusal(""), "EncodingAESKey has 0 characters: the one in the admin console has 43");
    assert_eq!(
        refusal(&format!("{KEY}{KEY}")),
        "EncodingAESKey has 86 characters: the one in the admin console has 43"
    );
    assert_eq!(
        refusal(&format!("{}=", &KEY[..42])),
        "character 43 of EncodingAESKey is none of A-Z, a-z, 0-9, '+' and '/'"
    );
    for wrong in ['-', '_', '=', '.', '密', 'é', '“'] {
        let key = format!("{}{wrong}{}", &KEY[..2], &KEY[3..]);
        assert_eq!(refusal(&key), "character 3 of EncodingAESKey is none of A-Z, a-z, 0-9, '+' and '/'", "{wrong:?}");
    }
    assert!(with_key(&format!("{}+/", &KEY[..41])).is_ok());
}

#[test]
fn mistakes_in_the_token_are_named() {
    let refusal = |token: &str| Callback::new(token, KEY, RECEIVER).unwrap_err().to_string();
    assert_eq!(refusal(""), "Token has 0 characters: the one in the admin console has 1 to 32");
    assert_eq!(refusal(&"t".repeat(33)), "Token has 33 characters: the one in the admin console has 1 to 32");
    assert_eq!(refusal("to ken"), "Token: character 3 is U+0020 SPACE; remove it");
    assert_eq!(
        refusal("「token」"),
        "Token: character 1 is U+300C LEFT CORNER BRACKET; leave out the quotes around the value"
    );
    assert_eq!(refusal("to-ken"), "character 3 of Token is neither a letter A-Z, a-z nor a digit");
    assert_eq!(refusal("密"), "character 1 of Token is neither a letter A-Z, a-z nor a digit");
    assert!(Callback::new("t", KEY, RECEIVER).is_ok());
    assert!(Callback::new("t".repeat(32), KEY, RECEIVER).is_ok());
}

#[test]
fn a_receiver_id_may_be_empty_but_has_no_spaces() {
    let error = Callback::new(TOKEN, KEY, "ww\u{feff}1\n").unwrap_err();
    assert_eq!(error.to_string(), "receiver id: character 3 is U+FEFF ZERO WIDTH NO-BREAK SPACE; remove it");
    let callback = Callback::new(TOKEN, KEY, "").unwrap();
    let query = Query::parse(&callback.seal_url("hello", TIMESTAMP, NONCE, [7; 16])).unwrap();
    assert_eq!(callback.verify_url(&query).unwrap(), "hello");
    assert!(crate::callback().verify_url(&query).is_err());
}

#[test]
fn a_receiver_id_with_the_end_of_cdata_still_makes_an_envelope() {
    let callback = Callback::new(TOKEN, KEY, "a]]></b>").unwrap();
    let sealed = callback.seal("<xml/>", TIMESTAMP, NONCE, [7; 16]);
    let query = Query::parse(&sealed.query).unwrap();
    assert_eq!(callback.decrypt(&query, sealed.body.as_bytes()).unwrap(), "<xml/>");
}

#[test]
fn white_space_and_byte_order_marks_around_settings_are_removed() {
    let plain = callback();
    for (before, after) in [(" ", ""), ("", "\n"), ("\u{feff}", "\r\n"), ("\u{3000}\u{feff}", "\u{a0}\t")] {
        let pasted = |text: &str| format!("{before}{text}{after}");
        let callback = Callback::new(pasted(TOKEN), pasted(KEY), pasted(RECEIVER)).unwrap();
        let query = Query::parse(&callback.seal_url("hello", TIMESTAMP, NONCE, [7; 16])).unwrap();
        assert_eq!(plain.verify_url(&query).unwrap(), "hello");
    }
}

#[test]
fn every_mistake_is_told_in_chinese_too() {
    let errors = [
        Callback::new("", KEY, RECEIVER),
        Callback::new("to-ken", KEY, RECEIVER),
        Callback::new("to ken", KEY, RECEIVER),
        Callback::new(TOKEN, "", RECEIVER),
        Callback::new(TOKEN, format!("{KEY}="), RECEIVER),
        Callback::new(TOKEN, KEY.replacen('g', "-", 1), RECEIVER),
        Callback::new(TOKEN, KEY, "\"ww1\""),
    ];
    for zh in errors.map(|result| result.unwrap_err().in_lang(Lang::Zh)) {
        let words = zh.split(|char: char| !char.is_ascii_alphabetic());
        let known = ["", "Token", "EncodingAESKey", "receiveid", "A", "Z", "a", "z", "U"];
        let english: Vec<_> = words.filter(|word| !known.contains(word)).collect();
        assert!(english.is_empty() && zh.chars().any(|char| char > '\u{4e00}'), "{zh}: {english:?}");
    }
}

#[test]
fn a_callback_can_be_shared() {
    fn shared<T: Send + Sync + Clone + 'static>(_: T) {}
    shared(callback());
}

proptest! {
    #[test]
    fn no_settings_panic(token: String, key: String, receiver: String) {
        let _ = Callback::new(token, key, receiver);
    }

    #[test]
    fn keys_near_the_right_length_do_not_panic(key in "[A-Za-z0-9+/=_é \\-]{40,46}") {
        let _ = with_key(&key);
    }
}
