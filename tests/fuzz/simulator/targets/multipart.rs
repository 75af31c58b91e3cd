//! An upload. The first line is its Content-Type, the rest is its body.
#![no_main]

use std::thread::LocalKey;

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use wecom_kf_sim::fuzz;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("a runtime of one thread needs nothing");
}

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (content_type, body) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let Ok(content_type) = HeaderValue::from_bytes(content_type) else { return };
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
    if let Some((_, file_name, bytes)) = part(&RUNTIME, &headers, body) {
        assert!(!file_name.is_empty());
        assert!(bytes.len() < body.len(), "a file is shorter than the body around it");
        assert!(bytes.is_empty() || body.windows(bytes.len()).any(|window| window == bytes), "the file was changed");
    }
});

fn part(runtime: &'static LocalKey<Runtime>, headers: &HeaderMap, body: &[u8]) -> Option<(String, String, Bytes)> {
    runtime.with(|runtime| runtime.block_on(fuzz::part(headers, Bytes::copy_from_slice(body))))
}
