//! Requests that an attacker changed or captured are refused.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{Array, BlockModeEncrypt, KeyIvInit};
use proptest::prelude::*;
use wecom_kf_callback::{Callback, Lang, Query, Reason};

use crate::{KEY, NONCE, RECEIVER, TIMESTAMP, TOKEN, callback, envelope, query_of, reason, signed};

const XML: &str = "<xml><MsgType>event</MsgType></xml>";

fn decrypt(query: &Query, encrypt: &str) -> Result<String, wecom_kf_callback::Error> {
    callback().decrypt(query, envelope(encrypt).as_bytes())
}

/// Returns the reason why a signed frame is refused. The frame is encrypted here, not by the crate that is tested.
fn refusal_of_frame(frame: &[u8]) -> Reason {
    let encrypt = STANDARD.encode(encrypted(frame));
    reason(decrypt(&signed(&callback(), &encrypt), &encrypt))
}

fn encrypted(frame: &[u8]) -> Vec<u8> {
    let key: [u8; 32] = std::array::from_fn(|index| index as u8 + 7);
    let iv: [u8; 16] = std::array::from_fn(|index| index as u8 + 7);
    let mut ciphertext = frame.to_vec();
    let (blocks, rest) = Array::slice_as_chunks_mut(&mut ciphertext);
    assert!(rest.is_empty());
    cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into()).encrypt_blocks(blocks);
    ciphertext
}

/// Creates a valid frame.
fn frame(text: &str, receiver: &str) -> Vec<u8> {
    let mut frame =
        [&[b'r'; 16], &(text.len() as u32).to_be_bytes()[..], text.as_bytes(), receiver.as_bytes()].concat();
    let padding = 32 - frame.len() % 32;
    frame.resize(frame.len() + padding, padding as u8);
    frame
}

fn is_signature(reason: &Reason) -> bool {
    matches!(reason, Reason::SignatureDiffers { .. })
}

/// Returns whether the refusal happened before decryption: at the signature, or when the query or the body was parsed.
fn is_before_decryption(reason: &Reason) -> bool {
    is_signature(reason)
        || matches!(reason, Reason::ParameterMalformed { .. } | Reason::BodyNotXml { .. } | Reason::EncryptMalformed)
}

fn flipped(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut bytes = bytes.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}

#[test]
fn the_other_implementation_agrees() {
    let encrypt = STANDARD.encode(encrypted(&frame(XML, RECEIVER)));
    assert_eq!(encrypt, callback().encrypt(XML, [b'r'; 16]));
    assert_eq!(decrypt(&signed(&callback(), &encrypt), &encrypt).unwrap(), XML);
}

#[test]
fn a_changed_signature_is_refused_before_decryption() {
    let encrypt = callback().encrypt(XML, [0; 16]);
    let signature = callback().sign(TIMESTAMP, NONCE, &encrypt);
    let mut refused = 0;
    for signature in flipped(signature.as_bytes()) {
        // Such a byte is not UTF-8, so the query cannot be parsed.
        if let Ok(signature) = String::from_utf8(signature) {
            let query = query_of(&signature, TIMESTAMP, NONCE).unwrap();
            assert!(is_signature(&reason(decrypt(&query, &encrypt))), "{signature}");
            refused += 1;
        }
    }
    assert_eq!(refused, 40 * 7);
}

#[test]
fn a_signature_of_another_form_is_refused() {
    let encrypt = callback().encrypt(XML, [0; 16]);
    let signature = callback().sign(TIMESTAMP, NONCE, &encrypt);
    assert_ne!(signature, signature.to_uppercase());
    let others = [&*signature.to_uppercase(), &signature[..39], &signature[1..], &format!("{signature}0"), ""];
    for other in others {
        assert!(is_signature(&reason(decrypt(&query_of(other, TIMESTAMP, NONCE).unwrap(), &encrypt))), "{other}");
    }
}

