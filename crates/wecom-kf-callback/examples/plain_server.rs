//! Receives callbacks without a framework: with sockets, threads, and a parser of HTTP heads.
//!
//! ```text
//! WECOM_KF_CALLBACK_TOKEN=… WECOM_KF_CALLBACK_AES_KEY=… WECOM_CORP_ID=ww… \
//!     cargo run -p wecom-kf-callback --example plain_server -- 127.0.0.1:8080
//! ```
//!
//! It answers each callback first, and then prints its event.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]
#![allow(clippy::disallowed_methods, reason = "there is no tokio here whose clock could be used")]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use wecom_kf_callback::{Callback, Event, Lang, Query};

const MAX_HEAD: usize = 16 * 1024;
/// WeCom's bodies have about 700 bytes.
const MAX_BODY: usize = 64 * 1024;
/// The time limit for a request to arrive. WeCom waits as long as this for the answer.
const ARRIVES_WITHIN: Duration = Duration::from_secs(5);
const MAX_THREADS: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let callback = Callback::new(
        std::env::var("WECOM_KF_CALLBACK_TOKEN")?,
        std::env::var("WECOM_KF_CALLBACK_AES_KEY")?,
        std::env::var("WECOM_CORP_ID")?,
    )?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&address)?;
    println!("listening on {}", listener.local_addr()?);

    let (events, queue) = sync_channel(1024);
    thread::spawn(move || {
        for event in queue {
            work(&event);
        }
    });
    let threads = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        // One thread per request is enough: WeCom sends at most a few short requests a second.
        if threads.load(Ordering::Relaxed) >= MAX_THREADS {
            continue; // closes the connection; WeCom tries again
        }
        threads.fetch_add(1, Ordering::Relaxed);
        let (callback, events, threads) = (callback.clone(), events.clone(), threads.clone());
        thread::spawn(move || {
            if let Err(error) = stream.and_then(|stream| serve(stream, &callback, &events)) {
                eprintln!("connection lost: {error}");
            }
            threads.fetch_sub(1, Ordering::Relaxed);
        });
    }
    Ok(())
}

/// Prints the event. A real bot would read the messages of the account here, with the token of the event.
fn work(event: &Event) {
    match event {
        Event::KfMsgOrEvent(news) => println!("news for {}", news.open_kfid.as_deref().unwrap_or("every account")),
        Event::KfAccountAuthChange(change) => println!("accounts: +{:?} -{:?}", change.added, change.removed),
        _ => println!("something else"),
    }
}

fn serve(mut stream: TcpStream, callback: &Callback, events: &SyncSender<Event>) -> io::Result<()> {
    let (status, body) = match read(&mut stream, Instant::now() + ARRIVES_WITHIN)? {
        Some(request) => answer(callback, events, &request),
        None => ("400 Bad Request", String::new()),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")?;
    stream.flush()
}

fn answer(callback: &Callback, events: &SyncSender<Event>, request: &Request) -> (&'static str, String) {
    let outcome = Query::parse(&request.query).and_then(|query| match request.method.as_str() {
        "GET" => callback.verify_url(&query).map(|text| (text, None)),
        _ => callback.event(&query, &request.body).map(|event| (String::new(), Some(event))),
    });
    match outcome {
        Ok((text, None)) => ("200 OK", text),
        // The event waits in the queue, because the work begins after the answer.
        Ok((text, Some(event))) => match events.try_send(event) {
            Ok(()) => ("200 OK", text),
            // WeCom tries again, three times in all.
            Err(_) => ("503 Service Unavailable", String::new()),
        },
        Err(error) => {
            eprintln!("{error}: {}  do: {}", error.reason(), error.reason().remedy(Lang::En));
            ("403 Forbidden", String::new())
        }
    }
}

struct Request {
    method: String,
    query: String,
    body: Vec<u8>,
}

/// Reads the available bytes. The deadline applies to the whole request, so that a client that sends a byte now and then
/// cannot block a thread.
fn read_some(stream: &mut TcpStream, chunk: &mut [u8], deadline: Instant) -> io::Result<usize> {
    let left = deadline.saturating_duration_since(Instant::now());
    stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
    stream.read(chunk)
}

/// Reads a request. Returns `None` if it is malformed or too large.
fn read(stream: &mut TcpStream, deadline: Instant) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Request::new(&mut headers);
        match head.parse(&bytes) {
            Ok(httparse::Status::Complete(length)) => {
                let content_length =
                    head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
                let value = content_length.and_then(|header| str::from_utf8(header.value).ok());
                let wanted = value.map_or(Some(0), |value| value.parse::<usize>().ok());
                let Some(wanted) = wanted.filter(|wanted| *wanted <= MAX_BODY) else { return Ok(None) };
                let (path, method) = (head.path.unwrap_or_default(), head.method.unwrap_or_default().to_owned());
                let query = path.split_once('?').map_or(String::new(), |(_, query)| query.to_owned());
                let mut body = bytes.split_off(length);
                while body.len() < wanted {
                    match read_some(stream, &mut chunk, deadline)? {
                        0 => return Ok(None),
                        read => body.extend_from_slice(&chunk[..read]),
                    }
                }
                body.truncate(wanted);
                return Ok(Some(Request { method, query, body }));
            }
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => {}
            _ => return Ok(None),
        }
        match read_some(stream, &mut chunk, deadline)? {
            0 => return Ok(None),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}
