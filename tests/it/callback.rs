//! The ready service for callbacks, asked as WeCom asks.

use std::time::Duration;

use axum::Router;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use wecom_kf::callback::{self, Callback, Event, MAX_BODY, WAITING_EVENTS};

const NEWS: &str = "<xml><ToUserName>ww1</ToUserName><CreateTime>1718000000</CreateTime><MsgType>event</MsgType>\
    <Event>kf_msg_or_event</Event><Token>ENC1</Token><OpenKfId>wk1</OpenKfId></xml>";

struct Endpoint {
    callback: Callback,
    url: String,
    events: mpsc::Receiver<Event>,
    http: reqwest::Client,
}

async fn endpoint() -> Endpoint {
    let callback = Callback::new("TOKEN1", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY", "ww1").unwrap();
    let (service, events) = callback::service(callback.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/callback", service)).await });
    Endpoint { callback, url, events, http: reqwest::Client::builder().no_proxy().build().unwrap() }
}

impl Endpoint {
    async fn post(&self, xml: &str) -> u16 {
        let sealed = self.callback.seal(xml, "1718000001", "99", [7; 16]);
        self.post_raw(&sealed.query, sealed.body).await
    }

    async fn post_raw(&self, query: &str, body: impl Into<reqwest::Body>) -> u16 {
        let request = self.http.post(format!("{}?{query}", self.url)).body(body);
        request.send().await.unwrap().status().as_u16()
    }
}

/// No secret is needed for it: WeCom verifies the URL before it hands one out.
#[tokio::test]
async fn get_is_answered_with_the_text_alone_and_a_wrong_one_without_a_reason() {
    let endpoint = endpoint().await;
    let query = endpoint.callback.seal_url("1616140317555161061", "1718000001", "99", [7; 16]);
    let reply = endpoint.http.get(format!("{}?{query}", endpoint.url)).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.bytes().await.unwrap().as_ref()), (200, &b"1616140317555161061"[..]));
    for wrong in [query.replace("nonce=99", "nonce=98"), String::new(), "echostr=%ff".to_owned()] {
        let reply = endpoint.http.get(format!("{}?{wrong}", endpoint.url)).send().await.unwrap();
        assert_eq!((reply.status().as_u16(), reply.bytes().await.unwrap().len()), (403, 0), "{wrong}");
    }
}

#[tokio::test]
async fn post_is_answered_at_once_and_the_event_waits_in_the_channel() {
    let mut endpoint = endpoint().await;
    // Nobody takes it yet.
    assert_eq!(endpoint.post(NEWS).await, 200);
    assert_eq!(endpoint.post("<xml><MsgType>event</MsgType><Event>subscribe</Event></xml>").await, 200);
    let Some(Event::KfMsgOrEvent(news)) = endpoint.events.recv().await else { panic!("no news") };
    assert_eq!((news.open_kfid.as_deref(), news.token.expose()), (Some("wk1"), "ENC1"));
    assert!(matches!(endpoint.events.recv().await, Some(Event::Unknown(_))), "other events are fine");

    let sealed = endpoint.callback.seal(NEWS, "1718000001", "99", [7; 16]);
    let forged = sealed.query.replace("timestamp=1718000001", "timestamp=1718000002");
    assert_eq!(endpoint.post_raw(&forged, sealed.body).await, 403);
    assert_eq!(endpoint.post_raw(&forged, "<".repeat(MAX_BODY + 1)).await, 413);
    let put = endpoint.http.put(&endpoint.url).send().await.unwrap();
    assert_eq!(put.status().as_u16(), 405);
    assert!(endpoint.events.try_recv().is_err(), "what was refused came through");
}

#[tokio::test]
async fn what_cannot_wait_is_put_off_so_that_it_comes_again() {
    let mut endpoint = endpoint().await;
    for _ in 0..WAITING_EVENTS {
        assert_eq!(endpoint.post(NEWS).await, 200);
    }
    assert_eq!(endpoint.post(NEWS).await, 503);
    endpoint.events.recv().await.unwrap();
    assert_eq!(endpoint.post(NEWS).await, 200);
    endpoint.events.close();
    assert_eq!(endpoint.post(NEWS).await, 503);
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    let endpoint = endpoint().await;
    let address = endpoint.url.trim_start_matches("http://").trim_end_matches("/callback").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /callback HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n<xml>").await.unwrap();
    let mut reply = [0; 12];
    tokio::time::timeout(Duration::from_secs(15), stream.read_exact(&mut reply)).await.unwrap().unwrap();
    assert_eq!(&reply, b"HTTP/1.1 408");
}
