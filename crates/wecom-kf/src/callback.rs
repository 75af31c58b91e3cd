//! Receives WeCom's callbacks with axum (feature `axum`).
//!
//! WeCom calls your URL with `GET` to verify it, each time its settings are saved, and with `POST` for each event, which
//! says that there are messages to read. The service here answers both immediately and sends the events through a channel.
//!
//! Start the service before you set up the app: WeCom verifies the URL before it issues the app's secret, and the service
//! does not need the secret.
//!
//! ```no_run
//! use wecom_kf::Settings;
//! use wecom_kf::callback::{self, Event};
//!
//! # async fn example(client: wecom_kf::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let (service, mut events) = callback::service(Settings::from_env().callback()?);
//! let app = callback::Router::new().route("/callback", service);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! tokio::spawn(callback::serve(listener, app));
//!
//! while let Some(event) = events.recv().await {
//!     if let Event::KfMsgOrEvent(news) = event {
//!         let open_kfid = news.open_kfid.unwrap_or_default();
//!         let page = client.messages().page(open_kfid).token(news.token.expose()).await?; // then continue with its cursor
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Facing the internet
//!
//! Put a reverse proxy with TLS and time-outs for headers in front; the README of [`wecom_kf_callback`] has short
//! configurations for nginx and Caddy. [`serve`] also has a time-out for headers, which `axum::serve` lacks. An attacker
//! can send a captured request again; [`service_once`] detects that.
//!
//! [`wecom_kf_callback`] checks the signature, decrypts, and parses the XML. Use that crate directly with other HTTP
//! servers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The router that [`serve`] takes.
pub use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
/// The service of one URL.
pub use axum::routing::MethodRouter;
/// Creates the service of a URL from a function, for example one that answers Prometheus.
pub use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
pub use wecom_kf_callback::{
    Callback, Event, EventToken, KfAccountAuthChange, KfMsgOrEvent, Replays, SettingsError, Unknown,
};
use wecom_kf_callback::{Error as Refused, Query};

use crate::Lang;

/// How many events the channel holds. Further ones are answered with 503, and WeCom sends them again.
pub const WAITING_EVENTS: usize = 1024;

/// The size limit of a request body: 64 KiB. WeCom's bodies have about 700 bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How many request bodies are read at the same time. Further requests are answered with 503, and WeCom sends them again.
/// WeCom sends a few requests a second.
pub const CONCURRENT_REQUESTS: usize = 256;

/// The time limit for the headers of a request to [`serve`]. WeCom waits as long as this for the answer (page 91144).
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// The time limit for the body of a request. WeCom waits as long as this for the answer [91144].
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The size limit of a request's headers in bytes. It leaves room for the query, which is limited to 8 KiB.
const MAX_HEADERS: usize = 16 * 1024;

/// The shortest time between two log lines of the same kind, so that forged requests cannot fill the log.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Creates an axum service for the callback's path, and the receiver of its events.
///
/// The service answers `GET` with the text that WeCom expects, and `POST` with 200 as soon as the event is in the channel.
/// It does not wait for the receiver. WeCom sends events more than once and in any order: they only say that there are
/// messages to read.
///
/// | answer | reason |
/// |---|---|
/// | 403 | the request is not from WeCom; the answer gives no reason, the log does |
/// | 408 | the body took longer than 5 s to arrive |
/// | 413 | the body is longer than 64 KiB ([`MAX_BODY`]) |
/// | 503 | more than 256 bodies at once ([`CONCURRENT_REQUESTS`]), the channel is full ([`WAITING_EVENTS`]), or the receiver was dropped |
///
/// After 503 WeCom tries again, three times in all. A body is only read if the query is well formed.
///
/// The reason and the remedy of a refusal are logged (target `wecom_kf`), at most once a minute, with the number of
/// refusals since the previous line.
pub fn service(callback: Callback) -> (MethodRouter, mpsc::Receiver<Event>) {
    endpoint(callback, None)
}

/// Creates a service like [`service`] that also detects replayed requests.
///
/// It refuses requests outside the time window of `replays`. It answers a repeated request with 200, but does not send its
/// event again. The clock of this machine must be correct: otherwise the service refuses every callback, and logs why.
pub fn service_once(callback: Callback, replays: Replays) -> (MethodRouter, mpsc::Receiver<Event>) {
    endpoint(callback, Some(replays))
}

/// Serves `app` over HTTP/1 like `axum::serve`, but with limits for headers: 5 s to arrive ([`HEADER_TIMEOUT`]) and
/// 16 KiB. It never returns; abort its task to stop it.
pub async fn serve(listener: TcpListener, app: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEADERS);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
                // Errors of a connection are caused by the client, and need no action here.
                tokio::spawn(async move { drop(connection.await) });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // The cause may last, such as too many open files, and accepting again immediately would spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn endpoint(callback: Callback, replays: Option<Replays>) -> (MethodRouter, mpsc::Receiver<Event>) {
    let (events, receiver) = mpsc::channel(WAITING_EVENTS);
    let bodies = Semaphore::new(CONCURRENT_REQUESTS);
    let endpoint = Arc::new(Endpoint { callback, replays, events, bodies, log: Log::default() });
    (get(verify).post(receive).with_state(endpoint), receiver)
}

