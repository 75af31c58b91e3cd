//! Rows of the journal as the control API shows them.

use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};
use wecom_kf_raw::{ErrCode, Lang};

use crate::world::body::Body;
use crate::world::delivery_problem::ShownProblem;
use crate::world::journal::{Call, Delivery, Row};

/// An `Entry` of `control.yaml`.
#[derive(Serialize)]
struct Entry<'a> {
    n: u64,
    begun: u64,
    kind: &'static str,
    at: u64,
    took_ms: u64,
    operation: &'static str,
    method: &'a str,
    path: &'a str,
    status: u16,
    errcode: Option<i32>,
    request: Content<'a>,
    reply: Content<'a>,
    verdict: Verdict<'a>,
    fault: Option<&'a str>,
    attempt: Option<u8>,
    problem: Option<ShownProblem>,
    open_kfid: Option<&'a str>,
    customer: Option<&'a str>,
    findings: Vec<&'static str>,
    hint: Option<Hint>,
}

/// A body of a call, or a text of a callback.
#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Body(&'a Body),
    Text(&'a str),
}

/// What the platform's document says about a request.
#[derive(Serialize)]
struct Verdict<'a> {
    ok: bool,
    problems: &'a [String],
}

/// What to do about an errcode.
#[derive(Serialize)]
struct Hint {
    en: &'static str,
    zh: &'static str,
}

impl Hint {
    fn of(call: &Call) -> Option<Self> {
        let code = call.errcode.filter(|code| *code != 0).map(ErrCode)?;
        let [en, zh] = [Lang::En, Lang::Zh].map(|lang| code.remedy_at(call.operation, lang));
        Some(Self { en, zh })
    }
}

/// A row that is still shared with the journal.
pub(crate) struct ShownRow(pub(crate) Arc<Row>);

impl Serialize for ShownRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Call(call) => call.serialize(serializer),
            Self::Callback(delivery) => delivery.serialize(serializer),
        }
    }
}

/// Serializes as the `Entry` of the control API.
impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = Entry {
            n: self.number,
            begun: self.begun,
            kind: "call",
            at: self.at,
            took_ms: millis(self.took),
            operation: self.operation,
            method: &self.method,
            path: &self.path,
            status: self.status,
            errcode: self.errcode,
            request: Content::Body(&self.request),
            reply: Content::Body(&self.reply),
            verdict: Verdict { ok: self.problems.is_empty(), problems: &self.problems },
            fault: self.fault.as_deref(),
            attempt: None,
            problem: None,
            open_kfid: self.open_kfid.as_deref(),
            customer: self.external_userid.as_deref(),
            findings: self.findings.iter().map(|name| name.as_str()).collect(),
            hint: Hint::of(self),
        };
        entry.serialize(serializer)
    }
}

/// Serializes as the `Entry` of the control API.
impl Serialize for Delivery {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = Entry {
            n: self.number,
            begun: self.begun,
            kind: "callback",
            at: self.at,
            took_ms: millis(self.took),
            operation: self.event,
            method: self.carrier.method(),
            path: &self.url,
            status: self.status,
            errcode: None,
            request: Content::Text(&self.request),
            reply: Content::Text(&self.answer),
            verdict: Verdict { ok: true, problems: &[] },
            fault: self.fault.as_deref(),
            attempt: Some(self.attempt),
            problem: self.problem.map(ShownProblem::from),
            open_kfid: self.open_kfid.as_deref(),
            customer: None,
            findings: self.findings.iter().map(|name| name.as_str()).collect(),
            hint: None,
        };
        entry.serialize(serializer)
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
