//! Uploads and downloads: kinds, sizes, formats, ranges.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Response, StatusCode, header};
use serde_json::{Value, json};
use wecom_kf_sim::{MediaKind, Operation, Simulator, op};

use crate::bot::Bot;
use crate::documented::check_reply;

const MEGABYTE: usize = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const MP4: &[u8] = b"\0\0\0\x18ftypisom";
const AMR: &[u8] = b"#!AMR\n";

/// `start`, and zeros up to `size`.
fn file(start: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = start.to_vec();
    bytes.resize(size, 0);
    bytes
}

/// An AMR file of so many frames of 20 ms, of the kind that has 32 bytes.
fn amr(frames: usize) -> Vec<u8> {
    [AMR, &[[0x3c; 32]].concat().repeat(frames)].concat()
}

fn part(file_name: &'static str, bytes: impl Into<Vec<u8>>) -> Part {
    Part::bytes(bytes.into()).file_name(file_name).mime_str("application/octet-stream").unwrap()
}

async fn send(bot: &Bot, operation: Operation, kind: &str, form: Form) -> Value {
    let query = [("access_token", bot.access_token.as_str()), ("type", kind)];
    let request = bot.http.post(bot.url(operation)).query(&query).multipart(form);
    let reply = request.send().await.unwrap().json::<Value>().await.unwrap();
    if reply["errcode"] == 0 {
        check_reply(operation, &reply);
    }
    reply
}

async fn upload(bot: &Bot, kind: &str, bytes: impl Into<Vec<u8>>) -> Value {
    send(bot, op::MEDIA_UPLOAD, kind, Form::new().part("media", part("a.bin", bytes))).await
}

async fn get(bot: &Bot, media_id: &str, range: Option<&str>) -> Response {
    let query = [("access_token", bot.access_token.as_str()), ("media_id", media_id)];
    let request = bot.http.get(bot.url(op::MEDIA_GET)).query(&query);
    let request = range.into_iter().fold(request, |request, range| request.header(header::RANGE, range));
    request.send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name).unwrap_or_else(|| panic!("no {name}"));
    std::str::from_utf8(value.as_bytes()).unwrap()
}

#[tokio::test]
async fn what_is_uploaded_can_be_fetched_and_seen() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let bytes = file(PNG, 2000);
    let reply = send(&bot, op::MEDIA_UPLOAD, "image", Form::new().part("media", part("菜单.png", bytes.clone()))).await;
    assert_eq!((&reply["errcode"], &reply["errmsg"], &reply["type"]), (&json!(0), &json!(""), &json!("image")));
    let created_at: u64 = reply["created_at"].as_str().unwrap().parse().unwrap();
    assert!(created_at.abs_diff(sim.now()) <= 2);
    let media_id = reply["media_id"].as_str().unwrap();

    let whole = get(&bot, media_id, None).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(header(&whole, "content-disposition"), "attachment; filename=\"菜单.png\"");
    assert_eq!(header(&whole, "accept-ranges"), "bytes");
    assert_eq!(header(&whole, "content-type"), "image/jpg");
    assert_eq!(whole.bytes().await.unwrap(), bytes);

    let media = sim.media(media_id).unwrap();
    assert_eq!((media.kind, media.file_name.as_str()), (MediaKind::Image, "菜单.png"));
    assert_eq!(media.bytes, bytes);
    assert_eq!(format!("{media:?}"), "Media(image, 2000 bytes)");

    let journal = sim.journal();
    assert_eq!(journal[1].request(), json!({ "type": "image", "filename": "菜单.png", "bytes": 2000 }));
    assert_eq!((journal[2].errcode, journal[2].request()), (Some(0), json!({ "media_id": media_id })));
}

#[tokio::test]
async fn a_part_of_a_file_can_be_fetched() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let bytes: Vec<u8> = (0..=255).collect();
    let media_id = sim.upload(MediaKind::File, "a.bin", bytes.clone());
    let cases = [("bytes=0-9", 0..10), ("bytes=250-", 250..256), ("bytes=-6", 250..256), ("bytes=200-999", 200..256)];
    for (range, expected) in cases {
        let part = get(&bot, &media_id, Some(range)).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let content_range = format!("bytes {}-{}/256", expected.start, expected.end - 1);
        assert_eq!(header(&part, "content-range"), content_range);
        assert!(part.headers().contains_key("content-disposition"));
        assert_eq!(part.bytes().await.unwrap(), bytes[expected], "{range}");
    }
    let beyond = get(&bot, &media_id, Some("bytes=256-")).await;
    assert_eq!((beyond.status(), header(&beyond, "content-range")), (StatusCode::RANGE_NOT_SATISFIABLE, "bytes */256"));
    let ignored = get(&bot, &media_id, Some("lines=1-2")).await;
    assert_eq!((ignored.status(), ignored.bytes().await.unwrap().len()), (StatusCode::OK, 256));
}

