//! Upload and download of files, byte by byte. The server is a plain TCP listener.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{TryStreamExt, stream};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wecom_kf::media::{MediaType, Upload};
use wecom_kf::{Client, Credentials, ErrCode, Error, IssuedToken, RetryPolicy, raw};

use crate::broken::{ATTEMPT, patient};
use crate::chinese::assert_chinese;
use crate::clock::StandingClock;
use crate::fake::FakeSource;
use crate::line;

const JPG: &[u8] = b"\xff\xd8\xff\xe0 a picture";
const UPLOADED: &str = r#"{"errcode":0,"errmsg":"","type":"image","media_id":"m1","created_at":"1718001000"}"#;

/// A request with its head and its body.
#[derive(Clone)]
struct Request {
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }
}

/// A server that records requests. `answer` returns the reply to each by its number from 0; gettoken is not counted.
struct Server {
    client: Client,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    async fn start(answer: impl Fn(&Request, usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let kept = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, kept.clone(), answer.clone()));
            }
        });
        let builder = patient(Client::builder(Credentials::new("ww1", "s")).base_url(&base_url));
        let client = builder.retry(RetryPolicy::default().jitter(|| 0.01)).build().unwrap();
        Self { client, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve<F: Fn(&Request, usize) -> Vec<u8>>(
    mut stream: TcpStream,
    requests: Arc<Mutex<Vec<Request>>>,
    answer: Arc<F>,
) {
    let mut read = Vec::new();
    let head_length = loop {
        if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let body = read.split_off(head_length);
    let mut request = Request { head: String::from_utf8(read).unwrap(), body };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while request.body.len() < length && stream.read_buf(&mut request.body).await.unwrap_or(0) > 0 {}
    let reply = match request.head.contains("/gettoken?") {
        true => json(r#"{"errcode":0,"access_token":"T","expires_in":7200}"#),
        false => {
            let number = requests.lock().unwrap().len();
            requests.lock().unwrap().push(request.clone());
            answer(&request, number)
        }
    };
    let _ = stream.write_all(&reply).await;
    let _ = stream.shutdown().await;
}

fn json(body: &str) -> Vec<u8> {
    answer("200 OK", "content-type: application/json\r\n", body.as_bytes(), body.len())
}

/// Returns a reply. `length` is the announced length of the body.
fn answer(status: &str, headers: &str, body: &[u8], length: usize) -> Vec<u8> {
    let mut reply =
        format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    reply.extend_from_slice(body);
    reply
}

/// Returns whether the call failed because the reply exceeds the limit, and whether the error names this limit.
fn is_too_long<T: std::fmt::Debug>(outcome: Result<T, Error>, expected: u64) -> bool {
    let error = outcome.unwrap_err();
    let is_named = line(&error).contains(&format!("longer than the limit of {expected} bytes"));
    is_named
        && !error.is_retryable()
        && matches!(&error, Error::NoAnswer { source, .. } if matches!(**source, raw::Error::TooLong { limit, .. } if limit == expected))
}

/// A file beyond the limit is an error, whether its length is announced or not, and leaves no file behind.
#[tokio::test]
async fn a_download_has_a_limit_that_its_error_names() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a");
    let chunked = |_: &Request, _: usize| {
        let head = format!("HTTP/1.1 200 OK\r\n{ATTACHED}connection: close\r\n\r\n");
        [head.as_bytes(), FILE].concat()
    };
    for server in
        [Server::start(|_, _| answer("200 OK", ATTACHED, FILE, FILE.len())).await, Server::start(chunked).await]
    {
        let media = server.client.media();
        assert!(is_too_long(media.download_to("m1", &path).at_most(15).await, 15));
        assert!(is_too_long(media.download_into("m1", folder.path()).at_most(15).await, 15));
        let stream = media.get("m1").await.unwrap().at_most(15);
        assert!(is_too_long(stream.try_collect::<Vec<_>>().await, 15));
        assert!(names_in(&folder).is_empty());
        assert_eq!(server.requests().len(), 3, "it is not asked for again");
        media.download_to("m1", &path).at_most(16).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), FILE);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(media.get("m1").await.unwrap().at_most(16).try_collect::<Vec<_>>().await.unwrap().concat(), FILE);
    }
}

const ATTACHED: &str = "content-type: text/plain\r\ncontent-disposition: attachment; filename=\"报价 单.pdf\"\r\n";

