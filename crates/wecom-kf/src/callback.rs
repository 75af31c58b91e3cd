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
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
//! tokio::spawn(async move { axum::serve(listener, app).await });
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
//! Signature, encryption and XML are those of [`wecom_kf_callback`]; for other servers use that crate by itself.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get};
use tokio::sync::mpsc;
pub use wecom_kf_callback::{
    Callback, Event, KfAccountAuthChange, KfMsgOrEvent, MAX_BODY, SettingsError, SyncToken, Unknown,
};
use wecom_kf_callback::{Error as Refused, Query};

/// How many events may wait to be taken. More are answered with 503, and come again.
pub const WAITING_EVENTS: usize = 1024;

/// How long a body may take to arrive: as long as WeCom waits for the answer to it [91144].
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// A service for one path, and the events that come there.
///
/// It answers `GET` with the text WeCom wants, and `POST` with 200 as soon as the event is in the channel; the answer does
/// not wait for whoever takes it out. What is not WeCom's gets 403 without a reason; the reason and the remedy are logged
/// (target `wecom_kf`). A body has at most 1 MiB ([`MAX_BODY`], else 413) and 5 s to arrive (408). If nobody takes the
/// events, or the receiver is gone, the answer is 503, so that WeCom tries again: three times in all.
///
/// Events come more than once, and in any order. They only say that there is something to read.
pub fn service(callback: Callback) -> (MethodRouter, mpsc::Receiver<Event>) {
    let (events, receiver) = mpsc::channel(WAITING_EVENTS);
    let endpoint = Arc::new(Endpoint { callback, events });
    (get(verify).post(receive).with_state(endpoint), receiver)
}

struct Endpoint {
    callback: Callback,
    events: mpsc::Sender<Event>,
}

async fn verify(State(endpoint): State<Arc<Endpoint>>, RawQuery(query): RawQuery) -> Result<String, StatusCode> {
    let query = query.unwrap_or_default();
    let text = Query::parse(&query).and_then(|query| endpoint.callback.verify_url(&query));
    text.map_err(|error| refuse("GET", &error))
}

async fn receive(
    State(endpoint): State<Arc<Endpoint>>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<(), StatusCode> {
    let body = body_of(request.into_body()).await?;
    let query = Query::parse(&query.unwrap_or_default());
    let event = query.and_then(|query| endpoint.callback.event(&query, &body));
    let event = event.map_err(|error| refuse("POST", &error))?;
    endpoint.events.try_send(event).map_err(|error| {
        let why = match error {
            mpsc::error::TrySendError::Full(_) => "too many events wait to be taken",
            mpsc::error::TrySendError::Closed(_) => "nobody takes events any more",
        };
        tracing::error!(why, "callback put off: WeCom tries again, three times in all");
        StatusCode::SERVICE_UNAVAILABLE
    })
}

async fn body_of(body: Body) -> Result<axum::body::Bytes, StatusCode> {
    let body = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY)).await;
    body.map_err(|_| StatusCode::REQUEST_TIMEOUT)?.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)
}

/// Outside there is no reason: it would help whoever guesses.
fn refuse(method: &'static str, error: &Refused) -> StatusCode {
    tracing::warn!(method, reason = %error.reason(), remedy = error.reason().remedy(), "callback refused");
    StatusCode::FORBIDDEN
}
