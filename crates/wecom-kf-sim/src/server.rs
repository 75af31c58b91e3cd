//! The HTTP side: finds the operation, the fault and the handler, and writes the reply and the journal.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::check::{Checks, Verdict};
use crate::connection::{Loopback, Peer};
use crate::fault::Effect;
use crate::finding::{Answer, Facts, Place, Seen};
use crate::journal::{Call, cut, mask, mask_sync_token, mask_text};
use crate::platform::beliefs::Belief;
use crate::platform::{Chat, Platform};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::{console, control};

/// unverified: where WeCom draws the line (40206) is not documented; no request of the API comes near.
const MAX_BODY_BYTES: usize = 1024 * 1024;
const JSON: &str = "application/json; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";
/// The operation of a call of a path that is none.
const UNKNOWN_PATH: &str = "unknown_path";

/// Serves until it is dropped.
pub(crate) async fn serve(loopback: Loopback, address: SocketAddr, shared: Arc<Shared>) -> io::Result<()> {
    let router: Router = control::router(address, &shared).merge(console::router()).fallback(answer).with_state(shared);
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
    let at = shared.clock.now();
    let arrival = Arrival { body: to_bytes(body, MAX_BODY_BYTES).await.ok(), parts, at, started: Instant::now() };
    let path = arrival.parts.uri.path();
    let Some(operation) = op::ALL.into_iter().find(|operation| operation.path == path) else {
        return unknown_path(&shared, &arrival);
    };
    shared.journal().count(operation.id);
    let effect = shared.faults.hit(operation);
    if effect.is_some() {
        shared.tell_faults();
    }
    Arc::new(Exchange::new(shared, operation, arrival, effect)).answer(&peer).await
}

/// A request as it came.
struct Arrival {
    parts: Parts,
    /// None if it was too large, or did not arrive whole.
    body: Option<Bytes>,
    at: Duration,
    started: Instant,
}

impl Arrival {
    fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default();
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body.as_deref()?).ok()
    }

    /// The query without the secrets of it.
    fn shown_query(&self) -> Value {
        let query = form_urlencoded::parse(self.parts.uri.query().unwrap_or_default().as_bytes());
        let shown = query.filter(|(name, _)| !matches!(&**name, "access_token" | "corpsecret"));
        shown.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect::<Map<_, _>>().into()
    }

    /// The request as the journal shows it.
    fn shown(&self, operation: Operation, json: Option<&Value>) -> Value {
        if operation.method == Method::GET.as_str() {
            return self.shown_query();
        }
        let body = self.body.as_deref().unwrap_or_default();
        if body.is_empty() {
            return Value::Null;
        }
        let mut shown = json.cloned().unwrap_or_else(|| String::from_utf8_lossy(body).into_owned().into());
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
    /// The body, if it is JSON.
    json: Option<Value>,
    /// Account and customer it is about.
    place: (Option<String>, Option<String>),
    facts: Facts,
    verdict: OnceLock<Verdict>,
}

impl Exchange {
    fn new(shared: Arc<Shared>, operation: Operation, arrival: Arrival, effect: Option<Effect>) -> Self {
        let json = arrival.json();
        let (place, facts) = {
            let (mut platform, now) = shared.platform();
            platform.facts(now, operation, json.as_ref().unwrap_or(&Value::Null))
        };
        Self { shared, operation, arrival, effect, json, place, facts, verdict: OnceLock::new() }
    }

