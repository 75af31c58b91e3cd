//! The journal of calls: bounded, with tokens and secrets masked.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use wecom_kf_raw::op;

use crate::world::body::Body;
use crate::world::carrier::Carrier;
use crate::world::delivery_problem::DeliveryProblem;
use crate::world::finding::FindingName;

/// The journal keeps this many rows, the newest, and less if they are large.
const KEPT_ROWS: usize = 10_000;
/// All rows together may have about so many bytes.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

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
    pub(crate) request: Body,
    pub(crate) reply: Body,
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

    /// Returns its place in the order in which calls and callbacks began.
    pub(crate) fn begun(&self) -> u64 {
        match self {
            Self::Call(call) => call.begun,
            Self::Callback(delivery) => delivery.begun,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Call(call) => call.request.size() + call.reply.size(),
            Self::Callback(delivery) => 3 * delivery.request.len() + delivery.answer.len(),
        }
    }

    /// Returns the customers it is about, including those of a page's messages. A customer may occur more than once.
    pub(crate) fn customers(&self) -> Vec<String> {
        let Self::Call(call) = self else { return Vec::new() };
        // Only pages are read: parsing every reply would take long.
        let page = if call.operation == op::SYNC_MSG.id { call.reply.value() } else { Value::Null };
        let page = page["msg_list"].as_array().into_iter().flatten().filter_map(|message| {
            let holder = if message["external_userid"].is_string() { message } else { &message["event"] };
            holder["external_userid"].as_str()
        });
        call.external_userid.as_deref().into_iter().chain(page).map(str::to_owned).collect()
    }

    /// Returns whether a customer is among [`customers`](Self::customers).
    pub(crate) fn involves(&self, customer: &str) -> bool {
        let Self::Call(call) = self else { return false };
        let may_be_in_page = || call.reply.searchable().contains(customer);
        call.external_userid.as_deref() == Some(customer)
            || (may_be_in_page() && self.customers().iter().any(|known| known == customer))
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
                    [&call.request, &call.reply].map(Body::searchable),
                )
            }
            Self::Callback(delivery) => {
                let problem = delivery.problem.map(|problem| problem.searchable());
                let parts = [
                    Some(delivery.event),
                    Some(&*delivery.url),
                    problem.as_deref(),
                    delivery.fault.as_deref(),
                    delivery.open_kfid.as_deref(),
                ];
                let parts: Vec<_> = parts.into_iter().flatten().collect();
                let texts = [&*delivery.request, &*delivery.answer];
                (format!("callback HTTP {} {}", delivery.status, parts.join(" ")), &delivery.findings, texts)
            }
        };
        let findings: Vec<_> = findings.iter().map(|name| name.as_str()).collect();
        format!("{parts} {} {request} {reply}", findings.join(" "))
    }
}

impl Call {
    /// Returns the body; of `GET` the query without secrets; a text if it was not JSON, or large; null if there was none.
    ///
    /// The journal keeps texts, so each call parses it.
    pub fn request(&self) -> Value {
        self.request.value()
    }

    /// Returns what was answered, or would have been; a text if it was not JSON, or large; null if nothing was.
    ///
    /// The journal keeps texts, so each call parses it.
    pub fn reply(&self) -> Value {
        self.reply.value()
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
    /// An empty one, whose first row has the number after `last`.
    pub(crate) fn after_row(last: u64) -> Self {
        Self { last, ..Self::default() }
    }

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

    fn rows(&self) -> impl DoubleEndedIterator<Item = &Arc<Row>> {
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

    /// Returns the calls in the order in which they began.
    pub(crate) fn calls(&self) -> Vec<&Call> {
        let calls = self.rows().filter_map(|row| if let Row::Call(call) = &**row { Some(call) } else { None });
        let mut calls: Vec<_> = calls.collect();
        calls.sort_by_key(|call| call.begun);
        calls
    }

    /// Returns the attempts to deliver callbacks in the order in which they began.
    pub(crate) fn deliveries(&self) -> Vec<&Delivery> {
        let rows = self.rows();
        let deliveries =
            rows.filter_map(|row| if let Row::Callback(delivery) = &**row { Some(delivery) } else { None });
        let mut deliveries: Vec<_> = deliveries.collect();
        deliveries.sort_by_key(|delivery| delivery.begun);
        deliveries
    }
}
