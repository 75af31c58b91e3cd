//! Collects the problems of a document, so that all are reported at once. Each has a place, a reason and a remedy.

use std::fmt::Display;

use anyhow::{Result, bail};

#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    pub fn add(&mut self, place: &str, what: impl Display) {
        self.0.push(format!("{place}: {what}"));
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns an error that lists all problems, or `Ok` if there are none.
    pub fn into_result(self, file: &str) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => bail!("{file} has a problem:\n  - {}", self.0[0]),
            count => bail!("{file} has {count} problems:\n  - {}", self.0.join("\n  - ")),
        }
    }
}
