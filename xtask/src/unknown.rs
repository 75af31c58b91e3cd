//! Refuses keys that the generator does not know. The document is parsed into `openapiv3::OpenAPI`, serialised again and
//! compared with the original tree. A key that is missing afterwards would have been lost silently.

use openapiv3::OpenAPI;
use serde_json::Value;

use crate::grammar::Kind;
use crate::problems::Problems;

/// Parses `tree`. Adds a problem for each place at which it is not an OpenAPI 3.0 document.
pub fn parse(tree: &Value, problems: &mut Problems) -> Option<OpenAPI> {
    match serde_json::from_value(tree.clone()) {
        Ok(api) => Some(api),
        Err(error) => {
            let before = problems.len();
            locate(Kind::Document, "", tree, problems);
            if problems.len() == before {
                problems.add("the document", format!("is not OpenAPI 3.0: {error}"));
            }
            None
        }
    }
}

/// Adds a problem for each innermost object that cannot be parsed. Returns whether there was one.
fn locate(kind: Kind, place: &str, value: &Value, problems: &mut Problems) -> bool {
    let Some(fault) = kind.fault(value) else { return children_are_faulty(kind, place, value, problems) };
    if !children_are_faulty(kind, place, value, problems) {
        let place = if place.is_empty() { "the document" } else { place };
        problems.add(place, format!("cannot be read as {}: {fault}", kind.name()));
    }
    true
}

fn children_are_faulty(kind: Kind, place: &str, value: &Value, problems: &mut Problems) -> bool {
    let mut faulty = false;
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                faulty |= locate(kind.child(key), &below(place, key), child, problems);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                faulty |= locate(kind.child(""), &format!("{place}[{index}]"), child, problems);
            }
        }
        _ => {}
    }
    faulty
}

/// Refuses everything in `tree` that `api` does not contain.
pub fn check(tree: &Value, api: &OpenAPI, problems: &mut Problems) {
    let kept = serde_json::to_value(api).expect("an OpenAPI document is JSON");
    compare(Kind::Document, "", tree, &kept, problems);
}

fn compare(kind: Kind, place: &str, given: &Value, kept: &Value, problems: &mut Problems) {
    match (given, kept) {
        (Value::Object(given), Value::Object(kept)) => {
            for (key, value) in given {
                let place = below(place, key);
                match kept.get(key) {
                    Some(kept) => compare(kind.child(key), &place, value, kept, problems),
                    None if !matches!(kind, Kind::Map(_)) && is_harmless(key, value) => {}
                    None if kind == Kind::Schema && key == "xml" => compare_keys(Kind::Xml, &place, value, problems),
                    None => problems.add(&place, lost(kind, key, given.contains_key("$ref"))),
                }
            }
        }
        (Value::Array(given), Value::Array(kept)) if given.len() == kept.len() => {
            for (index, (given, kept)) in given.iter().zip(kept).enumerate() {
                compare(kind.child(""), &format!("{place}[{index}]"), given, kept, problems);
            }
        }
        (given, kept) if given == kept || (given.is_number() && given.as_f64() == kept.as_f64()) => {}
        (given, kept) => {
            problems.add(place, format!("is {given}, but is read as {kept}; write the value as it is read"))
        }
    }
}

/// Compares the keys of an object that `openapiv3` does not know with those of the specification.
fn compare_keys(kind: Kind, place: &str, value: &Value, problems: &mut Problems) {
    for key in value.as_object().into_iter().flat_map(|map| map.keys()) {
        if kind.keys().iter().all(|(known, _)| known != key) {
            problems.add(&below(place, key), lost(kind, key, false));
        }
    }
}

/// Returns whether `openapiv3` leaves the key out because its value means the same as no key: a flag that is false, an
/// empty list or map, the default style.
fn is_harmless(key: &str, value: &Value) -> bool {
    const FLAGS: [&str; 9] = [
        "required",
        "deprecated",
        "nullable",
        "readOnly",
        "writeOnly",
        "allowReserved",
        "uniqueItems",
        "exclusiveMinimum",
        "exclusiveMaximum",
    ];
    const LISTS: [&str; 9] =
        ["tags", "parameters", "servers", "required", "examples", "properties", "headers", "content", "enum"];
    let is_empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(|map| map.is_empty());
    let is_usual_style = key == "style" && (value == "form" || value == "simple");
    is_usual_style || (value == false && FLAGS.contains(&key)) || (is_empty && LISTS.contains(&key))
}

fn lost(kind: Kind, key: &str, beside_reference: bool) -> String {
    if beside_reference {
        return "is beside a `$ref`, where OpenAPI 3.0 ignores it; write `allOf: [{ $ref: … }]` and put this key beside it"
            .to_owned();
    }
    match kind {
        Kind::Map(Kind::PathItem) => {
            return "is not a path, because a path begins with a slash; add the slash".to_owned();
        }
        Kind::Responses => return "is neither a status such as \"200\" nor `default`; correct it".to_owned(),
        _ => {}
    }
    if kind.keys().iter().any(|(known, _)| *known == key) {
        return format!("has no meaning in {} of this form; drop it", kind.name());
    }
    match nearest(kind, key) {
        Some(near) => format!("is not a key of {}; did you mean {near}?", kind.name()),
        None => {
            let known: Vec<&str> = kind.keys().iter().map(|(key, _)| *key).collect();
            match known.is_empty() {
                true => format!("is not a key of {}; drop it", kind.name()),
                false => format!("is not a key of {}; the known keys are {}", kind.name(), known.join(", ")),
            }
        }
    }
}

/// Returns the key of `kind` that `key` is probably a misspelling of.
fn nearest(kind: Kind, key: &str) -> Option<&'static str> {
    let near = kind.keys().iter().map(|(known, _)| (strsim::damerau_levenshtein(known, key), *known)).min()?;
    (near.0 <= (key.len() / 3).max(2)).then_some(near.1)
}

fn below(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}
