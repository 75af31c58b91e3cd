//! Measures how long it takes to drain a backlog. The figures are compared with a bound, which is the larger of
//! fetching alone and handling alone, and with a loop written by hand. Also measures how much memory a backlog takes.
//!
//! `cargo bench -p wecom-kf-inbox --bench drain`; with `-- 1000000` it also shows the memory of this many messages.
//!
//! `-- consume 20000` only drains this many messages on the main thread, while pulls and the engine run on another one.
//! The difference of two runs under callgrind is the number of instructions per message on the consumer's thread:
//!
//! ```text
//! for n in 20000 40000; do
//!     valgrind --tool=callgrind --separate-threads=yes --callgrind-out-file=/tmp/drain.$n target/release/deps/drain-… consume $n
//! done
//! grep -H ^summary /tmp/drain.20000-01 /tmp/drain.40000-01
//! ```
//!
//! `-- run 20000` passes this many messages to a handler that does nothing. The difference of two runs under `perf
//! stat` is what `run` costs per message.
//!
//! `-- idle 200` runs this many idle accounts for a minute, in memory and with redb, and prints the CPU time per
//! second.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a bench talks and may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use peak_alloc::PeakAlloc;
use wecom_kf::messages::Page;
use wecom_kf::{AccessToken, BoxFuture, Client, Credentials, Error, IssuedToken, TokenSource};
use wecom_kf_inbox::store::{InboxStore, Memory, Redb};
use wecom_kf_inbox::{ColdStart, Fetched, Inbox, PageRequest, PageSource};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const PAGE: usize = 1000;
const PULL: Duration = Duration::from_millis(20);

/// A backlog of messages of a thousand customers, returned page by page, 20 ms each.
#[derive(Clone)]
struct Backlog {
    messages: usize,
    pull: Duration,
}

impl Backlog {
    async fn page(&self, cursor: Option<&str>) -> Page {
        tokio::time::sleep(self.pull).await;
        let from: usize = cursor.map_or(0, |cursor| cursor[1..].parse().unwrap());
        let to = self.messages.min(from + PAGE);
        let list: Vec<String> = (from..to)
            .map(|number| {
                format!(
                    r#"{{"msgid":"from_msgid_{number:019}","open_kfid":"wk1","external_userid":"wm{:030}","send_time":1718000000,"origin":3,"msgtype":"text","text":{{"content":"你好，我的订单到哪里了？麻烦帮我查一下，谢谢。"}}}}"#,
                    number % 1000
                )
            })
            .collect();
        let has_more = u8::from(to < self.messages);
        let body =
            format!(r#"{{"errcode":0,"next_cursor":"c{to}","has_more":{has_more},"msg_list":[{}]}}"#, list.join(","));
        Page::from_json(body.as_bytes()).unwrap()
    }
}

impl PageSource for Backlog {
    fn fetch(&self, request: PageRequest) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move { Ok(Fetched::Page(self.page(request.cursor.as_deref()).await)) })
    }
}

struct NoToken;

impl TokenSource for NoToken {
    fn fetch<'a>(&'a self, _: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
        Box::pin(async { Err(Error::token_source("none is needed")) })
    }
}

async fn open(backlog: &Backlog, store: impl InboxStore) -> Inbox {
    let client = Client::builder(Credentials::new("", ""))
        .pacing(wecom_kf::Pacing::unlimited())
        .token_source(NoToken)
        .build()
        .unwrap();
    let builder = Inbox::builder(client, "wk1").source(backlog.clone()).store(store);
    builder.cold_start(ColdStart::Everything).open().await.unwrap()
}

/// Keeps a thread busy, as work does.
fn work(how_long: Duration) {
    let started = Instant::now();
    while started.elapsed() < how_long {
        std::hint::spin_loop();
    }
}

/// Only fetches. The pages are decoded as far as a loop written by hand needs it to continue.
async fn fetch_alone(backlog: &Backlog) -> Duration {
    by_hand(backlog, |page| _ = black_box(page.messages().len())).await
}

fn handle_alone(messages: usize, handler: Duration) -> Duration {
    let started = Instant::now();
    for _ in 0..messages {
        work(handler);
    }
    started.elapsed()
}

fn decode_and_work(page: &Page, handler: Duration) {
    for message in page.messages() {
        black_box((message.msgid(), message.content()));
        work(handler);
    }
}

async fn by_hand(backlog: &Backlog, handle: impl Fn(&Page)) -> Duration {
    let started = Instant::now();
    let mut cursor = None;
    loop {
        let page = backlog.page(cursor.as_deref()).await;
        handle(&page);
        cursor = page.next_cursor().map(ToString::to_string);
        if !page.has_more() {
            return started.elapsed();
        }
    }
}

