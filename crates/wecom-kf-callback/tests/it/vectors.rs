//! The test vectors of WeCom's encryption scheme, in both directions.

use serde_json::Value;
use wecom_kf_callback::{Callback, Event, Query};

fn vector(name: &str) -> Value {
    let vectors: Value = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    let vector = vectors["vectors"].as_array().unwrap().iter().find(|vector| vector["name"] == name);
    vector.unwrap().clone()
}

fn text(vector: &Value, pointer: &str) -> String {
    vector.pointer(pointer).unwrap().as_str().unwrap().to_owned()
}

fn callback(vector: &Value) -> Callback {
    let [token, key, receiver] = ["/token", "/encoding_aes_key", "/receiveid"].map(|pointer| text(vector, pointer));
    Callback::new(token, key, receiver).unwrap()
}

fn query(vector: &Value) -> Query {
    let query = Query::parse(&text(vector, "/raw_query")).unwrap();
    assert_eq!(query.msg_signature(), text(vector, "/query/msg_signature"));
    assert_eq!(query.timestamp(), text(vector, "/query/timestamp"));
    assert_eq!(query.nonce(), text(vector, "/query/nonce"));
    query
}

#[test]
fn the_published_verification_is_answered() {
    let vector = vector("known_echo_a");
    let (callback, query) = (callback(&vector), query(&vector));
    assert_eq!(query.echostr(), Some(&*text(&vector, "/query/echostr")));
    assert_eq!(callback.verify_url(&query).unwrap(), text(&vector, "/expect/plaintext"));
}

#[test]
fn the_published_verification_is_answered_with_a_bare_plus_too() {
    let vector = vector("known_echo_a");
    let raw = text(&vector, "/raw_query");
    assert_eq!(raw.matches("%2B").count(), 2);
    for raw in [raw.replace("%2B", "+"), raw.replace("%2B", "%2b"), raw.replacen("%2B", "+", 1)] {
        let answer = callback(&vector).verify_url(&Query::parse(&raw).unwrap());
        assert_eq!(answer.unwrap(), text(&vector, "/expect/plaintext"), "{raw}");
    }
}

#[test]
fn the_event_is_read() {
    let vector = vector("kf_msg_or_event_plain");
    let (callback, query) = (callback(&vector), query(&vector));
    let body = text(&vector, "/body");
    assert_eq!(callback.decrypt(&query, body.as_bytes()).unwrap(), text(&vector, "/expect/plaintext"));
    let Event::KfMsgOrEvent(news) = callback.event(&query, body.as_bytes()).unwrap() else { panic!("another kind") };
    assert_eq!(news.open_kfid, Some(text(&vector, "/expect/event/OpenKfId")));
    assert_eq!(news.token.expose(), text(&vector, "/expect/event/Token"));
    assert_eq!(Some(news.create_time), vector["expect"]["event"]["CreateTime"].as_i64());
    assert_eq!(news.to_user_name, text(&vector, "/expect/event/ToUserName"));
}

#[test]
fn the_event_is_sealed_byte_for_byte() {
    let vector = vector("kf_msg_or_event_plain");
    let callback = callback(&vector);
    let random = text(&vector, "/random16").into_bytes().try_into().unwrap();
    let (timestamp, nonce) = (text(&vector, "/query/timestamp"), text(&vector, "/query/nonce"));
    let sealed = callback.seal(&text(&vector, "/expect/plaintext"), &timestamp, &nonce, random);
    assert_eq!(sealed.query, text(&vector, "/raw_query"));
    assert_eq!(sealed.body, text(&vector, "/body"));
    assert_eq!(callback.encrypt(&text(&vector, "/expect/plaintext"), random), text(&vector, "/encrypt"));
    assert_eq!(callback.sign(&timestamp, &nonce, &text(&vector, "/encrypt")), text(&vector, "/query/msg_signature"));
}
