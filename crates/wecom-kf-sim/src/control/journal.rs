//! Control API: the journal of calls and the report of findings.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::Answer;
use super::body::{Problem, Segments};
use super::query::Query;
use crate::finding::FindingName;
use crate::journal::Row;
use crate::shared::Shared;

const LIMIT: usize = 500;
const MAX_LIMIT: usize = 10_000;

pub(super) async fn report(State(shared): State<Arc<Shared>>) -> Answer {
    let report = shared.report();
    Ok(Json(json!({
        "clean": report.is_clean(),
        "calls": report.calls,
        "callbacks": report.callbacks,
        "findings": report.findings.iter().map(|finding| finding.show()).collect::<Vec<_>>(),
    })))
}

pub(super) async fn journal_entry(State(shared): State<Arc<Shared>>, Segments(n): Segments<u64>) -> Answer {
    let row = shared.journal().find(n).cloned();
    row.map(|row| Json(row.show())).ok_or_else(|| Problem::not_found(format!("row {n} is not in the journal")))
}

pub(super) async fn journal(State(shared): State<Arc<Shared>>, query: Query) -> Answer {
    let filter = Filter::of(&query)?;
    let count = query.count("count")?.unwrap_or(1);
    let deadline = Instant::now() + query.wait()?.unwrap_or(Duration::ZERO);
    loop {
        // Made before looking: it hears what is recorded in between.
        let recorded = shared.recorded.notified();
        let (entries, found, last) = filter.select(&shared);
        let is_complete = found >= count || query.text("wait").is_none();
        if is_complete || timeout_at(deadline, recorded).await.is_err() {
            return Ok(Json(json!({ "entries": entries, "last": last, "complete": is_complete })));
        }
    }
}

/// Which rows are asked for.
struct Filter {
    kind: Option<String>,
    op: Option<String>,
    errcode: Option<i32>,
    customer: Option<String>,
    finding: Option<FindingName>,
    after: u64,
    limit: usize,
}

impl Filter {
    fn of(query: &Query) -> Result<Self, Problem> {
        query.allows(&["kind", "op", "errcode", "customer", "finding", "after", "count", "limit", "wait"])?;
        let text = |name| query.text(name).map(str::to_owned);
        let kind = text("kind");
        if kind.as_deref().is_some_and(|kind| !matches!(kind, "call" | "callback")) {
            return Err(Problem::bad_request("`kind` must be call or callback"));
        }
        let finding = query.text("finding").map(|name| {
            let known = FindingName::from_name(name);
            known.ok_or_else(|| Problem::bad_request(format!("there is no finding `{name}`")))
        });
        let limit = query.count("limit")?.unwrap_or(LIMIT);
        if limit > MAX_LIMIT {
            return Err(Problem::bad_request("`limit` must be at most 10000"));
        }
        Ok(Self {
            kind,
            op: text("op"),
            errcode: query.number("errcode")?,
            customer: text("customer"),
            finding: finding.transpose()?,
            after: query.number("after")?.unwrap_or(0),
            limit,
        })
    }

    /// The newest rows that match, how many match in all, and the number of the newest row of all.
    fn select(&self, shared: &Shared) -> (Vec<Value>, usize, u64) {
        let (rows, last): (Vec<_>, u64) = {
            let journal = shared.journal();
            (journal.after(self.after).filter(|row| self.matches(row)).cloned().collect(), journal.last())
        };
        let newest = rows.len().saturating_sub(self.limit);
        (rows.iter().skip(newest).map(|row| row.show()).collect(), rows.len(), last)
    }

    fn matches(&self, row: &Row) -> bool {
        let (kind, op, errcode, customer, findings) = match row {
            Row::Call(call) => ("call", call.operation, call.errcode, call.external_userid.as_deref(), &call.findings),
            Row::Callback(delivery) => ("callback", delivery.event, None, None, &delivery.findings),
        };
        self.kind.as_deref().is_none_or(|wanted| wanted == kind)
            && self.op.as_deref().is_none_or(|wanted| wanted == op)
            && self.errcode.is_none_or(|wanted| Some(wanted) == errcode)
            && self.customer.as_deref().is_none_or(|wanted| Some(wanted) == customer)
            && self.finding.is_none_or(|wanted| findings.contains(&wanted))
    }
}
