//! Invalid envelopes and events are refused: malformed, huge or deeply nested XML.

use std::iter::repeat_n;

use proptest::prelude::*;
use wecom_kf_callback::{Event, MAX_BODY, MAX_DEPTH, Query, Reason, XmlProblem};

use crate::{NONCE, TIMESTAMP, callback, reason, signed};

const XML: &str = "<xml><MsgType>event</MsgType></xml>";

/// Decrypts a body, in which `{}` is replaced by the encrypted text.
fn decrypted(body: &str) -> Result<String, wecom_kf_callback::Error> {
    let encrypt = callback().encrypt(XML, [0; 16]);
    callback().decrypt(&signed(&callback(), &encrypt), body.replace("{}", &encrypt).as_bytes())
}

fn refusal(body: &str) -> Reason {
    reason(decrypted(body))
}

/// Returns the problems of a text: as a body, and as a signed and encrypted message.
fn problems(text: &str) -> [XmlProblem; 2] {
    let Reason::BodyNotXml { problem: of_body, .. } = refusal(text) else { panic!("{}", refusal(text)) };
    let sealed = callback().seal(text, TIMESTAMP, NONCE, [0; 16]);
    let query = Query::parse(&sealed.query).unwrap();
    let Reason::MessageNotXml { problem, .. } = reason(callback().event(&query, sealed.body.as_bytes())) else {
        panic!()
    };
    [of_body, problem]
}

#[test]
fn an_envelope_may_be_written_in_many_ways() {
    for body in [
        "<xml><Encrypt>{}</Encrypt></xml>",
        "<xml><Encrypt><![CDATA[{}]]></Encrypt></xml>",
        "<xml><Encrypt>\n  <![CDATA[{}]]>\r\n\t</Encrypt></xml>",
        "<xml><Encrypt><![CDATA[]]><![CDATA[{}]]> <!-- --> </Encrypt></xml>",
        "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n<Encrypt>{}</Encrypt>\n</xml>\n",
        "<xml><AgentID/><Encrypt>{}</Encrypt><ToUserName><![CDATA[ww]]></ToUserName></xml>",
        "<xml><New><Encrypt>no</Encrypt></New><Encrypt>{}</Encrypt><encrypt>no</encrypt></xml>",
        "<xml><New a='&x;' b=\"1\"><A><B/></A>&amp;</New>text<Encrypt type='x'>{}</Encrypt><!-- <Encrypt> --></xml>",
        "<other><Encrypt>{}</Encrypt></other>",
    ] {
        assert_eq!(decrypted(body).unwrap(), XML, "{body}");
    }
}

#[test]
fn references_in_the_encrypted_text_are_resolved() {
    let encrypt = callback().encrypt(XML, [1; 16]);
    assert!(encrypt.contains('+') && encrypt.contains('/'));
    let body = crate::envelope(&encrypt.replace('+', "&#43;").replace('/', "&#x2F;"));
    assert_eq!(callback().decrypt(&signed(&callback(), &encrypt), body.as_bytes()).unwrap(), XML);
}

#[test]
fn white_space_without_cdata_belongs_to_the_text() {
    assert!(matches!(refusal("<xml><Encrypt> {}</Encrypt></xml>"), Reason::SignatureDiffers { .. }));
    assert!(matches!(refusal("<xml><Encrypt>{}\n</Encrypt></xml>"), Reason::SignatureDiffers { .. }));
    assert!(matches!(refusal("<xml><Encrypt><![CDATA[{} ]]></Encrypt></xml>"), Reason::SignatureDiffers { .. }));
}

#[test]
fn there_must_be_one_encrypt_with_nothing_but_text() {
    assert_eq!(refusal("<xml></xml>"), Reason::EncryptMissing);
    assert_eq!(refusal("<xml/>"), Reason::EncryptMissing);
    assert_eq!(refusal("<Encrypt>{}</Encrypt>"), Reason::EncryptMissing);
    assert_eq!(refusal("<xml><a><Encrypt>{}</Encrypt></a></xml>"), Reason::EncryptMissing);
    assert_eq!(refusal("<xml><Encrypt>{}</Encrypt><Encrypt>{}</Encrypt></xml>"), Reason::EncryptRepeated);
    assert_eq!(refusal("<xml><Encrypt>{}</Encrypt><Encrypt/></xml>"), Reason::EncryptRepeated);
    assert_eq!(refusal("<xml><Encrypt/><Encrypt>{}</Encrypt><Encrypt/></xml>"), Reason::EncryptRepeated);
    assert_eq!(refusal("<xml><Encrypt><a/>{}</Encrypt></xml>"), Reason::EncryptMalformed);
    assert_eq!(refusal("<xml><Encrypt>{}<a><b/></a></Encrypt></xml>"), Reason::EncryptMalformed);
    assert_eq!(refusal("<xml><Encrypt><a/></Encrypt><Encrypt>{}</Encrypt></xml>"), Reason::EncryptRepeated);
}

