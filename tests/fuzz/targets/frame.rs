//! The body of a callback: the envelope, the text of `Encrypt` with a valid signature, or a frame with valid encryption, as an
//! attacker who knows the settings could send it. The first byte selects which part the rest of the input is.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{Array, BlockModeEncrypt, KeyIvInit};
use libfuzzer_sys::fuzz_target;
use wecom_kf_callback::{Query, Reason, Replays};
use wecom_kf_fuzz::{CALLBACK, NONCE, TIMESTAMP, show};

fuzz_target!(|data: &[u8]| {
    let [choice, rest @ ..] = data else { return };
    match choice % 5 {
        0 => forged_envelope(rest),
        1 => signed_ciphertext(rest),
        2 => encrypted_frame(rest),
        3 => sealed_xml(rest),
        _ => signed_text(rest),
    }
});

/// Sends an envelope without a valid signature.
fn forged_envelope(body: &[u8]) {
    if let Err(error) = CALLBACK.event(&query_of("x"), body) {
        show(&error);
    }
}

fn signed_ciphertext(ciphertext: &[u8]) {
    let encrypt = STANDARD.encode(ciphertext);
    let body = format!("<xml><Encrypt>{encrypt}</Encrypt></xml>");
    if let Err(error) = CALLBACK.event(&query_of(&encrypt), body.as_bytes()) {
        assert!(!matches!(error.reason(), Reason::SignatureDiffers { .. } | Reason::NotBase64), "{error:?}");
        show(&error);
    }
}

/// Encrypts the frame here, because random ciphertext almost never decrypts to valid padding. An incomplete last block is
/// left out.
fn encrypted_frame(frame: &[u8]) {
    let mut frame = frame.to_vec();
    let (blocks, rest) = Array::slice_as_chunks_mut(&mut frame);
    let rest = rest.len();
    let key: [u8; 32] = std::array::from_fn(|index| index as u8 + 7);
    let iv: [u8; 16] = std::array::from_fn(|index| key[index]);
    cbc::Encryptor::<Aes256>::new(&key.into(), &iv.into()).encrypt_blocks(blocks);
    frame.truncate(frame.len() - rest);
    signed_ciphertext(&frame);
}

fn sealed_xml(xml: &[u8]) {
    let Ok(xml) = str::from_utf8(xml) else { return };
    let sealed = CALLBACK.seal(xml, TIMESTAMP, NONCE, [7; 16]);
    let (query, body) = (parsed(&sealed.query), sealed.body.as_bytes());
    match CALLBACK.decrypt(&query, body) {
        Ok(decrypted) => assert_eq!(decrypted, xml),
        Err(error) => return assert!(matches!(error.reason(), Reason::BodyTooLarge { .. }), "{error:?}"),
    }
    let replays = Replays::default();
    let now = UNIX_EPOCH + Duration::from_secs(1_718_000_003);
    let once = || CALLBACK.event_once(&query, body, &replays, now);
    match CALLBACK.event(&query, body) {
        Ok(event) => {
            let _ = format!("{event:?}");
            assert_eq!(once().ok(), Some(Some(event)));
            assert_eq!(once().ok(), Some(None), "a repeat was not recognised");
        }
        Err(error) => {
            show(&error);
            assert!(once().is_err());
        }
    }
}

/// Checks that the signature covers the unchanged text of `Encrypt`.
fn signed_text(text: &[u8]) {
    let Ok(text) = str::from_utf8(text) else { return };
    // CDATA cannot contain its own end, and an XML parser may turn a carriage return into a line feed.
    if text.contains([']', '\r']) {
        return;
    }
    let body = format!("<xml><Encrypt><![CDATA[{text}]]></Encrypt></xml>");
    if let Err(error) = CALLBACK.event(&query_of(text), body.as_bytes()) {
        assert!(!matches!(error.reason(), Reason::SignatureDiffers { .. }), "the text was changed: {text:?}");
        show(&error);
    }
}

/// Returns the query with the signature of this text of `Encrypt`.
fn query_of(encrypt: &str) -> Query {
    let msg_signature = CALLBACK.sign(TIMESTAMP, NONCE, encrypt);
    parsed(&format!("msg_signature={msg_signature}&timestamp={TIMESTAMP}&nonce={NONCE}"))
}

fn parsed(query: &str) -> Query {
    Query::parse(query).expect("a query that was written here is valid")
}
