//! The HTTP side: finds the operation, the fault and the handler, and writes the reply and the journal.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header, request::Parts};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::check::Checks;
use crate::connection::{Loopback, Peer};
use crate::fault::Effect;
use crate::journal::{Call, mask, mask_sync_token, mask_text};
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::shared::Shared;

/// unverified: where WeCom draws the line (40206) is not documented; no request of the API comes near.
const MAX_BODY_BYTES: usize = 1024 * 1024;
const JSON: &str = "application/json; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";
/// The operation of a call of a path that is none.
const UNKNOWN_PATH: &str = "unknown_path";

/// Serves until it is dropped.
pub(crate) async fn serve(loopback: Loopback, shared: Arc<Shared>) -> io::Result<()> {
    let router = Router::new().fallback(answer).with_state(shared);
    axum::serve(loopback, router.into_make_service_with_connect_info::<Peer>()).await
}

/// What an operation does with a request that is well formed.
type Handler = fn(&mut Platform, Duration, &Value) -> Result<Value, Refusal>;

fn handler(operation: Operation) -> Option<Handler> {
    Some(match operation {
        op::GETTOKEN => Platform::gettoken,
        op::ACCOUNT_ADD => Platform::account_add,
        op::ACCOUNT_DEL => Platform::account_del,
        op::ACCOUNT_LIST => Platform::account_list,
        op::ACCOUNT_UPDATE => Platform::account_update,
        op::SEND_MSG => Platform::send_msg,
        op::SEND_MSG_ON_EVENT => Platform::send_msg_on_event,
        op::SERVICE_STATE_GET => Platform::service_state_get,
        op::SERVICE_STATE_TRANS => Platform::service_state_trans,
        op::SYNC_MSG => Platform::sync_msg,
        _ => return None,
    })
}

async fn answer(State(shared): State<Arc<Shared>>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Response {
    shared.count_request();
    let (parts, body) = request.into_parts();
    let at = shared.clock.now().as_secs();
    let arrival = Arrival { body: to_bytes(body, MAX_BODY_BYTES).await.ok(), parts, at, started: Instant::now() };
    let path = arrival.parts.uri.path();
    let Some(operation) = op::ALL.into_iter().find(|operation| operation.path == path) else {
        return unknown_path(&shared, &arrival);
    };
    shared.journal().count(operation.id);
    let effect = shared.faults.hit(operation);
    Arc::new(Exchange { shared, operation, arrival, effect }).answer(&peer).await
}

/// A request as it came.
struct Arrival {
    parts: Parts,
    /// None if it was too large, or did not arrive whole.
    body: Option<Bytes>,
    at: u64,
    started: Instant,
}

impl Arrival {
    fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The request as the journal shows it.
    fn shown(&self, operation: Operation) -> Value {
        if operation == op::GETTOKEN {
            return json!({ "corpid": self.query("corpid") });
        }
        let body = self.body.as_deref().unwrap_or_default();
        if body.is_empty() {
            return Value::Null;
        }
        let mut shown =
            serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into());
        if operation == op::SYNC_MSG {
            mask_sync_token(&mut shown);
        }
        shown
    }
}

/// One call of an operation.
struct Exchange {
    shared: Arc<Shared>,
    operation: Operation,
    arrival: Arrival,
    effect: Option<Effect>,
}