#[tokio::test]
async fn over_20_mb_only_ranges_can_be_fetched() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let media_id = sim.upload(MediaKind::File, "big.bin", vec![7; 21 * MEGABYTE]);
    for range in [None, Some("bytes=0-20971520")] {
        let refusal: Value = get(&bot, &media_id, range).await.json().await.unwrap();
        assert_eq!(refusal["errcode"], 830002, "{range:?}");
    }
    let part = get(&bot, &media_id, Some("bytes=0-20971519")).await;
    assert_eq!((part.status(), part.bytes().await.unwrap().len()), (StatusCode::PARTIAL_CONTENT, 20 * MEGABYTE));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_a_refusal_with_status_200_and_any_content_type() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let refusal = get(&bot, "unknown", None).await;
    assert_eq!((refusal.status(), header(&refusal, "content-type")), (StatusCode::OK, "text/plain"));
    assert!(!refusal.headers().contains_key("content-disposition"));
    assert_eq!(refusal.json::<Value>().await.unwrap()["errcode"], 40007);
    assert_eq!(get(&bot, "", None).await.json::<Value>().await.unwrap()["errcode"], 41006);

    sim.disable_assumption("media_refusals_are_plain_text").unwrap();
    assert_eq!(header(&get(&bot, "unknown", None).await, "content-type"), "application/json; charset=UTF-8");
}

#[tokio::test]
async fn a_media_id_is_good_for_three_days() {
    let sim = Simulator::builder().token_lifetime(9 * DAY).start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    let reply = upload(&bot, "image", file(PNG, 100)).await;
    let media_id = reply["media_id"].as_str().unwrap();
    sim.advance(3 * DAY - Duration::from_secs(60));
    wang.says("你好");
    let image = bot.message(&wang, "image", json!({ "media_id": media_id }));
    assert_eq!(get(&bot, media_id, None).await.bytes().await.unwrap().len(), 100);
    assert_eq!(bot.errcode(op::SEND_MSG, image.clone()).await, 0);
    sim.advance(Duration::from_secs(61));
    assert_eq!(get(&bot, media_id, None).await.json::<Value>().await.unwrap()["errcode"], 40007);
    assert_eq!(bot.errcode(op::SEND_MSG, image).await, 40007);
    assert_eq!(sim.media(media_id), None);
}

#[tokio::test]
async fn each_kind_has_its_format_and_its_size() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let cases = [
        ("image", file(PNG, 10 * MEGABYTE), 0),
        ("image", file(PNG, 10 * MEGABYTE + 1), 40009),
        ("image", file(b"\xff\xd8\xff", 6), 0),
        ("image", file(b"GIF89a", 100), 40123),
        ("voice", amr(3000), 0),
        ("voice", amr(3001), 45007),
        ("voice", file(AMR, 2 * MEGABYTE + 1), 45001),
        ("voice", file(b"#!SILK_V3", 100), 40004),
        ("video", file(MP4, 10 * MEGABYTE), 0),
        ("video", file(MP4, 10 * MEGABYTE + 1), 40011),
        ("video", file(b"RIFF", 100), 41090),
        ("file", vec![7; 20 * MEGABYTE], 0),
        ("file", vec![7; 20 * MEGABYTE + 1], 45001),
        ("file", vec![7; 33 * MEGABYTE], 45001),
        ("file", vec![7; 6], 0),
        ("file", vec![7; 5], 40006),
        ("file", vec![], 44001),
        ("thumb", vec![7; 6], 40005),
        ("", vec![7; 6], 40005),
    ];
    for (kind, bytes, errcode) in cases {
        let (start, size) = (bytes.first().copied(), bytes.len());
        assert_eq!(upload(&bot, kind, bytes).await["errcode"], errcode, "{kind} {start:?} {size}");
    }
}

#[tokio::test]
async fn a_part_needs_no_content_type_of_its_own() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let form = Form::new().part("media", Part::bytes(vec![7; 10]).file_name("a.bin"));
    assert_eq!(send(&bot, op::MEDIA_UPLOAD, "file", form).await["errcode"], 0);
}

