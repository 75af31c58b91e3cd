//! Opening a sealed message returns the same message.

use proptest::prelude::*;
use wecom_kf_callback::{Callback, MAX_ECHO, Query, Reason};

use crate::{KEY, NONCE, RECEIVER, TIMESTAMP, TOKEN, callback, reason};

#[test]
fn every_length_up_to_96_comes_back() {
    // 97 lengths with receiver ids of 0 to 33 bytes, so that each padding occurs with each length of the receiver id.
    for receiver in 0..=33 {
        let callback = Callback::new(TOKEN, KEY, "w".repeat(receiver)).unwrap();
        for length in 0..=96 {
            let text: String = ('!'..='~').cycle().take(length).collect();
            let sealed = callback.seal(&text, TIMESTAMP, NONCE, [length as u8; 16]);
            let query = Query::parse(&sealed.query).unwrap();
            assert_eq!(callback.decrypt(&query, sealed.body.as_bytes()).unwrap(), text);
            let query = Query::parse(&callback.seal_url(&text, TIMESTAMP, NONCE, [length as u8; 16])).unwrap();
            let echo = callback.verify_url(&query);
            if length <= MAX_ECHO {
                assert_eq!(echo.unwrap(), text);
            } else {
                assert_eq!(reason(echo), Reason::NotAnEcho, "{length}");
            }
        }
    }
}

#[test]
fn lengths_count_bytes() {
    let text = "您好，🙂";
    let sealed = callback().seal(text, TIMESTAMP, NONCE, [0; 16]);
    assert_eq!(callback().decrypt(&Query::parse(&sealed.query).unwrap(), sealed.body.as_bytes()).unwrap(), text);
}

#[test]
fn other_random_bytes_make_another_ciphertext_throughout() {
    let [one, other] = [[0; 16], [1; 16]].map(|random| callback().encrypt(&"x".repeat(200), random));
    assert_eq!(one.len(), other.len());
    // A block of 16 bytes is about 21 characters of base64.
    for (one, other) in one.as_bytes().chunks(21).zip(other.as_bytes().chunks(21)) {
        assert_ne!(one, other);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn texts_up_to_64_kib_come_back(length in 0..=65536_usize, unit in "\\PC{1,8}", receiver in "[!#-&(-_a-~]{0,64}", random: [u8; 16]) {
        let text = unit.repeat(length / unit.len());
        let callback = Callback::new(TOKEN, KEY, receiver).unwrap();
        let sealed = callback.seal(&text, TIMESTAMP, NONCE, random);
        let query = Query::parse(&sealed.query).unwrap();
        prop_assert_eq!(callback.decrypt(&query, sealed.body.as_bytes()).unwrap(), text);
    }
}

#[test]
fn a_text_of_64_kib_comes_back() {
    let text = "密".repeat(65536 / 3) + "!";
    assert_eq!(text.len(), 65536);
    let callback = Callback::new(TOKEN, KEY, RECEIVER).unwrap();
    let sealed = callback.seal(&text, TIMESTAMP, NONCE, [7; 16]);
    assert_eq!(callback.decrypt(&Query::parse(&sealed.query).unwrap(), sealed.body.as_bytes()).unwrap(), text);
}