/// WeCom accepts only this form: a single part with a name, a file name in raw UTF-8, a Content-Type and a known length.
#[tokio::test]
async fn an_upload_is_one_part_with_name_type_and_length() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("照片 1.jpg");
    std::fs::write(&path, JPG).unwrap();
    let server = Server::start(|_, _| json(UPLOADED)).await;
    let streamed = stream::iter(JPG.chunks(4).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())));
    let uploads = [
        Upload::from_file(&path).await.unwrap(),
        Upload::from_bytes("照片 1.jpg", JPG),
        Upload::from_stream("照片 1.jpg", JPG.len() as u64, streamed),
        Upload::from_bytes("other", JPG).named("照片 1.jpg"),
    ];
    for upload in uploads {
        assert_eq!(format!("{upload:?}"), format!("Upload({} bytes)", JPG.len()));
        let uploaded = server.client.media().upload(MediaType::Image, upload).await.unwrap();
        assert_eq!((uploaded.media_id.as_str(), uploaded.created_at), ("m1", Some(1_718_001_000)));
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        let line = request.head.lines().next().unwrap();
        assert_eq!(line, "POST /cgi-bin/media/upload?access_token=T&type=image HTTP/1.1");
        let boundary = request.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"media\"; filename=\"照片 1.jpg\"\r\n\
             Content-Type: image/jpeg\r\n\r\n"
        );
        let mut body = head.into_bytes();
        body.extend_from_slice(JPG);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert_eq!(String::from_utf8_lossy(&request.body), String::from_utf8_lossy(&body));
        assert_eq!(request.header("content-length"), Some(body.len().to_string().as_str()));
        assert_eq!(request.header("transfer-encoding"), None);
    }
}

/// Each 64 KiB of the file add a second to the time limits.
#[tokio::test]
async fn a_large_upload_has_more_time() {
    let sized = |length: usize| Upload::from_bytes("a.bin", vec![b'x'; length]);
    let picture = || Upload::from_bytes("a.jpg", [JPG, &[0; 31 * 64 * 1024]].concat());
    let second = Duration::from_secs(1);
    for (length, more) in [(64 * 1024 - 1, 0), (64 * 1024, 1), (60 * 64 * 1024, 60)] {
        let upload = async |client: Client| client.media().upload(MediaType::File, sized(length)).await.map(drop);
        assert_eq!(time_limit(upload).await, ATTEMPT + more * second, "{length} bytes");
    }
    let uploadimg = async |client: Client| client.media().upload_image(picture()).await.map(drop);
    assert_eq!(time_limit(uploadimg).await, ATTEMPT + 31 * second);
}

/// Returns the time after which an upload fails. The server reads the whole request and never answers.
async fn time_limit(upload: impl AsyncFnOnce(Client) -> Result<(), Error>) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let builder = patient(Client::builder(Credentials::new("ww1", "s")).base_url(base_url));
    let builder = builder.token_source(FakeSource::new(|_| async { Ok(IssuedToken::new("T", Some(7200))) }));
    let client = builder.retry(RetryPolicy::default().max_attempts(1)).build().unwrap();
    let clock = StandingClock::start();
    let started = tokio::time::Instant::now();
    let silent_server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"--\r\n") {
            stream.read_buf(&mut read).await.unwrap();
        }
        loop {
            clock.pass(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        outcome = upload(client) => assert!(matches!(outcome, Err(Error::TimedOut { .. })), "{outcome:?}"),
        () = silent_server => {}
    }
    Duration::from_secs(started.elapsed().as_secs())
}

