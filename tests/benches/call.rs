//! What the client adds to a call: against the same call written by hand with reqwest, on the same loopback server,
//! with the same token and the same decoding; and what a cached token costs.
//!
//! `cargo bench -p wecom-kf-tests`. Machines are noisy: compare the medians of one run.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;

use divan::Bencher;
use futures_util::future::join_all;
use tokio::runtime::Runtime;
use wecom_kf::raw::types;
use wecom_kf::{Client, Credentials, ExternalUserId, OpenKfid};

fn main() {
    divan::main();
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

/// Answers every request alike, on a thread per connection.
static BASE_URL: LazyLock<String> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(|| serve(stream.unwrap()));
        }
    });
    base_url
});

const BODY: &str = r#"{"errcode":0,"errmsg":"ok","access_token":"T","expires_in":7200,"service_state":1}"#;

fn serve(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut requests = BufReader::new(stream.try_clone().unwrap());
    let reply =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
    loop {
        let (mut line, mut length) = (String::new(), 0);
        loop {
            line.clear();
            if requests.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        requests.read_exact(&mut vec![0; length]).unwrap();
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    let client = Client::builder(Credentials::new("ww", "s")).base_url(&*BASE_URL).build().unwrap();
    RUNTIME.block_on(client.token().get()).unwrap();
    client
});

static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).referer(false);
    http.build().unwrap()
});

async fn typed(kf: &OpenKfid, customer: &ExternalUserId) {
    let state = CLIENT.service_state().get(kf, customer).await.unwrap();
    assert_eq!(state.state.0, 1);
}

async fn by_hand(kf: &OpenKfid, customer: &ExternalUserId) {
    let body = types::GetServiceStateRequest { open_kfid: kf.to_string(), external_userid: customer.to_string() };
    let request =
        HTTP.post(format!("{}/cgi-bin/kf/service_state/get", *BASE_URL)).query(&[("access_token", "T")]).json(&body);
    let reply: types::GetServiceStateResponse = request.send().await.unwrap().json().await.unwrap();
    assert_eq!((reply.errcode, reply.service_state), (0, Some(1)));
}

fn ids() -> (OpenKfid, ExternalUserId) {
    ("wkAJ2GCAAAZSfhHCt7IFSvLKtMPxyJTw".into(), "wmAJ2GCAAAme1XQRC-NI-q0_ZM9ukoAw".into())
}

const AT_ONCE: [usize; 2] = [1, 64];

#[divan::bench(args = AT_ONCE, sample_count = 500)]
fn typed_call(bencher: Bencher<'_, '_>, at_once: usize) {
    LazyLock::force(&CLIENT);
    let (kf, customer) = ids();
    bencher.counter(at_once).bench(|| RUNTIME.block_on(join_all((0..at_once).map(|_| typed(&kf, &customer)))));
}

#[divan::bench(args = AT_ONCE, sample_count = 500)]
fn call_by_hand(bencher: Bencher<'_, '_>, at_once: usize) {
    let (kf, customer) = ids();
    bencher.counter(at_once).bench(|| RUNTIME.block_on(join_all((0..at_once).map(|_| by_hand(&kf, &customer)))));
}

#[divan::bench]
fn cached_token(bencher: Bencher<'_, '_>) {
    let client = &*CLIENT;
    let _in_runtime = RUNTIME.enter();
    bencher.bench(|| futures_util::FutureExt::now_or_never(client.token().get()).unwrap().unwrap());
}