#[test]
fn a_changed_timestamp_or_nonce_is_refused_before_decryption() {
    let encrypt = callback().encrypt(XML, [0; 16]);
    let signature = callback().sign(TIMESTAMP, NONCE, &encrypt);
    let (mut by_query, mut by_signature) = (0, 0);
    let timestamps = flipped(TIMESTAMP.as_bytes()).map(|timestamp| (timestamp, NONCE.into()));
    let nonces = flipped(NONCE.as_bytes()).map(|nonce| (TIMESTAMP.into(), nonce));
    for (timestamp, nonce) in timestamps.chain(nonces) {
        let [timestamp, nonce] = [timestamp, nonce].map(|text| crate::escape(&text));
        let raw = format!("msg_signature={signature}&timestamp={timestamp}&nonce={nonce}");
        match Query::parse(&raw) {
            Ok(query) => {
                assert!(is_signature(&reason(decrypt(&query, &encrypt))), "{raw}");
                by_signature += 1;
            }
            Err(_) => by_query += 1,
        }
    }
    // Some of the 160 changes are not UTF-8, or give a timestamp that is not ten digits.
    assert_eq!(by_query + by_signature, 160);
    assert!(by_signature >= 70 + 20, "{by_signature}");
}

#[test]
fn a_changed_ciphertext_is_refused_before_decryption() {
    let encrypt = callback().encrypt(XML, [0; 16]);
    let query = signed(&callback(), &encrypt);
    // Flips bits of the ciphertext and encodes it again.
    for ciphertext in flipped(&STANDARD.decode(&encrypt).unwrap()) {
        assert!(is_signature(&reason(decrypt(&query, &STANDARD.encode(ciphertext)))));
    }
    // Flips bits of the base64 text in the body.
    for encrypt in flipped(encrypt.as_bytes()) {
        let body = [b"<xml><Encrypt>", &*encrypt, b"</Encrypt></xml>"].concat();
        assert!(is_before_decryption(&reason(callback().decrypt(&query, &body))), "{}", body.escape_ascii());
    }
}

#[test]
fn a_changed_echostr_is_refused_before_decryption() {
    let echostr = callback().encrypt("hello", [0; 16]);
    let signature = callback().sign(TIMESTAMP, NONCE, &echostr);
    for echostr in flipped(echostr.as_bytes()) {
        let echostr = crate::escape(&echostr);
        let raw = format!("msg_signature={signature}&timestamp={TIMESTAMP}&nonce={NONCE}&echostr={echostr}");
        let refusal = Query::parse(&raw).and_then(|query| callback().verify_url(&query));
        assert!(is_before_decryption(&reason(refusal)), "{echostr}");
    }
}

#[test]
fn a_changed_body_never_yields_another_text() {
    let sealed = callback().seal(XML, TIMESTAMP, NONCE, [0; 16]);
    let query = Query::parse(&sealed.query).unwrap();
    for body in flipped(sealed.body.as_bytes()) {
        if let Ok(text) = callback().decrypt(&query, &body) {
            assert_eq!(text, XML, "only what is not signed may differ");
        }
    }
}

#[test]
fn the_signature_is_checked_before_the_ciphertext() {
    let wrong_padding = STANDARD.encode(encrypted(&[33; 64]));
    let another_receiver = Callback::new(TOKEN, KEY, "ww2").unwrap().encrypt(XML, [0; 16]);
    for encrypt in ["", "!", "AAAA", &wrong_padding, &another_receiver] {
        let unsigned = query_of(&"0".repeat(40), TIMESTAMP, NONCE).unwrap();
        assert!(is_signature(&reason(decrypt(&unsigned, encrypt))), "{encrypt}");
        assert!(!is_signature(&reason(decrypt(&signed(&callback(), encrypt), encrypt))), "{encrypt}");
    }
}

#[test]
fn base64_must_be_the_standard_kind_with_padding() {
    // A ciphertext whose base64 has padding and one of the characters that other alphabets replace.
    let encrypts = (0..=255).map(|byte| callback().encrypt("hello", [byte; 16]));
    let encrypt =
        encrypts.filter(|encrypt| encrypt.ends_with("==")).find(|encrypt| encrypt.contains(['+', '/'])).unwrap();
    let others = [
        encrypt.trim_end_matches('=').to_owned(),
        format!("{encrypt}="),
        encrypt.replace('+', "-").replace('/', "_"),
        encrypt.replacen('A', "é", 1) + "é",
        format!("{}\n{}", &encrypt[..64], &encrypt[64..]),
        "=".to_owned(),
        "====".to_owned(),
    ];
    for other in others {
        assert_eq!(reason(decrypt(&signed(&callback(), &other), &other)), Reason::NotBase64, "{other}");
    }
}

#[test]
fn a_ciphertext_must_be_whole_blocks() {
    for bytes in [0, 1, 15, 17, 31, 33, 95, 97] {
        let encrypt = STANDARD.encode(vec![7; bytes]);
        let reason = reason(decrypt(&signed(&callback(), &encrypt), &encrypt));
        assert_eq!(reason.to_string(), format!("ciphertext has {bytes} bytes, not whole blocks of 16"));
    }
}

