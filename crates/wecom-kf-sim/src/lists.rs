//! The closed lists of the simulator. codegen makes their content from `spec/simulator`; this file has the types of the rows.

use serde::Serialize;
use wecom_kf_raw::Lang;

// What `cargo xtask codegen` makes from `spec/simulator`.
#[rustfmt::skip]
mod generated {
    pub(crate) mod findings;
}

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

#[cfg(test)]
mod tests;