impl Exchange {
    async fn answer(self: Arc<Self>, peer: &Peer) -> Response {
        match &self.effect {
            None => self.reply(self.process()),
            Some(Effect::Delay(by)) => self.clone().reply_after(*by).await,
            Some(Effect::Errcode(code)) => self.reply(self.finish(Err(ErrCode(*code).into()))),
            Some(Effect::Status(status)) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                self.foreign(status, HTML, html(status.canonical_reason().unwrap_or("Error")))
            }
            Some(Effect::Html) => self.foreign(StatusCode::OK, HTML, html("Sign in to the network")),
            Some(Effect::Body(body)) => self.foreign(StatusCode::OK, JSON, body.clone()),
            Some(Effect::NeverAnswers) => self.no_answer(None).await,
            Some(Effect::ResetBefore) => {
                peer.reset();
                self.no_answer(None).await
            }
            Some(Effect::ResetAfter) => {
                let reply = self.process();
                peer.reset();
                self.no_answer(errcode(&reply)).await
            }
            Some(Effect::HalfABody) => {
                let reply = self.process();
                self.record(StatusCode::OK.as_u16(), errcode(&reply));
                half_a_body(reply.to_string())
            }
        }
    }

    /// On a task of its own: a caller who gives up does not stop WeCom from doing the call.
    async fn reply_after(self: Arc<Self>, by: Duration) -> Response {
        let late = async move {
            tokio::time::sleep(by).await;
            self.reply(self.process())
        };
        tokio::spawn(late).await.expect("nobody aborts the task")
    }

    /// Does the call. The reply has an errcode in any case.
    fn process(&self) -> Value {
        let outcome = self.checked().and_then(|request| {
            let handler = handler(self.operation);
            let handler = handler.ok_or_else(|| Refusal::because(ErrCode::API_FORBIDDEN, "not simulated yet"))?;
            let (mut platform, now) = self.shared.platform();
            handler(&mut platform, now, &request)
        });
        self.finish(outcome)
    }

    /// The request, if it is well formed and its token is good.
    fn checked(&self) -> Result<Value, Refusal> {
        let method = &self.arrival.parts.method;
        // account/list is taken by GET without a body too [seen in practice]; unverified: seen in SDKs only.
        let is_lenient_get = self.operation == op::ACCOUNT_LIST && method == Method::GET;
        if method.as_str() != self.operation.method && !is_lenient_get {
            let why = format!("use {}, not {}", self.operation.method, method);
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
        }
        if !self.operation.needs_access_token {
            let [corpid, corpsecret] = ["corpid", "corpsecret"].map(|name| self.arrival.query(name));
            return Ok(json!({ "corpid": corpid, "corpsecret": corpsecret }));
        }
        self.check_access_token()?;
        let request = self.request_body(is_lenient_get)?;
        Checks::get().check(self.operation, &request)?;
        Ok(request)
    }

    fn check_access_token(&self) -> Result<(), Refusal> {
        let access_token = self.arrival.query("access_token");
        let (platform, now) = self.shared.platform();
        platform.access_tokens.check(access_token.as_deref(), now)
    }

    fn request_body(&self, is_lenient_get: bool) -> Result<Value, Refusal> {
        let body = self.arrival.body.as_deref().ok_or(ErrCode::REQUEST_BODY_TOO_LARGE)?;
        if is_lenient_get && body.is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(body).map_err(|error| {
            let why = format!("the body is not JSON, line {} column {}", error.line(), error.column());
            Refusal::because(ErrCode::INVALID_PARAMETER, why)
        })
    }

    /// The reply of an outcome: errcode and errmsg are always there.
    fn finish(&self, outcome: Result<Value, Refusal>) -> Value {
        let (mut platform, _) = self.shared.platform();
        let refusal = match outcome {
            Ok(mut reply) => {
                reply["errcode"] = json!(0);
                reply["errmsg"] = json!("ok");
                return reply;
            }
            Err(refusal) => refusal,
        };
        let hint = platform.ids.next_digits("hint", "", 19);
        let code = refusal.code;
        let mut reply = refusal.into_reply(self.operation, &hint);
        // A client may have put its token anywhere, such as into the name of a field.
        mask(&mut reply, &platform.secrets().collect::<Vec<_>>());
        if code == ErrCode::INVALID_PARAMETER {
            tracing::warn!(operation = self.operation.id, errmsg = %reply["errmsg"], "a request is not as documented");
        }
        reply
    }

    fn reply(&self, reply: Value) -> Response {
        self.record(StatusCode::OK.as_u16(), errcode(&reply));
        // HTTP 200 for success and for refusals alike [seen in practice].
        response(StatusCode::OK, JSON, reply.to_string())
    }

    /// An answer that is not the platform's.
    fn foreign(&self, status: StatusCode, content_type: &str, body: String) -> Response {
        self.record(status.as_u16(), None);
        response(status, content_type, body)
    }

    /// Waits until the connection is gone.
    async fn no_answer(&self, errcode: Option<i32>) -> Response {
        self.record(0, errcode);
        std::future::pending().await
    }

    fn record(&self, status: u16, errcode: Option<i32>) {
        let mut request = self.arrival.shown(self.operation);
        mask(&mut request, &self.shared.platform().0.secrets().collect::<Vec<_>>());
        self.shared.record(Call {
            operation: self.operation.id,
            errcode,
            status,
            at: self.arrival.at,
            took: self.arrival.started.elapsed(),
            request,
            fault: self.effect.as_ref().map(Effect::to_string),
        });
        // After the journal, so that who hears a message finds its call there.
        if matches!(self.operation, op::SEND_MSG | op::SEND_MSG_ON_EVENT) {
            self.shared.sent.notify_waiters();
        }
    }
}

fn unknown_path(shared: &Shared, arrival: &Arrival) -> Response {
    let mut call = format!("{} {}", arrival.parts.method, arrival.parts.uri.path());
    mask_text(&mut call, &shared.platform().0.secrets().collect::<Vec<_>>());
    tracing::warn!(call, "no operation has this path");
    shared.record(Call {
        operation: UNKNOWN_PATH,
        errcode: None,
        status: StatusCode::NOT_FOUND.as_u16(),
        at: arrival.at,
        took: arrival.started.elapsed(),
        request: call.into(),
        fault: None,
    });
    let paths: Vec<_> = op::ALL.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    let hint = json!({ "hint": "wecom-kf-sim has no operation with this path", "operations": paths });
    response(StatusCode::NOT_FOUND, JSON, hint.to_string())
}

fn errcode(reply: &Value) -> Option<i32> {
    reply["errcode"].as_i64().and_then(|code| i32::try_from(code).ok())
}

fn html(title: &str) -> String {
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>")
}

fn response(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .body(body.into())
        .expect("status and headers are valid")
}

/// Announces the whole body, sends half of it and closes the connection.
fn half_a_body(whole: String) -> Response {
    let half = Bytes::copy_from_slice(&whole.as_bytes()[..whole.len() / 2]);
    // A pause in between: what is not flushed before the error would be lost with it.
    let breaks = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::BrokenPipe))
    });
    let body = Body::from_stream(stream::iter([Ok::<_, io::Error>(half)]).chain(breaks));
    let mut response = response(StatusCode::OK, JSON, body);
    response.headers_mut().insert(header::CONTENT_LENGTH, whole.len().into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_document_has_a_handler() {
        let without: Vec<_> = op::ALL.into_iter().filter(|operation| handler(*operation).is_none()).collect();
        assert!(without.is_empty(), "no handler for {without:?}");
    }
}
