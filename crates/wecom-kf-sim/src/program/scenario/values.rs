//! Scenarios: reads single values of a file, such as names from closed lists, durations and what the bot must answer.

use std::time::Duration;

use regex::Regex;
use serde_json::{Map, Value, json};
use serde_saphyr::{Location, Spanned};
use wecom_kf_sim::{FindingName, duration, op};

use super::Expected;
use super::file::{self, Flaw, TextOr};

pub(super) fn finding(name: Spanned<String>) -> Result<FindingName, Flaw> {
    FindingName::from_name(&name.value).ok_or_else(|| {
        let known = FindingName::ALL.map(FindingName::as_str).join(", ");
        Flaw::at(
            name.referenced,
            format!("there is no finding `{}`: they are {known}", name.value),
            format!("没有名为 `{}` 的问题，可选：{known}", name.value),
        )
    })
}

pub(super) fn time(at: Location, text: &str) -> Result<Duration, Flaw> {
    duration(text).ok_or_else(|| {
        Flaw::at(
            at,
            format!("`{text}` is no duration: write a number and a unit, such as 250ms, 20s, 10m, 49h or 3d"),
            format!("`{text}` 不是时长：请写数字和单位，如 250ms、20s、10m、49h 或 3d"),
        )
    })
}

pub(super) fn expected(at: Location, wire: TextOr<file::Expected>) -> Result<Expected, Flaw> {
    let file::Expected { text, contains, matches, menu, kind, body } = match wire {
        TextOr::Text(text) => return Ok(Expected { text: Some(text), ..Expected::default() }),
        TextOr::Members(members) => members,
    };
    let matches = matches.map(|pattern| {
        let regex = Regex::new(&pattern);
        // Its own text has several lines: the last one says what is wrong.
        regex.map_err(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Flaw::at(
                at,
                format!("`matches` is no regular expression: {why}"),
                format!("`matches` 不是正则表达式：{why}"),
            )
        })
    });
    let contains = contains.map(|contains| contains.0).unwrap_or_default();
    Ok(Expected { text, contains, matches: matches.transpose()?, menu, kind, body })
}

pub(super) fn one_of(at: Location, verb: &str, value: Option<String>, known: &[&str]) -> Result<String, Flaw> {
    let value = value.unwrap_or_default();
    match known.contains(&value.as_str()) {
        true => Ok(value),
        false => Err(Flaw::at(
            at,
            format!("`{verb}: {value}` is not known: it is one of {}", known.join(", ")),
            format!("`{verb}: {value}` 无效，可选：{}", known.join("、")),
        )),
    }
}

pub(super) fn known_operation(at: Location, name: &str) -> Result<(), Flaw> {
    if op::ALL.iter().any(|operation| operation.id == name) {
        return Ok(());
    }
    let names: Vec<_> = op::ALL.iter().map(|operation| operation.id).collect();
    let meant = similar::get_close_matches(name, &names, 1, file::SIMILAR);
    let (remedy, zh) = match meant.first() {
        Some(meant) => (format!("did you mean `{meant}`?"), format!("是否想用 `{meant}`？")),
        None => (names.join(", "), format!("可选：{}", names.join("、"))),
    };
    Err(Flaw::at(at, format!("there is no operation `{name}`: {remedy}"), format!("没有接口 `{name}`，{zh}")))
}

/// The body of a fault as the control API takes it, for the transcript.
pub(in crate::program) fn shown_fault(fault: &Map<String, Value>) -> String {
    let word = |name: &str| fault.get(name).and_then(Value::as_str).unwrap_or_default();
    let rest: Vec<_> = fault
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "operation" | "effect"))
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {}", json!(other)),
        })
        .collect();
    let rest = if rest.is_empty() { String::new() } else { format!(" ({})", rest.join(", ")) };
    format!("{}: {}{rest}", word("operation"), word("effect"))
}
