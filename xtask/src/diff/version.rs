//! Decides which part of `info.version` the changes must raise. spec/README.md documents the rule.

use serde_json::Value;

use super::changes::Effect;

/// Major, minor, patch.
type Version = [u64; 3];

/// Returns one or two sentences: whether the version is right, and which version the changes need. `worst` is the most
/// harmful effect of all changes.
pub fn advice(worst: Option<Effect>, old: &Value, new: &Value) -> String {
    let text = |document: &Value| document["info"]["version"].as_str().unwrap_or_default().to_owned();
    let (old_text, new_text) = (text(old), text(new));
    let (Some(old), Some(new)) = (parse(&old_text), parse(&new_text)) else {
        return format!("info.version cannot be compared: {old_text:?} before, {new_text:?} now; write it as 1.2.3");
    };
    let now = match old == new {
        true => format!("info.version is still {new_text}"),
        false => format!("info.version is {new_text} instead of {old_text}"),
    };
    let Some(worst) = worst else {
        return match old == new {
            true => format!("{now}, which is right."),
            false => format!("{now}, but no change of the document needs it."),
        };
    };
    let (part, needed) = needed(old, worst);
    let needed = needed.map(|number| number.to_string()).join(".");
    match raised_enough(old, new, worst) {
        true => format!("{now}. The changes need a new {part} version, and this is one."),
        false => format!(
            "{now}. The changes need a new {part} version: raise it to {needed}. If {new_text} is not released yet, count from the last release instead."
        ),
    }
}

fn parse(text: &str) -> Option<Version> {
    let numbers: Vec<u64> = text.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

fn needed([major, minor, patch]: Version, worst: Effect) -> (&'static str, Version) {
    match worst {
        Effect::Breaking => ("major", [major + 1, 0, 0]),
        Effect::Compatible => ("minor", [major, minor + 1, 0]),
        Effect::Words => ("patch", [major, minor, patch + 1]),
    }
}

fn raised_enough(old: Version, new: Version, worst: Effect) -> bool {
    new >= needed(old, worst).1
}
