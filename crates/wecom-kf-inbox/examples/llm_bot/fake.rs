//! A language model that is none: it streams prepared answers as an endpoint with OpenAI's API does, and fails on demand.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wecom_kf_inbox::Report;

/// How the model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    #[default]
    Well,
    /// It answers with 503.
    Down,
    /// It sends half an answer, and then nothing.
    #[cfg(test)]
    Hangs,
    /// It ends in the middle of an answer.
    #[cfg(test)]
    BreaksOff,
}

#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    url: String,
    health: Health,
    asked: Vec<Value>,
    key: String,
}

impl Fake {
    pub(crate) async fn start() -> Result<Self, Report> {
        let (fake, listener) = (Self::default(), TcpListener::bind("127.0.0.1:0").await?);
        fake.inner().url = format!("http://{}/v1", listener.local_addr()?);
        let app = Router::new().route("/v1/chat/completions", post(complete)).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(fake)
    }

    pub(crate) fn url(&self) -> String {
        self.inner().url.clone()
    }

    pub(crate) fn is(&self, health: Health) {
        self.inner().health = health;
    }

    /// Returns the bodies of all requests.
    #[cfg(test)]
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.inner().asked.clone()
    }

    /// Returns the `Authorization` of the last request.
    #[cfg(test)]
    pub(crate) fn key(&self) -> String {
        self.inner().key.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn complete(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut events = said(&body["messages"]);
    let health = {
        let mut inner = fake.inner();
        inner.asked.push(body);
        inner.key =
            headers.get(AUTHORIZATION).map(|key| String::from_utf8_lossy(key.as_bytes()).into()).unwrap_or_default();
        inner.health
    };
    match health {
        Health::Well => events.push(Event::default().data("[DONE]")),
        Health::Down => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        #[cfg(test)]
        Health::Hangs => {
            events.truncate(events.len() / 2);
            return Sse::new(stream::iter(events).map(Ok::<_, Infallible>).chain(stream::pending())).into_response();
        }
        #[cfg(test)]
        Health::BreaksOff => events.truncate(events.len() / 2),
    }
    Sse::new(stream::iter(events).map(Ok::<_, Infallible>)).into_response()
}

/// Returns what the model says, in pieces.
fn said(messages: &Value) -> Vec<Event> {
    let event =
        |delta: Value| Event::default().data(json!({ "choices": [{ "index": 0, "delta": delta }] }).to_string());
    let Some(last) = messages.as_array().and_then(|messages| messages.last()) else { return Vec::new() };
    let (text, files) = match &last["content"] {
        Value::Array(parts) => (parts[0]["text"].as_str().unwrap_or_default(), parts.len() - 1),
        content => (content.as_str().unwrap_or_default(), 0),
    };
    if text.contains("人工") {
        let call = |function: Value| event(json!({ "tool_calls": [{ "index": 0, "function": function }] }));
        let named = json!({ "name": "service_state_trans", "arguments": "" });
        return vec![
            call(named),
            call(json!({ "arguments": "{\"service_st" })),
            call(json!({ "arguments": "ate\":3}" })),
        ];
    }
    let answer = answer(messages, text, files);
    let characters: Vec<char> = answer.chars().collect();
    characters.chunks(5).map(|piece| event(json!({ "content": piece.iter().collect::<String>() }))).collect()
}

fn answer(messages: &Value, text: &str, files: usize) -> String {
    let last_line = text.lines().last().unwrap_or_default();
    if files > 0 {
        return format!("看到了 {files} 个文件。");
    }
    if text.contains("怎么做") {
        return (1..=230)
            .map(|step| format!("{step}. **第 {step} 步**：把材料依次放好，然后等三分钟，再看一看。\n"))
            .collect();
    }
    if text.contains("我叫什么") {
        let contents = messages.as_array().into_iter().flatten().filter_map(|message| message["content"].as_str());
        let name = contents.filter_map(|content| content.split("我叫").nth(1)).next().unwrap_or("……我不知道");
        return format!("您叫{}。", name.lines().next().unwrap_or_default());
    }
    format!("您问的是「{last_line}」。")
}
