//! The outcome of calls when the network or a gateway fails. With real sockets.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;
use wecom_kf::raw::{self, op, types};
use wecom_kf::{
    Client, ClientBuilder, ErrCode, Error, ExternalUserId, IssuedToken, OpenKfid, RetryPolicy, Transition, defaults,
};

use crate::broken::{ATTEMPT, BrokenServer, Fault, client_of, json, patient, reply};

const LIST: &str = "/cgi-bin/kf/account/list";
const TRANS: &str = "/cgi-bin/kf/service_state/trans";
const SEND: &str = "/cgi-bin/kf/send_msg";

/// What a caller of a `safe` operation should see.
#[derive(Debug, PartialEq)]
enum Seen {
    Fine,
    Transport { retryable: bool },
    TimedOut,
    Status(u16, bool),
    Undecodable { retryable: bool },
    Refused(i32),
}

impl Seen {
    fn of<T>(result: &Result<T, Error>) -> Self {
        let Err(error) = result else { return Self::Fine };
        let retryable = error.is_retryable();
        match error {
            Error::TimedOut { .. } => Self::TimedOut,
            Error::Refused(refusal) => Self::Refused(refusal.code.0),
            Error::NoAnswer { source, .. } => match &**source {
                raw::Error::Transport(_) => Self::Transport { retryable },
                raw::Error::Status(status) => Self::Status(status.as_u16(), retryable),
                raw::Error::Undecodable { .. } => Self::Undecodable { retryable },
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

fn status(code: u16) -> Fault {
    Fault::Bytes(reply(&format!("{code} Whatever"), "text/html", "<html>gateway</html>"))
}

/// Returns every fault with its name, the error that a caller gets, and how often a `safe` call is sent.
pub(crate) fn faults() -> Vec<(&'static str, Fault, &'static str, usize)> {
    let html = Fault::Bytes(reply("200 OK", "text/html", "<!DOCTYPE html><html><body>Sign in</body></html>"));
    let half_body = reply("200 OK", "application/json", r#"{"errcode":0,"errmsg":"ok","account_list":[]}"#);
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    vec![
        ("reset after the request", Fault::ResetAfterRequest, "Transport { retryable: true }", 3),
        ("closed after the request", Fault::CloseAfterRequest, "Transport { retryable: true }", 3),
        ("stall before the headers", Fault::Stall, "TimedOut", 3),
        ("half a status line", Fault::Bytes("HTTP/1.1 20".into()), "Transport { retryable: true }", 3),
        ("no HTTP", Fault::Bytes("SSH-2.0-OpenSSH\r\n\r\n".into()), "Transport { retryable: true }", 3),
        ("half a body", Fault::Bytes(half_body[..half_body.len() - 20].into()), "Transport { retryable: true }", 3),
        ("HTML with 200", html, "Undecodable { retryable: false }", 1),
        ("an empty body", json(""), "Undecodable { retryable: true }", 3),
        ("truncated JSON", json(r#"{"errcode":0,"account_li"#), "Undecodable { retryable: true }", 3),
        ("wrong types", json(r#"{"errcode":0,"account_list":{"a":1}}"#), "Undecodable { retryable: false }", 1),
        ("no object", json("[]"), "Undecodable { retryable: false }", 1),
        (
            "an unknown value",
            json(r#"{"errcode":0,"account_list":[{"manage_privilege":null,"new":"field"}]}"#),
            "Fine",
            1,
        ),
        ("null in a refusal", json(r#"{"errcode":48007,"errmsg":null,"account_list":null}"#), "Refused(48007)", 1),
        ("a refusal around nonsense", json(r#"{"errcode":"48007","account_list":7}"#), "Refused(48007)", 1),
        ("null for success", json(r#"{"errcode":null,"errmsg":null,"account_list":null}"#), "Fine", 1),
        ("302", Fault::Bytes(redirect.into()), "Status(302, false)", 1),
        ("429", status(429), "Status(429, true)", 3),
        ("500", status(500), "Status(500, true)", 3),
        ("501", status(501), "Status(501, false)", 1),
        ("502", status(502), "Status(502, true)", 3),
        ("503", status(503), "Status(503, true)", 3),
        ("504", status(504), "Status(504, true)", 3),
        ("404", status(404), "Status(404, false)", 1),
        ("408", status(408), "Status(408, true)", 3),
        ("201", status(201), "Status(201, false)", 1),
    ]
}

async fn list(client: &Client) -> Result<types::ListCustomerServiceAccountResponse, Error> {
    client.call(&op::AccountList::default()).await
}

#[tokio::test]
async fn each_fault_has_its_error_and_number_of_attempts() {
    for (name, fault, expected, sent) in faults() {
        let server = BrokenServer::always(fault).await;
        let result = server.outcome(ATTEMPT, list(&server.client())).await;
        assert_eq!(format!("{:?}", Seen::of(&result)), expected, "{name}");
        assert_eq!(server.requests(LIST), sent, "{name}");
        if let Err(error @ Error::NoAnswer { .. }) = &result {
            assert!(std::error::Error::source(error).is_some(), "{name} has a cause");
        }
    }
}

#[tokio::test]
async fn a_reset_before_the_request_is_repeated() {
    let server = BrokenServer::start(|path, _| (path == "connect").then_some(Fault::ResetBeforeRequest)).await;
    // gettoken fails first, so the cause is its error.
    let error = list(&server.client()).await.unwrap_err();
    assert!(
        matches!(&error, Error::NoToken { source, .. } if Seen::of::<()>(&Err(Error::clone(source))) == Seen::Transport { retryable: true }),
        "{error:?}"
    );
    assert_eq!((server.connections(), server.all_requests()), (3, 0));
}

#[tokio::test]
async fn a_write_without_a_key_is_sent_once() {
    for (name, fault, _, _) in faults() {
        let server = BrokenServer::always(fault).await;
        let (client, open_kfid, customer) = (server.client(), OpenKfid::new("wk"), ExternalUserId::new("wm"));
        let _ =
            server.outcome(ATTEMPT, client.sessions().transition(&open_kfid, &customer, Transition::to_queue())).await;
        assert_eq!(server.requests(TRANS), 1, "{name}");
        // A send without a msgid is such a write, and an empty msgid counts as none.
        for (number, msgid) in [None, Some(String::new())].into_iter().enumerate() {
            let body = types::SendRequest { msgtype: Some("text".into()), msgid, ..Default::default() };
            let _ = server.outcome(ATTEMPT, server.client().call(&op::SendMsg { body })).await;
            assert_eq!(server.requests(SEND), number + 1, "{name}");
        }
    }
}

#[tokio::test]
async fn a_write_on_a_failing_connection_is_sent_once() {
    for fault in [Fault::CloseAfterRequest, Fault::ResetAfterRequest] {
        let server = BrokenServer::always(fault).await;
        let client = server.client();
        client.token().get().await.unwrap();
        // The write reuses the connection of gettoken, which then fails.
        let result = client.call(&op::ServiceStateTrans::default()).await;
        assert_eq!(Seen::of(&result), Seen::Transport { retryable: true });
        assert_eq!((server.connections(), server.requests(TRANS)), (1, 1));
    }
}

#[tokio::test]
async fn a_write_on_a_closed_idle_connection_is_sent_at_most_once() {
    for _ in 0..50 {
        // The server answers gettoken as if it kept the connection, and then closes it.
        let server = BrokenServer::start(|path, _| {
            let token = json(r#"{"errcode":0,"access_token":"T","expires_in":7200}"#);
            (path == "/cgi-bin/gettoken").then_some(token)
        })
        .await;
        let client = server.client();
        client.token().get().await.unwrap();
        match client.call(&op::ServiceStateTrans::default()).await {
            Ok(_) => assert_eq!(server.requests(TRANS), 1),
            Err(error) => {
                assert_eq!(Seen::of::<()>(&Err(error)), Seen::Transport { retryable: true });
                assert_eq!(server.requests(TRANS), 0);
            }
        }
    }
}

#[tokio::test]
async fn a_reset_at_the_operation_is_a_transport_error() {
    // The connection of gettoken is closed after its reply, and all later connections are reset at once.
    let server = BrokenServer::start(|path, number| match (path, number) {
        ("connect", 2..) => Some(Fault::ResetBeforeRequest),
        ("/cgi-bin/gettoken", _) => Some(json(r#"{"errcode":0,"access_token":"T","expires_in":7200}"#)),
        _ => None,
    })
    .await;
    let client = server.client();
    client.token().get().await.unwrap();
    assert_eq!(Seen::of(&list(&client).await), Seen::Transport { retryable: true });
    assert_eq!(server.requests(LIST), 0);
    assert!(server.connections() >= 4, "{} connections", server.connections());
}

#[tokio::test]
async fn a_write_is_sent_when_the_server_accepts_connections_again() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // 30 attempts last for minutes, so the server may come back late.
    let client = refused_client(address, RetryPolicy::default().jitter(|| 1.0).max_attempts(30));
    let comes_back = async {
        // The first attempt is over by now.
        tokio::time::sleep(Duration::from_millis(100)).await;
        BrokenServer::on(TcpListener::bind(address).await.unwrap(), |_, _| None)
    };
    let (result, server) = tokio::join!(client.accounts().delete("wk"), comes_back);
    result.unwrap();
    assert_eq!(server.all_requests(), 1);
}

/// Returns a client that has a token, so that the operation itself is refused at the closed port.
fn refused_client(address: std::net::SocketAddr, policy: RetryPolicy) -> Client {
    let builder = Client::builder(wecom_kf::Credentials::new("", "")).base_url(format!("http://{address}"));
    patient(builder).token_source(crate::fake::FakeSource::numbered()).retry(policy).build().unwrap()
}

#[tokio::test]
async fn a_refused_connection_is_tried_three_times_also_for_a_write() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = refused_client(address, RetryPolicy::default().jitter(|| 0.0));
    let error = client.accounts().delete("wk").await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { attempts: 3, .. }), "{error:?}");
    assert!(error.is_retryable() && error.code().is_none());
    assert!(error.remedy(wecom_kf::Lang::En).starts_with("Nothing was sent"), "{error}");
}

#[tokio::test]
async fn a_send_is_repeated_under_one_msgid() {
    for fault in [Fault::Stall, Fault::ResetAfterRequest, status(502)] {
        let stalls = matches!(fault, Fault::Stall);
        let server = BrokenServer::start(move |path, number| match (path, number) {
            (SEND, 1) => Some(fault.clone()),
            (SEND, _) => Some(json(r#"{"errcode":95033,"errmsg":"msgid repeated"}"#)),
            _ => None,
        })
        .await
        .stalling(stalls);
        let (client, open_kfid, customer) = (server.client(), OpenKfid::new("wk"), ExternalUserId::new("wm"));
        let send = client.messages().send(&open_kfid, &customer, "您好");
        let msgid = server.outcome(ATTEMPT, send).await.unwrap();
        let bodies = server.bodies(SEND);
        assert_eq!(bodies.len(), 2);
        assert_eq!(bodies[0], bodies[1]);
        assert_eq!(bodies[0]["msgid"], msgid.as_str());
    }
}

#[tokio::test]
async fn a_thousand_failing_calls_send_at_most_1036_requests() {
    let dead = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let server = BrokenServer::start({
        let dead = dead.clone();
        move |path, number| match path {
            LIST if dead.load(std::sync::atomic::Ordering::SeqCst) => Some(Fault::CloseAfterRequest),
            // After the recovery, the next fault is repeated again.
            "/cgi-bin/kf/service_state/get" if number == 1 => Some(Fault::CloseAfterRequest),
            _ => None,
        }
    })
    .await;
    let client = server.client();
    let calls = stream::iter(0..1000).map(|_| list(&client)).buffer_unordered(50);
    assert_eq!(calls.filter(|result| std::future::ready(result.is_err())).count().await, 1000);
    let requests = server.all_requests();
    assert!((1030..=1036).contains(&requests), "{requests} requests");
    dead.store(false, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..100 {
        list(&client).await.unwrap();
    }
    client.call(&op::ServiceStateGet::default()).await.unwrap();
    assert_eq!(server.requests("/cgi-bin/kf/service_state/get"), 2);
}

/// Checks that no fault makes a call hang. The tests in `call` measure the deadline exactly, with a paused clock.
#[tokio::test]
async fn no_fault_makes_a_call_outlive_its_deadline() {
    for (name, fault, _, _) in faults() {
        let server = BrokenServer::always(fault).await;
        let builder = Client::builder(wecom_kf::Credentials::new("ww", "s")).base_url(server.url());
        let token = crate::fake::FakeSource::new(|_| async { Ok(IssuedToken::new("T", Some(7200))) });
        let builder = builder.token_source(token);
        // Without the deadline, attempts and waits would last for minutes.
        let retry = RetryPolicy::default().max_attempts(50).jitter(|| 1.0);
        let client = builder.call_timeout(Duration::from_millis(300)).retry(retry).build().unwrap();
        let started = tokio::time::Instant::now();
        let _ = list(&client).await;
        assert!(started.elapsed() < Duration::from_secs(60), "{name}: {:?}", started.elapsed());
    }
}

/// Sets short time-outs in the HTTP settings, which must have no effect.
fn hasty(http: wecom_kf::reqwest::ClientBuilder) -> wecom_kf::reqwest::ClientBuilder {
    http.timeout(Duration::from_millis(1)).read_timeout(Duration::from_millis(1))
}

/// With HTTP settings of the user, reqwest measures the time. The error must be the same as that of our own timer.
#[tokio::test]
async fn a_stalled_attempt_ends_at_our_limit_despite_user_settings() {
    let body = reply("200 OK", "application/json", r#"{"errcode":0,"errmsg":"ok"}"#);
    for fault in [Fault::Stall, Fault::BytesThenStall(body[..body.len() - 5].to_owned())] {
        let server = BrokenServer::always(fault.clone()).await;
        for (attempt, call) in [(200, 60_000), (60_000, 200)] {
            let limit = Duration::from_millis(200);
            let builder = Client::builder(wecom_kf::Credentials::new("", "")).base_url(server.url()).http(hasty);
            let builder = builder.token_source(crate::fake::FakeSource::numbered());
            let builder =
                builder.attempt_timeout(Duration::from_millis(attempt)).call_timeout(Duration::from_millis(call));
            let started = tokio::time::Instant::now();
            let error = builder.build().unwrap().accounts().delete("wk").await.unwrap_err();
            assert!(
                matches!(error, Error::TimedOut { after, attempts: 1, .. } if after == limit),
                "{fault:?}: {error:?}"
            );
            assert!(started.elapsed() >= limit, "{fault:?}: {:?}", started.elapsed());
        }
    }
}

/// Tests with and without HTTP settings of the user, whose shorter time-outs must have no effect.
#[tokio::test]
async fn a_stalled_download_ends_after_the_pause_limit() {
    let whole = reply("200 OK", "application/octet-stream\r\ncontent-disposition: attachment", &"x".repeat(100));
    let with_settings: [fn(ClientBuilder) -> ClientBuilder; 2] = [|builder| builder, |builder| builder.http(hasty)];
    for settings in with_settings {
        let server = BrokenServer::always(Fault::BytesThenStall(whole[..whole.len() - 50].to_owned())).await;
        let limit = Duration::from_millis(300);
        let mut builder = Client::builder(wecom_kf::Credentials::new("ww", "s")).base_url(server.url());
        builder = settings(builder.call_timeout(limit));
        // The limit also applies to the first bytes, which a busy machine may send late.
        let client = builder.build().unwrap();
        let download = loop {
            match client.media().get("m").await {
                Ok(download) => break download,
                Err(error) => assert!(matches!(error, Error::TimedOut { .. } | Error::NoToken { .. }), "{error:?}"),
            }
        };
        let started = tokio::time::Instant::now();
        let error = download.into_bytes(1 << 20).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { after, .. } if after == limit), "{error:?}");
        assert!(started.elapsed() >= limit - Duration::from_millis(50));
    }
}

#[tokio::test]
async fn gettoken_is_repeated_after_gateway_errors_only() {
    let cases = [
        (status(503), 3, None),
        (Fault::Stall, 3, None),
        (json(r#"{"errcode":-1,"errmsg":"busy"}"#), 3, Some(ErrCode::SYSTEM_BUSY)),
        (json(r#"{"errcode":40001,"errmsg":"invalid credential"}"#), 1, Some(ErrCode::INVALID_CREDENTIAL)),
        (json(r#"{"errcode":40013,"errmsg":"invalid corpid"}"#), 1, Some(ErrCode::INVALID_CORPID)),
        (json(r#"{"errcode":0,"errmsg":"ok"}"#), 1, None),
        (json(r#"{"errcode":0,"errmsg":"ok","access_token":""}"#), 1, None),
    ];
    for (fault, sent, code) in cases {
        let stalls = matches!(fault, Fault::Stall);
        let server = BrokenServer::start(move |path, _| (path == "/cgi-bin/gettoken").then(|| fault.clone())).await;
        let server = server.stalling(stalls);
        let client = server.client();
        let calls = futures_util::future::join_all((0..1000).map(|_| list(&client)));
        let calls = server.outcome(defaults::TOKEN_ATTEMPT_TIMEOUT, calls).await;
        let mut causes = calls.into_iter().map(|result| match result.unwrap_err() {
            Error::NoToken { source, .. } => source,
            error => panic!("{error:?}"),
        });
        let first = causes.next().unwrap();
        assert_eq!(first.code(), code);
        assert!(causes.all(|cause| std::sync::Arc::ptr_eq(&first, &cause)), "they share one cause");
        assert_eq!(server.requests("/cgi-bin/gettoken"), sent, "{code:?}");
        assert_eq!(server.requests(LIST), 0);
    }
}

#[tokio::test]
async fn the_path_of_a_proxy_is_kept() {
    let server = BrokenServer::start(|path, _| {
        let token = json(r#"{"access_token":"T","expires_in":7200}"#);
        (path == "/wecom/cgi-bin/gettoken").then_some(token)
    })
    .await;
    list(&client_of(&format!("{}/wecom/", server.url()))).await.unwrap();
    assert_eq!(server.requests("/wecom/cgi-bin/kf/account/list"), 1);
}
