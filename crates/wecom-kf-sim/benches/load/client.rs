//! A client that costs little: blocking, one connection, requests that are written beforehand.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

const TWO_LINE_ENDS: &[u8] = b"\r\n\r\n";

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: vec![0; 1 << 20] }
    }

    /// Sends a request and returns the body of the answer, whose status must be 200.
    pub(crate) fn call(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).unwrap();
        let (mut filled, mut whole) = (0, None);
        while whole.is_none_or(|(_, end)| filled < end) {
            let read = self.stream.read(&mut self.buffer[filled..]).unwrap();
            assert!(read > 0, "the simulator closed the connection");
            filled += read;
            whole = whole.or_else(|| extent(&self.buffer[..filled]));
        }
        let (start, end) = whole.unwrap();
        assert!(self.buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&self.buffer[..end]));
        &self.buffer[start..end]
    }

    /// The same, of a call that must succeed.
    pub(crate) fn reply(&mut self, request: &[u8]) -> Value {
        let reply: Value = serde_json::from_slice(self.call(request)).unwrap();
        assert!(reply["errcode"] == 0 || reply["errcode"].is_null(), "{reply}");
        reply
    }
}

/// Where the body begins and ends, once the head is there.
fn extent(answer: &[u8]) -> Option<(usize, usize)> {
    let start = answer.windows(4).position(|window| window == TWO_LINE_ENDS)? + TWO_LINE_ENDS.len();
    let head = std::str::from_utf8(&answer[..start]).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Some((start, start + length.expect("the answer says its length").parse::<usize>().unwrap()))
}

pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").into_bytes()
}

pub(crate) fn post(path: &str, body: &Value) -> Vec<u8> {
    let (body, json) = (body.to_string(), "content-type: application/json");
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{json}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