/// Quotes and backslashes in a name are escaped. The rest is sent unchanged, whatever its length.
#[tokio::test]
async fn any_file_name_arrives_complete() {
    let server = Server::start(|_, _| json(UPLOADED)).await;
    let long = "长".repeat(300) + ".pdf";
    let names = [
        (r#"say "hi".txt"#, r#"say \"hi\".txt"#),
        (r"a\b.txt", r"a\\b.txt"),
        ("a;b=c.txt", "a;b=c.txt"),
        ("🙂%41.txt", "🙂%41.txt"),
        (&long, &long),
    ];
    for (name, sent) in names {
        server.client.media().upload(MediaType::File, Upload::from_bytes(name, JPG)).await.unwrap();
        let request = server.requests().pop().unwrap();
        let line = format!("Content-Disposition: form-data; name=\"media\"; filename=\"{sent}\"\r\n");
        assert!(String::from_utf8_lossy(&request.body).contains(&line), "{name}");
    }
    assert_eq!(server.requests().len(), names.len());
}

#[tokio::test]
async fn a_picture_gets_a_permanent_url() {
    let server = Server::start(|_, _| json(r#"{"errcode":0,"errmsg":"","url":"https://wework.qpic.cn/x/0"}"#)).await;
    let png = Upload::from_bytes("a.png", b"\x89PNG\r\n\x1a\n...".to_vec());
    assert_eq!(server.client.media().upload_image(png).await.unwrap(), "https://wework.qpic.cn/x/0");
    let request = &server.requests()[0];
    assert!(request.head.starts_with("POST /cgi-bin/media/uploadimg?access_token=T HTTP/1.1"), "{}", request.head);
    assert!(
        String::from_utf8_lossy(&request.body)
            .contains("name=\"media\"; filename=\"a.png\"\r\nContent-Type: image/png")
    );
}

/// Bytes and files can be read again. A stream cannot, so it is not repeated after a lost reply or with a new token.
#[tokio::test]
async fn an_upload_is_repeated_only_if_it_can_be_read_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.jpg");
    std::fs::write(&path, JPG).unwrap();
    let streamed = || stream::iter([Ok::<_, std::io::Error>(JPG.to_vec())]);
    // The first attempt gets no reply, a busy platform or a rejected token. The second one succeeds.
    for first in [Vec::new(), json(r#"{"errcode":-1}"#), json(r#"{"errcode":42001}"#)] {
        for (upload, requests) in [
            (Upload::from_bytes("a.jpg", JPG), 2),
            (Upload::from_file(&path).await.unwrap(), 2),
            (Upload::from_stream("a.jpg", JPG.len() as u64, streamed()), 1),
        ] {
            let first = first.clone();
            let server = Server::start(move |_, number| if number == 0 { first.clone() } else { json(UPLOADED) }).await;
            let outcome = server.client.media().upload(MediaType::Image, upload).await;
            assert_eq!((server.requests().len(), outcome.is_ok()), (requests, requests == 2), "{outcome:?}");
            // The error is the first failure, and not that the stream was already read.
            assert!(!outcome.is_err_and(|error| line(&error).contains("could not be read")));
            let bodies: Vec<_> = server.requests().iter().map(|request| request.body.len()).collect();
            assert!(bodies.iter().all(|length| *length == bodies[0]), "the repeat sent another body");
        }
    }
}

#[tokio::test]
async fn a_missing_file_or_a_failing_stream_is_named_in_the_error() {
    let server = Server::start(|_, _| json(UPLOADED)).await;
    let missing = Upload::from_file("no/such/file.jpg").await.unwrap_err();
    assert!(matches!(missing, Error::File { .. }) && !missing.is_retryable());
    let line = crate::line(&missing);
    assert!(line.starts_with("the file to upload cannot be read: ") && line.contains("  do: Check the path"), "{line}");
    assert!(!line.contains("no/such"));
    let folder = crate::line(&Upload::from_file(std::env::temp_dir()).await.unwrap_err());
    assert!(folder.contains("it is not a file"), "{folder}");

    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.jpg");
    std::fs::write(&path, JPG).unwrap();
    let upload = Upload::from_file(&path).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let gone = server.client.media().upload(MediaType::Image, upload).await.unwrap_err();
    assert!(
        crate::line(&gone).contains("media_upload got no usable answer (1 sent): the file to upload could not be read"),
        "{gone}"
    );
    for length in [JPG.len() - 1, JPG.len() + 1] {
        std::fs::write(&path, JPG).unwrap();
        let upload = Upload::from_file(&path).await.unwrap();
        std::fs::write(&path, vec![b'x'; length]).unwrap();
        let changed = server.client.media().upload(MediaType::Image, upload).await.unwrap_err();
        assert!(crate::line(&changed).contains("could not be read: the size of the file has changed"), "{changed}");
    }
    assert_eq!(server.requests().len(), 0);

    let short = stream::iter([Ok::<_, std::io::Error>(JPG.to_vec())]);
    let upload = Upload::from_stream("a.jpg", JPG.len() as u64 + 1, short);
    let error = server.client.media().upload(MediaType::Image, upload).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { attempts: 1, .. }), "{error}");
    let broken = stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("the disk is gone"))]);
    let upload = Upload::from_stream("a.jpg", 17, broken);
    assert!(server.client.media().upload(MediaType::Image, upload).await.is_err());
    assert_eq!(server.requests().iter().filter(|request| request.body.len() > 200).count(), 0);
}

