//! Measures the cost that the client adds to a call, and the cost of a cached token. The comparison is a hand-written call with
//! reqwest, whose URL is parsed once, to the same loopback server, with the same token and types.
//!
//! `cargo bench -p wecom-kf-tests --bench call` prints times. Then it prints two ratios for each of three calls, and for one of
//! them with HTTP settings of the user, which need one more timer:
//!
//! - The ratio of times: medians of many short interleaved runs. Machines are noisy, so a few percent mean nothing.
//! - The ratio of instructions, if valgrind is installed: the difference between a long and a short run under callgrind, which
//!   is reproducible to half a percent. The server is a process of its own and is not counted.
//!
//! To see where the instructions go, run one side of one call under callgrind and look at the inclusive costs:
//!
//! ```text
//! bench=$(ls -t target/release/deps/call-* | grep -v '\.d$' | head -1)
//! valgrind --tool=callgrind --callgrind-out-file=/tmp/typed.out $bench run service_state.get typed 2000
//! callgrind_annotate --inclusive=yes /tmp/typed.out | head -80
//! ```
#![allow(clippy::unwrap_used, reason = "a bench may panic")]
#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use divan::Bencher;
use futures_util::future::join_all;
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;
use tokio::time::Instant;
use wecom_kf::raw::types;
use wecom_kf::{Client, ClientBuilder, Credentials, ExternalUserId, OpenKfid};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve(),
        ["run", call, side, count] => {
            let call = CALLS.into_iter().find(|known| known.to_string() == call).expect("a call of this bench");
            let side = SIDES.into_iter().find(|known| known.to_string() == side).expect("a side of this bench");
            LazyLock::force(&CLIENT);
            LazyLock::force(&CLIENT_WITH_SETTINGS);
            RUNTIME.block_on(run(call, side, count.parse().expect("a number of calls")));
        }
        _ => {
            divan::main();
            print_ratios();
        }
    }
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

// The loopback server.

const BODY: &str = r#"{"errcode":0,"errmsg":"ok","access_token":"T","expires_in":7200,"service_state":1,"msgid":"m","account_list":[{"open_kfid":"wkAJ2GCAAAZSfhHCt7IFSvLKtMPxyJTw","name":"n","avatar":"https://a.example/1"}]}"#;

/// Gives every request the same answer, with one thread per connection, until its standard input ends.
fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(|| answer(stream.unwrap()));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn answer(mut stream: TcpStream) {
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

/// The server process. It ends when this process ends, because its standard input is then closed.
struct Server {
    _process: Child,
    base_url: String,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut process = command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut base_url = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut base_url).unwrap();
    Server { _process: process, base_url: base_url.trim().to_owned() }
});

// The calls that are measured.

#[derive(Clone, Copy, Debug)]
enum Call {
    Send,
    ListAccounts,
    GetState,
}

const CALLS: [Call; 3] = [Call::Send, Call::ListAccounts, Call::GetState];

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Send => "message.send",
            Self::ListAccounts => "account.list",
            Self::GetState => "service_state.get",
        })
    }
}

#[derive(Clone, Copy, Debug)]
enum Side {
    Typed,
    WithSettings,
    ByHand,
}

const SIDES: [Side; 3] = [Side::Typed, Side::WithSettings, Side::ByHand];

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Typed => "typed",
            Self::WithSettings => "with-settings",
            Self::ByHand => "by-hand",
        })
    }
}

const KF: &str = "wkAJ2GCAAAZSfhHCt7IFSvLKtMPxyJTw";
const CUSTOMER: &str = "wmAJ2GCAAAme1XQRC-NI-q0_ZM9ukoAw";
const WORDS: &str = "您好，请问有什么可以帮您？";

static CLIENT: LazyLock<Client> = LazyLock::new(|| client(|builder| builder));

static CLIENT_WITH_SETTINGS: LazyLock<Client> =
    LazyLock::new(|| client(|builder| builder.http(|http| http.no_proxy())));

fn client(settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    let builder = Client::builder(Credentials::new("ww", "s")).base_url(&SERVER.base_url);
    let client = settings(builder).build().unwrap();
    RUNTIME.block_on(client.token().get()).unwrap();
    client
}

async fn typed(client: &Client, call: Call, kf: &OpenKfid, customer: &ExternalUserId) {
    match call {
        Call::Send => {
            let msgid = client.messages().send(kf, customer, WORDS).await.unwrap();
            assert_eq!(msgid.as_str(), "m");
        }
        Call::ListAccounts => assert_eq!(client.accounts().list().await.unwrap().len(), 1),
        Call::GetState => assert_eq!(client.sessions().get(kf, customer).await.unwrap().state.0, 1),
    }
}

/// The hand-written call: what an expert of reqwest would write for speed.
struct ByHand {
    http: reqwest::Client,
    send: Url,
    list: Url,
    state: Url,
}

static BY_HAND: LazyLock<ByHand> = LazyLock::new(|| {
    let url = |path: &str| Url::parse(&format!("{}/cgi-bin/kf/{path}", SERVER.base_url)).unwrap();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).referer(false);
    ByHand {
        http: http.build().unwrap(),
        send: url("send_msg"),
        list: url("account/list"),
        state: url("service_state/get"),
    }
});

async fn post<T: DeserializeOwned>(url: &Url, body: &impl Serialize) -> T {
    let request = BY_HAND.http.post(url.clone()).query(&[("access_token", "T")]).json(body);
    request.send().await.unwrap().json().await.unwrap()
}

