//! Servers that send more than anybody wants.

use std::time::Duration;

use wecom_kf::media::Saved;
use wecom_kf::raw::{self, op};
use wecom_kf::{Client, Error};

use crate::broken::{BrokenServer, Fault, SECRET, TOKEN, json};

const MIB: usize = 1024 * 1024;

fn limit_in(error: &Error) -> Option<u64> {
    match error {
        Error::NoAnswer { source, attempts: 1, .. } => match **source {
            raw::Error::TooLong { limit, .. } => Some(limit),
            _ => None,
        },
        _ => None,
    }
}

fn endless(head: &str) -> Fault {
    Fault::Endless(format!("HTTP/1.1 200 OK\r\n{head}\r\n"), "x".repeat(64 * 1024))
}

#[tokio::test]
async fn an_endless_reply_is_given_up_at_the_limit_and_not_asked_for_again() {
    let server = BrokenServer::always(endless("")).await;
    let error = server.client().accounts().list().await.unwrap_err();
    assert_eq!(limit_in(&error), Some(32 * MIB as u64), "{error}");
    assert!(error.to_string().contains("longer than the limit of 33554432 bytes"), "{error}");
    assert_eq!(server.requests("/cgi-bin/kf/account/list"), 1);

    // gettoken has the same limit, and so has whatever announces its length.
    let gettoken = BrokenServer::start(|path, _| (path == "/cgi-bin/gettoken").then(|| endless(""))).await;
    let error = gettoken.client().accounts().list().await.unwrap_err();
    assert!(matches!(&error, Error::NoToken { source, .. } if limit_in(source) == Some(32 * MIB as u64)), "{error}");
    let announced = BrokenServer::always(endless("content-length: 9223372036854775807\r\n")).await;
    assert!(limit_in(&announced.client().accounts().list().await.unwrap_err()).is_some());
}

#[tokio::test]
async fn the_limit_of_replies_can_be_set_and_is_the_longest_that_is_taken() {
    let body = r#"{"errcode":0,"errmsg":"ok"}"#;
    let server = BrokenServer::always(json(body)).await;
    for (limit, expected) in [(body.len(), None), (body.len() - 1, Some(body.len() as u64 - 1)), (0, Some(0))] {
        let builder = Client::builder(wecom_kf::Credentials::new("ww", "s")).base_url(server.url());
        let client = builder.token_source(crate::fake::FakeSource::numbered()).reply_limit(limit).build().unwrap();
        let outcome = client.call(&op::AccountDel::default()).await;
        assert_eq!(outcome.err().and_then(|error| limit_in(&error)), expected);
    }
}

#[tokio::test]
async fn an_endless_download_is_given_up_at_its_limit() {
    let server = BrokenServer::always(endless("content-disposition: attachment; filename=\"a\"\r\n")).await;
    let folder = tempfile::tempdir().unwrap();
    let client = server.client();
    let saved: Result<Saved, Error> = client.media().download_into("m", folder.path()).at_most(MIB as u64).await;
    assert_eq!(limit_in(&saved.unwrap_err()), Some(MIB as u64));
    let bytes = client.media().get("m").await.unwrap().into_bytes(MIB).await;
    assert_eq!(limit_in(&bytes.unwrap_err()), Some(MIB as u64));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// What WeCom says is kept, shown and logged: at most 2 KiB of it, cut between characters.
#[tokio::test]
async fn a_long_errmsg_is_cut_at_two_kib_and_hides_a_secret_that_is_cut_there() {
    let long = "错".repeat(MIB);
    let server = BrokenServer::always(json(&format!(r#"{{"errcode":40001000,"errmsg":"{long}"}}"#))).await;
    let error = server.client().accounts().list().await.unwrap_err();
    let errmsg = &error.refusal().unwrap().errmsg;
    assert_eq!((errmsg.len(), errmsg.chars().all(|char| char == '错')), (2046, true));
    assert!(error.to_string().len() < 4096);

    for secret in [TOKEN, SECRET] {
        let errmsg = format!("{}{secret}", "x".repeat(2048 - 9));
        let server = BrokenServer::always(json(&format!(r#"{{"errcode":40001000,"errmsg":"{errmsg}"}}"#))).await;
        let error = server.client().accounts().list().await.unwrap_err();
        assert!(error.refusal().unwrap().errmsg.ends_with("x***"), "{error}");
    }
    // A reply that was cut short: its errmsg breaks off within the token.
    let cut = json(&format!(r#"{{"errcode":40001000,"errmsg":"invalid {}"}}"#, &TOKEN[..10]));
    let error = BrokenServer::always(cut).await.client().accounts().list().await.unwrap_err();
    assert_eq!(error.refusal().unwrap().errmsg, "invalid ***");
}

/// hyper reads responses that only say that another one follows for as long as they come. They hold up the thread that
/// reads them: on a runtime with another thread the call still ends at its time-out, measured 1.1 s for 1 s. On a runtime
/// of one thread it ended after 16 s (debug build, busy machine), which nothing on this side can change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_informational_responses_end_at_the_time_out() {
    let hint = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
    let server = BrokenServer::always(Fault::Endless(String::new(), hint)).await;
    let builder = Client::builder(wecom_kf::Credentials::new("ww", "s")).base_url(server.url());
    let builder = builder.token_source(crate::fake::FakeSource::numbered()).attempt_timeout(Duration::from_secs(1));
    let client = builder.retry(wecom_kf::RetryPolicy::default().max_attempts(1)).build().unwrap();
    let started = tokio::time::Instant::now();
    let error = client.accounts().list().await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}
