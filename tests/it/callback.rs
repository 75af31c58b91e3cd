//! The ready-made service for callbacks, with requests like WeCom's.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use futures_util::{FutureExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower::ServiceExt;
use wecom_kf::callback::{self, CONCURRENT_REQUESTS, Callback, Event, MAX_BODY, Replays, WAITING_EVENTS};

use crate::clock::StandingClock;
use crate::secrets::log_everything;

const NEWS: &str = "<xml><ToUserName>ww1</ToUserName><CreateTime>1718000000</CreateTime><MsgType>event</MsgType>\
    <Event>kf_msg_or_event</Event><Token>ENC1</Token><OpenKfId>wk1</OpenKfId></xml>";

struct Endpoint {
    callback: Callback,
    url: String,
    events: mpsc::Receiver<Event>,
    http: reqwest::Client,
    clock: StandingClock,
}

fn settings() -> Callback {
    Callback::new("TOKEN1", "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY", "ww1").unwrap()
}

/// Starts the service with a stopped clock, so that its limits of a few seconds do not depend on the machine.
async fn endpoint() -> Endpoint {
    let callback = settings();
    let (service, events) = callback::service(callback.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/callback", listener.local_addr().unwrap());
    tokio::spawn(callback::serve(listener, Router::new().route("/callback", service)));
    Endpoint {
        callback,
        url,
        events,
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        clock: StandingClock::start(),
    }
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

/// The service needs no app secret, because WeCom verifies the URL before it issues one.
#[tokio::test]
async fn a_get_is_answered_with_the_text_or_refused_without_reason() {
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
async fn a_post_is_answered_at_once_and_its_event_is_queued() {
    let mut endpoint = endpoint().await;
    // Nothing reads the channel yet.
    assert_eq!(endpoint.post(NEWS).await, 200);
    assert_eq!(endpoint.post("<xml><MsgType>event</MsgType><Event>subscribe</Event></xml>").await, 200);
    let Some(Event::KfMsgOrEvent(news)) = endpoint.events.recv().await else { panic!("no news") };
    assert_eq!((news.open_kfid.as_deref(), news.token.expose()), (Some("wk1"), "ENC1"));
    assert!(matches!(endpoint.events.recv().await, Some(Event::Unknown(_))), "other events are accepted, too");

    let sealed = endpoint.callback.seal(NEWS, "1718000001", "99", [7; 16]);
    let forged = sealed.query.replace("timestamp=1718000001", "timestamp=1718000002");
    assert_eq!(endpoint.post_raw(&forged, sealed.body).await, 403);
    assert_eq!(endpoint.post_raw(&forged, "<".repeat(MAX_BODY + 1)).await, 413);
    let put = endpoint.http.put(&endpoint.url).send().await.unwrap();
    assert_eq!(put.status().as_u16(), 405);
    assert!(endpoint.events.try_recv().is_err(), "a refused request was queued");
}

#[tokio::test]
async fn with_a_full_queue_wecom_is_asked_to_try_again() {
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

/// Announces a body of `length` bytes, sends only `sent`, and then stalls. Returns the status.
async fn half_a_request(endpoint: &Endpoint, query: &str, length: usize, sent: &str) -> String {
    let mut stream = TcpStream::connect(address(endpoint)).await.unwrap();
    let head = format!("POST /callback?{query} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{sent}");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut reply = [0; 12];
    stream.read_exact(&mut reply).await.unwrap();
    String::from_utf8_lossy(&reply[9..]).into_owned()
}

fn address(endpoint: &Endpoint) -> &str {
    endpoint.url.trim_start_matches("http://").trim_end_matches("/callback")
}

const FORGED: &str = "msg_signature=5c45&timestamp=1718000001&nonce=99";

#[tokio::test]
async fn a_body_that_stalls_ends_with_408() {
    let endpoint = endpoint().await;
    let second = async {
        loop {
            endpoint.clock.pass(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        status = half_a_request(&endpoint, FORGED, 100, "<xml>") => assert_eq!(status, "408"),
        () = second => {}
    }
}

#[tokio::test]
async fn a_malformed_query_is_refused_before_the_body_is_read() {
    let endpoint = endpoint().await;
    for query in ["", "msg_signature=5c45&timestamp=1718000001", "msg_signature=5c45&timestamp=171800000&nonce=99"] {
        // The announced body never arrives, so reading it would end with 408.
        assert_eq!(half_a_request(&endpoint, query, 100, "<xml>").await, "403", "{query}");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused() {
    let endpoint = endpoint().await;
    assert_eq!(MAX_BODY, 65_536);
    assert_eq!(half_a_request(&endpoint, FORGED, MAX_BODY + 1, "").await, "413", "by its announced length");
    // Without a length, the bytes are counted. The service does not read the rest, so the test does not send it.
    let chunk = "x".repeat(MAX_BODY + 1);
    let mut stream = TcpStream::connect(address(&endpoint)).await.unwrap();
    let head = format!("POST /callback?{FORGED} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(format!("{head}{:x}\r\n{chunk}", chunk.len() + 1).as_bytes()).await.unwrap();
    let mut reply = [0; 12];
    stream.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"HTTP/1.1 413");
    assert_eq!(endpoint.post_raw(FORGED, "x".repeat(MAX_BODY)).await, 403, "64 KiB are read");
}

#[tokio::test]
async fn a_captured_post_sent_as_get_is_not_answered() {
    let endpoint = endpoint().await;
    let sealed = endpoint.callback.seal(NEWS, "1718000001", "99", [7; 16]);
    let encrypt = sealed.body.split("<Encrypt><![CDATA[").nth(1).unwrap().split(']').next().unwrap();
    let echostr = encrypt.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let url = format!("{}?{}&echostr={echostr}", endpoint.url, sealed.query);
    let reply = endpoint.http.get(url).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.bytes().await.unwrap().len()), (403, 0));
}

/// In memory and with a paused clock.
#[tokio::test(start_paused = true)]
async fn concurrent_requests_are_limited() {
    let (service, _events) = callback::service(settings());
    let app = Router::new().route("/callback", service);
    let request = |body: Body| Request::post(format!("/callback?{FORGED}")).body(body).unwrap();
    let endless = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let mut waiting: Vec<_> =
        (0..CONCURRENT_REQUESTS).map(|_| Box::pin(app.clone().oneshot(request(endless())))).collect();
    for request in &mut waiting {
        assert!(request.now_or_never().is_none());
    }
    assert_eq!(app.clone().oneshot(request("<xml>".into())).await.unwrap().status(), 503);
    waiting.pop();
    assert_eq!(app.clone().oneshot(request("<xml>".into())).await.unwrap().status(), 403, "one request has ended");
}

#[tokio::test]
async fn forged_requests_do_not_fill_the_log() {
    let (log, _guard) = log_everything();
    let endpoint = endpoint().await;
    for _ in 0..100 {
        assert_eq!(endpoint.post_raw(FORGED, "<xml>").await, 403);
        let reply = endpoint.http.get(format!("{}?{FORGED}&echostr=a", endpoint.url)).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), 403);
        assert_eq!(half_a_request(&endpoint, FORGED, MAX_BODY + 1, "").await, "413");
    }
    let log = log.text();
    let lines = |what: &str| log.lines().filter(|line| line.contains(what)).count();
    // One line per minute, so a slow test may have several.
    assert!((1..10).contains(&lines("callback refused")), "{log}");
    assert!((1..10).contains(&lines("callback not accepted")), "{log}");
}

#[tokio::test]
async fn headers_that_stall_close_the_connection() {
    let endpoint = endpoint().await;
    let mut stream = TcpStream::connect(address(&endpoint)).await.unwrap();
    stream.write_all(b"GET /callback HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let mut end = Vec::new();
    let closed = stream.read_to_end(&mut end);
    let second = async {
        loop {
            endpoint.clock.pass(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        closed = closed => assert!(closed.is_ok(), "{closed:?}"),
        () = second => {}
    }
}

#[allow(clippy::disallowed_methods, reason = "the service compares with the wall clock")]
#[tokio::test]
async fn with_replays_a_repeat_is_answered_but_not_queued() {
    let callback = settings();
    let (service, mut events) = callback::service_once(callback.clone(), Replays::default());
    let app = Router::new().route("/callback", service);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let post = async |timestamp: u64, random: u8| {
        let sealed = callback.seal(NEWS, &timestamp.to_string(), "99", [random; 16]);
        let request = Request::post(format!("/callback?{}", sealed.query)).body(Body::from(sealed.body)).unwrap();
        app.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!([post(now, 1).await, post(now, 1).await, post(now, 2).await], [200, 200, 200]);
    assert_eq!([post(now - 3600, 3).await, post(now + 3600, 4).await], [403, 403]);
    assert!(events.try_recv().is_ok() && events.try_recv().is_ok() && events.try_recv().is_err(), "two events");

    // An attempt that was refused with 503 does not make the next one a repeat.
    events.close();
    assert_eq!([post(now, 5).await, post(now, 5).await], [503, 503]);
}
