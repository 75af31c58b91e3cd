//! What keeps strangers out, and what the journal must not show: raw requests, as no client sends them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wecom_kf_sim::{MediaKind, Simulator, op};

use crate::bot::Bot;

/// Sends a request as it stands, and returns the status and all that is answered.
async fn raw(sim: &Simulator, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(sim.base_url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    let mut chunk = [0; 4096];
    let is_whole = |reply: &[u8]| {
        let text = String::from_utf8_lossy(reply).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
        length.is_some_and(|length: usize| body.len() >= length)
    };
    while !is_whole(&reply) {
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut chunk)).await.unwrap().unwrap();
        if read == 0 {
            break;
        }
        reply.extend_from_slice(&chunk[..read]);
    }
    let reply = String::from_utf8_lossy(&reply).into_owned();
    (reply.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), reply)
}

const TARGETS: [&str; 5] = ["/", "/console/main.js", "/cgi-bin/gettoken?corpid=x", "/sim/v1/info", "/unknown"];

#[tokio::test]
async fn a_public_url_is_told_to_bots_and_answered() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://sim.test:{}", free.port());
    let sim = Simulator::builder().port(free.port()).public_url(&url).unwrap().start().await.unwrap();
    assert_eq!(sim.base_url(), url);
    let http = reqwest::Client::builder().no_proxy().resolve("sim.test", free).build().unwrap();
    let info = http.get(format!("{url}/sim/v1/info")).send().await.unwrap();
    let info: Value = info.json().await.unwrap();
    assert_eq!(info["base_url"], url);
    assert!(info["vars"].as_array().unwrap().contains(&json!({ "name": "WECOM_KF_BASE_URL", "value": url })));
}

#[tokio::test]
async fn every_route_checks_host_and_origin() {
    let sim = Simulator::builder().allow_host("sim.test").start().await.unwrap();
    for target in TARGETS {
        let get = async |target: &str, headers: &str| {
            raw(&sim, &format!("GET {target} HTTP/1.1\r\n{headers}connection: close\r\n\r\n")).await.0
        };
        for headers in
            ["host: 127.0.0.1\r\n", "host: sim.test:1\r\n", "host: localhost\r\norigin: http://localhost\r\n"]
        {
            assert!([200, 404].contains(&get(target, headers).await), "{target} {headers}");
        }
        for headers in [
            "host: evil.test\r\n",
            "host: 127.0.0.1:9500,evil.com\r\n",
            "host: 127.0.0.1\r\nhost: 127.0.0.1\r\n",
            "host: 127.0.0.1\r\nhost: evil.test\r\n",
            "host: user@127.0.0.1\r\n",
            "host:\r\n",
            "host: 127.0.0.1\r\norigin: http://evil.test\r\n",
            "host: 127.0.0.1\r\norigin: null\r\n",
        ] {
            let status = get(target, headers).await;
            assert!([400, 403].contains(&status), "{target} {headers}: {status}");
        }
        let absolute = format!("http://127.0.0.1{target}");
        assert!([400, 403].contains(&get(&absolute, "host: 127.0.0.1\r\n").await), "{absolute}");
    }
    assert_eq!(sim.calls(op::GETTOKEN), 3, "what is refused is no call");
}

#[tokio::test]
async fn no_secret_of_a_gettoken_call_is_in_the_journal() {
    const SECRET: &str = "An0ther-Secret";
    let sim = Simulator::start().await.unwrap();
    let http = reqwest::Client::new();
    let bodies = [
        format!("{{\"corpid\":\"ww1\",\"corpsecret\":\"{SECRET}\"}}"),
        format!("{{\"corpid\":\"ww1\",\"corpsecret\":\"{SECRET}\""),
        format!("{{\"corp_secret\":{{\"nested\":[\"{SECRET}\"]}}}}"),
        format!("corpid=ww1&corpsecret={SECRET}"),
        format!("\"{SECRET}\""),
        format!("[\"{SECRET}\"]"),
    ];
    for path in ["/cgi-bin/gettoken", "/cgi-bin/GetToken", "/cgi-bin/gettoken/", "/gettoken"] {
        for body in &bodies {
            let url = format!("{}{path}", sim.base_url());
            http.post(&url).body(body.clone()).send().await.unwrap();
            http.put(&url).body(body.clone()).send().await.unwrap();
        }
        for query in ["corpid=ww1&corpsecret=", "corpid=ww1&corpSecret=", "secret=", "corpsecret%3D=", ""] {
            let url = format!("{}{path}?{query}{SECRET}", sim.base_url());
            for method in ["GET", "POST", "HEAD", "DELETE", "PATCH"] {
                let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
                http.request(method, &url).send().await.unwrap();
            }
        }
    }
    for path in ["/cgi-bin/gettoken%3Fcorpsecret=", "/cgi-bin/gettoken;corpsecret=", "/cgi-bin/gettoken/"] {
        http.get(format!("{}{path}{SECRET}", sim.base_url())).send().await.unwrap();
    }
    let rows: Value =
        http.get(format!("{}/sim/v1/journal?count=1000", sim.base_url())).send().await.unwrap().json().await.unwrap();
    assert_eq!(sim.journal().len(), 4 * (12 + 25) + 3);
    for shown in [format!("{:?}", sim.journal()), rows.to_string()] {
        assert!(!shown.contains("An0ther"), "{shown}");
    }
    assert!(sim.journal().iter().any(|call| call.request() == json!({ "corpid": "ww1" })), "the corp id is shown");
}

