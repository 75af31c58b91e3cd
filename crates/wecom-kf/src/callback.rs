//! The callback, ready to be served by axum (feature `axum`).
//!
//! WeCom calls a URL of yours when there is something to read: `GET` to verify it, each time its settings are saved, and
//! `POST` for each event. The service here answers both at once and hands the events to a channel, where they wait for
//! you to read messages. It needs no secret of an app, since WeCom verifies the URL before it hands one out: start it
//! first.
//!
//! ```no_run
//! use axum::Router;
//! use wecom_kf::Settings;
//! use wecom_kf::callback::{self, Event};
//! use wecom_kf::message::SyncRequest;
//!
//! # async fn example(client: wecom_kf::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let (service, mut events) = callback::service(Settings::from_env().callback()?);
//! let app = Router::new().route("/callback", service);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! tokio::spawn(callback::serve(listener, app));
//!
//! while let Some(event) = events.recv().await {
//!     if let Event::KfMsgOrEvent(news) = event {
//!         let open_kfid = news.open_kfid.unwrap_or_default();
//!         let request = SyncRequest::new(open_kfid).token(news.token.expose());
//!         let page = client.message().sync(request).await?; // and go on with its cursor
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Facing the internet
//!
//! Put a reverse proxy with header time-outs and TLS in front; the README of [`wecom_kf_callback`] has short settings for
//! nginx and Caddy. [`serve`] has a time-out for headers as well, which `axum::serve` lacks. A captured request can be sent
//! again: [`service_once`] recognises that.
//!
//! Signature, encryption and XML are those of [`wecom_kf_callback`]; for other servers use that crate by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::routing::{MethodRouter, get};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
pub use wecom_kf_callback::{
    Callback, Event, KfAccountAuthChange, KfMsgOrEvent, Replays, SettingsError, SyncToken, Unknown,
};
use wecom_kf_callback::{Error as Refused, Query};

/// How many events may wait to be taken. More are answered with 503, and come again.
pub const WAITING_EVENTS: usize = 1024;

/// The longest body that the service takes, 64 KiB. WeCom's has some 700 bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// How many bodies may arrive at the same time. More are answered with 503, and come again. WeCom sends a few a second.
pub const CONCURRENT_REQUESTS: usize = 256;

/// How long a client of [`serve`] may take to send the headers of a request: as long as WeCom waits for the answer (page 91144).
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a body may take to arrive: as long as WeCom waits for the answer to it [91144].
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The headers of a request have at most this many bytes; the query is limited to 8 KiB.
const MAX_HEADERS: usize = 16 * 1024;

/// Forged requests write one line in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A service for one path, and the events that come there.
///
/// It answers `GET` with the text WeCom wants, and `POST` with 200 as soon as the event is in the channel; the answer does
/// not wait for the receiver. A request that is not WeCom's gets 403 without a reason. A body has at most 64 KiB
/// ([`MAX_BODY`], else 413) and 5 s to arrive (408), and is only read if the query is well formed. At most 256 bodies are
/// read at once ([`CONCURRENT_REQUESTS`]). If that is exceeded, if nobody takes the events, or if the receiver is gone, the
/// answer is 503, so that WeCom tries again: three times in all.
///
/// Reason and remedy of a refusal are logged (target `wecom_kf`), at most once a minute, with the number of refusals since
/// the line before.
///
/// Events come more than once, and in any order. They only say that there is something to read.
pub fn service(callback: Callback) -> (MethodRouter, mpsc::Receiver<Event>) {
    endpoint(callback, None)
}

/// As [`service`], but refuses requests outside the time window of `replays`, and answers repeats with 200 without handing
/// them on.
///
/// The clock of this machine must be right: otherwise every callback is refused, and the log says so.
pub fn service_once(callback: Callback, replays: Replays) -> (MethodRouter, mpsc::Receiver<Event>) {
    endpoint(callback, Some(replays))
}

/// Serves `app` over HTTP/1, as `axum::serve` does, but with limits on headers: they have 5 s to arrive
/// ([`HEADER_TIMEOUT`]) and at most 16 KiB. It never returns; abort its task to end it.
pub async fn serve(listener: TcpListener, app: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEADERS);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app.clone()));
                // What ends a connection early is the client's affair.
                tokio::spawn(async move { drop(connection.await) });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Such as too many open files: asking again at once would only spin.
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
    /// One permit for each body that arrives.
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
            return Err(self.put_off(StatusCode::SERVICE_UNAVAILABLE, "too many bodies arrive at once"));
        };
        let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > MAX_BODY as u64) {
            return Err(self.put_off(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 64 KiB"));
        }
        match tokio::time::timeout(BODY_TIMEOUT, to_bytes(request.into_body(), MAX_BODY)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) => Err(self.put_off(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 64 KiB")),
            Err(_) => Err(self.put_off(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")),
        }
    }

    /// Returns `None` for a repeat.
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
                mpsc::error::TrySendError::Full(_) => "too many events wait to be taken",
                mpsc::error::TrySendError::Closed(_) => "nobody takes events any more",
            };
            self.put_off(StatusCode::SERVICE_UNAVAILABLE, why)
        })
    }

    /// Outside there is no reason: it would help an attacker who guesses.
    fn refuse(&self, method: &'static str, error: &Refused) -> StatusCode {
        if let Some(count) = self.log.refused.count() {
            tracing::warn!(method, count, reason = %error.reason(), remedy = error.reason().remedy(), "callback refused");
        }
        StatusCode::FORBIDDEN
    }

    fn put_off(&self, status: StatusCode, why: &'static str) -> StatusCode {
        if let Some(count) = self.log.put_off.count() {
            tracing::error!(count, why, "callback put off: WeCom tries again, three times in all");
        }
        status
    }
}

/// Keeps forged requests from filling the log.
#[derive(Default)]
struct Log {
    refused: Throttle,
    put_off: Throttle,
}

/// Lets one line through in [`LOG_INTERVAL`], and counts.
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
    async fn one_line_a_minute_says_how_many_there_were() {
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
