//! Mistakes that bots make: what a finding is. Their texts are in `spec/simulator/findings.yaml`; `detect` finds them.

mod detect;

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;
use wecom_kf_raw::{Lang, Operation};

pub(crate) use self::detect::Findings;
pub use crate::lists::FindingName;
pub(crate) use crate::lists::Proof;
use crate::lists::{FindingRow, Status, Words};
use crate::platform::Facts;
use crate::platform::reply::Content;

impl FindingName {
    /// Returns the name in journal, report and control API, such as `has_more_ignored`.
    pub fn as_str(self) -> &'static str {
        self.row().id
    }

    /// Returns the finding with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.as_str() == name)
    }

    /// Returns what is wrong.
    pub fn title(self, lang: Lang) -> &'static str {
        self.row().title.pick(lang)
    }

    /// Returns what to do.
    pub fn remedy(self, lang: Lang) -> &'static str {
        self.row().remedy.pick(lang)
    }

    /// Returns where the rule is from.
    pub fn source(self, lang: Lang) -> &'static str {
        self.row().source.pick(lang)
    }
}

impl fmt::Display for FindingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A mistake of the bot's. What is found again at the same account and customer is one finding with a count.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub name: FindingName,
    /// How often it was found.
    pub count: usize,
    /// At which account.
    pub open_kfid: Option<String>,
    /// With which customer.
    pub external_userid: Option<String>,
    /// The numbers of the journal's rows that show it, the newest ten.
    pub entries: Vec<u64>,
    /// When it was found last, in Unix seconds of the simulator's clock.
    pub at: u64,
    proof: Proof,
    id: usize,
}

impl Finding {
    /// Returns what was seen, with numbers.
    pub fn proof(&self, lang: Lang) -> &str {
        lang.pick(&self.proof.en, &self.proof.zh)
    }

    /// A `Finding` of `control.yaml`.
    pub(crate) fn show(&self) -> ShownFinding {
        let FindingRow { id, status, source, title, remedy } = *self.name.row();
        ShownFinding {
            id: self.id,
            name: id,
            count: self.count,
            open_kfid: self.open_kfid.clone(),
            customer: self.external_userid.clone(),
            entries: self.entries.clone(),
            at: self.at,
            title,
            proof: ShownProof { en: self.proof.en.clone(), zh: self.proof.zh.clone() },
            remedy,
            source,
            status,
        }
    }

    fn is_at(&self, place: Place<'_>) -> bool {
        self.open_kfid.as_deref() == place.open_kfid && self.external_userid.as_deref() == place.external_userid
    }
}

/// A `Finding` of `control.yaml`.
#[derive(Debug, Serialize)]
pub(crate) struct ShownFinding {
    id: usize,
    name: &'static str,
    count: usize,
    open_kfid: Option<String>,
    customer: Option<String>,
    entries: Vec<u64>,
    at: u64,
    title: Words,
    proof: ShownProof,
    remedy: Words,
    source: Words,
    status: Status,
}

#[derive(Debug, Serialize)]
struct ShownProof {
    en: String,
    zh: String,
}

/// Where something was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) open_kfid: Option<&'a str>,
    pub(crate) external_userid: Option<&'a str>,
}

/// A call that is done, as the search for mistakes needs it.
pub(crate) struct Seen<'a> {
    pub(crate) row: u64,
    pub(crate) at: Duration,
    pub(crate) came: Instant,
    pub(crate) operation: Operation,
    pub(crate) request: &'a Value,
    pub(crate) reply: &'a Content,
    pub(crate) errcode: Option<i32>,
    pub(crate) answer: Answer,
    pub(crate) place: Place<'a>,
    pub(crate) facts: &'a Facts,
    pub(crate) unknown_fields: &'a [String],
}

/// Whether the bot got the platform's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Arrived,
    /// A fault came between: what was done the bot cannot know.
    Unknown,
}
