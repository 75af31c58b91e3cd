//! Token and secret show up nowhere, whatever fails and however it is printed.

use std::error::Error as _;
use std::fmt::Debug;
use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use wecom_kf::message::{SyncRequest, Text};
use wecom_kf::raw::{op, types};
use wecom_kf::{AccessToken, Client, Credentials, Error, IssuedToken, Report};
use wecom_kf_sim::{Fault as SimFault, FaultAt, Simulator};

use crate::broken::{BrokenServer, Fault, SECRET, TOKEN, json};
use crate::network::faults;

const WORDS: &str = "canary-WORDS-t8VbN3";
const CALLBACK: &str = "canary-CALLBACK-h5JcR6";

fn assert_silent(what: &str, text: &str) {
    for canary in [TOKEN, SECRET, WORDS, CALLBACK] {
        assert!(!text.contains(canary), "{what} shows {canary}: {text}");
    }
}

/// Everything a program can print of an error.
fn printed(error: Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n{error:#}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!("{cause}\n{cause:?}\n{cause:#?}\n{cause:#}\n"));
        source = cause.source();
    }
    text.push_str(&format!("{:?}", Report::from(error)));
    text
}

/// Faults that are made to show what they are given: echoes in errmsg, bodies and headers.
fn echoes() -> Vec<(&'static str, Fault)> {
    let location = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/?access_token={TOKEN}&corpsecret={SECRET}\r\ncontent-length: 0\r\n\r\n"
    );
    vec![
        (
            "errmsg with both",
            json(&format!(r#"{{"errcode":40035,"errmsg":"bad {TOKEN} and {SECRET}, from ip: 203.0.113.7"}}"#)),
        ),
        (
            "undecodable with the token",
            json(&format!(r#"{{"errcode":0,"access_token":"{TOKEN}","expires_in":"{TOKEN}"}}"#)),
        ),
        ("token of a wrong type", json(&format!(r#"{{"errcode":0,"access_token":["{TOKEN}"],"expires_in":7200}}"#))),
        ("text around the token", json(&format!("{TOKEN} {SECRET}"))),
        ("redirect with both", Fault::Bytes(location)),
        (
            "header with both",
            Fault::Bytes(format!("HTTP/1.1 503 x\r\nx-token: {TOKEN}{SECRET}\r\ncontent-length: 0\r\n\r\n")),
        ),
    ]
}

fn all_faults() -> Vec<(&'static str, Fault)> {
    faults().into_iter().map(|(name, fault, _, _)| (name, fault)).chain(echoes()).collect()
}

/// A server that breaks at the operations, and one that breaks at gettoken.
async fn broken_both_ways(fault: Fault) -> [BrokenServer; 2] {
    let at_gettoken = match fault.clone() {
        // What was never issued cannot be known for a token.
        Fault::Bytes(bytes) if bytes.contains("errmsg") => Fault::Bytes(bytes.replace(TOKEN, &"x".repeat(TOKEN.len()))),
        fault => fault,
    };
    let at_gettoken = BrokenServer::start(move |path, _| (path == "/cgi-bin/gettoken").then(|| at_gettoken.clone()));
    [BrokenServer::always(fault).await, at_gettoken.await]
}

async fn every_call(client: &Client) -> Vec<Error> {
    let (kf, customer, too_long) = ("wk".into(), "wm".into(), WORDS.repeat(3));
    let raw = op::Gettoken { corpid: "ww".into(), corpsecret: SECRET.into() };
    let (list, send, sync, token, raw, add, update) = tokio::join!(
        client.account().list(),
        client.message().send(&kf, &customer, Text::new(WORDS).unwrap()),
        client.message().sync(SyncRequest::new(&kf).token(CALLBACK)),
        client.token().get(),
        client.call(&raw),
        client.account().add(&too_long, "m"),
        client.account().update(&kf, Default::default()),
    );
    let errors = [list.err(), send.err(), sync.err(), token.err(), raw.err(), add.err(), update.err()];
    errors.into_iter().flatten().collect()
}

#[tokio::test]
async fn no_error_shows_token_secret_or_words_whatever_fails() {
    let mut seen = 0;
    for (name, fault) in all_faults() {
        for server in broken_both_ways(fault).await {
            for error in every_call(&server.client()).await {
                assert_silent(name, &printed(error));
                seen += 1;
            }
        }
    }
    assert!(seen > 150, "only {seen} errors were seen");
}

/// The simulator's faults, at every operation, gettoken included.
#[tokio::test]
async fn no_error_from_a_fault_of_the_simulator_shows_a_secret() {
    type Break = fn(FaultAt<'_>) -> SimFault;
    let faults: [Break; 9] = [
        |at| at.errcode(48002),
        |at| at.status(503),
        |at| at.never_answers(),
        |at| at.reset_before(),
        |at| at.reset_after(),
        |at| at.half_a_body(),
        |at| at.html(),
        |at| at.body("{\"errcode\":0,\"access_token\":[]}"),
        |at| at.errcode(42001),
    ];
    let mut seen = 0;
    for at in [op::GETTOKEN, op::ACCOUNT_LIST, op::SEND_MSG, op::SYNC_MSG] {
        for fault in faults {
            let sim = Simulator::builder().corp("ww-corp", SECRET).start().await.unwrap();
            fault(sim.fault(at)).always();
            let client = crate::simulator::client_of(&sim);
            for error in every_call(&client).await {
                let text = printed(error);
                assert_silent(at.id, &text);
                assert!(sim.access_token().is_none_or(|token| !text.contains(&token)), "{text}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} errors were seen");
}

#[tokio::test]
async fn what_wecom_says_is_kept_but_for_token_and_secret() {
    let (_, fault) = echoes().swap_remove(0);
    let server = BrokenServer::always(fault).await;
    let error = server.client().account().list().await.unwrap_err();
    assert_eq!(error.refusal().unwrap().errmsg, "bad *** and ***, from ip: 203.0.113.7");
}

#[test]
fn no_debug_of_a_public_type_shows_a_secret() {
    let credentials = Credentials::new("ww", SECRET);
    let builder = Client::builder(credentials.clone());
    let show: Vec<Box<dyn Debug>> = vec![
        Box::new(credentials),
        Box::new(builder.build().unwrap()),
        Box::new(Client::builder(Credentials::new("ww", SECRET)).base_url(format!("http://u:{SECRET}@h/"))),
        Box::new(Client::builder(Credentials::new("ww", SECRET)).base_url(format!("http://h/?{SECRET}")).build()),
        Box::new(IssuedToken::new(TOKEN, None)),
        Box::new(AccessToken::from(TOKEN)),
        Box::new(SyncRequest::new("wk").token(CALLBACK)),
        Box::new(Text::new(WORDS).unwrap()),
        Box::new(op::Gettoken { corpid: "ww".into(), corpsecret: SECRET.into() }),
        Box::new(types::GetAccessTokenResponse { access_token: Some(TOKEN.into()), ..Default::default() }),
        Box::new(types::SyncRequest { token: Some(CALLBACK.into()), ..Default::default() }),
    ];
    for value in show {
        assert_silent("a Debug", &format!("{value:?} {value:#?}"));
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Records everything at TRACE. Lines of other crates begin with their names.
fn log_everything() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL);
    (log, tracing::subscriber::set_default(tracing_subscriber::registry().with(layer)))
}

#[tokio::test]
async fn no_span_and_no_event_of_ours_shows_a_secret() {
    let (log, _guard) = log_everything();
    for (_, fault) in all_faults() {
        for server in broken_both_ways(fault).await {
            every_call(&server.client()).await;
        }
    }
    let text = log.text();
    let ours: String = text.lines().filter(|line| line.contains("wecom_kf")).collect::<Vec<_>>().join("\n");
    assert_silent("the log", &ours);
    for expected in ["operation=\"send_msg\"", "attempts=3", "errcode=48007", "duration_ms=", "trying again"] {
        assert!(ours.contains(expected), "the log lacks {expected}");
    }
}

/// What the HTTP crates write at TRACE is theirs; the documentation says that this much is known of it.
#[tokio::test]
async fn the_http_crates_write_no_secret_at_trace_either() {
    let (log, _guard) = log_everything();
    let server = BrokenServer::start(|_, _| None).await;
    server.client().message().send(&"wk".into(), &"wm".into(), Text::new(WORDS).unwrap()).await.unwrap();
    let text = log.text();
    assert!(text.contains("hyper"), "the HTTP crates were not heard: {text}");
    assert_silent("the whole log", &text);
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    for status in [301, 302, 303, 307, 308] {
        let target = BrokenServer::start(|_, _| None).await;
        let location =
            format!("HTTP/1.1 {status} Moved\r\nlocation: {}/stolen\r\ncontent-length: 0\r\n\r\n", target.url());
        let server = BrokenServer::always(Fault::Bytes(location.clone())).await;
        let follows =
            |http: reqwest::ClientBuilder| http.redirect(reqwest::redirect::Policy::limited(10)).referer(true);
        let builder = Client::builder(Credentials::new("ww", SECRET)).base_url(server.url()).http(follows);
        let error = builder.build().unwrap().account().list().await.unwrap_err();
        assert_silent("the redirect", &printed(error));
        let raw = wecom_kf::raw::Client::new(server.url(), follows(reqwest::ClientBuilder::new())).unwrap();
        assert!(raw.account_list(&TOKEN.into(), &Default::default()).await.is_err());
        assert_eq!((target.connections(), target.all_requests()), (0, 0), "{status}");
    }
}