#[tokio::test]
async fn name_type_and_size_are_checked_before_a_request_is_made() {
    let server = Server::start(|_, _| json(UPLOADED)).await;
    let media = server.client.media();
    let sized = |start: &[u8], length: usize| {
        let mut bytes = start.to_vec();
        bytes.resize(length, 0);
        Upload::from_bytes("a.bin", bytes)
    };
    let starts: [&[u8]; 4] = [JPG, b"#!AMR\n", b"\0\0\0\x18ftypmp42", b"%PDF-1.7"];
    let types = starts.map(|start| sized(start, 20).media_type());
    assert_eq!(types, [MediaType::Image, MediaType::Voice, MediaType::Video, MediaType::File]);
    let mb = 1024 * 1024;
    let empty = || stream::iter([Ok::<_, std::io::Error>(Vec::new())]);
    let amr: &[u8] = b"#!AMR\n";
    let cases = [
        (MediaType::Image, sized(JPG, 5), "media has 5 bytes, but must have 6 to 10485760"),
        (MediaType::Image, sized(JPG, 10 * mb + 1), "media has 10485761 bytes, but must have 6 to 10485760"),
        (MediaType::Voice, sized(amr, 2 * mb + 1), "media has 2097153 bytes, but must have 6 to 2097152"),
        (MediaType::Video, sized(b"\0\0\0\x18ftyp", 10 * mb + 1), "media has 10485761 bytes"),
        (MediaType::File, sized(b"", 20 * mb + 1), "media has 20971521 bytes, but must have 6 to 20971520"),
        (MediaType::Image, sized(b"GIF89a", 100), "media must be a JPG or PNG"),
        (MediaType::Voice, sized(b"ID3", 100), "media must be an AMR"),
        (MediaType::Video, sized(b"RIFF", 100), "media must be an MP4"),
        (MediaType::Video, Upload::from_stream("a.avi", 100, empty()), "media must be an MP4"),
        (MediaType::Image, sized(JPG, 100).named(""), "file name must be a name without control characters"),
        (MediaType::Image, sized(JPG, 100).named("a\r\nb.jpg"), "file name must be a name without control characters"),
    ];
    for (media_type, upload, expected) in cases {
        assert!(upload.check(media_type).is_err_and(|error| error.to_string().starts_with(expected)), "{expected}");
        let error = media.upload(media_type, upload).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error} / {expected}");
        assert_chinese(&error);
    }
    let error = media.upload_image(sized(JPG, 2 * mb + 1)).await.unwrap_err().to_string();
    assert!(error.starts_with("media has 2097153 bytes, but must have 5 to 2097152"), "{error}");
    assert!(media.get("").await.is_err());
    assert!(media.download_to("", "a").check().is_err() && media.download_to("m", "a").check().is_ok());
    assert_eq!(server.requests().len(), 0);
    for (media_type, name, content_type) in [
        (MediaType::Image, "a.JPG", "image/jpeg"),
        (MediaType::Image, "a.jpeg", "image/jpeg"),
        (MediaType::Image, "a.png", "image/png"),
        (MediaType::Voice, "a.amr", "voice/amr"),
        (MediaType::Video, "a.MP4", "video/mp4"),
        (MediaType::File, "a", "application/octet-stream"),
    ] {
        let streamed = stream::iter([Ok::<_, std::io::Error>(vec![b'x'; 100])]);
        media.upload(media_type, Upload::from_stream(name, 100, streamed)).await.unwrap();
        let request = server.requests().pop().unwrap();
        let line = format!("\r\nContent-Type: {content_type}\r\n\r\n");
        assert!(String::from_utf8_lossy(&request.body).contains(&line), "{name}");
    }
    for (media_type, start) in
        [(MediaType::Voice, amr), (MediaType::Video, b"\0\0\0\x18ftypmp42"), (MediaType::File, b"any")]
    {
        media.upload(media_type, sized(start, 100)).await.unwrap();
    }
}

