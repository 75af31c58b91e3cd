//! Generates the clients of the simulator's control API, in Python and TypeScript. A document with a keyword that the
//! generator does not know is refused.

mod model;
mod python;
mod read;
mod typescript;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;

pub const FILE: &str = "crates/wecom-kf-sim/control.yaml";
const PYTHON: &str = "crates/wecom-kf-sim/python/wecom_kf_sim/control.py";
const JAVASCRIPT: &str = "crates/wecom-kf-sim/node/control.js";
const TYPES: &str = "crates/wecom-kf-sim/node/control.d.ts";

/// The longest line of a comment in a generated client.
const MAX_COMMENT_CHARS: usize = 100;

/// Returns the text of each generated client, by its path. `header` is the first line of each, without the comment mark.
pub fn clients(document: &str, header: &str) -> Result<BTreeMap<PathBuf, String>> {
    let api = read::api(document)?;
    Ok(BTreeMap::from([
        (PYTHON.into(), format!("# {header}\n{}", python::render(&api))),
        (JAVASCRIPT.into(), format!("// {header}\n{}", typescript::javascript(&api))),
        (TYPES.into(), format!("// {header}\n{}", typescript::types(&api))),
    ]))
}

/// Returns the documentation of the class of each client.
fn class_doc(api: &model::Api) -> String {
    format!("The operations of the control API, for one corp. A stream is not among them: {}.", api.streams.join(", "))
}

/// Breaks a text at spaces into lines of at most [`MAX_COMMENT_CHARS`] characters. Line breaks in the text are kept.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.trim().lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > MAX_COMMENT_CHARS {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests;
