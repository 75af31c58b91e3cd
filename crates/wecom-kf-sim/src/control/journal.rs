//! Control API: the journal of calls and the report of findings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::Answer;
use super::body::{Problem, Segments};
use super::query::Query;
use crate::world::World;
use crate::world::finding::FindingName;
use crate::world::journal::Row;

const LIMIT: usize = 500;
const MAX_LIMIT: usize = 10_000;

pub(super) async fn report(State(world): State<Arc<World>>) -> Answer {
    let report = world.report();
    Ok(Json(json!({
        "clean": report.is_clean(),
        "calls": report.calls,
        "callbacks": report.callbacks,
        "findings": report.findings.iter().map(|finding| finding.show()).collect::<Vec<_>>(),
    })))
}

pub(super) async fn journal_entry(State(world): State<Arc<World>>, Segments(n): Segments<u64>) -> Answer {
    let row = world.journal().find(n).cloned();
    row.map(|row| Json(row.show())).ok_or_else(|| Problem::not_found(format!("row {n} is not in the journal")))
}

pub(super) async fn journal(State(world): State<Arc<World>>, query: Query) -> Answer {
    let filter = Arc::new(Filter::of(&query)?);
    let count = query.count("count")?.unwrap_or(1);
    let deadline = Instant::now() + query.wait()?.unwrap_or(Duration::ZERO);
    loop {
        // Made before looking: it hears what is recorded in between.
        let recorded = world.recorded.notified();
        let selected = select(&world, &filter).await;
        let is_complete = selected.found >= count || query.text("wait").is_none();
        if is_complete || timeout_at(deadline, recorded).await.is_err() {
            let Selected { entries, found, last } = selected;
            return Ok(Json(json!({ "entries": entries, "found": found, "last": last, "complete": is_complete })));
        }
    }
}

/// The newest rows that match, how many match in all, and the number of the newest row of all.
#[derive(Default)]
struct Selected {
    entries: Vec<Value>,
    found: usize,
    last: u64,
}

/// Selects the rows. A search reads up to 64 MiB, so it runs on a thread where it blocks no call.
async fn select(world: &Arc<World>, filter: &Arc<Filter>) -> Selected {
    if filter.words.is_empty() {
        return filter.select(world);
    }
    let (world, filter) = (world.clone(), filter.clone());
    spawn_blocking(move || filter.select(&world)).await.unwrap_or_default()
}

/// Which rows are asked for.
struct Filter {
    kind: Option<String>,
    op: Option<String>,
    errcode: Option<i32>,
    customer: Option<String>,
    involves: Option<String>,
    finding: Option<FindingName>,
    is_trouble: bool,
    /// In lower case.
    words: Vec<String>,
    after: u64,
    before: u64,
    limit: usize,
}

const PARAMETERS: [&str; 12] =
    ["kind", "op", "errcode", "customer", "involves", "finding", "trouble", "q", "after", "before", "count", "limit"];

impl Filter {
    fn of(query: &Query) -> Result<Self, Problem> {
        query.allows(&[&PARAMETERS[..], &["wait"]].concat())?;
        let text = |name| query.text(name).map(str::to_owned);
        let kind = text("kind");
        if kind.as_deref().is_some_and(|kind| !matches!(kind, "call" | "callback")) {
            return Err(Problem::bad_request("`kind` must be call or callback"));
        }
        let finding = query.text("finding").map(|name| {
            let known = FindingName::from_name(name);
            known.ok_or_else(|| Problem::bad_request(format!("there is no finding `{name}`")))
        });
        let is_trouble = match query.text("trouble") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Problem::bad_request("`trouble` must be true or false")),
        };
        let limit = query.count("limit")?.unwrap_or(LIMIT);
        if limit > MAX_LIMIT {
            return Err(Problem::bad_request("`limit` must be at most 10000"));
        }
        Ok(Self {
            kind,
            op: text("op"),
            errcode: query.number("errcode")?,
            customer: text("customer"),
            involves: text("involves"),
            finding: finding.transpose()?,
            is_trouble,
            words: query.text("q").unwrap_or_default().split_whitespace().map(str::to_lowercase).collect(),
            after: query.number("after")?.unwrap_or(0),
            before: query.number("before")?.unwrap_or(u64::MAX),
            limit,
        })
    }

    fn select(&self, world: &World) -> Selected {
        // Cloned, so that the journal is not locked during a search.
        let (rows, last): (Vec<_>, u64) = {
            let journal = world.journal();
            let rows = journal.after(self.after).take_while(|row| row.number() < self.before);
            (rows.filter(|row| self.matches(row)).cloned().collect(), journal.last())
        };
        let names = || world.read(|platform, _| platform.customer_names());
        let rows = if self.words.is_empty() { rows } else { self.search(rows, &names()) };
        let newest = rows.len().saturating_sub(self.limit);
        Selected { entries: rows.iter().skip(newest).map(|row| row.show()).collect(), found: rows.len(), last }
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
            && self.involves.as_deref().is_none_or(|wanted| row.customers().any(|customer| customer == wanted))
            && self.finding.is_none_or(|wanted| findings.contains(&wanted))
            && (!self.is_trouble || row.is_trouble())
    }

    /// Returns the rows that contain all words.
    fn search(&self, mut rows: Vec<Arc<Row>>, names: &HashMap<String, String>) -> Vec<Arc<Row>> {
        rows.retain(|row| {
            let mut text = row.text();
            row.customers().filter_map(|customer| names.get(customer)).for_each(|name| {
                text.push(' ');
                text.push_str(name);
            });
            let (text, number) = (text.to_lowercase(), format!("#{}", row.number()));
            self.words.iter().all(|word| *word == number || text.contains(word.as_str()))
        });
        rows
    }
}