#[test]
fn padding_is_checked_whole() {
    let whole = frame(&"x".repeat(64 - 20 - RECEIVER.len()), RECEIVER);
    assert_eq!(whole[64..], [32; 32]);
    for wrong in [0, 33, 255] {
        let mut frame = whole.clone();
        frame[95] = wrong;
        assert_eq!(refusal_of_frame(&frame), Reason::Padding, "{wrong}");
    }
    for index in 64..95 {
        let mut frame = whole.clone();
        frame[index] = 31;
        assert_eq!(refusal_of_frame(&frame), Reason::Padding, "{index}");
    }
}

#[test]
fn a_length_that_does_not_fit_is_refused() {
    let whole = frame(XML, RECEIVER);
    for length in [u32::MAX, u32::MAX - 19, 1 << 31, 1 << 24, (XML.len() + RECEIVER.len()) as u32 + 1] {
        let mut frame = whole.clone();
        frame[16..20].copy_from_slice(&length.to_be_bytes());
        assert_eq!(refusal_of_frame(&frame), Reason::MessageLength, "{length}");
    }
    assert_eq!(refusal_of_frame(&[16; 16]), Reason::MessageLength);
}

#[test]
fn another_receiver_is_refused() {
    for receiver in ["", "ww0fixture0corp0002", "ww0fixture0corp000", "ww0fixture0corp00011", "WW0FIXTURE0CORP0001"] {
        assert_eq!(refusal_of_frame(&frame(XML, receiver)), Reason::ReceiverDiffers, "{receiver}");
    }
    for length in [XML.len() - 1, XML.len() + 1] {
        let mut frame = frame(XML, RECEIVER);
        frame[16..20].copy_from_slice(&(length as u32).to_be_bytes());
        assert_eq!(refusal_of_frame(&frame), Reason::ReceiverDiffers, "{length}");
    }
}

#[test]
fn another_key_or_token_is_refused() {
    let sealed = callback().seal(XML, TIMESTAMP, NONCE, [0; 16]);
    let query = Query::parse(&sealed.query).unwrap();
    let other_key = Callback::new(TOKEN, KEY.replace('B', "C"), RECEIVER).unwrap();
    let refusal = reason(other_key.decrypt(&query, sealed.body.as_bytes()));
    assert!(matches!(refusal, Reason::Padding | Reason::MessageLength), "{refusal}");
    assert!(refusal.remedy(Lang::En).starts_with("compare EncodingAESKey with the one in the admin console"));
    let other_token = Callback::new("another", KEY, RECEIVER).unwrap();
    assert!(is_signature(&reason(other_token.decrypt(&query, sealed.body.as_bytes()))));
}

/// The signature covers its parts without a separator, so the boundaries between them can be moved and the signature stays
/// valid. The ciphertext is then longer or shorter, and its frame is refused.
#[test]
fn a_signed_request_with_moved_boundaries_is_refused() {
    // This token is the last of the sorted parts, so that the other three are adjacent.
    let callback = Callback::new("zzz", KEY, RECEIVER).unwrap();
    let xml = XML.repeat(5);
    let (mut malformed, mut signed, mut past_base64) = (0, 0, 0);
    for random in 0..40 {
        let encrypt = callback.encrypt(&xml, [random; 16]);
        let signature = callback.sign(TIMESTAMP, NONCE, &encrypt);
        let heads =
            (1..encrypt.len()).map(|cut| (TIMESTAMP.to_owned(), NONCE.to_owned() + &encrypt[..cut], &encrypt[cut..]));
        let tails =
            (1..encrypt.len()).map(|cut| (TIMESTAMP.to_owned() + NONCE, encrypt[cut..].to_owned(), &encrypt[..cut]));
        for (timestamp, nonce, encrypt) in heads.chain(tails) {
            let query = query_of(&signature, &timestamp, &nonce);
            let refusal = reason(query.and_then(|query| callback.decrypt(&query, envelope(encrypt).as_bytes())));
            if matches!(refusal, Reason::ParameterMalformed { parameter: "timestamp", .. }) {
                malformed += 1;
                continue;
            }
            signed += usize::from(!is_signature(&refusal));
            past_base64 += usize::from(!is_signature(&refusal) && refusal != Reason::NotBase64);
        }
    }
    // The test is useful only if each kind occurs often.
    assert!(malformed > 1000 && signed > 1000 && past_base64 > 100, "{malformed} {signed} {past_base64}");
}

