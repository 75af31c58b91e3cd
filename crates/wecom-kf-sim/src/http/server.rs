//! The HTTP side: finds the operation, the fault and the handler, and writes the reply and the journal.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts, response};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::control;
use crate::http::check::{Checks, Verdict};
use crate::http::connection::{Loopback, Peer};
use crate::http::console;
use crate::http::download;
use crate::http::guard;
use crate::http::multipart;
use crate::platform::assumptions::Assumption;
use crate::platform::ops::{Handler, handler};
use crate::platform::refusal::Refusal;
use crate::platform::{Chat, Facts, Part, READS_AT_ONCE, Served};
use crate::world::World;
use crate::world::corps::Corps;
use crate::world::fault::Effect;
use crate::world::finding::{Answer, Place, Seen};
use crate::world::journal::{Call, cut, mask, mask_sync_token, mask_text};

/// unverified: where WeCom draws the line (40206) is not documented; no request of the API comes near.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// unverified: likewise. Above every limit of a kind of file, which have codes of their own.
pub(crate) const MAX_UPLOAD_BYTES: usize = 32 * 1024 * 1024;
/// All uploads that arrive at the same time may have this many bytes together; the others wait. In KiB.
static UPLOADS: Semaphore = Semaphore::const_new(4 * MAX_UPLOAD_BYTES / 1024);
/// What is left of a body that nobody needs is read for this long.
const DRAINED_WITHIN: Duration = Duration::from_secs(10);
const JSON: &str = "application/json; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";
/// The operation of a call of a path that is none.
const UNKNOWN_PATH: &str = "unknown_path";
/// No operation has a path nearly as long.
const MAX_PATH_BYTES: usize = 128;
const VALID: &str = "status and headers are valid";

/// Serves until it is dropped.
pub(crate) async fn serve(loopback: Loopback, address: SocketAddr, corps: Arc<Corps>) -> io::Result<()> {
    let routes = routes(address, corps);
    axum::serve(loopback, routes.into_make_service_with_connect_info::<Peer>()).await
}

/// All routes of all corps, behind the guard.
pub(crate) fn routes(address: SocketAddr, corps: Arc<Corps>) -> Router {
    let allowed: Arc<[String]> = corps.first().setup.allowed_hosts.clone().into();
    let first = router(address, corps.first().clone());
    let others: Vec<_> = corps.others().iter().map(|world| (world.clone(), router(address, world.clone()))).collect();
    let all = if others.is_empty() { first } else { Front { corps, first, others }.into_router() };
    all.layer(from_fn_with_state(allowed, guard::guard))
}

/// All of one corp.
fn router(address: SocketAddr, world: Arc<World>) -> Router {
    control::router(address, &world).merge(console::router()).fallback(answer).with_state(world)
}

/// Hands each request to the corp that it is for, or else to the first.
struct Front {
    corps: Arc<Corps>,
    first: Router,
    others: Vec<(Arc<World>, Router)>,
}

impl Front {
    fn into_router(self) -> Router {
        let front = Arc::new(self);
        Router::new().fallback(async move |request: Request| front.hand_on(request).await)
    }

    async fn hand_on(&self, request: Request) -> Result<Response, Infallible> {
        let wanted = addressee(&self.corps, request.uri());
        let other = wanted.and_then(|wanted| self.others.iter().find(|(world, _)| Arc::ptr_eq(world, wanted)));
        other.map_or(&self.first, |(_, router)| router).clone().oneshot(request).await
    }
}

/// The corp that a request is for, if it names one that there is.
fn addressee<'a>(corps: &'a Corps, uri: &Uri) -> Option<&'a Arc<World>> {
    let path = uri.path();
    if path.starts_with(control::PREFIX) {
        corps.find(&parameter(uri, control::CORP_ID)?)
    } else if path == op::GETTOKEN.path {
        corps.find(&parameter(uri, "corpid")?)
    } else {
        corps.issuer(&parameter(uri, "access_token")?)
    }
}