#[tokio::test]
async fn a_body_without_the_one_part_is_44001() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let typed = || Part::bytes(vec![7; 10]).mime_str("text/plain").unwrap();
    let forms = [
        ("no part", Form::new()),
        ("another name", Form::new().part("file", part("a.bin", [7; 10]))),
        ("no file name", Form::new().part("media", typed())),
        ("two parts", Form::new().part("media", part("a.bin", [7; 10])).part("media", part("b.bin", [7; 10]))),
    ];
    for (what, form) in forms {
        assert_eq!(send(&bot, op::MEDIA_UPLOAD, "file", form).await["errcode"], 44001, "{what}");
    }
    let head = "--x\r\nContent-Disposition: form-data; name=\"media\"; ";
    let tail = "\r\nContent-Type: text/plain\r\n\r\n12345678\r\n--x--\r\n";
    let cases = [
        ("multipart/form-data; boundary=x", format!("{head}filename=\"a.txt\"; filelength=8{tail}"), 0),
        ("multipart/form-data; boundary=x", format!("{head}filename*=UTF-8''a.txt{tail}"), 44001),
        ("multipart/form-data; boundary=x", format!("{head}filename=\"\"{tail}"), 44001),
        ("multipart/form-data; boundary=x", format!("{head}filename=\"a.txt\"{}", tail.replace("--x--", "")), 44001),
        ("multipart/form-data; boundary=y", format!("{head}filename=\"a.txt\"{tail}"), 44001),
        ("multipart/form-data", format!("{head}filename=\"a.txt\"{tail}"), 44001),
        ("application/json", "{}".to_owned(), 44001),
        ("multipart/form-data; boundary=x", String::new(), 44001),
    ];
    for (content_type, body, errcode) in cases {
        let request = bot.request(op::MEDIA_UPLOAD, body.clone()).query(&[("type", "file")]);
        let reply: Value = request.header("content-type", content_type).send().await.unwrap().json().await.unwrap();
        assert_eq!(reply["errcode"], errcode, "{content_type} {body}");
    }
}

#[tokio::test]
async fn a_bad_token_goes_before_a_bad_file() {
    let sim = Simulator::start().await.unwrap();
    let mut bot = Bot::of(&sim).await;
    bot.access_token = "unknown".to_owned();
    assert_eq!(send(&bot, op::MEDIA_UPLOAD, "file", Form::new()).await["errcode"], 40014);
    assert_eq!(get(&bot, "unknown", None).await.json::<Value>().await.unwrap()["errcode"], 40014);
}

#[tokio::test]
async fn a_picture_that_stays_has_a_url_and_no_media_id() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let cases = [
        ("media", file(PNG, 2 * MEGABYTE), 0),
        ("fieldNameHere", file(b"\xff\xd8\xff", 5), 0),
        ("media", file(PNG, 2 * MEGABYTE + 1), 40009),
        ("media", file(b"\xff\xd8\xff", 4), 40006),
        ("media", vec![], 44001),
        ("media", file(b"GIF89a", 100), 40123),
    ];
    let mut urls = Vec::new();
    for (name, bytes, errcode) in cases {
        let size = bytes.len();
        let reply = send(&bot, op::MEDIA_UPLOADIMG, "", Form::new().part(name, part("a.png", bytes))).await;
        assert_eq!(reply["errcode"], errcode, "{name} {size}");
        urls.extend(reply["url"].as_str().map(str::to_owned));
        assert_eq!(reply.get("media_id"), None);
    }
    assert_eq!(urls.len(), 2);
    assert_ne!(urls[0], urls[1]);
}

#[tokio::test]
async fn a_file_fits_its_kind_of_message_only() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    for kind in [MediaKind::Image, MediaKind::Voice, MediaKind::Video, MediaKind::File] {
        let media_id = sim.upload(kind, "a.bin", &b"1234567"[..]);
        for msgtype in ["image", "voice", "video", "file"] {
            wang.says("下一个");
            let expected = if kind.as_str() == msgtype { 0 } else { 40007 };
            let message = bot.message(&wang, msgtype, json!({ "media_id": media_id }));
            assert_eq!(bot.errcode(op::SEND_MSG, message).await, expected, "{kind} as {msgtype}");
        }
        let expected = if kind == MediaKind::Image { 0 } else { 40007 };
        let link = json!({ "title": "t", "url": "https://a.example", "thumb_media_id": media_id });
        assert_eq!(bot.errcode(op::SEND_MSG, bot.message(&wang, "link", link)).await, expected, "{kind} as cover");
        let account = json!({ "name": "售后", "media_id": media_id });
        assert_eq!(bot.errcode(op::ACCOUNT_ADD, account).await, expected, "{kind} as avatar");
    }
}