    async fn answer(self: Arc<Self>, peer: &Peer) -> Response {
        match &self.effect {
            None => self.reply(self.process()),
            Some(Effect::TokenRevoked) => {
                self.shared.platform().0.access_tokens.revoke_all();
                self.reply(self.process())
            }
            Some(Effect::CursorsLost) => {
                self.shared.platform().0.lose_cursors();
                self.reply(self.process())
            }
            Some(Effect::RateLimited(window)) => {
                self.shared.faults.limit(self.operation, self.shared.clock.now() + *window);
                self.reply(self.process())
            }
            Some(Effect::MsgSendFail(fail_type)) => {
                let reply = self.process();
                self.let_fail(&reply, *fail_type);
                self.reply(reply)
            }
            Some(Effect::ContentType(content_type)) => {
                let reply = self.process();
                let content_type =
                    if HeaderValue::from_str(content_type).is_ok() { content_type } else { "text/plain" };
                self.reply_as(content_type, reply)
            }
            // The last four are for callbacks.
            Some(Effect::Pass | Effect::Lost | Effect::Late(_) | Effect::Duplicated | Effect::Reordered) => {
                self.reply(self.process())
            }
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
                self.no_answer(Some(reply)).await
            }
            Some(Effect::HalfABody) => {
                let reply = self.process();
                let whole = reply.to_string();
                self.record(StatusCode::OK.as_u16(), Some(errcode(&reply)), reply);
                half_a_body(whole)
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

    /// What was accepted is not delivered after all.
    fn let_fail(&self, reply: &Value, fail_type: i64) {
        let (Place { open_kfid: Some(open_kfid), external_userid: Some(external_userid) }, Some(msgid)) =
            (self.place(), reply["msgid"].as_str())
        else {
            return;
        };
        let (mut platform, now) = self.shared.platform();
        platform.message_fails(now, Chat { open_kfid, external_userid }, msgid, fail_type);
    }

    fn place(&self) -> Place<'_> {
        Place { open_kfid: self.place.0.as_deref(), external_userid: self.place.1.as_deref() }
    }

    /// The request, if it is well formed and its token is good.
    fn checked(&self) -> Result<Value, Refusal> {
        if self.shared.faults.is_limited(self.operation, self.shared.clock.now()) {
            return Err(ErrCode::RATE_LIMIT_EXCEEDED.into());
        }
        let method = &self.arrival.parts.method;
        // account/list is taken by GET without a body too [seen in practice]; unverified: seen in SDKs only.
        let takes_get =
            self.operation == op::ACCOUNT_LIST && self.shared.platform().0.beliefs.hold(Belief::AccountListTakesGet);
        let is_lenient_get = takes_get && method == Method::GET;
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
        let verdict = Checks::get().check(self.operation, &request, self.shared.setup.strictness);
        let refusal = verdict.refusal.clone();
        // Nobody else sets it: a call is checked once.
        let _ = self.verdict.set(verdict);
        refusal.map_or(Ok(request), Err)
    }

    fn check_access_token(&self) -> Result<(), Refusal> {
        let access_token = self.arrival.query("access_token");
        let (platform, now) = self.shared.platform();
        platform.check_access_token(now, access_token.as_deref())
    }

    fn request_body(&self, is_lenient_get: bool) -> Result<Value, Refusal> {
        let body = self.arrival.body.as_deref().ok_or(ErrCode::REQUEST_BODY_TOO_LARGE)?;
        if is_lenient_get && body.is_empty() {
            return Ok(json!({}));
        }
        if let Some(json) = &self.json {
            return Ok(json.clone());
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
            // unverified: practice knows replies without errcode [seen in practice].
            Ok(reply) if !platform.beliefs.hold(Belief::SuccessHasErrcode) => return reply,
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
        self.reply_as(JSON, reply)
    }

    fn reply_as(&self, content_type: &str, reply: Value) -> Response {
        let body = reply.to_string();
        self.record(StatusCode::OK.as_u16(), Some(errcode(&reply)), reply);
        // HTTP 200 for success and for refusals alike [seen in practice].
        response(StatusCode::OK, content_type, body)
    }

    /// An answer that is not the platform's.
    fn foreign(&self, status: StatusCode, content_type: &str, body: String) -> Response {
        self.record(status.as_u16(), None, body.clone().into());
        response(status, content_type, body)
    }

    /// Waits until the connection is gone.
    async fn no_answer(&self, reply: Option<Value>) -> Response {
        self.record(0, reply.as_ref().map(errcode), reply.unwrap_or_default());
        std::future::pending().await
    }

    fn record(&self, status: u16, errcode: Option<i32>, reply: Value) {
        let (mut request, mut shown_reply) = (self.arrival.shown(self.operation, self.json.as_ref()), reply.clone());
        let verdict = self.verdict.get();
        let mut problems = verdict.map(|verdict| verdict.problems.clone()).unwrap_or_default();
        let mut unknown_fields = verdict.map(|verdict| verdict.unknown_fields.clone()).unwrap_or_default();
        {
            let (platform, _) = self.shared.platform();
            let secrets: Vec<_> = platform.secrets().collect();
            mask(&mut request, &secrets);
            mask(&mut shown_reply, &secrets);
            problems.iter_mut().chain(&mut unknown_fields).for_each(|text| mask_text(text, &secrets));
        }
        let call = Call {
            number: 0,
            operation: self.operation.id,
            method: self.arrival.parts.method.to_string(),
            path: self.operation.path.to_owned(),
            errcode,
            status,
            at: self.arrival.at.as_secs(),
            took: self.shared.clock.took(self.arrival.started),
            request: cut(request),
            reply: cut(shown_reply),
            problems,
            fault: self.effect.as_ref().map(Effect::to_string),
            open_kfid: self.place.0.clone(),
            external_userid: self.place.1.clone(),
            findings: Vec::new(),
        };
        let null = Value::Null;
        let row = self.shared.record(call, |row| {
            Some(Seen {
                row,
                at: self.arrival.at,
                came: self.arrival.started,
                operation: self.operation,
                request: self.json.as_ref().unwrap_or(&null),
                reply: &reply,
                errcode,
                answer: self.arrives(),
                place: self.place(),
                facts: &self.facts,
                unknown_fields: &unknown_fields,
            })
        });
        if matches!(self.operation, op::SEND_MSG | op::SEND_MSG_ON_EVENT) {
            if errcode == Some(0) {
                self.shared.link_call(self.place(), reply["msgid"].as_str(), row);
            }
            // After the journal, so that who hears a message finds its call there.
            self.shared.sent.notify_waiters();
        }
    }

    /// Whether the bot gets what the platform answers.
    fn arrives(&self) -> Answer {
        match &self.effect {
            Some(
                Effect::Status(_)
                | Effect::NeverAnswers
                | Effect::ResetBefore
                | Effect::ResetAfter
                | Effect::HalfABody
                | Effect::Html
                | Effect::Body(_),
            ) => Answer::Unknown,
            _ => Answer::Arrived,
        }
    }
}

fn unknown_path(shared: &Shared, arrival: &Arrival) -> Response {
    let (method, mut path) = (arrival.parts.method.to_string(), arrival.parts.uri.path().to_owned());
    mask_text(&mut path, &shared.platform().0.secrets().collect::<Vec<_>>());
    let call = format!("{method} {path}");
    tracing::warn!(call, "no operation has this path");
    let call = Call {
        number: 0,
        operation: UNKNOWN_PATH,
        method,
        path,
        errcode: None,
        status: StatusCode::NOT_FOUND.as_u16(),
        at: arrival.at.as_secs(),
        took: shared.clock.took(arrival.started),
        request: call.into(),
        reply: Value::Null,
        problems: Vec::new(),
        fault: None,
        open_kfid: None,
        external_userid: None,
        findings: Vec::new(),
    };
    shared.record(call, |_| None);
    let paths: Vec<_> = op::ALL.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    let hint = json!({ "hint": "wecom-kf-sim has no operation with this path", "operations": paths });
    response(StatusCode::NOT_FOUND, JSON, hint.to_string())
}

/// Absent it means success [seen in practice].
fn errcode(reply: &Value) -> i32 {
    reply["errcode"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(0)
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
