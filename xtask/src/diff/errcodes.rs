//! Compares two lists of errcodes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::changes::{Changes, Effect, Place};
use super::schema::{compare_rest, object, shown};

/// Keys whose values only people read, and their names in the report.
const WORDS: [(&str, &str); 4] =
    [("meaning", "meaning"), ("remedy", "remedy"), ("unconfirmed", "certainty"), ("source", "source")];

pub fn compare(old: &Value, new: &Value, changes: &mut Changes) {
    let (old, new) = (by_code(old), by_code(new));
    for code in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        match (old.get(code), new.get(code)) {
            (Some(old), Some(new)) => compare_code(*code, old, new, changes),
            (None, Some(new)) => {
                let text = format!("this errcode is new; its class is {}", text(new, "class"));
                changes.compatible(place(*code, new), text);
            }
            (Some(old), None) => changes.breaking(place(*code, old), "this errcode was removed"),
            (None, None) => {}
        }
    }
}

fn by_code(document: &Value) -> BTreeMap<i64, Map<String, Value>> {
    let rows = document["errcodes"].as_array().into_iter().flatten();
    rows.filter_map(|row| Some((row["code"].as_i64()?, row.as_object()?.clone()))).collect()
}

fn place(code: i64, row: &Map<String, Value>) -> Place {
    Place::new(format!("errcode {code} {}", text(row, "name")))
}

fn compare_code(code: i64, old: &Map<String, Value>, new: &Map<String, Value>, changes: &mut Changes) {
    let place = place(code, new);
    if old.get("name") != new.get("name") {
        let text = format!("the name was {}, so the constant has another name", text(old, "name"));
        changes.add(Effect::Breaking, &place, text);
    }
    compare_class(&place, &text(old, "class"), &text(new, "class"), changes);
    compare_operations(&place, old.get("operations"), new.get("operations"), changes);
    compare_texts(&place, old, new, changes);
    let (was_at, is_at) = (object(old, "at"), object(new, "at"));
    for operation in was_at.keys().chain(is_at.keys()).collect::<BTreeSet<_>>() {
        let at = |at: &Map<String, Value>| at.get(operation).and_then(Value::as_object).cloned().unwrap_or_default();
        compare_at(&place, operation, (old, &at(&was_at)), (new, &at(&is_at)), changes);
    }
    let handled = ["code", "name", "class", "operations", "at"].into_iter().chain(WORDS.map(|(key, _)| key)).collect();
    compare_rest(&place, old, new, &handled, changes);
}

/// Compares the texts and the class that a code has at one operation. An operation without a class of its own has the
/// class of the code.
fn compare_at(
    place: &Place,
    operation: &str,
    (old, was): (&Map<String, Value>, &Map<String, Value>),
    (new, is): (&Map<String, Value>, &Map<String, Value>),
    changes: &mut Changes,
) {
    let place = place.property(operation);
    let class = |own: &Map<String, Value>, general: &Map<String, Value>| {
        let own = text(own, "class");
        if own.is_empty() { text(general, "class") } else { own }
    };
    let (was_class, is_class) = (class(was, old), class(is, new));
    // A change of the code's own class is already reported.
    if !(was.is_empty() && is.is_empty()) && (was_class, is_class) != (text(old, "class"), text(new, "class")) {
        compare_class(&place, &class(was, old), &class(is, new), changes);
    }
    match (was.is_empty(), is.is_empty()) {
        (true, false) => changes.add(Effect::Words, &place, "texts added"),
        (false, true) => changes.add(Effect::Words, &place, "texts removed"),
        _ => compare_texts(&place, was, is, changes),
    }
    let handled = WORDS.map(|(key, _)| key).into_iter().chain(["class"]).collect();
    compare_rest(&place, was, is, &handled, changes);
}

fn compare_class(place: &Place, was: &str, is: &str, changes: &mut Changes) {
    if was == is {
        return;
    }
    let text = format!("the class is {is} instead of {was}: {}", consequence(was, is));
    changes.add(Effect::Compatible, place, text);
}

/// Returns what clients do differently after a change of class. They act on three classes by themselves.
fn consequence(was: &str, is: &str) -> String {
    let action = |class: &str| match class {
        "token" => Some("renew the access token"),
        "busy" => Some("repeat the call where that is safe"),
        "rate_limited" => Some("slow down"),
        _ => None,
    };
    match (action(was), action(is)) {
        (None, Some(new)) => format!("clients {new} now"),
        (Some(old), None) => format!("clients no longer {old}"),
        (Some(old), Some(new)) => format!("clients {new} now, and no longer {old}"),
        (None, None) => "programs that decide by class behave differently".to_owned(),
    }
}

fn compare_operations(place: &Place, was: Option<&Value>, is: Option<&Value>, changes: &mut Changes) {
    let names = |list: Option<&Value>| -> BTreeSet<String> {
        list.and_then(Value::as_array).into_iter().flatten().map(shown).collect()
    };
    let (was, is) = (names(was), names(is));
    for name in is.difference(&was) {
        changes.add(Effect::Compatible, place, format!("now known to occur at {name}"));
    }
    for name in was.difference(&is) {
        changes.add(Effect::Compatible, place, format!("no longer known to occur at {name}"));
    }
}

fn compare_texts(place: &Place, old: &Map<String, Value>, new: &Map<String, Value>, changes: &mut Changes) {
    for (key, name) in WORDS {
        let (was, is) = (old.get(key), new.get(key));
        if was != is {
            changes.add(Effect::Words, place, format!("{name} {}", languages(was, is)));
        }
    }
}

/// Returns how a text changed, with the language if it changed in one language only.
fn languages(was: Option<&Value>, is: Option<&Value>) -> &'static str {
    let (Some(was), Some(is)) = (was, is) else {
        return if was.is_none() { "added" } else { "removed" };
    };
    match (was["en"] != is["en"], was["zh"] != is["zh"]) {
        (true, false) => "changed in English",
        (false, true) => "changed in Chinese",
        _ => "changed",
    }
}

fn text(row: &Map<String, Value>, key: &str) -> String {
    row.get(key).map(shown).unwrap_or_default()
}
