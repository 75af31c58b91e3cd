//! Everything that is wrong with the document, each problem with its place and its remedy.

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

    /// An error that lists them all, if there is one.
    pub fn into_result(self, file: &str) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            1 => bail!("{file} has a problem:\n  - {}", self.0[0]),
            count => bail!("{file} has {count} problems:\n  - {}", self.0.join("\n  - ")),
        }
    }
}
