//! Measures what it costs to commit a page, in each store.
//!
//! ```text
//! cargo bench -p wecom-kf-inbox --features redis --bench commit
//! ```
//!
//! Pages of 1, 100 and 1,000 messages, on top of 10,000 remembered ids. Redis runs on this machine: without an
//! append-only file, with one that is written every second, and with one that is written before each answer.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench")]

use std::time::Duration;

use tokio::time::Instant;
use wecom_kf_inbox::store::{Acquired, Commit, Committed, Generation, InboxKey, InboxStore, Memory, REMEMBERED, Redb};

use server::{Persistence, Server};

#[path = "../tests/redis/server.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod server;

const COMMITS: u64 = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{:<32} {:>12} {:>12} {:>12}   µs per commit of a page, median of {COMMITS}", "", 1, 100, 1000);
    measure("memory", &Memory::new()).await;
    let folder = tempfile::tempdir().unwrap();
    measure("redb", &Redb::open(folder.path().join("inbox.redb")).unwrap()).await;
    for (name, persistence) in [
        ("redis, nothing on disk", Persistence::Nothing),
        ("redis, append-only, every second", Persistence::EverySecond),
        ("redis, append-only, always", Persistence::Always),
    ] {
        let server = Server::start(persistence).await;
        measure(name, &server.store().await).await;
    }
}

async fn measure(name: &str, store: &impl InboxStore) {
    let mut medians = Vec::new();
    for page in [1, 100, 1000] {
        let key = InboxKey::new("bench.invalid/ww1", format!("wk{page}").into());
        let Acquired::Lease(lease) = store.acquire(&key, "bench", Duration::from_secs(600)).await.unwrap() else {
            panic!("nobody else has it");
        };
        let mut commit = Commit::whole(&Committed::new(Generation::random()));
        commit.settled = ids(0, REMEMBERED);
        store.commit(&lease, &commit).await.unwrap();
        let mut times = Vec::new();
        for number in 1..=COMMITS {
            commit = Commit::next(&Committed::after(None, &commit));
            commit.cursor = Some(format!("cursor{number:026}"));
            commit.settled = ids(number, page);
            let asked_at = Instant::now();
            store.commit(&lease, &commit).await.unwrap();
            times.push(asked_at.elapsed());
        }
        times.sort();
        medians.push(times[times.len() / 2].as_micros());
    }
    println!("{name:<32} {:>12} {:>12} {:>12}", medians[0], medians[1], medians[2]);
}

/// The ids have 32 characters, about as many as msgids of WeCom.
fn ids(commit: u64, messages: usize) -> Vec<String> {
    (0..messages).map(|number| format!("{commit:016x}{number:016x}")).collect()
}
