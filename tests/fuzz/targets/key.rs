//! The settings of a callback: `EncodingAESKey`, `Token` and receiver id, one line each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wecom_kf_callback::{Callback, Query, check_encoding_aes_key, check_token};
use wecom_kf_fuzz::{NONCE, TIMESTAMP, TOKEN};

/// A text that is put into each setting, to check that no error shows it. No error contains it by chance.
const CANARY: &str = "kQ7zV3mX9pLw2RtB";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let key = lines.next().unwrap_or_default();
    let (token, receiver_id) = (lines.next().unwrap_or(TOKEN), lines.next().unwrap_or("ww1"));
    match Callback::new(token, key, receiver_id) {
        Ok(callback) => check_accepted(&callback, key, token),
        Err(error) => {
            let _ = (error.to_string(), format!("{error:?}"));
        }
    }
    check_secrecy(key, token, receiver_id);
});

fn check_accepted(callback: &Callback, key: &str, token: &str) {
    assert!(check_encoding_aes_key(key).is_ok() && check_token(token).is_ok());
    let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    assert_eq!(key.bytes().filter(in_alphabet).count(), 43);
    let sealed = callback.seal("<xml/>", TIMESTAMP, NONCE, [1; 16]);
    let query = Query::parse(&sealed.query).expect("a sealed query is valid");
    assert_eq!(callback.decrypt(&query, sealed.body.as_bytes()).as_deref().ok(), Some("<xml/>"));
    let echo = Query::parse(&callback.seal_url("1616140317555161061", TIMESTAMP, NONCE, [1; 16]));
    let echo = echo.expect("a sealed query is valid");
    assert_eq!(callback.verify_url(&echo).as_deref().ok(), Some("1616140317555161061"));
}

fn check_secrecy(key: &str, token: &str, receiver_id: &str) {
    let marked = |text: &str| format!("{text}{CANARY}{text}");
    let attempts = [
        Callback::new(token, marked(key), receiver_id),
        Callback::new(marked(token), key, receiver_id),
        Callback::new(marked(token), marked(key), receiver_id),
    ];
    for attempt in attempts {
        let shown = match attempt {
            Ok(callback) => format!("{callback:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains(CANARY) || receiver_id.contains(CANARY), "a setting is shown: {shown}");
    }
}
