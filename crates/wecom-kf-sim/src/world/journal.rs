//! The journal of calls: bounded, with tokens and secrets masked.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use wecom_kf_raw::{ErrCode, Lang};

use crate::world::carrier::Carrier;
use crate::world::delivery_problem::DeliveryProblem;
use crate::world::finding::FindingName;

/// The journal keeps this many rows, the newest, and less if they are large.
const KEPT_ROWS: usize = 10_000;
/// All rows together may have about so many bytes.
const KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Of a larger request or reply this much is kept, as a text.
const KEPT_BODY_BYTES: usize = 64 * 1024;
const MASK: &str = "***";

/// A call as the simulator saw it.
///
/// Access tokens, the secret and callback tokens are nowhere in it: where one stood are three asterisks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Call {
    /// Its number in the journal of the corp, from 1; callbacks count too.
    pub number: u64,
    /// Its place in the order in which calls and callbacks began. Rows are numbered when they are done.
    pub begun: u64,
    /// The corp whose journal it is in: whose access token it has, or whose corp id `gettoken` names; else the first.
    pub corp_id: String,
    /// The operation, such as `send_msg`; `unknown_path` where there is none.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What was answered. With the fault `reset_after` what would have been. None if the answer was not a reply of the
    /// platform's.
    pub errcode: Option<i32>,
    /// The HTTP status, 0 if no answer was sent.
    pub status: u16,
    /// When it came, in Unix seconds of the simulator's clock.
    pub at: u64,
    /// How long it took, in real time; zero while the clock is manual.
    pub took: Duration,
    /// The body; of `GET` the query without secrets; a text if it was not JSON, or large; null if there was none.
    pub request: Value,
    /// What was answered, or would have been; a text if it was not JSON, or large; null if nothing was.
    pub reply: Value,
    /// What the document says against the request; nothing if it is as documented.
    pub problems: Vec<String>,
    /// The fault that hit it, such as `errcode -1` or `reset_after`.
    pub fault: Option<String>,
    /// The account it is about, if the request names one.
    pub open_kfid: Option<String>,
    /// The customer it is about, if the request names one.
    pub external_userid: Option<String>,
    /// What was found here.
    pub findings: Vec<FindingName>,
}

/// One attempt to deliver a callback, or to verify its URL.
///
/// The callback token, the key and the `Token` of the event are nowhere in it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// Its number in the journal of the corp, from 1; calls count too.
    pub number: u64,
    /// Its place in the order in which calls and callbacks began. Rows are numbered when they are done.
    pub begun: u64,
    /// The corp that sent it.
    pub corp_id: String,
    /// `kf_msg_or_event`, `kf_account_auth_change`, or `verify_url`.
    pub event: &'static str,
    /// Where it was sent, without the query; `in process` with [`Simulator::wakes`](crate::Simulator::wakes).
    pub url: String,
    /// When it was sent, in Unix seconds of the simulator's clock.
    pub at: u64,
    /// How long the answer took, in real time; zero while the clock is manual.
    pub took: Duration,
    /// Which attempt it was, 1 to 3.
    pub attempt: u8,
    /// The HTTP status, 0 if no answer came.
    pub status: u16,
    /// Why it failed; None if all is well.
    pub problem: Option<DeliveryProblem>,
    /// The fault that hit it, such as `lost`.
    pub fault: Option<String>,
    /// The account it is about.
    pub open_kfid: Option<String>,
    /// The XML inside.
    pub request: String,
    /// The beginning of what was answered.
    pub answer: String,
    /// What was found here.
    pub findings: Vec<FindingName>,
    pub(crate) carrier: Carrier,
}

/// A row of the journal.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    Call(Call),
    Callback(Delivery),
}