struct Endpoint {
    callback: Callback,
    replays: Option<Replays>,
    events: mpsc::Sender<Event>,
    /// One permit for each body that is being read.
    bodies: Semaphore,
    log: Log,
}

async fn verify(State(endpoint): State<Arc<Endpoint>>, RawQuery(query): RawQuery) -> Result<String, StatusCode> {
    let query = query.unwrap_or_default();
    let text = Query::parse(&query).and_then(|query| endpoint.callback.verify_url(&query));
    text.map_err(|error| endpoint.refuse("GET", &error))
}

async fn receive(
    State(endpoint): State<Arc<Endpoint>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<(), StatusCode> {
    let query = Query::parse(&query.unwrap_or_default()).map_err(|error| endpoint.refuse("POST", &error))?;
    let body = endpoint.body_of(request).await?;
    let event = endpoint.event(&query, &body).map_err(|error| endpoint.refuse("POST", &error))?;
    event.map_or(Ok(()), |event| endpoint.hand_on(event, &body))
}

impl Endpoint {
    async fn body_of(&self, request: Request) -> Result<Bytes, StatusCode> {
        let Ok(_permit) = self.bodies.try_acquire() else {
            return Err(self.postpone(StatusCode::SERVICE_UNAVAILABLE, "too many request bodies at once"));
        };
        let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > MAX_BODY as u64) {
            return Err(self.postpone(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 64 KiB"));
        }
        match tokio::time::timeout(BODY_TIMEOUT, to_bytes(request.into_body(), MAX_BODY)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => Err(self.postpone(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 64 KiB")),
            Err(_) => Err(self.postpone(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")),
        }
    }

    /// Verifies and decrypts a request. Returns `None` if it is a repeated one.
    #[allow(clippy::disallowed_methods, reason = "WeCom's timestamp can only be compared with the wall clock")]
    fn event(&self, query: &Query, body: &[u8]) -> Result<Option<Event>, Refused> {
        match &self.replays {
            Some(replays) => self.callback.event_once(query, body, replays, SystemTime::now()),
            None => self.callback.event(query, body).map(Some),
        }
    }

    fn hand_on(&self, event: Event, body: &[u8]) -> Result<(), StatusCode> {
        self.events.try_send(event).map_err(|error| {
            if let Some(replays) = &self.replays {
                replays.forget(body);
            }
            let why = match error {
                mpsc::error::TrySendError::Full(_) => "the event channel is full",
                mpsc::error::TrySendError::Closed(_) => "the receiver of the events was dropped",
            };
            self.postpone(StatusCode::SERVICE_UNAVAILABLE, why)
        })
    }

    /// Logs the reason of a refusal. The answer does not contain it, because it would help an attacker.
    fn refuse(&self, method: &'static str, error: &Refused) -> StatusCode {
        if let Some(count) = self.log.refused.count() {
            tracing::warn!(method, count, reason = %error.reason(), remedy = error.reason().remedy(Lang::En), "callback refused");
        }
        StatusCode::FORBIDDEN
    }

    /// Logs why a request cannot be accepted now, and returns `status`.
    fn postpone(&self, status: StatusCode, why: &'static str) -> StatusCode {
        if let Some(count) = self.log.postponed.count() {
            tracing::error!(count, why, "callback not accepted: WeCom tries again, three times in all");
        }
        status
    }
}

/// Limits how often refusals and postponed callbacks are logged, so that forged requests cannot fill the log.
#[derive(Default)]
struct Log {
    refused: Throttle,
    postponed: Throttle,
}

/// Allows one log line per [`LOG_INTERVAL`], and counts the occurrences in between.
#[derive(Default)]
struct Throttle(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    last_line: Option<Instant>,
    since: u64,
}

impl Throttle {
    /// Counts an occurrence. Returns how many there were since the last line, if a line is due.
    fn count(&self) -> Option<u64> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.since += 1;
        if counted.last_line.is_some_and(|at| at.elapsed() < LOG_INTERVAL) {
            return None;
        }
        counted.last_line = Some(Instant::now());
        Some(std::mem::take(&mut counted.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_a_minute_has_the_count() {
        let throttle = Throttle::default();
        let lines = |count: usize| (0..count).filter_map(|_| throttle.count()).collect::<Vec<_>>();
        assert_eq!(lines(1000), [1]);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(lines(1000).is_empty());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(lines(1000), [2000]);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(lines(1), [1000]);
    }
}