#[test]
fn a_media_type_has_one_name_as_text_and_in_json() {
    for (media_type, name) in [
        (MediaType::Image, "image"),
        (MediaType::Voice, "voice"),
        (MediaType::Video, "video"),
        (MediaType::File, "file"),
    ] {
        assert_eq!((media_type.to_string().as_str(), name.parse::<MediaType>().unwrap()), (name, media_type));
        assert_eq!(serde_json::to_value(media_type).unwrap(), name);
    }
    let error = "gif".parse::<MediaType>().unwrap_err();
    assert!(error.to_string().starts_with("media type must be image, voice, video or file"), "{error}");
    // These names are the same in Chinese.
    assert!(error.in_lang(wecom_kf::Lang::Zh).contains("文件类型 必须是 image、voice、video 或 file"));
}

/// A reply with a Content-Disposition is a file. Without it, a short object with an errcode is a refusal.
#[tokio::test]
async fn files_and_refusals_are_distinguished() {
    let refusal = r#"{"errcode":40007,"errmsg":"invalid media_id"}"#;
    let cases: [(&str, &[u8], Option<i32>); 9] = [
        // The errmsg was cut in the middle of a character.
        ("", b"{\"errcode\":40007,\"errmsg\":\"\xe6\x97\"}", Some(40007)),
        ("content-type: application/json\r\n", refusal.as_bytes(), Some(40007)),
        ("content-type: text/plain\r\n", refusal.as_bytes(), Some(40007)),
        ("content-type: image/jpg\r\n", refusal.as_bytes(), Some(40007)),
        // A customer's file may itself be JSON.
        (ATTACHED, refusal.as_bytes(), None),
        ("content-type: application/json\r\n", JPG, None),
        ("", JPG, None),
        ("content-type: text/plain\r\n", br#"{"errcode":0,"menu":[]}"#, None),
        ("content-type: text/plain\r\n", br#"{"name":"x"}"#, None),
    ];
    for (headers, body, refused) in cases {
        let reply = answer("200 OK", headers, body, body.len());
        let server = Server::start(move |_, _| reply.clone()).await;
        let outcome = server.client.media().get("m 1").await;
        let request = &server.requests()[0];
        assert!(
            request.head.starts_with("GET /cgi-bin/media/get?access_token=T&media_id=m+1 HTTP/1.1"),
            "{}",
            request.head
        );
        match (outcome, refused) {
            (Err(error), Some(code)) => assert_eq!(error.code(), Some(ErrCode(code))),
            (Ok(file), None) => assert_eq!(file.into_bytes(1024).await.unwrap(), body),
            (outcome, _) => panic!("{headers} {}: {outcome:?}", String::from_utf8_lossy(body)),
        }
    }
    let reply = answer("200 OK", ATTACHED, JPG, JPG.len());
    let server = Server::start(move |_, _| reply.clone()).await;
    let file = server.client.media().get("m1").await.unwrap();
    assert_eq!((file.file_name().as_deref(), file.length()), (Some("报价 单.pdf"), Some(JPG.len() as u64)));
    assert_eq!(file.content_type(), Some("text/plain"));
    assert!(!format!("{file:?}").contains("报价"));
    assert!(is_too_long(file.into_bytes(JPG.len() - 1).await, JPG.len() as u64 - 1));
    assert_eq!(server.client.media().get("m1").await.unwrap().into_bytes(JPG.len()).await.unwrap(), JPG);

    let gateway = Server::start(|_, _| answer("404 Not Found", ATTACHED, JPG, JPG.len())).await;
    let error = gateway.client.media().get("m1").await.unwrap_err();
    assert!(line(&error).contains("HTTP status 404"), "{error}");

    // A refusal is never a part, so this is a customer's file that looks like one.
    let folder = TempDir::new().unwrap();
    let part = format!("content-range: bytes 0-{}/{}\r\n", refusal.len() - 1, refusal.len());
    let reply = answer("206 Partial Content", &part, refusal.as_bytes(), refusal.len());
    let server = Server::start(move |_, _| reply.clone()).await;
    let saved = server.client.media().download_into("a/m1", folder.path()).await.unwrap();
    assert_eq!((saved.length, saved.file_name), (refusal.len() as u64, None));
    assert_eq!(names_in(&folder), ["a_m1"]);
}

/// A rejected token is renewed for a download, as for every call.
#[tokio::test]
async fn a_rejected_token_is_renewed_for_a_download_too() {
    let server = Server::start(|_, number| match number {
        0 => answer("200 OK", "content-type: text/plain\r\n", br#"{"errcode":40014}"#, 17),
        _ => answer("200 OK", ATTACHED, JPG, JPG.len()),
    })
    .await;
    assert_eq!(server.client.media().get("m1").await.unwrap().into_bytes(99).await.unwrap(), JPG);
    assert_eq!(server.requests().len(), 2);
}

fn names_in(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_download_replaces_a_file_only_when_asked() {
    let folder = TempDir::new().unwrap();
    let reply = answer("200 OK", ATTACHED, JPG, JPG.len());
    let server = Server::start(move |_, _| reply.clone()).await;
    let media = server.client.media();
    let first = media.download_into("m1", folder.path()).await.unwrap();
    assert_eq!((first.length, first.file_name.as_deref()), (JPG.len() as u64, Some("报价 单.pdf")));
    assert_eq!(std::fs::read(&first.path).unwrap(), JPG);
    std::fs::write(&first.path, "mine").unwrap();
    let refused = media.download_into("m1", folder.path()).await.unwrap_err();
    assert!(matches!(&refused, Error::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists));
    let text = line(&refused);
    assert!(text.starts_with("there is a file where the download would be written: "), "{text}");
    assert!(text.ends_with("or call overwrite() on the download.") && !text.contains("报价"), "{text}");
    assert_eq!(std::fs::read(&first.path).unwrap(), b"mine");
    let again = media.download_into("m1", folder.path()).overwrite().await.unwrap();
    assert_eq!((&again, std::fs::read(&first.path).unwrap()), (&first, JPG.to_vec()));
    assert_eq!(names_in(&folder), ["报价 单.pdf"]);
    assert_eq!(format!("{first:?}"), "Saved { length: 14, .. }");
    // `download_to`, however, replaces a file at its path.
    let path = folder.path().join("报价 单.pdf");
    std::fs::write(&path, "old").unwrap();
    assert_eq!(media.download_to("m1", &path).await.unwrap().path, path);
    assert_eq!(std::fs::read(&path).unwrap(), JPG);
    std::fs::write(&path, "mine").unwrap();
    let refused = media.download_to("m1", &path).create_new().await.unwrap_err();
    assert!(matches!(&refused, Error::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    let error = media.download_to("m1", folder.path().join("no/such/folder/a")).await.unwrap_err();
    assert!(line(&error).starts_with("the download cannot be written: "), "{error}");
}

const FILE: &[u8] = b"0123456789abcdef";

/// Returns the file or the requested range.
fn ranged(request: &Request, broken_after: Option<usize>) -> Vec<u8> {
    let first =
        request.header("range").map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
    let rest = &FILE[first.unwrap_or(0)..];
    let sent = &rest[..broken_after.unwrap_or(rest.len()).min(rest.len())];
    match first {
        None => answer("200 OK", &format!("{ATTACHED}accept-ranges: bytes\r\n"), sent, rest.len()),
        Some(first) => {
            let headers = format!("{ATTACHED}content-range: bytes {first}-{}/{}\r\n", FILE.len() - 1, FILE.len());
            answer("206 Partial Content", &headers, sent, rest.len())
        }
    }
}

#[tokio::test]
async fn an_interrupted_download_continues_where_it_ended() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a");
    let server = Server::start(|request, number| ranged(request, (number < 2).then_some(5))).await;
    let progress = Arc::new(Mutex::new(Vec::new()));
    let seen = progress.clone();
    let download = server.client.media().download_to("m1", &path);
    let saved =
        download.on_progress(move |received, total| seen.lock().unwrap().push((received, total))).await.unwrap();
    assert_eq!((saved.length, std::fs::read(&path).unwrap().as_slice()), (16, FILE));
    assert_eq!(*progress.lock().unwrap(), [(5, Some(16)), (10, Some(16)), (16, Some(16))]);
    let ranges: Vec<_> = server.requests().iter().map(|request| request.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some("bytes=5-".to_owned()), Some("bytes=10-".to_owned())]);
    assert_eq!(names_in(&folder), ["a"]);
}

#[tokio::test]
async fn without_ranges_a_download_starts_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, "old").unwrap();
    let once = |number: usize, good: usize| if number < good { 5 } else { FILE.len() };
    let server = Server::start(move |_, number| answer("200 OK", ATTACHED, &FILE[..once(number, 1)], FILE.len())).await;
    server.client.media().download_to("m1", &path).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), FILE);
    assert!(server.requests().iter().all(|request| request.header("range").is_none()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path) & 0o777, 0o600, "only its owner may read a customer's file");
        server.client.media().download_to("m1", &path).mode(0o640).await.unwrap();
        assert_eq!(mode(&path) & 0o777, 0o640, "unless the caller says otherwise");
    }
    // The second download may be shorter than the part of the first one.
    let server = Server::start(|_, number| match number {
        0 => answer("200 OK", ATTACHED, &FILE[..10], FILE.len()),
        _ => answer("200 OK", ATTACHED, &FILE[..5], 5),
    })
    .await;
    assert_eq!(server.client.media().download_to("m1", &path).await.unwrap().length, 5);
    assert_eq!(std::fs::read(&path).unwrap(), &FILE[..5]);

    let server = Server::start(move |_, number| answer("200 OK", ATTACHED, &FILE[..once(number, 9)], FILE.len())).await;
    std::fs::write(&path, "old").unwrap();
    let error = server.client.media().download_to("m1", &path).await.unwrap_err();
    assert!(matches!(error, Error::NoAnswer { operation: "media_get", .. }) && error.is_retryable(), "{error}");
    assert_eq!((server.requests().len(), std::fs::read_to_string(&path).unwrap().as_str()), (3, "old"));
    assert_eq!(names_in(&folder), ["a"]);
}

