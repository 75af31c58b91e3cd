//! Control API: the journal of calls and the report of findings.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio::task::spawn_blocking;
use wecom_kf_raw::op;

use super::Answer;
use super::body::{Problem, Segments};
use super::place::account_of;
use super::query::Query;
use crate::world::World;
use crate::world::entry::ShownRow;
use crate::world::finding::FindingName;
use crate::world::input::InvalidInput;
use crate::world::journal::Row;
use crate::world::report::Report;

const LIMIT: usize = 500;
const MAX_LIMIT: usize = 10_000;

pub(super) async fn report(State(world): State<Arc<World>>, query: Query) -> Answer<Report> {
    let names = query.text("allow").unwrap_or_default().split(',').filter(|name| !name.is_empty());
    let allowed = names.map(finding_name).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(world.report().allowing(&allowed)))
}

fn finding_name(name: &str) -> Result<FindingName, Problem> {
    let known = FindingName::ALL.map(FindingName::as_str);
    FindingName::from_name(name).ok_or_else(|| InvalidInput::no_such("finding", name, &known).into())
}

/// `Journal` of `control.yaml`.
#[derive(Serialize)]
pub(super) struct Rows {
    entries: Vec<ShownRow>,
    found: usize,
    last: u64,
    complete: Option<bool>,
}

pub(super) async fn journal_entry(State(world): State<Arc<World>>, Segments(n): Segments<u64>) -> Answer<ShownRow> {
    let row = world.journal().find(n).cloned();
    row.map(|row| Json(ShownRow(row))).ok_or_else(|| Problem::not_found(format!("row {n} is not in the journal")))
}

pub(super) async fn journal(State(world): State<Arc<World>>, query: Query) -> Answer<Rows> {
    let filter = Arc::new(Filter::of(&query)?);
    filter.check_customers(&world)?;
    let look = || async {
        let selected = select(&world, &filter).await;
        (selected.found, selected)
    };
    let (Selected { entries, found, last }, complete) = query.wait()?.until(&world, look).await;
    Ok(Json(Rows { entries, found, last, complete }))
}

/// The newest rows that match, how many match in all, and the number of the newest row of all.
#[derive(Default)]
struct Selected {
    entries: Vec<ShownRow>,
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

/// What rows have as `operation` besides the operations: unknown paths, and the events of callbacks.
const OTHER_OPERATIONS: [&str; 4] = ["unknown_path", "kf_msg_or_event", "kf_account_auth_change", "verify_url"];

impl Filter {
    fn of(query: &Query) -> Result<Self, Problem> {
        let text = |name| query.text(name).map(str::to_owned);
        let operations: Vec<_> = op::ALL.iter().map(|operation| operation.id).chain(OTHER_OPERATIONS).collect();
        let findings = FindingName::ALL.map(FindingName::as_str);
        let limit = query.count("limit")?.unwrap_or(LIMIT);
        if limit > MAX_LIMIT {
            return Err(Problem::bad_request("`limit` must be at most 10000"));
        }
        Ok(Self {
            kind: query.name("kind", "kind of row", &["call", "callback"])?.map(str::to_owned),
            op: query.name("op", "operation", &operations)?.map(str::to_owned),
            errcode: query.number("errcode")?,
            customer: text("customer"),
            involves: text("involves"),
            finding: query.name("finding", "finding", &findings)?.and_then(FindingName::from_name),
            is_trouble: query.flag("trouble")?,
            words: query.text("q").unwrap_or_default().split_whitespace().map(str::to_lowercase).collect(),
            after: query.number("after")?.unwrap_or(0),
            before: query.number("before")?.unwrap_or(u64::MAX),
            limit,
        })
    }

    /// Refuses the id of a customer who does not exist: no row would ever match.
    fn check_customers(&self, world: &World) -> Result<(), Problem> {
        let mut named = [&self.customer, &self.involves].into_iter().flatten();
        world.read(|platform, _| named.try_for_each(|id| account_of(platform, id).map(drop)))
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
        let found = rows.len();
        let mut newest = rows.into_iter().skip(found.saturating_sub(self.limit)).collect::<Vec<_>>();
        newest.sort_by_key(|row| row.begun());
        Selected { entries: newest.into_iter().map(ShownRow).collect(), found, last }
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
            && self.involves.as_deref().is_none_or(|wanted| row.involves(wanted))
            && self.finding.is_none_or(|wanted| findings.contains(&wanted))
            && (!self.is_trouble || row.is_trouble())
    }

    /// Returns the rows that contain all words.
    fn search(&self, mut rows: Vec<Arc<Row>>, names: &HashMap<String, String>) -> Vec<Arc<Row>> {
        rows.retain(|row| {
            let mut text = row.text();
            row.customers().iter().filter_map(|customer| names.get(customer)).for_each(|name| {
                text.push(' ');
                text.push_str(name);
            });
            let (text, number) = (text.to_lowercase(), format!("#{}", row.number()));
            self.words.iter().all(|word| *word == number || text.contains(word.as_str()))
        });
        rows
    }
}
