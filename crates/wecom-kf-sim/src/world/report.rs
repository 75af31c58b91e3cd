//! The report of what a bot does wrong, and the assertion on it.

use std::fmt;

use crate::world::finding::{Finding, FindingName};

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
}

/// A table: finding, how often, where, proof, and what to do.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return write!(f, "nothing found in {} calls and {} callbacks", self.calls, self.callbacks);
        }
        writeln!(f, "{} found in {} calls and {} callbacks:", self.findings.len(), self.calls, self.callbacks)?;
        for finding in &self.findings {
            let entries: Vec<_> = finding.entries.iter().map(|number| format!("#{number}")).collect();
            let place: Vec<_> = [&finding.open_kfid, &finding.external_userid].into_iter().flatten().cloned().collect();
            let name = finding.name;
            writeln!(f, "  {name:<19} {:>4} x  {}  {}", finding.count, finding.proof, entries.join(" "))?;
            if !place.is_empty() {
                writeln!(f, "  {:<19} at:     {}", "", place.join(" "))?;
            }
            writeln!(f, "  {:<19} do:     {} [{}]", "", name.remedy(), name.source())?;
        }
        Ok(())
    }
}