/// WeCom returns files over 20 MB only in ranges. The client requests 20 MB each, and this server returns 6 bytes each.
#[tokio::test]
async fn a_large_file_is_downloaded_in_parts() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a");
    let server = Server::start(|request, _| {
        let Some(range) = request.header("range") else {
            return json(r#"{"errcode":830002,"errmsg":"too large"}"#);
        };
        let (first, last) = range.trim_start_matches("bytes=").split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        assert_eq!(last + 1 - first, 20 * 1024 * 1024);
        let part = &FILE[first..(first + 6).min(FILE.len())];
        let range = format!("{ATTACHED}content-range: bytes {first}-{}/{}\r\n", first + part.len() - 1, FILE.len());
        answer("206 Partial Content", &range, part, part.len())
    })
    .await;
    let saved = server.client.media().download_to("m1", &path).await.unwrap();
    assert_eq!((saved.length, std::fs::read(&path).unwrap().as_slice()), (16, FILE));
    assert_eq!(server.requests().len(), 4);
    let error = server.client.media().get("m1").await.unwrap_err();
    assert_eq!(error.code(), Some(ErrCode::DOWNLOAD_RANGE_TOO_LARGE));

    // A server that also refuses the parts as too large is not asked again and again.
    let server = Server::start(|_, _| json(r#"{"errcode":830002,"errmsg":"too large"}"#)).await;
    let error = server.client.media().download_to("m1", &path).await.unwrap_err();
    assert_eq!((error.code(), server.requests().len()), (Some(ErrCode::DOWNLOAD_RANGE_TOO_LARGE), 2));
}

#[tokio::test]
async fn a_range_that_was_not_requested_is_an_error() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(|request, number| match number {
        0 => ranged(request, Some(5)),
        _ => answer("206 Partial Content", &format!("{ATTACHED}content-range: bytes 0-15/16\r\n"), FILE, 16),
    })
    .await;
    let error = server.client.media().download_to("m1", folder.path().join("a")).await.unwrap_err();
    assert!(line(&error).contains("it contains another range than requested"), "{error}");
    assert!(names_in(&folder).is_empty());
}

/// Bytes beyond the announced length are ignored, and a part that does not fit the file is an error.
#[tokio::test]
async fn wrong_announcements_cause_neither_loops_nor_wrong_files() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a");
    let more = answer("200 OK", ATTACHED, FILE, 5);
    let server = Server::start(move |_, _| more.clone()).await;
    assert_eq!(server.client.media().download_to("m1", &path).await.unwrap().length, 5);
    assert_eq!(std::fs::read(&path).unwrap(), &FILE[..5]);
    std::fs::remove_file(&path).unwrap();

    let part = |range: &str, body: &[u8]| {
        answer("206 Partial Content", &format!("{ATTACHED}content-range: bytes {range}\r\n"), body, body.len())
    };
    let cases = [
        (part("0-15/8", FILE), "it is longer than announced"),
        (part("0-15/*", FILE), "a part of the file lacks the total length"),
        (part("0-0/16", b""), "a part of the file is empty"),
    ];
    for (reply, problem) in cases {
        let server = Server::start(move |_, number| match number {
            0 => reply.clone(),
            _ => answer("404 Not Found", "", b"", 0),
        })
        .await;
        let error = server.client.media().download_to("m1", &path).await.unwrap_err();
        assert!(matches!(&error, Error::BadReply { problem: said, .. } if said.to_string() == problem), "{error}");
        assert_chinese(&error);
        assert_eq!((server.requests().len(), names_in(&folder).len()), (1, 0), "{problem}");
    }
}

