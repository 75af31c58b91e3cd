//! Every operation of the document is answered, and needs a token.

use std::collections::BTreeSet;

use reqwest::multipart::{Form, Part};
use serde_json::Value;
use wecom_kf_sim::{Simulator, op};

use crate::bot::Bot;

/// Whatever the document names, somebody answers: a reply of the platform's, not a hint that there is no such path.
#[tokio::test]
async fn every_operation_of_the_document_answers() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    for operation in op::ALL {
        let request = match operation {
            op::MEDIA_UPLOAD | op::MEDIA_UPLOADIMG => bot.request(operation, "").multipart(png()),
            _ if operation.method == "GET" => bot.http.get(bot.url(operation)),
            _ => bot.request(operation, "{}"),
        };
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 200, "{operation:?}");
        assert!(reply.json::<Value>().await.unwrap()["errcode"].is_i64(), "{operation:?}");
    }
    let called: BTreeSet<_> = sim.journal().iter().map(|call| call.operation).collect();
    assert_eq!(called.len(), op::ALL.len());
    assert!(!called.contains("unknown_path"));
}

#[tokio::test]
async fn what_a_call_needs_is_a_token_and_the_documented_method() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    for operation in op::ALL.into_iter().filter(|operation| *operation != op::GETTOKEN) {
        let other = if operation.method == "GET" { reqwest::Method::POST } else { reqwest::Method::GET };
        let call = async |method: reqwest::Method, token: &str| {
            let request = bot.http.request(method, bot.url(operation)).query(&[("access_token", token)]);
            request.send().await.unwrap().json::<Value>().await.unwrap()["errcode"].clone()
        };
        let documented = reqwest::Method::from_bytes(operation.method.as_bytes()).unwrap();
        assert_eq!(call(documented.clone(), "").await, 41001, "{operation:?}");
        assert_eq!(call(documented, "unknown").await, 40014, "{operation:?}");
        // account/list answers a GET without a body, servicer/list misses its account: both are taken.
        let expected = if operation == op::ACCOUNT_LIST { 0 } else { 40058 };
        assert_eq!(call(other, &bot.access_token).await, expected, "{operation:?}");
    }
}

fn png() -> Form {
    let part = Part::bytes(&b"\x89PNG\r\n\x1a\n"[..]).file_name("a.png").mime_str("image/png").unwrap();
    Form::new().part("media", part)
}
