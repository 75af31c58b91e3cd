//! Measures how much memory a backlog takes. It has a process of its own, since the allocator counts the whole process.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use futures_util::StreamExt;
use peak_alloc::PeakAlloc;
use wecom_kf::messages::Page;
use wecom_kf::{AccessToken, BoxFuture, Client, Credentials, Error, IssuedToken, TokenSource};
use wecom_kf_inbox::store::REMEMBERED;
use wecom_kf_inbox::{ColdStart, Fetched, Inbox, PageRequest, PageSource};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const PAGE: usize = 30;

struct Backlog(usize);

impl PageSource for Backlog {
    fn fetch(&self, request: PageRequest) -> BoxFuture<'_, Result<Fetched, Error>> {
        let from: usize = request.cursor.map_or(0, |cursor| cursor[1..].parse().unwrap());
        let to = self.0.min(from + PAGE);
        let list: Vec<String> = (from..to)
            .map(|number| {
                format!(
                    r#"{{"msgid":"m{number:08}","external_userid":"wm{}","msgtype":"text","text":{{"content":"{}"}}}}"#,
                    number % 50,
                    "字".repeat(100)
                )
            })
            .collect();
        let has_more = u8::from(to < self.0);
        let body = format!(r#"{{"next_cursor":"c{to}","has_more":{has_more},"msg_list":[{}]}}"#, list.join(","));
        Box::pin(async move { Page::from_json(body.as_bytes()).map(Fetched::Page) })
    }
}

struct NoToken;

impl TokenSource for NoToken {
    fn fetch<'a>(&'a self, _: Option<&'a AccessToken>) -> BoxFuture<'a, Result<IssuedToken, Error>> {
        Box::pin(async { Err(Error::token_source("none is needed")) })
    }
}

/// Returns the largest number of bytes that were in use while this many messages were drained.
async fn peak(messages: usize) -> usize {
    let client = Client::builder(Credentials::new("", ""))
        .pacing(wecom_kf::Pacing::unlimited())
        .token_source(NoToken)
        .build()
        .unwrap();
    let builder = Inbox::builder(client, "wk1").source(Backlog(messages)).cold_start(ColdStart::Everything);
    let mut inbox = builder.poll(Duration::from_secs(3600)).open().await.unwrap();
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    for _ in 0..messages {
        inbox.next().await.unwrap().unwrap().ack();
    }
    ALLOCATED.peak_usage() - before
}

#[tokio::test]
async fn memory_does_not_grow_with_the_number_of_pages() {
    let enough_to_remember = peak(REMEMBERED + 20 * PAGE).await;
    let thousand_pages = peak(1000 * PAGE).await;
    println!("{} messages: {enough_to_remember} bytes; {}: {thousand_pages}", REMEMBERED + 20 * PAGE, 1000 * PAGE);
    assert!(thousand_pages < enough_to_remember + enough_to_remember / 10, "{enough_to_remember} → {thousand_pages}");
    // The history itself takes 12 MB.
    assert!(thousand_pages < 3_000_000, "{thousand_pages}");
}
