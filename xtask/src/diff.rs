//! `cargo xtask diff <git ref>`: lists what changed in the documents since that commit, and what it means for users.
//!
//! The old documents are read as JSON trees, because they need not satisfy today's checks.

mod changes;
mod document;
mod errcodes;
mod schema;
#[cfg(test)]
mod tests;
mod version;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::document::read_yaml;
use changes::Changes;
use document::Role;

const DOCUMENT: &str = "spec/wecom-kf.yaml";
const ERRCODES: &str = "spec/errcodes.yaml";
const CALLBACK: &str = "spec/wecom-kf-callback.yaml";
const CHINESE: &str = "spec/zh-CN.yaml";

/// The documents of one commit or of the working tree.
struct Documents {
    document: Value,
    errcodes: Value,
    /// The callback document and the Chinese texts are `None` in commits from before these files were added.
    callback: Option<Value>,
    chinese: Option<Value>,
}

/// The result of a comparison, as text for people.
pub struct Report {
    pub text: String,
    pub is_breaking: bool,
}

/// Compares the documents of the commit `reference` with those below `root`.
pub fn diff(root: &Path, reference: &str) -> Result<Report> {
    let commit = commit(root, reference)?;
    let old = Documents::of_commit(root, reference, &commit)?;
    let new = Documents::of_working_tree(root)?;
    let (body, is_breaking) = report(&old, &new);
    let short = commit.get(..10).unwrap_or(&commit);
    Ok(Report { text: format!("The documents in spec/ compared with {reference} ({short}).\n\n{body}"), is_breaking })
}

fn report(old: &Documents, new: &Documents) -> (String, bool) {
    let mut changes = Changes::default();
    let mut advice = compare_document(DOCUMENT, &old.document, &new.document, &mut changes);
    compare(ERRCODES, &old.errcodes, &new.errcodes, &mut changes);
    match (&old.callback, &new.callback) {
        (Some(old), Some(new)) => {
            advice.push('\n');
            advice.push_str(&compare_document(CALLBACK, old, new, &mut changes));
        }
        (None, Some(_)) => changes.compatible(CALLBACK, "this document is new"),
        (Some(_), None) => changes.breaking(CALLBACK, "this document was removed"),
        (None, None) => {}
    }
    compare_chinese(old.chinese.as_ref(), new.chinese.as_ref(), &mut changes);
    let body = match changes.is_empty() {
        true => "nothing changed\n\nComments and the order of keys are not compared.".to_owned(),
        false => changes.to_string(),
    };
    (format!("{body}\n{advice}"), changes.has_breaking())
}

/// Compares an OpenAPI document, and returns advice on its version. The list of errcodes has no version.
fn compare_document(name: &str, old: &Value, new: &Value, changes: &mut Changes) -> String {
    let before = changes.len();
    compare(name, old, new, changes);
    format!("{name}: {}", version::advice(changes.worst_since(before), old, new))
}

/// Compares one document. A difference that no rule recognises is reported too.
fn compare(name: &str, old: &Value, new: &Value, changes: &mut Changes) {
    let before = changes.len();
    match name {
        ERRCODES => errcodes::compare(old, new, changes),
        CALLBACK => document::compare(old, new, Role::Server, changes),
        _ => document::compare(old, new, Role::Client, changes),
    }
    if changes.len() == before && without_version(old) != without_version(new) {
        changes.words(name, "the content is written in another way, such as in another order");
    }
}

/// Compares the Chinese texts whose English text did not change.
fn compare_chinese(old: Option<&Value>, new: Option<&Value>, changes: &mut Changes) {
    let by_english = |rows: Option<&Value>| -> BTreeMap<String, Value> {
        let rows = rows.and_then(Value::as_array).into_iter().flatten();
        rows.map(|row| (schema::shown(&row["en"]), row["zh"].clone())).collect()
    };
    let old = by_english(old);
    for (english, text) in by_english(new) {
        if old.get(&english).is_some_and(|old| *old != text) {
            changes.words(&*format!("{english:?}"), "Chinese text changed");
        }
    }
}

fn without_version(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(version) = document.pointer_mut("/info/version") {
        version.take();
    }
    document
}

impl Documents {
    fn of_commit(root: &Path, reference: &str, commit: &str) -> Result<Self> {
        let read = |path: &str| -> Result<Option<Value>> {
            let exists = git(root, &["cat-file", "-e", &format!("{commit}:{path}")])?.status.success();
            if !exists {
                return Ok(None);
            }
            let shown = git(root, &["show", &format!("{commit}:{path}")])?;
            ensure!(shown.status.success(), "git show {reference}:{path} failed: {}", stderr(&shown));
            let text = String::from_utf8(shown.stdout).with_context(|| format!("{reference}:{path} is not UTF-8"))?;
            read_yaml(&text, &format!("{reference}:{path}")).map(Some)
        };
        let required = |path: &str| {
            read(path)?.with_context(|| {
                format!("{reference} has no {path}; compare with a commit that has the documents in spec/")
            })
        };
        Ok(Self {
            document: required(DOCUMENT)?,
            errcodes: required(ERRCODES)?,
            callback: read(CALLBACK)?,
            chinese: read(CHINESE)?,
        })
    }

    fn of_working_tree(root: &Path) -> Result<Self> {
        let read = |path: &str| -> Result<Value> {
            let text = fs::read_to_string(root.join(path)).with_context(|| format!("reading {path}"))?;
            read_yaml(&text, path)
        };
        let optional = |path: &str| root.join(path).exists().then(|| read(path)).transpose();
        Ok(Self {
            document: read(DOCUMENT)?,
            errcodes: read(ERRCODES)?,
            callback: optional(CALLBACK)?,
            chinese: optional(CHINESE)?,
        })
    }
}

/// Returns the full id of the commit that `reference` names.
fn commit(root: &Path, reference: &str) -> Result<String> {
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{reference}^{{commit}}")];
    let found = git(root, &arguments)?;
    if !found.status.success() {
        bail!(
            "git knows no commit {reference:?}; check the name, and in a shallow clone fetch more of the history with `git fetch --unshallow`"
        );
    }
    Ok(String::from_utf8_lossy(&found.stdout).trim().to_owned())
}

fn git(root: &Path, arguments: &[&str]) -> Result<std::process::Output> {
    Command::new("git").arg("-C").arg(root).args(arguments).output().context("running git; is it installed?")
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