/// A parameter of the query. Of several with one name the first counts.
pub(crate) fn parameter(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

async fn answer(State(world): State<Arc<World>>, ConnectInfo(peer): ConnectInfo<Peer>, request: Request) -> Response {
    world.count_request();
    let (parts, body) = request.into_parts();
    let (at, begun) = (world.clock.now(), world.begin());
    let operation = op::ALL.into_iter().find(|operation| operation.path == parts.uri.path());
    let handled = operation.and_then(|operation| Some((operation, handler(operation)?)));
    // Held until the answer is made, as the body is.
    let (body, _room) = read(&world, &parts, body, handled).await;
    let arrival = Arrival { body, parts, at, begun, started: Instant::now() };
    let Some((operation, handler)) = handled else {
        return unknown_path(&world, &arrival);
    };
    world.journal().count(operation.id);
    let effect = world.faults.hit(operation);
    if effect.is_some() {
        world.tell_faults();
    }
    let asked = Asked::of(&arrival, operation, handler).await;
    Arc::new(Exchange::new(world, operation, handler, arrival, asked, effect)).answer(&peer).await
}

/// The body, and the room that it takes among all uploads.
async fn read(
    world: &World,
    parts: &Parts,
    body: Body,
    handled: Option<(Operation, Handler)>,
) -> (Option<Bytes>, Option<SemaphorePermit<'static>>) {
    if !matches!(handled, Some((_, Handler::Upload(_)))) {
        return (whole(body, MAX_BODY_BYTES).await, None);
    }
    // Before it is read: a file that will be refused need not be in memory.
    if check_access_token(world, parts).is_err() {
        drain(body);
        return (Some(Bytes::new()), None);
    }
    let room = room_for_upload(&parts.headers).await;
    (whole(body, MAX_UPLOAD_BYTES).await, room)
}

/// Waits until an upload of this length may be read.
pub(crate) async fn room_for_upload(headers: &HeaderMap) -> Option<SemaphorePermit<'static>> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let bytes = length.unwrap_or(MAX_UPLOAD_BYTES).min(MAX_UPLOAD_BYTES);
    UPLOADS.acquire_many(u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)).await.ok()
}

/// Reads a body without keeping it, beside the answer: a client that still writes when the connection closes may never
/// see the answer.
fn drain(body: Body) {
    let mut chunks = body.into_data_stream().take_while(|chunk| std::future::ready(chunk.is_ok()));
    tokio::spawn(timeout(DRAINED_WITHIN, async move { while chunks.next().await.is_some() {} }));
}

fn check_access_token(world: &World, parts: &Parts) -> Result<(), Refusal> {
    let access_token = parameter(&parts.uri, "access_token");
    world.read(|platform, now| platform.check_access_token(now, access_token.as_deref()))
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
    at: Duration,
    /// Its place among all that began.
    begun: u64,
    started: Instant,
}

impl Arrival {
    /// What the query asks for, and the header that `media/get` also reads.
    fn query_members(&self, operation: Operation) -> Value {
        let query = self.parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut members = Checks::get().read_query(operation, pairs);
        if let Some(range) = self.parts.headers.get(header::RANGE).and_then(|range| range.to_str().ok()) {
            members.insert("Range".to_owned(), range.into());
        }
        Value::Object(members)
    }

    /// Where the request is, by what the operation takes and what came.
    fn request(&self, operation: Operation, handler: Handler) -> Result<Value, Refusal> {
        let body = self.body.as_deref();
        let is_get = self.parts.method == Method::GET;
        let is_empty = body.is_some_and(<[u8]>::is_empty);
        let is_in_query = match handler {
            Handler::Upload(_) | Handler::Download(_) => true,
            Handler::Query(_) => is_get || is_empty,
            Handler::Json(_) => is_get && is_empty,
        };
        if is_in_query {
            return Ok(self.query_members(operation));
        }
        serde_json::from_slice(body.ok_or(ErrCode::REQUEST_BODY_TOO_LARGE)?).map_err(|error| {
            let why = format!("the body is not JSON, line {} column {}", error.line(), error.column());
            Refusal::because(ErrCode::INVALID_PARAMETER, why)
        })
    }
}

/// What a request asks for, if it can be read.
struct Asked {
    request: Result<Value, Refusal>,
    /// The file of an upload.
    part: Option<Result<Part, Refusal>>,
}