async fn by_hand(call: Call, kf: &OpenKfid, customer: &ExternalUserId) {
    match call {
        Call::Send => {
            let body = types::SendRequest {
                msgid: Some("m1".to_owned()),
                open_kfid: Some(kf.to_string()),
                touser: Some(customer.to_string()),
                msgtype: Some("text".to_owned()),
                text: Some(types::SendRequestText { content: Some(WORDS.to_owned()) }),
                ..Default::default()
            };
            let reply: types::SendResponse = post(&BY_HAND.send, &body).await;
            assert_eq!((reply.errcode, reply.msgid.as_deref()), (0, Some("m")));
        }
        Call::ListAccounts => {
            let body = types::ListCustomerServiceAccountRequest { offset: Some(0), limit: Some(100) };
            let reply: types::ListCustomerServiceAccountResponse = post(&BY_HAND.list, &body).await;
            assert_eq!((reply.errcode, reply.account_list.len()), (0, 1));
        }
        Call::GetState => {
            let body =
                types::GetServiceStateRequest { open_kfid: kf.to_string(), external_userid: customer.to_string() };
            let reply: types::GetServiceStateResponse = post(&BY_HAND.state, &body).await;
            assert_eq!((reply.errcode, reply.service_state), (0, Some(1)));
        }
    }
}

async fn once(call: Call, side: Side, kf: &OpenKfid, customer: &ExternalUserId) {
    match side {
        Side::Typed => typed(&CLIENT, call, kf, customer).await,
        Side::WithSettings => typed(&CLIENT_WITH_SETTINGS, call, kf, customer).await,
        Side::ByHand => by_hand(call, kf, customer).await,
    }
}

async fn run(call: Call, side: Side, count: usize) {
    let (kf, customer) = (KF.into(), CUSTOMER.into());
    for _ in 0..count {
        once(call, side, &kf, &customer).await;
    }
}

// The ratios of times and instructions.

fn print_ratios() {
    LazyLock::force(&CLIENT);
    LazyLock::force(&CLIENT_WITH_SETTINGS);
    println!("\n{:<32} {:>22} {:>30}", "typed / by hand", "time", "instructions");
    let rows = CALLS.map(|call| (call, Side::Typed)).into_iter().chain([(Call::GetState, Side::WithSettings)]);
    for (call, side) in rows {
        let (times, instructions) = (ratio_of_times(call, side), ratio_of_instructions(call, side));
        println!("{:<32} {times:>22} {instructions:>30}", format!("{call} {side}"));
    }
}

fn ratio_of_times(call: Call, side: Side) -> String {
    const SAMPLES: usize = 200;
    let sample = |side| {
        let started = Instant::now();
        RUNTIME.block_on(run(call, side, 20));
        started.elapsed() / 20
    };
    let (mut typed, mut by_hand): (Vec<Duration>, Vec<Duration>) =
        (0..SAMPLES).map(|_| (sample(side), sample(Side::ByHand))).unzip();
    typed.sort();
    by_hand.sort();
    let (typed, by_hand) = (typed[SAMPLES / 2].as_secs_f64() * 1e6, by_hand[SAMPLES / 2].as_secs_f64() * 1e6);
    format!("{typed:.1} / {by_hand:.1} µs = {:.3}", typed / by_hand)
}

fn ratio_of_instructions(call: Call, side: Side) -> String {
    match (instructions(call, side), instructions(call, Side::ByHand)) {
        (Some(typed), Some(by_hand)) => format!("{typed} / {by_hand} = {:.3}", typed as f64 / by_hand as f64),
        _ => "not counted: no valgrind".to_owned(),
    }
}

/// Returns the instructions per call, or `None` if valgrind is not installed.
fn instructions(call: Call, side: Side) -> Option<u64> {
    const SHORT: u64 = 500;
    const LONG: u64 = 2_500;
    let total = |count: u64| {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe().ok()?);
        let output = command.args(["run", &call.to_string(), &side.to_string(), &count.to_string()]).output().ok()?;
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = report.lines().find_map(|line| line.split_once("Collected :")).expect("callgrind counts");
        Some(line.1.trim().parse::<u64>().expect("callgrind prints a number"))
    };
    Some((total(LONG)? - total(SHORT)?) / (LONG - SHORT))
}

// The benchmarks of times.

const AT_ONCE: [usize; 2] = [1, 64];

#[divan::bench(args = AT_ONCE, sample_count = 500)]
fn typed_call(bencher: Bencher<'_, '_>, at_once: usize) {
    LazyLock::force(&CLIENT);
    bench_side(bencher, Side::Typed, at_once);
}

#[divan::bench(args = AT_ONCE, sample_count = 500)]
fn call_by_hand(bencher: Bencher<'_, '_>, at_once: usize) {
    bench_side(bencher, Side::ByHand, at_once);
}

fn bench_side(bencher: Bencher<'_, '_>, side: Side, at_once: usize) {
    let (kf, customer) = (KF.into(), CUSTOMER.into());
    let calls = || join_all((0..at_once).map(|_| once(Call::GetState, side, &kf, &customer)));
    bencher.counter(at_once).bench(|| RUNTIME.block_on(calls()));
}

#[divan::bench]
fn cached_token(bencher: Bencher<'_, '_>) {
    let client = &*CLIENT;
    let _in_runtime = RUNTIME.enter();
    bencher.bench(|| futures_util::FutureExt::now_or_never(client.token().get()).unwrap().unwrap());
}
