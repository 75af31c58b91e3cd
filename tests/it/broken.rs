//! A server that fails in all the ways in which networks and gateways fail. It uses a plain TCP listener.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use wecom_kf::{Client, ClientBuilder, Credentials, RetryPolicy};

use crate::clock::StandingClock;

/// The time limit of an attempt of a [`patient`] client.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(60);

/// Secrets that must never be in anything we print.
pub(crate) const TOKEN: &str = "canary-TOKEN-q7ZrX2";
pub(crate) const SECRET: &str = "canary-SECRET-m4KpW9";

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Accepts the connection and resets it at once.
    ResetBeforeRequest,
    /// Reads the whole request, then resets the connection.
    ResetAfterRequest,
    /// Reads the whole request, then closes the connection normally.
    CloseAfterRequest,
    /// Reads the whole request and never answers.
    Stall,
    /// Sends these bytes, then closes the connection.
    Bytes(String),
    /// Sends these bytes, then nothing more.
    BytesThenStall(String),
    /// Sends the first bytes, then repeats the second ones as long as the client reads.
    Endless(String, String),
}

/// Returns a complete HTTP reply.
pub(crate) fn reply(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}")
}

pub(crate) fn json(body: &str) -> Fault {
    Fault::Bytes(reply("200 OK", "application/json; charset=UTF-8", body))
}

/// Chooses the fault of a request from its path and its number among the requests of that path, counted from 1. For a new
/// connection, the path is "connect".
pub(crate) type Script = dyn Fn(&str, usize) -> Option<Fault> + Send + Sync;

pub(crate) struct BrokenServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<(String, String)>>>,
    connections: Arc<AtomicUsize>,
    /// The number of requests that were read and will not be answered.
    stalled: watch::Sender<usize>,
    /// Whether the server stalls requests.
    stalls: bool,
    _task: Task,
}

/// A task that ends when this is dropped.
struct Task(tokio::task::JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl BrokenServer {
    /// Starts a server. If the script returns no fault, gettoken returns [`TOKEN`], and other operations return errcode 0.
    pub(crate) async fn start(script: impl Fn(&str, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, script)
    }

    pub(crate) fn on(
        listener: TcpListener,
        script: impl Fn(&str, usize) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (requests, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let stalled = watch::Sender::new(0);
        let script: Arc<Script> = Arc::new(script);
        let task = Task(tokio::spawn({
            let (requests, connections, stalled) = (requests.clone(), connections.clone(), stalled.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let number = connections.fetch_add(1, SeqCst) + 1;
                    if let Some(Fault::ResetBeforeRequest) = script("connect", number) {
                        reset(stream);
                        continue;
                    }
                    tokio::spawn(serve(stream, script.clone(), requests.clone(), stalled.clone()));
                }
            }
        }));
        Self { address, requests, connections, stalled, stalls: false, _task: task }
    }

    /// Starts a server with this fault at every operation except gettoken.
    pub(crate) async fn always(fault: Fault) -> Self {
        let stalls = matches!(fault, Fault::Stall);
        let server = Self::start(move |path, _| (path != "/cgi-bin/gettoken").then(|| fault.clone())).await;
        server.stalling(stalls)
    }

    /// Tells [`outcome`](Self::outcome) that the script has a [`Fault::Stall`].
    pub(crate) fn stalling(self, stalls: bool) -> Self {
        Self { stalls, ..self }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of complete requests for this path.
    pub(crate) fn requests(&self, path: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|(other, _)| other == path).count()
    }

    pub(crate) fn all_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }

    pub(crate) fn bodies(&self, path: &str) -> Vec<serde_json::Value> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .filter(|(other, _)| other == path)
            .map(|(_, body)| serde_json::from_str(body).unwrap())
            .collect()
    }

    /// Returns a client that does not wait between attempts. Its time limits are long enough for a busy machine.
    pub(crate) fn client(&self) -> Client {
        client_of(&self.url())
    }

    /// Returns a client whose attempts end after 200 ms if the server stalls. Use it only for calls that are expected to fail.
    pub(crate) fn impatient_client(&self) -> Client {
        let builder = builder_of(&self.url());
        let builder = if self.stalls { builder.attempt_timeout(Duration::from_millis(200)) } else { builder };
        builder.build().unwrap()
    }

    /// Returns the outcome of a call of [`client`](Self::client). If the server stalls, the clock stands still, and advances
    /// by the time limit of the attempt and by a wait of length zero each time a request has arrived.
    pub(crate) async fn outcome<T>(&self, attempt: Duration, call: impl IntoFuture<Output = T>) -> T {
        if !self.stalls {
            return call.await;
        }
        let (clock, mut stalled) = (StandingClock::start(), self.stalled.subscribe());
        let time = async {
            while stalled.changed().await.is_ok() {
                clock.pass(attempt).await;
                clock.pass(Duration::ZERO).await;
            }
        };
        tokio::select! {
            outcome = call.into_future() => outcome,
            () = time => unreachable!("the server runs until the end of the test"),
        }
    }
}