impl Asked {
    async fn of(arrival: &Arrival, operation: Operation, handler: Handler) -> Self {
        let part = match (handler, arrival.body.clone()) {
            (Handler::Upload(_), Some(body)) => Some(multipart::part(&arrival.parts.headers, body).await),
            (Handler::Upload(_), None) => Some(Err(ErrCode::MEDIA_TOO_LARGE.into())),
            _ => None,
        };
        Self { request: arrival.request(operation, handler), part }
    }

    /// The request, or why it cannot be read.
    fn readable(&self) -> Result<&Value, &Refusal> {
        let request = self.request.as_ref()?;
        match &self.part {
            Some(Err(refusal)) => Err(refusal),
            _ => Ok(request),
        }
    }

    /// As the journal shows it: of a file only its name and size.
    fn shown(&self, operation: Operation, arrival: &Arrival) -> Value {
        if operation == op::GETTOKEN {
            // The secret, the right one or not, may be anywhere in query and body, under any name.
            return parameter(&arrival.parts.uri, "corpid").map_or(Value::Null, |corpid| json!({ "corpid": corpid }));
        }
        let body = arrival.body.as_deref().unwrap_or_default();
        let mut shown = match &self.request {
            Ok(request) => request.clone(),
            Err(_) => String::from_utf8_lossy(body).into_owned().into(),
        };
        if let Some(part) = &self.part {
            shown["bytes"] = json!(part.as_ref().map_or(body.len(), |part| part.bytes.len()));
            part.iter().for_each(|part| shown["filename"] = json!(part.file_name));
        }
        if operation == op::SYNC_MSG {
            mask_sync_token(&mut shown);
        }
        let is_nothing = body.is_empty() && (shown == json!({}) || shown == "");
        if is_nothing { Value::Null } else { shown }
    }
}

/// One call of an operation.
struct Exchange {
    world: Arc<World>,
    operation: Operation,
    handler: Handler,
    arrival: Arrival,
    asked: Asked,
    effect: Option<Effect>,
    /// Account and customer it is about.
    place: (Option<String>, Option<String>),
    facts: Facts,
    verdict: OnceLock<Verdict>,
    /// How many calls of `sync_msg` were in progress when it came, itself among them; 0 for others.
    reads: usize,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.reads > 0 {
            self.world.end_read();
        }
    }
}

impl Exchange {
    fn new(
        world: Arc<World>,
        operation: Operation,
        handler: Handler,
        arrival: Arrival,
        asked: Asked,
        effect: Option<Effect>,
    ) -> Self {
        let (place, facts) = world
            .update(|platform, now| platform.facts(now, operation, asked.request.as_ref().unwrap_or(&Value::Null)));
        let reads = if operation == op::SYNC_MSG { world.begin_read() } else { 0 };
        Self { world, operation, handler, arrival, asked, effect, place, facts, verdict: OnceLock::new(), reads }
    }

    async fn answer(self: Arc<Self>, peer: &Peer) -> Response {
        match &self.effect {
            None => self.reply(self.process()),
            Some(Effect::TokenRevoked) => {
                self.world.update(|platform, _| platform.access_tokens.revoke_all());
                self.reply(self.process())
            }
            Some(Effect::CursorsLost) => {
                self.world.update(|platform, _| platform.lose_cursors());
                self.reply(self.process())
            }
            Some(Effect::RateLimited(window)) => {
                self.world.faults.limit(self.operation, self.world.clock.now() + *window);
                self.reply(self.process())
            }
            Some(Effect::MsgSendFail(fail_type)) => {
                let outcome = self.process();
                self.let_fail(&outcome, *fail_type);
                self.reply(outcome)
            }
            Some(Effect::ContentType(content_type)) => {
                let content_type = HeaderValue::from_str(content_type);
                let content_type = content_type.unwrap_or(HeaderValue::from_static("text/plain"));
                let mut response = self.reply(self.process());
                response.headers_mut().insert(header::CONTENT_TYPE, content_type);
                response
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
                let outcome = self.process();
                peer.reset();
                self.no_answer(Some(outcome)).await
            }
            Some(Effect::HalfABody) => self.reply_by(self.process(), half_a_body),
        }
    }

