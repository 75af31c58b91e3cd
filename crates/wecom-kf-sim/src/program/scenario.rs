//! Scenarios: what a file of `play` may say, checked, with the line of each step.

mod file;
mod schema;
mod steps;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use serde_json::{Map, Value};
use wecom_kf_sim::FindingName;
use wecom_kf_text::reader_lang;

pub(super) use schema::schema;
pub(super) use values::shown_fault;

/// How long a step waits for the bot. A busy machine must not fail a scenario.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// One scenario: the people, what happens, and what the bot must do.
pub(super) struct Scenario {
    pub(super) file: PathBuf,
    pub(super) line: u64,
    pub(super) name: String,
    pub(super) accounts: Vec<String>,
    pub(super) servicers: Vec<String>,
    /// By name.
    pub(super) customers: BTreeMap<String, Person>,
    /// Bodies of `PATCH /corp` and `POST /departments`.
    pub(super) corp: Option<Map<String, Value>>,
    pub(super) departments: Vec<Map<String, Value>>,
    pub(super) has_manual_clock: bool,
    pub(super) disabled_assumptions: Vec<String>,
    pub(super) allow: Vec<FindingName>,
    pub(super) within: Duration,
    pub(super) steps: Vec<Step>,
}

/// Where a customer writes to, and the profile: the body of `PATCH /customers/{id}`.
#[derive(Clone, Default)]
pub(super) struct Person {
    /// The name of the account. The first one by default.
    pub(super) account: Option<String>,
    pub(super) profile: Map<String, Value>,
}

pub(super) struct Step {
    pub(super) line: u64,
    pub(super) action: Action,
}

pub(super) enum Action {
    Customer {
        name: String,
        does: CustomerDoes,
    },
    Servicer {
        userid: String,
        does: ServicerDoes,
    },
    BotAnswers {
        to: String,
        expected: Expected,
        within: Option<Duration>,
    },
    BotStaysSilent {
        to: String,
        during: Duration,
    },
    /// Of no id: the bot offers nothing, or has withdrawn it.
    BotOffers {
        to: String,
        id: Option<String>,
        within: Option<Duration>,
    },
    SessionIs {
        of: String,
        session: Session,
        within: Option<Duration>,
    },
    Calls {
        calls: Vec<Counted>,
        within: Option<Duration>,
    },
    /// Bodies of `POST /faults`.
    Fault(Vec<Map<String, Value>>),
    ClearFaults,
    Advance(String),
    Token(TokenEnd),
}

pub(super) enum CustomerDoes {
    /// The body of `POST /customers/{id}/enter`.
    Enters(Map<String, Value>),
    Says(String),
    Sends(Message),
    Taps(Tap),
    /// The text of the message; the newest one without.
    Recalls(Option<String>),
    Rates(String),
    AcceptsOffer,
}

pub(super) enum ServicerDoes {
    Takes(String),
    Says { to: String, text: String },
    Sends { to: String, message: Message },
    Transfers { customer: String, to: String },
    Ends(String),
    Recalls { to: String, text: Option<String> },
    AsksToRate(String),
    Rejects { customer: String, rejecting: bool },
    Receives { receiving: bool, suspended: bool },
}

/// A message of people that is not a plain text.
pub(super) struct Message {
    pub(super) msgtype: String,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// The simulator makes a small file up.
    Sample,
    File(PathBuf),
    Body(Map<String, Value>),
}

pub(super) enum Tap {
    /// What is written on a menu's item, or on a menu link in a text.
    Label(String),
    Id {
        id: String,
        content: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenEnd {
    Expires,
    IsRevoked,
}

pub(super) enum Session {
    State(u8),
    With(String),
}

/// How often the bot must have called an operation since the scenario began.
pub(super) struct Counted {
    pub(super) operation: String,
    pub(super) count: usize,
    pub(super) errcode: Option<i64>,
}

/// What the bot's next message must be. All that is given must fit.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) text: Option<String>,
    pub(super) contains: Vec<String>,
    pub(super) matches: Option<Regex>,
    pub(super) menu: Option<Vec<String>>,
    pub(super) kind: Option<String>,
    pub(super) body: Map<String, Value>,
}

/// What is wrong with a file, and where.
#[derive(Debug)]
pub(super) struct ScenarioError {
    file: PathBuf,
    /// Line and column, from 1.
    place: Option<(u64, u64)>,
    problem: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl Scenario {
    /// Reads the scenarios of a file, one for each YAML document.
    pub(super) fn read(path: &Path) -> Result<Vec<Self>, ScenarioError> {
        let error = |problem| ScenarioError { file: path.to_owned(), place: None, problem };
        let text = std::fs::read_to_string(path).map_err(|cause| error(format!("cannot read the file: {cause}")))?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &str) -> Result<Vec<Self>, ScenarioError> {
        let scenarios = file::documents(text).and_then(|documents| {
            let names = names(path, documents.len());
            documents.into_iter().zip(names).map(|(document, name)| steps::scenario(path, document, name)).collect()
        });
        let scenarios: Vec<_> = scenarios.map_err(|file::Flaw { place, problem }| ScenarioError {
            file: path.to_owned(),
            place,
            problem,
        })?;
        if scenarios.is_empty() {
            let problem = reader_lang()
                .pick("the file has no scenario: it needs at least `steps:`", "文件中没有剧本：至少要有 `steps:`");
            let problem = problem.to_owned();
            return Err(ScenarioError { file: path.to_owned(), place: None, problem });
        }
        Ok(scenarios)
    }
}

/// The names of scenarios that do not name themselves: the file's, with a number if there are several.
fn names(path: &Path, count: usize) -> impl Iterator<Item = String> {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    (1..=count).map(move |number| if count == 1 { stem.clone() } else { format!("{stem} {number}") })
}