/// Sets time limits that are long enough for a busy machine.
pub(crate) fn patient(builder: ClientBuilder) -> ClientBuilder {
    builder.connect_timeout(ATTEMPT).attempt_timeout(ATTEMPT).call_timeout(10 * ATTEMPT)
}

pub(crate) fn client_of(base_url: &str) -> Client {
    builder_of(base_url).build().unwrap()
}

fn builder_of(base_url: &str) -> ClientBuilder {
    let builder = Client::builder(Credentials::new("ww-corp", SECRET)).base_url(base_url);
    let builder = patient(builder);
    // Pacing is off: it would cause real waits here, and it has tests of its own.
    builder.retry(RetryPolicy::default().jitter(|| 0.0)).pacing(wecom_kf::Pacing::unlimited())
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<Script>,
    requests: Arc<Mutex<Vec<(String, String)>>>,
    stalled: watch::Sender<usize>,
) {
    let mut buffer = Vec::new();
    while let Some((path, body)) = read_request(&mut stream, &mut buffer).await {
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push((path.clone(), body));
            requests.iter().filter(|(other, _)| *other == path).count()
        };
        match script(&path, number) {
            None => {
                let body = match path.as_str() {
                    "/cgi-bin/gettoken" => {
                        format!(r#"{{"errcode":0,"errmsg":"ok","access_token":"{TOKEN}","expires_in":7200}}"#)
                    }
                    _ => r#"{"errcode":0,"errmsg":"ok"}"#.to_owned(),
                };
                if stream.write_all(reply("200 OK", "application/json", &body).as_bytes()).await.is_err() {
                    return;
                }
            }
            Some(Fault::Bytes(bytes)) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Some(Fault::BytesThenStall(bytes)) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                std::future::pending().await
            }
            Some(Fault::Endless(first, more)) => {
                let mut written = stream.write_all(first.as_bytes()).await;
                while written.is_ok() {
                    written = stream.write_all(more.as_bytes()).await;
                }
                return;
            }
            Some(Fault::ResetBeforeRequest | Fault::ResetAfterRequest) => return reset(stream),
            Some(Fault::CloseAfterRequest) => return,
            Some(Fault::Stall) => {
                stalled.send_modify(|stalled| *stalled += 1);
                std::future::pending().await
            }
        }
    }
}

fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// Reads the path and the body of the next request. Returns `None` if the client has closed the connection.
async fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, String)> {
    loop {
        if let Some(head_end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length: ").map(|value| value.parse::<usize>().unwrap())
            });
            let end = head_end + 4 + length.unwrap_or(0);
            if buffer.len() >= end {
                let body = String::from_utf8_lossy(&buffer[head_end + 4..end]).into_owned();
                buffer.drain(..end);
                let target = head.split(' ').nth(1)?;
                return Some((target.split('?').next()?.to_owned(), body));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => buffer.extend_from_slice(&chunk[..read]),
        }
    }
}