    /// On a task of its own: a caller who gives up does not stop WeCom from doing the call.
    async fn reply_after(self: Arc<Self>, by: Duration) -> Response {
        // Whose secrets are masked in the end stays known until then.
        let corps = self.world.corps.upgrade();
        let late = async move {
            tokio::time::sleep(by).await;
            let response = self.reply(self.process());
            drop(corps);
            response
        };
        tokio::spawn(late).await.expect("nobody aborts the task")
    }

    /// Does the call.
    fn process(&self) -> Outcome {
        self.finish(self.checked().and_then(|request| self.handle(&request)))
    }

    fn handle(&self, request: &Value) -> Result<Outcome, Refusal> {
        self.world.update(|platform, now| match self.handler {
            Handler::Query(handle) | Handler::Json(handle) => handle(platform, now, request).map(Outcome::Reply),
            Handler::Upload(handle) => {
                let part = self.asked.part.clone().unwrap_or(Err(ErrCode::EMPTY_MEDIA_DATA.into()))?;
                handle(platform, now, request, part).map(Outcome::Reply)
            }
            Handler::Download(handle) => handle(platform, now, request).map(Outcome::File),
        })
    }

    /// What was accepted is not delivered after all.
    fn let_fail(&self, outcome: &Outcome, fail_type: i64) {
        let (Place { open_kfid: Some(open_kfid), external_userid: Some(external_userid) }, Some(msgid)) =
            (self.place(), outcome.msgid())
        else {
            return;
        };
        let chat = Chat { open_kfid, external_userid };
        self.world.update(|platform, now| platform.message_fails(now, chat, msgid, fail_type));
    }