impl Row {
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Call(call) => call.number,
            Self::Callback(delivery) => delivery.number,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Call(call) => size(&call.request) + size(&call.reply),
            Self::Callback(delivery) => 3 * delivery.request.len() + delivery.answer.len(),
        }
    }

    /// Returns the customers it is about, including those of a page's messages. A customer may occur more than once.
    pub(crate) fn customers(&self) -> impl Iterator<Item = &str> {
        let call = if let Self::Call(call) = self { Some(call) } else { None };
        let named = call.and_then(|call| call.external_userid.as_deref());
        let page = call.and_then(|call| call.reply["msg_list"].as_array()).into_iter().flatten();
        named.into_iter().chain(page.filter_map(|message| {
            let holder = if message["external_userid"].is_string() { message } else { &message["event"] };
            holder["external_userid"].as_str()
        }))
    }

    /// Returns whether it was refused, failed, is not as documented, or has a finding.
    pub(crate) fn is_trouble(&self) -> bool {
        let failed = |status: u16| status == 0 || status >= 400;
        match self {
            Self::Call(call) => {
                failed(call.status)
                    || call.errcode.is_some_and(|code| code != 0)
                    || !call.problems.is_empty()
                    || !call.findings.is_empty()
            }
            Self::Callback(delivery) => {
                failed(delivery.status) || delivery.problem.is_some() || !delivery.findings.is_empty()
            }
        }
    }

    /// Returns the text that a search reads.
    pub(crate) fn text(&self) -> String {
        let (parts, findings, [request, reply]) = match self {
            Self::Call(call) => {
                let errcode = call.errcode.map(|code| code.to_string());
                let parts = [
                    Some(call.operation),
                    Some(&*call.method),
                    Some(&*call.path),
                    errcode.as_deref(),
                    call.fault.as_deref(),
                    call.open_kfid.as_deref(),
                    call.external_userid.as_deref(),
                ];
                let parts: Vec<_> =
                    parts.into_iter().flatten().chain(call.problems.iter().map(String::as_str)).collect();
                (
                    format!("call HTTP {} {}", call.status, parts.join(" ")),
                    &call.findings,
                    [&call.request, &call.reply].map(searchable),
                )
            }
            Self::Callback(delivery) => {
                let problem = delivery.problem.map(|problem| problem.show().to_string());
                let parts = [
                    Some(delivery.event),
                    Some(&*delivery.url),
                    problem.as_deref(),
                    delivery.fault.as_deref(),
                    delivery.open_kfid.as_deref(),
                ];
                let parts: Vec<_> = parts.into_iter().flatten().collect();
                let texts = [delivery.request.clone(), delivery.answer.clone()];
                (format!("callback HTTP {} {}", delivery.status, parts.join(" ")), &delivery.findings, texts)
            }
        };
        let findings: Vec<_> = findings.iter().map(|name| name.as_str()).collect();
        format!("{parts} {} {request} {reply}", findings.join(" "))
    }

    /// An `Entry` of `control.yaml`.
    pub(crate) fn show(&self) -> Value {
        match self {
            Self::Call(call) => call.show(),
            Self::Callback(delivery) => delivery.show(),
        }
    }
}

impl Call {
    fn show(&self) -> Value {
        json!({
            "n": self.number,
            "begun": self.begun,
            "kind": "call",
            "at": self.at,
            "took_ms": millis(self.took),
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "errcode": self.errcode,
            "request": self.request,
            "reply": self.reply,
            "verdict": { "ok": self.problems.is_empty(), "problems": self.problems },
            "fault": self.fault,
            "attempt": null,
            "problem": null,
            "open_kfid": self.open_kfid,
            "customer": self.external_userid,
            "findings": self.findings.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "hint": self.hint(),
        })
    }

    /// What to do about the errcode.
    fn hint(&self) -> Value {
        let Some(code) = self.errcode.filter(|code| *code != 0).map(ErrCode) else { return Value::Null };
        let [en, zh] = [Lang::En, Lang::Zh].map(|lang| code.remedy_at(self.operation, lang));
        json!({ "en": en, "zh": zh })
    }
}

impl Delivery {
    fn show(&self) -> Value {
        json!({
            "n": self.number,
            "begun": self.begun,
            "kind": "callback",
            "at": self.at,
            "took_ms": millis(self.took),
            "operation": self.event,
            "method": self.carrier.method(),
            "path": self.url,
            "status": self.status,
            "errcode": null,
            "request": self.request,
            "reply": self.answer,
            "verdict": { "ok": true, "problems": [] },
            "fault": self.fault,
            "attempt": self.attempt,
            "problem": self.problem.map(DeliveryProblem::show),
            "open_kfid": self.open_kfid,
            "customer": null,
            "findings": self.findings.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            "hint": null,
        })
    }
}

/// Serializes as the `Entry` of the control API.
impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.show().serialize(serializer)
    }
}

/// Serializes as the `Entry` of the control API.
impl Serialize for Delivery {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.show().serialize(serializer)
    }
}

