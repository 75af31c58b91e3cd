//! The reply of `media_get`: its headers, one per line, then an empty line and its body. If the first line is `206`, the reply
//! is a part of a file.
#![no_main]

use std::path::Path;

use futures_util::{FutureExt, StreamExt};
use http::{HeaderName, HeaderValue, Response};
use libfuzzer_sys::fuzz_target;
use wecom_kf_raw::media::{Download, MediaGetResponse};

fuzz_target!(|data: &[u8]| {
    let end = data.windows(2).position(|window| window == b"\n\n").unwrap_or(data.len());
    let (head, body) = (&data[..end], data.get(end + 2..).unwrap_or_default());
    // All bytes are in memory, so the future is ready at once.
    check(response(head, body), body).now_or_never().expect("a reply in memory is read at once");
});

fn response(head: &[u8], body: &[u8]) -> reqwest::Response {
    let mut response = Response::new(reqwest::Body::from(body.to_vec()));
    let mut lines = head.split(|byte| *byte == b'\n').peekable();
    if lines.next_if_eq(&&b"206"[..]).is_some() {
        *response.status_mut() = http::StatusCode::PARTIAL_CONTENT;
    }
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value.trim_ascii())) {
            response.headers_mut().append(name, value);
        }
    }
    response.into()
}

async fn check(response: reqwest::Response, body: &[u8]) {
    match MediaGetResponse::fuzz(response).await {
        Ok(MediaGetResponse { file: Some(file), errcode, .. }) => {
            assert_eq!(errcode, 0);
            check_file(file, body).await;
        }
        Ok(refusal) => assert_ne!(refusal.errcode, 0),
        Err(error) => {
            let _ = format!("{error} {error:?}");
        }
    }
}

async fn check_file(mut file: Download, body: &[u8]) {
    if let Some(name) = file.file_name() {
        check_name(&name);
    }
    let _ = (file.content_type(), file.length(), file.takes_ranges(), file.part(), format!("{file:?}"));
    let mut read = Vec::new();
    while let Some(chunk) = file.next().await {
        read.extend_from_slice(&chunk.expect("a body in memory does not break off"));
    }
    assert_eq!(read, body, "looking for a refusal changed the file");
}

/// Checks that the name contains no folder.
fn check_name(name: &str) {
    assert!(!name.contains(['/', '\\']) && !name.contains(char::is_control), "{name:?}");
    let path = Path::new("/downloads").join(name);
    assert_eq!(path.parent(), Some(Path::new("/downloads")), "{name:?}");
    assert_eq!(path.file_name(), Some(name.as_ref()), "{name:?}");
}