    fn place(&self) -> Place<'_> {
        Place { open_kfid: self.place.0.as_deref(), external_userid: self.place.1.as_deref() }
    }

    /// The request without what counts as absent, if it is well formed and its token is good.
    fn checked(&self) -> Result<Value, Refusal> {
        if self.world.faults.is_limited(self.operation, self.world.clock.now()) {
            return Err(ErrCode::RATE_LIMIT_EXCEEDED.into());
        }
        if self.reads > READS_AT_ONCE
            && self.world.read(|platform, _| platform.assumptions.hold(Assumption::ReadsAtOnceAreLimited))
        {
            return Err(ErrCode::CONCURRENCY_LIMIT_EXCEEDED.into());
        }
        let method = &self.arrival.parts.method;
        if method.as_str() != self.operation.method && !self.is_lenient() {
            let why = format!("use {}, not {}", self.operation.method, method);
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
        }
        if self.operation.needs_access_token {
            check_access_token(&self.world, &self.arrival.parts)?;
        }
        let request = self.asked.readable().map(|request| self.without_empty_members(request)).map_err(Refusal::clone);
        let verdict = match &request {
            Ok(request) => Checks::get().check(self.operation, request, self.world.setup.strictness),
            Err(refusal) => Verdict::refusing(self.operation, refusal.clone()),
        };
        let refusal = verdict.refusal.clone();
        // Nobody else sets it: a call is checked once.
        let _ = self.verdict.set(verdict);
        refusal.map_or(request, Err)
    }

    fn without_empty_members(&self, request: &Value) -> Value {
        let mut request = request.clone();
        if self.world.read(|platform, _| platform.assumptions.hold(Assumption::EmptyCountsAsAbsent)) {
            Checks::get().remove_empty_members(self.operation, &mut request);
        }
        request
    }

    /// These two are taken by the method that is not documented too [seen in practice]; unverified: in SDKs only.
    fn is_lenient(&self) -> bool {
        let (method, assumption) = match self.operation {
            op::ACCOUNT_LIST => (Method::GET, Assumption::AccountListTakesGet),
            op::SERVICER_LIST => (Method::POST, Assumption::ServicerListTakesPost),
            _ => return false,
        };
        self.arrival.parts.method == method && self.world.read(|platform, _| platform.assumptions.hold(assumption))
    }

    /// What is answered. In a reply errcode and errmsg are always there.
    fn finish(&self, outcome: Result<Outcome, Refusal>) -> Outcome {
        let refusal = match outcome {
            Ok(Outcome::File(file)) => return Outcome::File(file),
            Ok(Outcome::Reply(mut reply)) => {
                // unverified: practice knows replies without errcode [seen in practice].
                if self.world.read(|platform, _| platform.assumptions.hold(Assumption::SuccessHasErrcode)) {
                    say_success(&mut reply);
                } else {
                    reply.as_object_mut().and_then(|reply| reply.remove("errmsg"));
                }
                return Outcome::Reply(reply);
            }
            Err(refusal) => refusal,
        };
        let hint = self.world.update(|platform, _| platform.ids.next_digits("hint", "", 19));
        let code = refusal.code;
        let mut reply = refusal.into_reply(self.operation, &hint);
        if self.operation == op::SYNC_MSG {
            // A refusal has the list too [seen in practice].
            reply["msg_list"] = json!([]);
        }
        // A client may have put its token anywhere, such as into the name of a field.
        self.world.hide(|secrets| mask(&mut reply, secrets));
        if code == ErrCode::INVALID_PARAMETER {
            tracing::warn!(operation = self.operation.id, errmsg = %reply["errmsg"], "a request is not as documented");
        }
        Outcome::Reply(reply)
    }

    fn reply(&self, outcome: Outcome) -> Response {
        self.reply_by(outcome, |head, body| head.body(body.into()).expect(VALID))
    }

    fn reply_by(&self, outcome: Outcome, send: fn(response::Builder, Bytes) -> Response) -> Response {
        let (errcode, shown) = (outcome.errcode(), outcome.shown());
        let (head, body) = outcome.into_parts(self.content_type());
        let response = send(head, body);
        self.record(response.status().as_u16(), Some(errcode), shown);
        response
    }

    /// unverified: refusals of a file have the one or the other [seen in practice].
    fn content_type(&self) -> &'static str {
        let is_file = matches!(self.handler, Handler::Download(_));
        let is_plain =
            is_file && self.world.read(|platform, _| platform.assumptions.hold(Assumption::MediaRefusalsArePlainText));
        if is_plain { "text/plain" } else { JSON }
    }

    /// An answer that is not the platform's.
    fn foreign(&self, status: StatusCode, content_type: &str, body: String) -> Response {
        self.record(status.as_u16(), None, body.clone().into());
        response(status, content_type, body)
    }

    /// Waits until the connection is gone.
    async fn no_answer(&self, outcome: Option<Outcome>) -> Response {
        let shown = outcome.as_ref().map(Outcome::shown).unwrap_or_default();
        self.record(0, outcome.as_ref().map(Outcome::errcode), shown);
        std::future::pending().await
    }

    fn record(&self, status: u16, errcode: Option<i32>, reply: Value) {
        let (mut request, mut shown_reply) = (self.asked.shown(self.operation, &self.arrival), reply.clone());
        let verdict = self.verdict.get();
        let mut problems = verdict.map(|verdict| verdict.problems.clone()).unwrap_or_default();
        let mut unknown_fields = verdict.map(|verdict| verdict.unknown_fields.clone()).unwrap_or_default();
        self.world.hide(|secrets| {
            mask(&mut request, secrets);
            mask(&mut shown_reply, secrets);
            problems.iter_mut().chain(&mut unknown_fields).for_each(|text| mask_text(text, secrets));
        });
        let call = Call {
            number: 0,
            begun: self.arrival.begun,
            corp_id: self.world.corp_id.clone(),
            operation: self.operation.id,
            method: self.arrival.parts.method.to_string(),
            path: self.operation.path.to_owned(),
            errcode,
            status,
            at: self.arrival.at.as_secs(),
            took: self.world.clock.took(self.arrival.started),
            request: cut(request),
            reply: cut(shown_reply),
            problems,
            fault: self.effect.as_ref().map(Effect::to_string),
            open_kfid: self.place.0.clone(),
            external_userid: self.place.1.clone(),
            findings: Vec::new(),
        };
        let null = Value::Null;
        let row = self.world.record(call, |row| {
            Some(Seen {
                row,
                at: self.arrival.at,
                came: self.arrival.started,
                operation: self.operation,
                request: self.asked.request.as_ref().unwrap_or(&null),
                reply: &reply,
                errcode,
                answer: self.arrives(),
                place: self.place(),
                facts: &self.facts,
                unknown_fields: &unknown_fields,
            })
        });
        if matches!(self.operation, op::SEND_MSG | op::SEND_MSG_ON_EVENT) && errcode == Some(0) {
            // After the journal, so that who hears a message finds its call there.
            self.world.link_call(self.place(), reply["msgid"].as_str(), row);
        }
    }

    /// Whether the bot gets what the platform answers.
    fn arrives(&self) -> Answer {
        match &self.effect {
            Some(effect) if effect.row().is_reply_lost => Answer::Unknown,
            _ => Answer::Arrived,
        }
    }
}

