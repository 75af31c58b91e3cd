//! Measures decoding a page of 1,000 messages, compared with plain serde and flat structs.
//!
//! Run it with `cargo bench -p wecom-kf-tests --bench page`. The ratios at the end are of alternating runs, because machines
//! are noisy.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench may panic, and prints what it measured")]

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use divan::Bencher;
use serde::Deserialize;
use wecom_kf::messages::Page;

fn main() {
    keep_heap();
    divan::main();
    // Only if no bench is selected by name, and not if the benches are only listed or tested.
    if std::env::args().skip(1).eq(["--bench"]) {
        print_ratios();
    }
}

/// Keeps free memory in the heap, like in a service that has run for a while. Otherwise the allocator may return the memory of
/// a page to the system after each run and request it again, which costs a third more.
fn keep_heap() {
    let mut blocks: Vec<_> = (0..16 * 1024).map(|_| vec![0_u8; 1024]).collect();
    // The topmost block stays allocated, so that the allocator does not return the memory below it.
    std::mem::forget(blocks.pop());
}

/// Prints the medians of alternating runs as a share of plain serde's.
fn print_ratios() {
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let (mut plain, mut page, mut every) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..1000 {
        plain.push(time(decode_plainly));
        page.push(time(decode));
        every.push(time(decode_with_every_content));
    }
    let plain = median(plain);
    println!("from_json: {:.2} × plain serde, goal 0.60", median(page) / plain);
    println!("from_json_and_every_content: {:.2} × plain serde, goal 1.25", median(every) / plain);
}

/// Measures decoding, without the time to drop the result.
#[allow(clippy::disallowed_methods, reason = "nothing is paused here")]
fn time<T>(decode: fn(&[u8]) -> T) -> Duration {
    let started = Instant::now();
    let decoded = black_box(decode(black_box(&PAGE)));
    let elapsed = started.elapsed();
    drop(decoded);
    elapsed
}

/// A realistic mix of texts, images, events and answers to menus.
static PAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let messages: Vec<String> = (0..1000)
        .map(|number| {
            let (msgid, send_time) = (format!("from_msgid_{:019}", 4_622_416_642_169_450_007_u64 + number), 1_718_001_000 + number);
            let (kf, customer) = ("wkFxAAAAAA3mQ0kT9sYb1Vd7uRz2Lx5g", "wmFxAAAAAAe4Zt7Kq1Rv9Xw2Mn5Bc8Pd");
            let envelope = format!(r#""msgid":"{msgid}","open_kfid":"{kf}","external_userid":"{customer}","send_time":{send_time},"origin":3"#);
            match number % 4 {
                0 => format!(r#"{{{envelope},"msgtype":"text","text":{{"content":"你好，我的订单到哪里了？麻烦帮我查一下，谢谢。"}}}}"#),
                1 => format!(r#"{{{envelope},"msgtype":"text","text":{{"content":"满意","menu_id":"101"}}}}"#),
                2 => format!(r#"{{{envelope},"msgtype":"image","image":{{"media_id":"1Gx7fixtureMediaIdAAAA-bbbb_cccc0001dddd"}}}}"#),
                _ => format!(
                    r#"{{"msgid":"{msgid}","send_time":{send_time},"origin":4,"msgtype":"event","event":{{"event_type":"enter_session","open_kfid":"{kf}","external_userid":"{customer}","scene":"web","scene_param":"a%3D1","welcome_code":"WELCOME0001"}}}}"#
                ),
            }
        })
        .collect();
    format!(
        r#"{{"errcode":0,"errmsg":"ok","next_cursor":"4gw7MepFLfgF2VC5nfix0001","has_more":1,"msg_list":[{}]}}"#,
        messages.join(",")
    )
    .into()
});

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoded, not read")]
struct FlatPage {
    errcode: i64,
    errmsg: String,
    next_cursor: Option<String>,
    has_more: Option<i64>,
    msg_list: Vec<FlatMessage>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoded, not read")]
struct FlatMessage {
    msgid: Option<String>,
    open_kfid: Option<String>,
    external_userid: Option<String>,
    send_time: Option<i64>,
    origin: Option<i64>,
    servicer_userid: Option<String>,
    msgtype: Option<String>,
    text: Option<FlatText>,
    image: Option<FlatMedia>,
    event: Option<FlatEvent>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoded, not read")]
struct FlatText {
    content: Option<String>,
    menu_id: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoded, not read")]
struct FlatMedia {
    media_id: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "decoded, not read")]
struct FlatEvent {
    event_type: Option<String>,
    open_kfid: Option<String>,
    external_userid: Option<String>,
    scene: Option<String>,
    scene_param: Option<String>,
    welcome_code: Option<String>,
}

fn decode_plainly(json: &[u8]) -> FlatPage {
    serde_json::from_slice(json).unwrap()
}

fn decode(json: &[u8]) -> Page {
    Page::from_json(json).unwrap()
}

fn decode_with_every_content(json: &[u8]) -> Page {
    let page = decode(json);
    for message in page.messages() {
        black_box((message.msgid(), message.content()));
    }
    page
}

#[divan::bench(sample_count = 500)]
fn plain_serde(bencher: Bencher<'_, '_>) {
    bencher.bench(|| decode_plainly(black_box(&PAGE)));
}

#[divan::bench(sample_count = 500)]
fn from_json(bencher: Bencher<'_, '_>) {
    bencher.bench(|| decode(black_box(&PAGE)));
}

#[divan::bench(sample_count = 500)]
fn from_json_and_every_content(bencher: Bencher<'_, '_>) {
    bencher.bench(|| decode_with_every_content(black_box(&PAGE)));
}
