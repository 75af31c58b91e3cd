//! The HTTP side: finds the operation, the fault and the handler, and writes the reply and the journal.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header, request::Parts, response};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::time::Instant;
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::check::Checks;
use crate::connection::{Loopback, Peer};
use crate::download;
use crate::fault::Effect;
use crate::journal::{Call, mask, mask_sync_token, mask_text};
use crate::multipart::{self, Part};
use crate::platform::{Platform, Served};
use crate::refusal::Refusal;
use crate::shared::Shared;

/// unverified: where WeCom draws the line (40206) is not documented; no request of the API comes near.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// unverified: likewise. Above every limit of a kind of file, which have codes of their own.
const MAX_UPLOAD_BYTES: usize = 32 * 1024 * 1024;
const JSON: &str = "application/json; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";
/// The operation of a call of a path that is none.
const UNKNOWN_PATH: &str = "unknown_path";
const VALID: &str = "status and headers are valid";

/// Serves until it is dropped.
pub(crate) async fn serve(loopback: Loopback, shared: Arc<Shared>) -> io::Result<()> {
    let router = Router::new().fallback(answer).with_state(shared);
    axum::serve(loopback, router.into_make_service_with_connect_info::<Peer>()).await
}

/// What an operation does with a request that is well formed, by where the request is.
#[derive(Clone, Copy)]
enum Handler {
    /// In the query, or in the body of a POST that is not documented.
    Query(fn(&mut Platform, Duration, &Value) -> Result<Value, Refusal>),
    /// In the body.
    Json(fn(&mut Platform, Duration, &Value) -> Result<Value, Refusal>),
    /// In the query, and in the body a file.
    Upload(fn(&mut Platform, Duration, &Value, Part) -> Result<Value, Refusal>),
    /// In the query, for a file.
    Download(fn(&mut Platform, Duration, &Value) -> Result<Served, Refusal>),
}

fn handler(operation: Operation) -> Option<Handler> {
    Some(match operation {
        op::GETTOKEN => Handler::Query(Platform::gettoken),
        op::ACCOUNT_ADD => Handler::Json(Platform::account_add),
        op::ACCOUNT_DEL => Handler::Json(Platform::account_del),
        op::ACCOUNT_LIST => Handler::Json(Platform::account_list),
        op::ACCOUNT_UPDATE => Handler::Json(Platform::account_update),
        op::ADD_CONTACT_WAY => Handler::Json(Platform::add_contact_way),
        op::CANCEL_UPGRADE_SERVICE => Handler::Json(Platform::cancel_upgrade_service),
        op::CUSTOMER_BATCHGET => Handler::Json(Platform::customer_batchget),
        op::GET_CORP_QUALIFICATION => Handler::Query(Platform::get_corp_qualification),
        op::GET_CORP_STATISTIC => Handler::Json(Platform::get_corp_statistic),
        op::GET_SERVICER_STATISTIC => Handler::Json(Platform::get_servicer_statistic),
        op::GET_UPGRADE_SERVICE_CONFIG => Handler::Query(Platform::get_upgrade_service_config),
        op::KNOWLEDGE_ADD_GROUP => Handler::Json(Platform::knowledge_add_group),
        op::KNOWLEDGE_ADD_INTENT => Handler::Json(Platform::knowledge_add_intent),
        op::KNOWLEDGE_DEL_GROUP => Handler::Json(Platform::knowledge_del_group),
        op::KNOWLEDGE_DEL_INTENT => Handler::Json(Platform::knowledge_del_intent),
        op::KNOWLEDGE_LIST_GROUP => Handler::Json(Platform::knowledge_list_group),
        op::KNOWLEDGE_LIST_INTENT => Handler::Json(Platform::knowledge_list_intent),
        op::KNOWLEDGE_MOD_GROUP => Handler::Json(Platform::knowledge_mod_group),
        op::KNOWLEDGE_MOD_INTENT => Handler::Json(Platform::knowledge_mod_intent),
        op::MEDIA_GET => Handler::Download(Platform::media_get),
        op::MEDIA_UPLOAD => Handler::Upload(Platform::media_upload),
        op::MEDIA_UPLOADIMG => Handler::Upload(Platform::media_uploadimg),
        op::RECALL_MSG => Handler::Json(Platform::recall_msg),
        op::SEND_MSG => Handler::Json(Platform::send_msg),
        op::SEND_MSG_ON_EVENT => Handler::Json(Platform::send_msg_on_event),
        op::SERVICE_STATE_GET => Handler::Json(Platform::service_state_get),
        op::SERVICE_STATE_TRANS => Handler::Json(Platform::service_state_trans),
        op::SERVICER_ADD => Handler::Json(Platform::servicer_add),
        op::SERVICER_DEL => Handler::Json(Platform::servicer_del),
        op::SERVICER_LIST => Handler::Query(Platform::servicer_list),
        op::SYNC_MSG => Handler::Json(Platform::sync_msg),
        op::UPGRADE_SERVICE => Handler::Json(Platform::upgrade_service),
        _ => return None,
    })
}