/// The name of a file on a phone may be too long for a file system.
#[tokio::test]
async fn a_long_name_is_cut_on_disk_but_not_in_the_result() {
    let folder = TempDir::new().unwrap();
    let name = "长".repeat(300) + ".pdf";
    let headers = format!("content-disposition: attachment; filename=\"{name}\"\r\n");
    let server = Server::start(move |_, _| answer("200 OK", &headers, JPG, JPG.len())).await;
    let saved = server.client.media().download_into("m1", folder.path()).await.unwrap();
    assert_eq!(saved.file_name.as_deref(), Some(name.as_str()));
    let saved_as = saved.path.file_name().unwrap().to_str().unwrap();
    assert!(saved_as.ends_with("长.pdf") && saved_as.len() <= 255, "{saved_as}");
    assert_eq!(std::fs::read(&saved.path).unwrap(), JPG);
}

/// File names are a customer's text.
#[tokio::test]
async fn no_error_shows_the_name_of_a_file() {
    let folder = TempDir::new().unwrap();
    let taken = folder.path().join("canary-name.pdf");
    std::fs::create_dir(&taken).unwrap();
    let headers = "content-disposition: attachment; filename=\"canary-name.pdf\"\r\n";
    let whole = answer("200 OK", headers, JPG, JPG.len());
    let broken = answer("200 OK", headers, JPG, JPG.len() + 1);
    let echo = r#"{"errcode":40007,"errmsg":"bad file canary-name.pdf"}"#;
    let server = Server::start(move |request, number| match number {
        _ if request.head.starts_with("POST") => json(echo),
        0 => whole.clone(),
        _ => broken.clone(),
    })
    .await;
    let media = server.client.media();
    let upload = Upload::from_bytes("canary-name.pdf", JPG);
    let errors = [
        media.download_to("m1", &taken).await.err(),
        media.download_into("m1", folder.path()).await.err(),
        media.get("m1").await.unwrap().into_bytes(99).await.err(),
        media.upload(MediaType::File, upload).await.err(),
    ];
    for error in errors {
        let error = error.expect("nothing failed");
        let shown = format!("{error} {error:?} {error:#?} {:?}", wecom_kf::Report::from(error.clone()));
        assert!(!shown.contains("canary"), "{shown}");
    }
}

/// The time limit of an attempt does not apply to the stream of a download.
#[tokio::test]
async fn a_slow_download_outlives_the_time_limit_of_an_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let builder = patient(Client::builder(Credentials::new("ww1", "s")).base_url(base_url));
    let client = builder.token_source(FakeSource::numbered()).build().unwrap();
    client.token().get().await.unwrap();
    let clock = StandingClock::start();
    let request = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        stream.write_all(&answer("200 OK", ATTACHED, b"", 4)).await.unwrap();
        stream
    };
    let (mut stream, download) = tokio::join!(request, async { client.media().get("m1").await });
    let mut download = download.unwrap();
    for byte in b"slow" {
        // All waits together are longer than the time limit of an attempt.
        clock.pass(ATTEMPT - Duration::from_secs(1)).await;
        stream.write_all(&[*byte]).await.unwrap();
        assert_eq!(download.try_next().await.unwrap().unwrap(), [*byte][..]);
    }
    assert!(download.try_next().await.unwrap().is_none());
}
