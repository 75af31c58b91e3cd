//! Decoding a page of 1,000 messages: against plain serde into flat structs.
//!
//! `cargo bench -p wecom-kf-tests --bench page`. Machines are noisy: compare the medians of one run.
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use std::hint::black_box;
use std::sync::LazyLock;

use divan::Bencher;
use serde::Deserialize;
use wecom_kf::message::Page;

fn main() {
    divan::main();
}

/// Texts, pictures, events and menus' answers, as an account sees them.
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

#[divan::bench(sample_count = 500)]
fn plain_serde(bencher: Bencher<'_, '_>) {
    let json = &**PAGE;
    bencher.bench(|| serde_json::from_slice::<FlatPage>(black_box(json)).unwrap());
}

#[divan::bench(sample_count = 500)]
fn from_json(bencher: Bencher<'_, '_>) {
    let json = &**PAGE;
    bencher.bench(|| Page::from_json(black_box(json)).unwrap());
}

#[divan::bench(sample_count = 500)]
fn from_json_and_every_content(bencher: Bencher<'_, '_>) {
    let json = &**PAGE;
    bencher.bench(|| {
        let page = Page::from_json(black_box(json)).unwrap();
        for message in page.messages() {
            black_box((message.msgid(), message.content()));
        }
        page
    });
}
