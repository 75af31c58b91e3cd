//! The report of what a bot does wrong, and the assertion on it.

use std::fmt;

use serde::{Serialize, Serializer};
use wecom_kf_raw::Lang;
use wecom_kf_text::reader_lang;

use crate::world::finding::{Finding, FindingName, ShownFinding};

/// What is wrong with the bot, as far as it was seen: see [`Simulator::report`](crate::Simulator::report).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// What was found, oldest first.
    pub findings: Vec<Finding>,
    /// How many calls came.
    pub calls: usize,
    /// How many callbacks were sent, each attempt counted.
    pub callbacks: usize,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// The same without what a test provokes on purpose, or accepts.
    #[must_use]
    pub fn allowing(mut self, names: &[FindingName]) -> Self {
        self.findings.retain(|finding| !names.contains(&finding.name));
        self
    }

    /// # Panics
    ///
    /// Something was found. The panic's text is the report as a table.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }

    /// Returns the report in one language, as a table: finding, how often, proof, where, and what to do.
    pub fn in_lang(&self, lang: Lang) -> String {
        let Self { findings, calls, callbacks } = self;
        if self.is_clean() {
            return lang.pick(
                format!("nothing found in {calls} calls and {callbacks} callbacks"),
                format!("{calls} 次调用、{callbacks} 次回调，没有发现问题"),
            );
        }
        let count = findings.len();
        let mut text = lang.pick(
            format!("{count} found in {calls} calls and {callbacks} callbacks:\n"),
            format!("{calls} 次调用、{callbacks} 次回调，发现 {count} 个问题：\n"),
        );
        findings.iter().for_each(|finding| text.push_str(&lines(finding, lang)));
        text
    }
}

/// Serializes as the `Report` of the control API.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown {
            clean: bool,
            calls: usize,
            callbacks: usize,
            findings: Vec<ShownFinding>,
        }
        let findings = self.findings.iter().map(Finding::show).collect();
        Shown { clean: self.is_clean(), calls: self.calls, callbacks: self.callbacks, findings }.serialize(serializer)
    }
}

fn lines(finding: &Finding, lang: Lang) -> String {
    let entries: Vec<_> = finding.entries.iter().map(|number| format!("#{number}")).collect();
    let place: Vec<_> = [&finding.open_kfid, &finding.external_userid].into_iter().flatten().cloned().collect();
    let (name, count) = (finding.name, finding.count);
    let mut text = format!("  {name:<19} {count:>4} x  {}  {}\n", finding.proof(lang), entries.join(" "));
    if !place.is_empty() {
        text.push_str(&format!("  {:<19} {}{}\n", "", lang.pick("at:     ", "位置：  "), place.join(" ")));
    }
    let (what, remedy, source) = (lang.pick("do:     ", "做法：  "), name.remedy(lang), name.source(lang));
    text.push_str(&format!("  {:<19} {what}{remedy} [{source}]\n", ""));
    text
}

/// Prints the report in the language of the reader: see [`Report::in_lang`].
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(reader_lang()))
    }
}