#[tokio::test]
async fn what_customers_send_can_be_fetched() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    let msgids = [
        wang.sends_image(file(PNG, 2 * MEGABYTE)),
        wang.sends_voice(amr(50)),
        wang.sends_video(file(MP4, 10 * MEGABYTE)),
        wang.sends_file("合同.pdf", &b"{\"errcode\":40007}"[..]),
    ];
    assert_eq!(wang.state(), 0);
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let messages = page["msg_list"].as_array().unwrap();
    assert_eq!(messages.iter().map(|message| &message["msgid"]).collect::<Vec<_>>(), msgids.each_ref());
    let expected = [
        ("image", 2 * MEGABYTE, "image.jpg"),
        ("voice", 6 + 50 * 32, "voice.amr"),
        ("video", 10 * MEGABYTE, "video.mp4"),
        ("file", 17, "合同.pdf"),
    ];
    for (message, (msgtype, size, file_name)) in messages.iter().zip(expected) {
        assert_eq!((&message["msgtype"], &message["origin"]), (&json!(msgtype), &json!(3)));
        let file = get(&bot, message[msgtype]["media_id"].as_str().unwrap(), None).await;
        assert_eq!(header(&file, "content-disposition"), format!("attachment; filename=\"{file_name}\""));
        assert_eq!(file.bytes().await.unwrap().len(), size);
    }

    sim.disable_assumption("file_names_are_raw").unwrap();
    let file = get(&bot, messages[3]["file"]["media_id"].as_str().unwrap(), None).await;
    assert_eq!(header(&file, "content-disposition"), "attachment; filename=\"%E5%90%88%E5%90%8C.pdf\"");
}

#[tokio::test]
async fn what_is_too_large_arrives_as_a_text() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let wang = sim.customer("小王");
    wang.sends_image(vec![7; 2 * MEGABYTE + 1]);
    wang.sends_voice(vec![7; 2 * MEGABYTE + 1]);
    wang.sends_video(vec![7; 10 * MEGABYTE + 1]);
    wang.sends_file("a.bin", vec![7; 20 * MEGABYTE + 1]);
    let page = bot.ok(op::SYNC_MSG, json!({ "open_kfid": sim.open_kfid() })).await;
    let messages = page["msg_list"].as_array().unwrap();
    assert_eq!(messages.len(), 4);
    for message in messages {
        assert_eq!(message["msgtype"], "text");
        assert!(message["text"]["content"].as_str().unwrap().contains("too large"));
    }
}

#[tokio::test]
async fn a_file_name_cannot_break_the_header() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let media_id = sim.upload(MediaKind::File, "a\"b\r\nX-Y: 1\\.txt", vec![7; 10]);
    let file = get(&bot, &media_id, None).await;
    assert_eq!(header(&file, "content-disposition"), "attachment; filename=\"a%22b%0D%0AX-Y: 1%5C.txt\"");
}

#[tokio::test]
async fn half_of_a_file_may_come() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let media_id = sim.upload(MediaKind::File, "a.bin", vec![7; 1000]);
    sim.fault(op::MEDIA_GET).half_a_body();
    let half = get(&bot, &media_id, None).await;
    assert_eq!(half.content_length(), Some(1000));
    half.bytes().await.unwrap_err();
    assert_eq!(get(&bot, &media_id, None).await.bytes().await.unwrap().len(), 1000);
}

#[tokio::test]
async fn the_ready_made_file_is_a_picture_that_fits_everywhere() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let bytes = get(&bot, &sim.media_id(), None).await.bytes().await.unwrap();
    assert!(bytes.starts_with(PNG) && bytes.ends_with(b"IEND\xaeB`\x82"), "{bytes:?}");
    assert_eq!(upload(&bot, "image", bytes).await["errcode"], 0);
    let wang = sim.customer("小王");
    for msgtype in ["image", "voice", "video", "file"] {
        wang.says("下一个");
        let message = bot.message(&wang, msgtype, json!({ "media_id": sim.media_id() }));
        assert_eq!(bot.errcode(op::SEND_MSG, message).await, 0, "{msgtype}");
    }
}
