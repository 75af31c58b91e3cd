//! Small servers that do one thing wrong, for the checks of `doctor`.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that lives as long as this value.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hostile {
    /// Sends this answer to every request, and closes the connection.
    pub(crate) async fn answers(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        Self::serve(move |_| Some(answer.clone())).await
    }

    /// Accepts connections and never says anything.
    pub(crate) async fn silent() -> Self {
        Self::serve(|_| None).await
    }

    /// Sends the answer that the function returns for a request with its head and body, or none at all.
    pub(crate) async fn serve(answer: impl Fn(&str) -> Option<String> + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(exchange(stream, answer.clone()));
            }
        });
        Self { address, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns an address at which nothing listens.
    pub(crate) async fn nobody() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
    }
}

async fn exchange(mut stream: TcpStream, answer: impl Fn(&str) -> Option<String>) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
    match answer(&String::from_utf8_lossy(&request)) {
        Some(answer) => {
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        None => std::future::pending().await,
    }
}

/// Returns whether the head and the body have arrived. A client that speaks TLS sends no head and gets its answer at once.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return request.first() == Some(&0x16) };
    let mut lengths =
        head.lines().filter_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= lengths.next_back().unwrap_or(0)
}

/// Returns an HTTP answer with this status line, headers and body.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}