/// The `event` of a verification of the URL.
pub(crate) const VERIFY_URL: &str = "verify_url";

#[derive(Debug, Default)]
pub(crate) struct Journal {
    rows: VecDeque<(usize, Arc<Row>)>,
    bytes: usize,
    /// The number of the newest row.
    last: u64,
    counts: HashMap<&'static str, usize>,
}

impl Journal {
    /// Counts a call that has come, whatever becomes of it.
    pub(crate) fn count(&mut self, operation: &'static str) {
        *self.counts.entry(operation).or_default() += 1;
    }

    /// The number the next row will have.
    pub(crate) fn next(&self) -> u64 {
        self.last + 1
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    pub(crate) fn push(&mut self, row: Row) -> Arc<Row> {
        let (size, row) = (row.size(), Arc::new(row));
        self.last = row.number();
        self.bytes += size;
        self.rows.push_back((size, row.clone()));
        while self.rows.len() > KEPT_ROWS || (self.bytes > KEPT_BYTES && self.rows.len() > 1) {
            let Some((size, _)) = self.rows.pop_front() else { break };
            self.bytes -= size;
        }
        row
    }

    pub(crate) fn counted(&self, operation: &str) -> usize {
        self.counts.get(operation).copied().unwrap_or(0)
    }

    /// How many calls of all operations came.
    pub(crate) fn counted_in_all(&self) -> usize {
        self.counts.values().sum()
    }

    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = &Arc<Row>> {
        self.rows.iter().map(|(_, row)| row)
    }

    /// The rows with a greater number.
    pub(crate) fn after(&self, number: u64) -> impl DoubleEndedIterator<Item = &Arc<Row>> {
        let start = self.rows.partition_point(|(_, row)| row.number() <= number);
        self.rows.range(start..).map(|(_, row)| row)
    }

    pub(crate) fn find(&self, number: u64) -> Option<&Arc<Row>> {
        let at = self.rows.binary_search_by_key(&number, |(_, row)| row.number()).ok()?;
        self.rows.get(at).map(|(_, row)| row)
    }

    pub(crate) fn calls(&self) -> impl DoubleEndedIterator<Item = &Call> {
        self.rows().filter_map(|row| if let Row::Call(call) = &**row { Some(call) } else { None })
    }

    pub(crate) fn deliveries(&self) -> impl DoubleEndedIterator<Item = &Delivery> {
        self.rows().filter_map(|row| if let Row::Callback(delivery) = &**row { Some(delivery) } else { None })
    }
}

/// A body as it is kept: a large one is cut, and a text then. Mask it first, so that no part of a secret is left.
pub(crate) fn cut(body: Value) -> Value {
    let bytes = size(&body);
    if bytes <= KEPT_BODY_BYTES {
        return body;
    }
    let mut text = if let Value::String(text) = body { text } else { body.to_string() };
    let border = (0..=KEPT_BODY_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(border.unwrap_or(0));
    format!("{text}… (about {bytes} bytes in all)").into()
}

/// Masks every secret in `value`, wherever a client put it.
pub(crate) fn mask(value: &mut Value, secrets: &[&str]) {
    match value {
        Value::String(text) => mask_text(text, secrets),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, secrets)),
        Value::Object(members) => {
            // Names too: a client may put anything anywhere.
            *members = std::mem::take(members)
                .into_iter()
                .map(|(mut name, mut member)| {
                    mask_text(&mut name, secrets);
                    mask(&mut member, secrets);
                    (name, member)
                })
                .collect();
        }
        _ => {}
    }
}

pub(crate) fn mask_text(text: &mut String, secrets: &[&str]) {
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        if text.contains(secret) {
            *text = text.replace(secret, MASK);
        }
    }
}

/// What `sync_msg` calls `token` is a callback token, known to us or not.
pub(crate) fn mask_sync_token(request: &mut Value) {
    if let Some(token) = request.get_mut("token") {
        *token = MASK.into();
    }
}

/// Returns a body as JSON, or a text as it is, without quotes and escapes.
fn searchable(body: &Value) -> String {
    body.as_str().map_or_else(|| body.to_string(), str::to_owned)
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// About as many bytes as a value takes as a text.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(size).sum::<usize>() + 2,
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + size(value) + 4).sum::<usize>() + 2,
    }
}