async fn as_stream(backlog: &Backlog, store: impl InboxStore, handler: Duration) -> Duration {
    let mut inbox = open(backlog, store).await;
    let started = Instant::now();
    for _ in 0..backlog.messages {
        let delivery = inbox.next().await.unwrap().unwrap();
        black_box(delivery.content());
        work(handler);
        delivery.ack();
    }
    started.elapsed()
}

async fn by_run(backlog: &Backlog, store: impl InboxStore, handler: Duration) -> Duration {
    let inbox = open(backlog, store).await;
    let (handle, all) = (inbox.handle(), backlog.messages as u64);
    let started = Instant::now();
    let stop = async {
        while handle.metrics().acked < all {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let run = inbox.run_until(stop, move |delivery| async move {
        black_box(delivery.content());
        work(handler);
        Ok(())
    });
    run.await.unwrap();
    started.elapsed()
}

async fn drain(folder: &std::path::Path) {
    println!("100,000 messages, 20 ms per page of 1,000; seconds (÷ the larger of fetching alone and handling alone)");
    println!("handler   fetch  handle   by hand        stream, memory  stream, redb    run, memory    run, redb");
    for handler in [Duration::ZERO, Duration::from_micros(20), Duration::from_millis(1)] {
        // The slowest handler gets fewer messages, and its time is scaled up.
        let scale = if handler >= Duration::from_millis(1) { 10 } else { 1 };
        let backlog = Backlog { messages: 100_000 / scale, pull: PULL };
        let (fetching, handling) = (fetch_alone(&backlog).await, handle_alone(backlog.messages, handler));
        let bound = fetching.max(handling);
        let redb = |name: &str| Redb::open(folder.join(format!("{name}{}", handler.as_micros()))).unwrap();
        let took = [
            by_hand(&backlog, |page| decode_and_work(page, handler)).await,
            as_stream(&backlog, Memory::new(), handler).await,
            as_stream(&backlog, redb("stream"), handler).await,
            by_run(&backlog, Memory::new(), handler).await,
            by_run(&backlog, redb("run"), handler).await,
        ];
        let cells: Vec<String> = took
            .iter()
            .map(|took| {
                let seconds = took.as_secs_f64() * scale as f64;
                format!("{seconds:6.2} ({:.2})", took.as_secs_f64() / bound.as_secs_f64())
            })
            .collect();
        let alone = [fetching, handling].map(|took| format!("{:6.2}", took.as_secs_f64() * scale as f64));
        println!("{handler:>7.0?}  {}   {}", alone.join("  "), cells.join("  "));
    }
}

async fn memory(counts: &[usize]) {
    println!("\npeak memory of draining, beyond what there was before, without a pause between pages");
    for messages in counts {
        let backlog = Backlog { messages: *messages, pull: Duration::ZERO };
        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        as_stream(&backlog, Memory::new(), Duration::ZERO).await;
        let peak = ALLOCATED.peak_usage().saturating_sub(before);
        println!("{messages:>9} messages  {:.1} MB", peak as f64 / 1e6);
    }
}

/// CPU time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

async fn idle(name: &str, accounts: usize, store: impl InboxStore + Clone) {
    let backlog = Backlog { messages: 0, pull: PULL };
    let client = Client::builder(Credentials::new("ww1", "secret")).token_source(NoToken).build().unwrap();
    let mut running = tokio::task::JoinSet::new();
    for account in 0..accounts {
        let inbox = Inbox::builder(client.clone(), format!("wk{account}")).source(backlog.clone()).store(store.clone());
        running.spawn(inbox.open().await.unwrap().run(|_| async { Ok(()) }));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (started, before) = (Instant::now(), cpu_seconds());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let share = (cpu_seconds() - before) / started.elapsed().as_secs_f64();
    println!("{accounts} idle accounts, {name}: {:.1} ms of CPU a second", share * 1e3);
}

#[tokio::main(worker_threads = 1)]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<String> = std::env::args().collect();
    let number = |word: &str| {
        let at = arguments.iter().position(|argument| argument == word)?;
        arguments.get(at + 1)?.parse().ok()
    };
    if let Some(messages) = number("consume") {
        let backlog = Backlog { messages, pull: Duration::ZERO };
        as_stream(&backlog, Memory::new(), Duration::ZERO).await;
        return;
    }
    if let Some(messages) = number("run") {
        by_run(&Backlog { messages, pull: Duration::ZERO }, Memory::new(), Duration::ZERO).await;
        return;
    }
    if let Some(accounts) = number("idle") {
        idle("memory", accounts, Memory::new()).await;
        return idle("redb", accounts, Redb::open(folder.path().join("idle.redb")).unwrap()).await;
    }
    let more: Option<usize> = arguments.iter().find_map(|argument| argument.parse().ok());
    memory(&[10_000, 100_000].into_iter().chain(more).collect::<Vec<_>>()).await;
    drain(folder.path()).await;
}