proptest! {
    #[test]
    fn no_body_panics(body: Vec<u8>) {
        prop_assert!(callback().event(&signed(&callback(), ""), &body).is_err());
    }

    #[test]
    fn no_signed_ciphertext_panics(ciphertext: Vec<u8>) {
        let encrypt = STANDARD.encode(ciphertext);
        prop_assert!(decrypt(&signed(&callback(), &encrypt), &encrypt).is_err());
    }

    #[test]
    fn no_signed_text_panics(encrypt in "[ -%'-;=-~]*") {
        prop_assert!(decrypt(&signed(&callback(), &encrypt), &encrypt).is_err());
    }

    #[test]
    fn no_signed_frame_panics(mut frame in proptest::collection::vec(any::<u8>(), 1..200), padding in 1..=32_u8) {
        frame.resize(frame.len().next_multiple_of(16) + 32, padding);
        let reason = refusal_of_frame(&frame);
        prop_assert!(matches!(reason, Reason::MessageLength | Reason::ReceiverDiffers), "{reason}");
    }

    #[test]
    fn a_signed_frame_with_a_byte_changed_does_not_panic(at in 0..96_usize, byte: u8) {
        let mut frame = frame(XML, RECEIVER);
        frame[at] = byte;
        let encrypt = STANDARD.encode(encrypted(&frame));
        if let Ok(text) = decrypt(&signed(&callback(), &encrypt), &encrypt) {
            prop_assert_eq!(text.len(), XML.len());
        }
    }
}

/// Creates a URL verification from a captured body. The signature stays valid.
fn as_get(sealed: &wecom_kf_callback::Sealed) -> Query {
    let encrypt = sealed.body.split("<Encrypt><![CDATA[").nth(1).unwrap().split(']').next().unwrap();
    Query::parse(&format!("{}&echostr={}", sealed.query, crate::escape(encrypt.as_bytes()))).unwrap()
}

#[test]
fn a_captured_post_sent_as_get_is_not_answered() {
    let event = "<xml><ToUserName>ww0fixture0corp0001</ToUserName><CreateTime>1718000000</CreateTime>\
        <MsgType>event</MsgType><Event>kf_msg_or_event</Event><Token>ENC1</Token><OpenKfId>wk1</OpenKfId></xml>";
    // Long and short documents, with everything that may precede the first element.
    for xml in [event, XML, "<x/>", "\u{feff}<x/>", " \r\n\t<x/>", "<?xml version=\"1.0\"?><x/>", "<"] {
        let query = as_get(&callback().seal(xml, TIMESTAMP, NONCE, [7; 16]));
        let refused = callback().verify_url(&query).unwrap_err();
        assert_eq!(refused.reason(), &Reason::NotAnEcho, "{xml}");
        assert_eq!(refused.to_string(), "callback refused");
    }
}

#[test]
fn an_echo_has_at_most_64_bytes() {
    let echo = |text: &str| {
        callback().verify_url(&Query::parse(&callback().seal_url(text, TIMESTAMP, NONCE, [7; 16])).unwrap())
    };
    for text in ["1616140317555161061", "hello", "您好", &"x".repeat(64)] {
        assert_eq!(echo(text).unwrap(), text);
    }
    for length in [65, 66, 96, 1000, 100_000] {
        // An echostr of 100,000 bytes does not fit into a query.
        let raw = callback().seal_url(&"x".repeat(length), TIMESTAMP, NONCE, [7; 16]);
        let refused = reason(Query::parse(&raw).and_then(|query| callback().verify_url(&query)));
        assert!(matches!(refused, Reason::NotAnEcho | Reason::QueryTooLarge { .. }), "{length}: {refused}");
    }
}

#[test]
fn a_long_echostr_is_not_even_decrypted() {
    // Whole blocks that are not a frame. If they were decrypted, the reason would be the padding.
    let refusal = |bytes: usize| {
        let encrypt = STANDARD.encode(vec![7; bytes]);
        let signature = callback().sign(TIMESTAMP, NONCE, &encrypt);
        let echostr = crate::escape(encrypt.as_bytes());
        let raw = format!("msg_signature={signature}&timestamp={TIMESTAMP}&nonce={NONCE}&echostr={echostr}");
        reason(callback().verify_url(&Query::parse(&raw).unwrap()))
    };
    assert!(!matches!(refusal(128), Reason::NotAnEcho));
    assert_eq!(refusal(144), Reason::NotAnEcho);
}