async fn answer(State(shared): State<Arc<Shared>>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Response {
    shared.count_request();
    let (parts, body) = request.into_parts();
    let at = shared.clock.now().as_secs();
    let operation = op::ALL.into_iter().find(|operation| operation.path == parts.uri.path());
    let handled = operation.and_then(|operation| Some((operation, handler(operation)?)));
    let max_bytes = if matches!(handled, Some((_, Handler::Upload(_)))) { MAX_UPLOAD_BYTES } else { MAX_BODY_BYTES };
    let arrival = Arrival { body: whole(body, max_bytes).await, parts, at, started: Instant::now() };
    let Some((operation, handler)) = handled else {
        return unknown_path(&shared, &arrival);
    };
    shared.journal().count(operation.id);
    let effect = shared.faults.hit(operation);
    let part = if matches!(handler, Handler::Upload(_)) { arrival.part().await } else { None };
    Arc::new(Exchange { shared, operation, handler, arrival, part, effect }).answer(&peer).await
}

/// The body, if it arrives whole and has at most so many bytes. A larger one is read to its end all the same: who still
/// writes when the connection closes may never see the answer.
async fn whole(body: Body, max_bytes: usize) -> Option<Bytes> {
    let (mut read, mut size) = (BytesMut::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        size += chunk.len();
        if size <= max_bytes {
            read.extend_from_slice(&chunk);
        }
    }
    (size <= max_bytes).then(|| read.freeze())
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

    /// What the query asks for, and the header that `media/get` knows besides.
    fn query_members(&self) -> Value {
        let query = self.parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().filter(|(name, _)| name != "access_token");
        let range = self.parts.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
        let range = range.map(|range| ("Range".to_owned(), range.to_owned()));
        Value::Object(pairs.chain(range).map(|(name, value)| (name, value.into())).collect())
    }

    /// The file of an upload; None if its body was too large.
    async fn part(&self) -> Option<Result<Part, Refusal>> {
        let body = self.body.clone()?;
        Some(multipart::part(&self.parts.headers, body).await)
    }

    /// The request as the journal shows it.
    fn shown(&self, operation: Operation) -> Value {
        if operation == op::GETTOKEN {
            return json!({ "corpid": self.query("corpid") });
        }
        let body = self.body.as_deref().unwrap_or_default();
        if body.is_empty() {
            let members = self.query_members();
            return if members == json!({}) { Value::Null } else { members };
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
    handler: Handler,
    arrival: Arrival,
    part: Option<Result<Part, Refusal>>,
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
                let outcome = self.process();
                peer.reset();
                self.no_answer(outcome.errcode()).await
            }
            Some(Effect::HalfABody) => {
                let outcome = self.process();
                let errcode = outcome.errcode();
                let response = half_a_body(outcome, self.content_type());
                self.record(response.status().as_u16(), errcode);
                response
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

    /// Does the call.
    fn process(&self) -> Outcome {
        self.finish(self.checked().and_then(|request| self.handle(&request)))
    }

    fn handle(&self, request: &Value) -> Result<Outcome, Refusal> {
        let (mut platform, now) = self.shared.platform();
        match self.handler {
            Handler::Query(handle) | Handler::Json(handle) => handle(&mut platform, now, request).map(Outcome::Reply),
            Handler::Upload(handle) => {
                let part = self.part.clone().unwrap_or(Err(ErrCode::MEDIA_TOO_LARGE.into()))?;
                handle(&mut platform, now, request, part).map(Outcome::Reply)
            }
            Handler::Download(handle) => handle(&mut platform, now, request).map(Outcome::File),
        }
    }

    /// The request, if it is well formed and its token is good.
    fn checked(&self) -> Result<Value, Refusal> {
        self.check_method()?;
        if self.operation.needs_access_token {
            self.check_access_token()?;
        }
        let request = self.request()?;
        Checks::get().check(self.operation, &request)?;
        Ok(request)
    }

    fn check_method(&self) -> Result<(), Refusal> {
        let method = &self.arrival.parts.method;
        if method.as_str() == self.operation.method {
            return Ok(());
        }
        // These two are taken by the other method too [seen in practice]; unverified: in SDKs only.
        let taken = [(op::ACCOUNT_LIST, Method::GET), (op::SERVICER_LIST, Method::POST)];
        if !taken.contains(&(self.operation, method.clone())) {
            let why = format!("use {}, not {}", self.operation.method, method);
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
        }
        tracing::warn!(operation = self.operation.id, %method, "taken, but this method is not documented");
        Ok(())
    }

    fn check_access_token(&self) -> Result<(), Refusal> {
        let access_token = self.arrival.query("access_token");
        let (platform, now) = self.shared.platform();
        platform.access_tokens.check(access_token.as_deref(), now)
    }

    fn request(&self) -> Result<Value, Refusal> {
        let body = self.arrival.body.as_deref();
        let is_get = self.arrival.parts.method == Method::GET;
        let is_empty = body.is_some_and(<[u8]>::is_empty);
        let is_in_query = match self.handler {
            Handler::Upload(_) | Handler::Download(_) => true,
            Handler::Query(_) => is_get || is_empty,
            Handler::Json(_) => is_get && is_empty,
        };
        if is_in_query {
            return Ok(self.arrival.query_members());
        }
        serde_json::from_slice(body.ok_or(ErrCode::REQUEST_BODY_TOO_LARGE)?).map_err(|error| {
            let why = format!("the body is not JSON, line {} column {}", error.line(), error.column());
            Refusal::because(ErrCode::INVALID_PARAMETER, why)
        })
    }

    /// What is answered. In a reply errcode and errmsg are always there.
    fn finish(&self, outcome: Result<Outcome, Refusal>) -> Outcome {
        let (mut platform, _) = self.shared.platform();
        let refusal = match outcome {
            Ok(Outcome::File(file)) => return Outcome::File(file),
            Ok(Outcome::Reply(mut reply)) => {
                reply["errcode"] = json!(0);
                if reply.get("errmsg").is_none() {
                    reply["errmsg"] = json!("ok");
                }
                return Outcome::Reply(reply);
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
        Outcome::Reply(reply)
    }

    fn reply(&self, outcome: Outcome) -> Response {
        let errcode = outcome.errcode();
        let (head, body) = outcome.into_parts(self.content_type());
        let response = head.body(Body::from(body)).expect(VALID);
        self.record(response.status().as_u16(), errcode);
        response
    }

    /// Refusals of a file have the one or the other.
    fn content_type(&self) -> &'static str {
        match self.handler {
            Handler::Download(_) => self.shared.platform().0.media_refusal_content_type(),
            _ => JSON,
        }
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
        let mut request = match &self.part {
            None => self.arrival.shown(self.operation),
            Some(part) => shown_upload(&self.arrival, part),
        };
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

/// An upload as the journal shows it: without the file.
fn shown_upload(arrival: &Arrival, part: &Result<Part, Refusal>) -> Value {
    let mut shown = arrival.query_members();
    if let Ok(part) = part {
        shown["filename"] = json!(part.file_name);
        shown["bytes"] = json!(part.bytes.len());
    }
    shown
}

/// What a call comes to.
enum Outcome {
    Reply(Value),
    File(Served),
}

impl Outcome {
    /// Of a file there is none, which means 0 as always.
    fn errcode(&self) -> Option<i32> {
        match self {
            Self::Reply(reply) => reply["errcode"].as_i64().and_then(|code| i32::try_from(code).ok()),
            Self::File(_) => Some(0),
        }
    }

    /// Status and headers, and the body.
    fn into_parts(self, content_type: &str) -> (response::Builder, Bytes) {
        match self {
            // HTTP 200 for success and for refusals alike [seen in practice].
            Self::Reply(reply) => {
                (Response::builder().header(header::CONTENT_TYPE, content_type), reply.to_string().into())
            }
            Self::File(file) => (download::head(&file), file.bytes),
        }
    }
}

fn html(title: &str) -> String {
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>")
}

fn response(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, content_type).body(body.into()).expect(VALID)
}

/// Announces the whole body, sends half of it and closes the connection.
fn half_a_body(outcome: Outcome, content_type: &str) -> Response {
    let (head, whole) = outcome.into_parts(content_type);
    let half = whole.slice(..whole.len() / 2);
    // A pause in between: what is not flushed before the error would be lost with it.
    let breaks = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::BrokenPipe))
    });
    let body = Body::from_stream(stream::iter([Ok::<_, io::Error>(half)]).chain(breaks));
    head.header(header::CONTENT_LENGTH, whole.len()).body(body).expect(VALID)
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