#[tokio::test]
async fn an_upload_with_a_bad_token_is_answered_before_it_arrives() {
    let sim = Simulator::start().await.unwrap();
    for (query, errcode) in [("", 41001), ("&access_token=unknown", 40014)] {
        for operation in [op::MEDIA_UPLOAD, op::MEDIA_UPLOADIMG] {
            // 20 MB are announced, and none of them comes.
            let path = operation.path;
            let head =
                format!("POST {path}?type=file{query} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 20000000\r\n");
            let (status, reply) =
                raw(&sim, &format!("{head}content-type: multipart/form-data; boundary=x\r\n\r\n")).await;
            assert_eq!(status, 200);
            assert!(reply.contains(&format!("\"errcode\":{errcode}")), "{reply}");
        }
    }
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_refused_upload_sees_the_answer() {
    let sim = Simulator::start().await.unwrap();
    let mut bot = Bot::of(&sim).await;
    bot.access_token = "unknown".to_owned();
    let part = reqwest::multipart::Part::bytes(vec![7; 19 * 1024 * 1024]).file_name("a.bin");
    let form = reqwest::multipart::Form::new().part("media", part);
    let upload = bot.request(op::MEDIA_UPLOAD, "").query(&[("type", "file")]).multipart(form);
    assert_eq!(upload.send().await.unwrap().json::<Value>().await.unwrap()["errcode"], 40014);
}

/// An upload of this length, of which nothing was sent yet but the head.
async fn announced(sim: &Simulator, target: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(sim.base_url().trim_start_matches("http://")).await.unwrap();
    let head = format!("POST {target} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {length}\r\n");
    let head = format!("{head}content-type: application/octet-stream\r\nexpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Waits until the simulator begins to read an upload.
async fn is_read(stream: &mut TcpStream) {
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 100");
}

#[tokio::test]
async fn uploads_that_arrive_at_once_have_128_mib_together_and_others_wait() {
    let sim = Simulator::start().await.unwrap();
    let bot = Bot::of(&sim).await;
    let platform = format!("{}?type=file&access_token={}", op::MEDIA_UPLOAD.path, bot.access_token);
    let mut largest = Vec::new();
    for _ in 0..4 {
        let mut upload = announced(&sim, &platform, 32 * 1024 * 1024).await;
        is_read(&mut upload).await;
        largest.push(upload);
    }
    // The control API's uploads count, too.
    for target in [platform.as_str(), "/sim/v1/media?type=file"] {
        let before = sim.requests();
        let mut waiting = announced(&sim, target, 1).await;
        while target == platform && sim.requests() == before {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let nothing = waiting.try_read(&mut [0; 1]).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "{target} is read");
        // One goes away.
        drop(largest.pop());
        is_read(&mut waiting).await;
        drop(waiting);
        let mut next = announced(&sim, &platform, 32 * 1024 * 1024).await;
        is_read(&mut next).await;
        largest.push(next);
    }
}

#[tokio::test]
async fn temporary_files_have_a_total_limit_and_the_oldest_makes_room() {
    let sim = Simulator::start().await.unwrap();
    let first = sim.upload(MediaKind::File, "first.bin", vec![0; 60 * 1024 * 1024]);
    let others: Vec<_> = (0..3).map(|_| sim.upload(MediaKind::File, "a.bin", vec![0; 60 * 1024 * 1024])).collect();
    assert!(sim.media(&first).is_some());
    let last = sim.upload(MediaKind::File, "last.bin", vec![0; 60 * 1024 * 1024]);
    assert_eq!(sim.media(&first), None);
    assert!(others.iter().chain([&last]).all(|media_id| sim.media(media_id).is_some()));
}