fn unknown_path(world: &World, arrival: &Arrival) -> Response {
    let (method, mut path) = (arrival.parts.method.to_string(), arrival.parts.uri.path().to_owned());
    // Masked before it is cut: a part of a token would escape the masking.
    world.hide(|secrets| mask_text(&mut path, secrets));
    let path = shown_path(&path);
    let call = format!("{method} {path}");
    tracing::warn!(call, "no operation has this path");
    let call = Call {
        number: 0,
        begun: arrival.begun,
        corp_id: world.corp_id.clone(),
        operation: UNKNOWN_PATH,
        method,
        path,
        errcode: None,
        status: StatusCode::NOT_FOUND.as_u16(),
        at: arrival.at.as_secs(),
        took: world.clock.took(arrival.started),
        request: call.into(),
        reply: Value::Null,
        problems: Vec::new(),
        fault: None,
        open_kfid: None,
        external_userid: None,
        findings: Vec::new(),
    };
    world.record(call, |_| None);
    let paths: Vec<_> = op::ALL.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    let hint = json!({ "hint": "wecom-kf-sim has no operation with this path", "operations": paths });
    response(StatusCode::NOT_FOUND, JSON, hint.to_string())
}

/// A path that is none, without what cannot belong to one: a query that was encoded into it may hold a secret.
fn shown_path(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-*".contains(&byte);
    let plain = path.bytes().take(MAX_PATH_BYTES).take_while(|byte| is_plain(*byte)).count();
    // Behind `gettoken` there is nothing but what belongs into its query.
    let gettoken = path[..plain].to_ascii_lowercase().find("gettoken").map(|at| at + "gettoken".len());
    let shown = gettoken.unwrap_or(plain);
    if shown == path.len() { path.to_owned() } else { format!("{}…", &path[..shown]) }
}

/// What a call comes to.
enum Outcome {
    Reply(Value),
    File(Served),
}

impl Outcome {
    /// Absent it means success [seen in practice], and a file has none.
    fn errcode(&self) -> i32 {
        let Self::Reply(reply) = self else { return 0 };
        reply["errcode"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(0)
    }

    fn msgid(&self) -> Option<&str> {
        if let Self::Reply(reply) = self { reply["msgid"].as_str() } else { None }
    }

    /// As the journal shows it.
    fn shown(&self) -> Value {
        match self {
            Self::Reply(reply) => reply.clone(),
            Self::File(file) => download::shown(file),
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

/// errcode and errmsg of a success; some operations have an errmsg of their own.
fn say_success(reply: &mut Value) {
    reply["errcode"] = json!(0);
    if reply.get("errmsg").is_none() {
        reply["errmsg"] = json!("ok");
    }
}

fn html(title: &str) -> String {
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>")
}

fn response(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header(header::CONTENT_TYPE, content_type).body(body.into()).expect(VALID)
}

/// Announces the whole body, sends half of it and closes the connection.
fn half_a_body(head: response::Builder, whole: Bytes) -> Response {
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
    fn a_path_is_shown_without_what_may_hold_a_secret() {
        for (path, shown) in [
            ("/kf/sync_msg", "/kf/sync_msg"),
            ("/cgi-bin/GetToken", "/cgi-bin/GetToken"),
            ("/cgi-bin/gettoken%3Fcorpsecret=s3cret", "/cgi-bin/gettoken…"),
            ("/cgi-bin/gettoken&corpsecret=s3cret", "/cgi-bin/gettoken…"),
            ("/cgi-bin/gettoken/s3cret", "/cgi-bin/gettoken…"),
            ("/cgi-bin/gettokens3cret", "/cgi-bin/gettoken…"),
            ("/x;corpsecret=s3cret", "/x…"),
        ] {
            assert_eq!(shown_path(path), shown);
        }
        assert_eq!(shown_path(&"/".repeat(500)).len(), MAX_PATH_BYTES + "…".len());
    }
}
