//! A bot's end of the callback.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use wecom_kf_callback::{Callback, Event, Query};

pub(crate) const TOKEN: &str = "ReceiverToken0123";
pub(crate) const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";

/// Takes callbacks, and answers as it is told.
#[derive(Clone)]
pub(crate) struct Receiver {
    address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    callback: Callback,
    got: Mutex<Vec<Event>>,
    /// What the next ones are answered with; then 200.
    answers: Mutex<Vec<Answer>>,
    rung: Notify,
}

#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    After(Duration),
    /// A verification is answered with what this makes of the echostr.
    Echo(fn(String) -> String),
}

impl Receiver {
    pub(crate) async fn start(corp_id: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            callback: Callback::new(TOKEN, KEY, corp_id).unwrap(),
            got: Mutex::default(),
            answers: Mutex::default(),
            rung: Notify::new(),
        });
        let router = Router::new().route("/callback", get(verify).post(event)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inner }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    pub(crate) fn answers(&self, answers: &[Answer]) {
        self.inner.answers.lock().unwrap().extend(answers.iter().rev());
    }

    /// Waits until so many callbacks came; 5 seconds at most.
    pub(crate) async fn got(&self, count: usize) -> Vec<Event> {
        let enough = async {
            loop {
                let rung = self.inner.rung.notified();
                let got = self.inner.got.lock().unwrap().clone();
                if got.len() >= count {
                    return got;
                }
                rung.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), enough).await.expect("the callbacks do not come")
    }

    pub(crate) fn count(&self) -> usize {
        self.inner.got.lock().unwrap().len()
    }
}

async fn verify(State(inner): State<Arc<Inner>>, RawQuery(query): RawQuery) -> (StatusCode, String) {
    let text = Query::parse(&query.unwrap()).and_then(|query| inner.callback.verify_url(&query));
    match inner.next_answer() {
        Some(Answer::Status(status)) => (StatusCode::from_u16(status).unwrap(), String::new()),
        Some(Answer::After(by)) => {
            tokio::time::sleep(by).await;
            (StatusCode::OK, text.unwrap())
        }
        Some(Answer::Echo(change)) => (StatusCode::OK, change(text.unwrap())),
        None => (StatusCode::OK, text.unwrap()),
    }
}

async fn event(State(inner): State<Arc<Inner>>, RawQuery(query): RawQuery, body: Bytes) -> StatusCode {
    let query = Query::parse(&query.unwrap()).unwrap();
    let event = inner.callback.event(&query, &body).unwrap();
    inner.got.lock().unwrap().push(event);
    inner.rung.notify_waiters();
    match inner.next_answer() {
        Some(Answer::Status(status)) => StatusCode::from_u16(status).unwrap(),
        Some(Answer::After(by)) => {
            tokio::time::sleep(by).await;
            StatusCode::OK
        }
        Some(Answer::Echo(_)) | None => StatusCode::OK,
    }
}

impl Inner {
    fn next_answer(&self) -> Option<Answer> {
        self.answers.lock().unwrap().pop()
    }
}
