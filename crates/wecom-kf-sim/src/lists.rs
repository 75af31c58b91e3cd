//! The closed lists of the simulator. codegen makes their content from `spec/simulator`; this file has the types of the rows.

use std::time::Duration;

use serde::Serialize;
use wecom_kf_raw::Lang;

// What `cargo xtask codegen` makes from `spec/simulator`.
#[rustfmt::skip]
#[allow(clippy::doc_markdown, reason = "pages and console show the same texts without backticks")]
mod generated {
    pub(crate) mod assumptions;
    pub(crate) mod faults;
    pub(crate) mod findings;
}

/// Says that the code here follows these rules of WeCom, by their ids in `spec/simulator/assumptions.yaml`. A rule that can be
/// switched off has a variant of [`Assumption`] instead.
macro_rules! rule {
    ($($id:ident),+) => {
        $(const _: &str = $crate::lists::rules::$id;)+
    };
}

pub(crate) use generated::assumptions::{Assumption, RULES, rules};
pub(crate) use generated::faults::{EFFECTS, Effect};
pub use generated::findings::FindingName;

/// A text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Words {
    pub(crate) en: &'static str,
    pub(crate) zh: &'static str,
}

impl Words {
    pub(crate) fn pick(self, lang: Lang) -> &'static str {
        lang.pick(self.en, self.zh)
    }
}

/// How well a rule is known: a `Status` of `control.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// An official page says so.
    Documented,
    /// Others observed it.
    Reported,
    /// It is our reading.
    Assumed,
}

/// A row of `spec/simulator/assumptions.yaml`.
#[derive(Debug)]
pub(crate) struct RuleRow {
    pub(crate) id: &'static str,
    pub(crate) area: &'static str,
    pub(crate) status: Status,
    pub(crate) source: Words,
    pub(crate) rule: Words,
    /// What happens otherwise, if it can be switched off.
    pub(crate) switch: Option<(Assumption, Words)>,
}

/// Returns the rule with this id.
pub(crate) fn rule_named(id: &str) -> Option<&'static RuleRow> {
    RULES.iter().find(|row| row.id == id)
}

/// A row of `spec/simulator/findings.yaml`.
#[derive(Debug)]
pub(crate) struct FindingRow {
    pub(crate) id: &'static str,
    pub(crate) status: Status,
    pub(crate) source: Words,
    pub(crate) title: Words,
    pub(crate) remedy: Words,
}

/// What was seen that shows a mistake, with numbers. There is a function for each proof of `spec/simulator/findings.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) finding: FindingName,
    pub(crate) en: String,
    pub(crate) zh: String,
}

/// A row of `spec/simulator/faults.yaml`.
#[derive(Debug)]
pub(crate) struct EffectRow {
    pub(crate) id: &'static str,
    pub(crate) on: On,
    /// The only operations that it can affect. Empty means any operation.
    pub(crate) operations: &'static [&'static str],
    /// Whether the bot cannot know from what it gets whether the call was done.
    pub(crate) is_reply_lost: bool,
    /// The member of the control API that has its value.
    pub(crate) member: Option<&'static str>,
    pub(crate) make: Make,
}

/// What a fault can affect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Calls,
    Callbacks,
    Both,
}

/// Makes an effect of its value, by the type of the value.
#[derive(Debug)]
pub(crate) enum Make {
    Plain(fn() -> Effect),
    Errcode(fn(i32) -> Effect),
    Status(fn(u16) -> Effect),
    Text(fn(String) -> Effect),
    Header(fn(String) -> Effect),
    Integer { make: fn(i64) -> Effect, default: Option<i64> },
    Duration { make: fn(Duration) -> Effect, default: Option<Duration>, max: Option<Duration> },
}

#[cfg(test)]
mod tests;