#[test]
fn malformed_xml_is_refused() {
    for text in [
        "",
        " ",
        "{\"encrypt\":\"x\"}",
        "encrypt",
        "<",
        "<xml",
        "<xml>",
        "<xml><a></xml>",
        "<xml><a></b></xml>",
        "<xml></xml></xml>",
        "</xml>",
        "<xml/><xml/>",
        "<xml/>x",
        "x<xml/>",
        "<xml/>&amp;",
        "<xml/><![CDATA[]]>",
        "<![CDATA[<xml/>]]>",
        "<xml><![CDATA[</xml>",
        "<xml><!-- </xml>",
        "<xml><? </xml>",
        "<xml><!x></xml>",
        "<xml>&amp</xml>",
        "<xml>& </xml>",
        "\u{feff}\u{feff}<xml/>",
        "<!-- -->",
    ] {
        assert_eq!(problems(text), [XmlProblem::Malformed; 2], "{text}");
    }
    assert_eq!(
        reason(callback().decrypt(&signed(&callback(), ""), b"<xml>\xFF</xml>")).to_string(),
        "body is refused as XML: not UTF-8"
    );
}

#[test]
fn no_dtd_is_read() {
    for text in [
        "<!DOCTYPE xml><xml/>",
        "<!DOCTYPE xml SYSTEM \"file:///etc/passwd\"><xml/>",
        "<!DOCTYPE xml [<!ENTITY e SYSTEM \"http://127.0.0.1/\">]><xml><Encrypt>&e;</Encrypt></xml>",
        "<xml><!DOCTYPE a><Encrypt/></xml>",
        "<!doctype xml><xml/>",
    ] {
        assert_eq!(problems(text), [XmlProblem::Dtd; 2], "{text}");
    }
}

#[test]
fn unknown_entities_are_refused_wherever_they_are() {
    for text in [
        "<xml><Encrypt>&e;</Encrypt></xml>",
        "<xml><New>&e;</New></xml>",
        "<xml>&nbsp;</xml>",
        "<xml>&;</xml>",
        "<xml>&#0;</xml>",
        "<xml>&#;</xml>",
        "<xml>&#x110000;</xml>",
        "<xml>&#xD800;</xml>",
        "<xml>&#99999999999999999999;</xml>",
        "<xml>&#-1;</xml>",
    ] {
        assert_eq!(problems(text), [XmlProblem::Entity; 2], "{text}");
    }
}

#[test]
fn bombs_are_refused_without_expanding_them() {
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let bomb = format!("<!DOCTYPE xml [<!ENTITY l0 \"lol\">{laughs}]><xml><Encrypt>&l9;</Encrypt></xml>");
    assert_eq!(problems(&bomb), [XmlProblem::Dtd; 2]);
    let undeclared = format!("<xml><Encrypt>{}</Encrypt></xml>", "&l9;".repeat(100_000));
    assert_eq!(problems(&undeclared), [XmlProblem::Entity; 2]);
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| {
        let within = |tag: &str| repeat_n(tag.to_owned(), depth - 1).collect::<String>();
        format!("<xml>{}{}<Encrypt>{{}}</Encrypt></xml>", within("<a>"), within("</a>"))
    };
    assert_eq!(decrypted(&nested(MAX_DEPTH)).unwrap(), XML);
    assert_eq!(problems(&nested(MAX_DEPTH + 1)), [XmlProblem::TooDeep; 2]);
    // 100,000 levels are refused early, whether they are closed or not.
    assert_eq!(problems(&nested(70_000)), [XmlProblem::TooDeep; 2]);
    assert_eq!(problems(&"<a>".repeat(100_000)), [XmlProblem::TooDeep; 2]);
}

#[test]
fn names_have_a_limit() {
    let named = |length: usize| format!("<xml><{0}/><{0}></{0}><Encrypt>{{}}</Encrypt></xml>", "a".repeat(length));
    assert_eq!(decrypted(&named(1024)).unwrap(), XML);
    assert_eq!(problems(&named(1025)), [XmlProblem::Malformed; 2]);
}

#[test]
fn junk_of_a_mebibyte_is_refused_and_more_is_not_parsed() {
    for unit in ["<", ">", "&", "<a ", "<![CDATA[", "<!--", "<?", "]]>", " ", "\0", "</a>", "<!", "<!DOCTYPE [", "<a/>"]
    {
        let mut junk = unit.repeat(MAX_BODY / unit.len() + 1);
        junk.truncate(MAX_BODY);
        assert!(matches!(refusal(&junk), Reason::BodyNotXml { .. }), "{unit}");
        junk.push(' ');
        assert_eq!(refusal(&junk).to_string(), "body has 1048577 bytes, at most 1048576 are read", "{unit}");
    }
}

#[test]
fn a_body_of_a_mebibyte_is_read() {
    let room = MAX_BODY - "<xml><Encrypt></Encrypt></xml>".len();
    // The length is a multiple of the groups of base64 and of the padding.
    let text = "x".repeat(room / 4 * 3 / 32 * 32 - 64);
    let encrypt = callback().encrypt(&text, [0; 16]);
    let body = crate::envelope(&encrypt);
    assert!(body.len() > MAX_BODY - 256 && body.len() <= MAX_BODY, "{}", body.len());
    assert_eq!(callback().decrypt(&signed(&callback(), &encrypt), body.as_bytes()).unwrap(), text);
}

proptest! {
    #[test]
    fn no_xml_panics(xml in "(<[/!?]?(xml|Encrypt|Token|a)?[ />]|<!\\[CDATA\\[|\\]\\]>|<!--|-->|\\?>|&(amp|e|#x?[0-9a-f]{0,9})?;?|[ -~密]|<!DOCTYPE){0,40}") {
        let _ = Event::parse(&*xml);
        let _ = callback().event(&signed(&callback(), ""), xml.as_bytes());
    }

    #[test]
    fn no_text_panics(xml: String) {
        let _ = Event::parse(xml);
    }
}
