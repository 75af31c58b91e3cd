//! Compares two schemas.
//!
//! A schema that accepts more values than before is compatible for programs that send such values, and breaking for
//! programs that read them. So most rules only decide whether a schema became wider or narrower; the side decides the
//! effect.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::changes::{Changes, Effect, Place};
use super::document::compare_words;
use crate::schema::integer_range;

/// Whether users' programs send or read the values of a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Programs send the values.
    Sent,
    /// Programs read the values.
    Read,
}

/// How the set of values that a schema accepts changed.
#[derive(Clone, Copy)]
enum Shift {
    Wider,
    Narrower,
    Other,
}

/// Limits: the keyword, whether it is an upper bound, and the unit.
const LIMITS: [(&str, bool, &str); 12] = [
    ("maximum", true, ""),
    ("minimum", false, ""),
    ("maxLength", true, "characters"),
    ("minLength", false, "characters"),
    ("maxItems", true, "items"),
    ("minItems", false, "items"),
    ("maxProperties", true, "properties"),
    ("minProperties", false, "properties"),
    ("x-max-bytes", true, "bytes"),
    ("x-max-chars", true, "characters"),
    ("x-max-items", true, "items"),
    ("x-min-bytes", false, "bytes"),
];

/// Keywords that have rules of their own. A difference of any other keyword is reported without interpretation.
const COMPARED: [&str; 13] = [
    "$ref",
    "type",
    "format",
    "nullable",
    "default",
    "enum",
    "pattern",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "x-max-bytes-of",
    "x-decrypted",
];

impl Shift {
    fn effect(self, side: Side) -> Effect {
        match (self, side) {
            (Self::Wider, Side::Sent) | (Self::Narrower, Side::Read) => Effect::Compatible,
            _ => Effect::Breaking,
        }
    }
}

/// Compares schemas of two documents and follows their references.
pub struct Schemas<'a> {
    pub old: &'a Value,
    pub new: &'a Value,
    /// Names of the schemas, in either document, that were already compared.
    pub met: BTreeSet<String>,
    /// The pairs of names whose comparison is in progress, because a schema may refer to itself.
    open: Vec<(String, String)>,
}

impl<'a> Schemas<'a> {
    pub fn new(old: &'a Value, new: &'a Value) -> Self {
        Self { old, new, met: BTreeSet::new(), open: Vec::new() }
    }

    pub fn compare(&mut self, side: Side, place: &Place, old: &Value, new: &Value, changes: &mut Changes) {
        let (old_name, old) = follow(self.old, old);
        let (new_name, new) = follow(self.new, new);
        self.met.extend([&old_name, &new_name].into_iter().flatten().cloned());
        let pair = (old_name.clone().unwrap_or_default(), new_name.clone().unwrap_or_default());
        if self.open.contains(&pair) {
            return;
        }
        if old_name != new_name {
            let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "an inline one".to_owned());
            let text = format!(
                "the schema is {} instead of {}: generated types have another name",
                name(&new_name),
                name(&old_name)
            );
            changes.add(Effect::Breaking, place, text);
        }
        let place = match &new_name {
            Some(name) => place.in_schema(name),
            None => place.clone(),
        };
        let is_named = !pair.0.is_empty() && !pair.1.is_empty();
        if is_named {
            self.open.push(pair);
        }
        let (old_whole, new_whole) = (merged(self.old, old, &mut self.met), merged(self.new, new, &mut self.met));
        match (old_whole.as_object(), new_whole.as_object()) {
            (Some(old), Some(new)) => self.compare_keywords(side, &place, old, new, is_named, changes),
            _ if old == new => {}
            _ => changes.add(Effect::Breaking, &place, differs("the schema", Some(old), Some(new))),
        }
        if is_named {
            self.open.pop();
        }
    }

    fn compare_keywords(
        &mut self,
        side: Side,
        place: &Place,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        is_named: bool,
        changes: &mut Changes,
    ) {
        let mut handled: BTreeSet<&str> = COMPARED.into_iter().collect();
        handled.extend(compare_words(place, old, new, changes));
        if is_named && old.get("title") != new.get("title") {
            changes.add(Effect::Words, place, "title changed");
        }
        if is_named {
            handled.insert("title");
        }
        if compare_type(side, place, old, new, changes) {
            compare_format(side, place, old, new, changes);
            handled.extend(compare_limits(side, place, old, new, changes));
            compare_values(side, place, old, new, changes);
            self.compare_properties(side, place, old, new, changes);
            self.compare_further_properties(side, place, old, new, changes);
            self.compare_part("items", side, &place.items(), old, new, changes);
            self.compare_part("x-decrypted", side, &place.form("decrypted"), old, new, changes);
        } else {
            // The limits of another type mean nothing for this one.
            handled.extend(LIMITS.map(|(keyword, ..)| keyword));
        }
        for keyword in ["oneOf", "anyOf"] {
            handled.insert(keyword);
            self.compare_forms(keyword, side, place, old, new, changes);
        }
        compare_rest(place, old, new, &handled, changes);
    }

    /// Compares a keyword that holds one schema.
    fn compare_part(
        &mut self,
        keyword: &str,
        side: Side,
        place: &Place,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        changes: &mut Changes,
    ) {
        match (old.get(keyword), new.get(keyword)) {
            (Some(old), Some(new)) => self.compare(side, place, old, new, changes),
            (None, Some(_)) => changes.add(Shift::Narrower.effect(side), place, "a schema was added"),
            (Some(_), None) => changes.add(Shift::Wider.effect(side), place, "the schema was removed"),
            (None, None) => {}
        }
    }

    fn compare_properties(
        &mut self,
        side: Side,
        place: &Place,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        changes: &mut Changes,
    ) {
        let (old_properties, new_properties) = (object(old, "properties"), object(new, "properties"));
        let (was_required, is_required) = (texts(old, "required"), texts(new, "required"));
        let names: BTreeSet<&String> =
            old_properties.keys().chain(new_properties.keys()).chain(&was_required).chain(&is_required).collect();
        for name in names {
            let place = place.property(name);
            let required_now = is_required.contains(name);
            match (old_properties.get(name), new_properties.get(name)) {
                (None, Some(_)) if required_now && side == Side::Sent => {
                    changes.add(Effect::Breaking, &place, "added, and required")
                }
                (None, Some(_)) => changes.add(Effect::Compatible, &place, "added"),
                (Some(_), None) => changes.add(Effect::Breaking, &place, "removed"),
                (old, new) => {
                    compare_required(side, &place, was_required.contains(name), required_now, changes);
                    if let (Some(old), Some(new)) = (old, new) {
                        self.compare(side, &place, old, new, changes);
                    }
                }
            }
        }
    }

    fn compare_further_properties(
        &mut self,
        side: Side,
        place: &Place,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        changes: &mut Changes,
    ) {
        let (old, new) = (Further::of(old), Further::of(new));
        let (shift, text) = match (old, new) {
            (Further::Any, Further::Any) | (Further::Refused, Further::Refused) => return,
            (Further::Some(old), Further::Some(new)) => {
                return self.compare(side, &place.property("*"), old, new, changes);
            }
            (_, Further::Refused) => (Shift::Narrower, "further properties are refused now"),
            (_, Further::Any) => (Shift::Wider, "any further property is accepted now"),
            (Further::Any, Further::Some(_)) => (Shift::Narrower, "further properties have a schema now"),
            (Further::Refused, Further::Some(_)) => (Shift::Wider, "further properties are accepted now"),
        };
        changes.add(shift.effect(side), place, text);
    }

    fn compare_forms(
        &mut self,
        keyword: &str,
        side: Side,
        place: &Place,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        changes: &mut Changes,
    ) {
        let old_forms = forms(self.old, old.get(keyword));
        let new_forms = forms(self.new, new.get(keyword));
        match (old.get(keyword), new.get(keyword)) {
            (None, None) => return,
            (None, Some(_)) => {
                return changes.add(
                    Shift::Narrower.effect(side),
                    place,
                    format!("{keyword} added: one of several forms"),
                );
            }
            (Some(_), None) => {
                return changes.add(
                    Shift::Wider.effect(side),
                    place,
                    format!("{keyword} removed: no longer one of several forms"),
                );
            }
            _ => {}
        }
        for (name, new) in &new_forms {
            match old_forms.iter().find(|(old_name, _)| old_name == name) {
                Some((_, old)) => self.compare(side, &place.form(name), old, new, changes),
                None => changes.add(Shift::Wider.effect(side), &place.form(name), "this form is new"),
            }
        }
        for (name, _) in old_forms.iter().filter(|(name, _)| new_forms.iter().all(|(new_name, _)| new_name != name)) {
            changes.add(Shift::Narrower.effect(side), &place.form(name), "this form was removed");
        }
    }
}

/// Whether properties that the schema does not name are accepted.
enum Further<'a> {
    Any,
    Refused,
    Some(&'a Value),
}

impl<'a> Further<'a> {
    fn of(schema: &'a Map<String, Value>) -> Self {
        match schema.get("additionalProperties") {
            None | Some(Value::Bool(true)) => Self::Any,
            Some(Value::Bool(false)) => Self::Refused,
            Some(schema) if *schema == json!({}) => Self::Any,
            Some(schema) => Self::Some(schema),
        }
    }
}

/// Follows a `$ref` to its end. Returns the last name on the way and the value there.
pub fn follow<'a>(root: &'a Value, value: &'a Value) -> (Option<String>, &'a Value) {
    let (mut name, mut value) = (None, value);
    // The bound ends a circle of references.
    for _ in 0..32 {
        let Some(reference) = value["$ref"].as_str() else { break };
        let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else { break };
        name = reference.rsplit('/').next().map(str::to_owned);
        value = target;
    }
    (name, value)
}

/// Returns the schema with its `allOf` merged. Adds the names in the `allOf` to `met`.
fn merged<'a>(root: &Value, schema: &'a Value, met: &mut BTreeSet<String>) -> Cow<'a, Value> {
    match schema["allOf"].is_array() {
        true => Cow::Owned(merged_to(root, schema, met, 32)),
        false => Cow::Borrowed(schema),
    }
}

fn merged_to(root: &Value, schema: &Value, met: &mut BTreeSet<String>, depth: u8) -> Value {
    let (Some(own), Some(parts)) = (schema.as_object(), schema["allOf"].as_array()) else { return schema.clone() };
    if depth == 0 {
        return schema.clone();
    }
    let mut own = own.clone();
    own.remove("allOf");
    let mut whole = Map::new();
    for part in parts {
        let (name, part) = follow(root, part);
        met.extend(name);
        merge(&mut whole, merged_to(root, part, met, depth - 1));
    }
    merge(&mut whole, Value::Object(own));
    Value::Object(whole)
}

fn merge(whole: &mut Map<String, Value>, part: Value) {
    let Value::Object(part) = part else { return };
    for (key, value) in part {
        match (whole.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(from)) if key == "properties" => into.extend(from),
            (Some(Value::Array(into)), Value::Array(from)) if key == "required" => into.extend(from),
            (_, value) => {
                whole.insert(key, value);
            }
        }
    }
}

/// Compares the types. Returns whether it makes sense to compare the other keywords too.
fn compare_type(
    side: Side,
    place: &Place,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Changes,
) -> bool {
    let (was, is) = (old.get("type"), new.get("type"));
    if was != is {
        let shift = match (was.and_then(Value::as_str), is.and_then(Value::as_str)) {
            (Some("integer"), Some("number")) | (Some(_), None) => Shift::Wider,
            (Some("number"), Some("integer")) | (None, Some(_)) => Shift::Narrower,
            _ => Shift::Other,
        };
        changes.add(shift.effect(side), place, differs("the type", was, is));
    }
    let nullable = |schema: &Map<String, Value>| schema.get("nullable") == Some(&Value::Bool(true));
    match (nullable(old), nullable(new)) {
        (false, true) => changes.add(Shift::Wider.effect(side), place, "may be null now"),
        (true, false) => changes.add(Shift::Narrower.effect(side), place, "may no longer be null"),
        _ => {}
    }
    was == is || was.is_none() || is.is_none()
}

fn compare_format(
    side: Side,
    place: &Place,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Changes,
) {
    let (was, is) = (old.get("format"), new.get("format"));
    if was == is {
        return;
    }
    let (was_name, is_name) = (was.and_then(Value::as_str), is.and_then(Value::as_str));
    let effect = match (was_name, is_name) {
        // This changes how programs show the value, not the value itself.
        (Some("password"), None) | (None, Some("password")) => Effect::Compatible,
        (Some(was), Some(is)) => match (integer_range(was), integer_range(is)) {
            (Some(was), Some(is)) if is.0 <= was.0 && was.1 <= is.1 => Shift::Wider.effect(side),
            (Some(was), Some(is)) if was.0 <= is.0 && is.1 <= was.1 => Shift::Narrower.effect(side),
            _ => Effect::Breaking,
        },
        (Some(_), None) => Shift::Wider.effect(side),
        (None, Some(_)) => Shift::Narrower.effect(side),
        (None, None) => Effect::Breaking,
    };
    changes.add(effect, place, differs("the format", was, is));
}

/// Compares limits. Returns the keywords that it compared; a limit that is not a number is left to `compare_rest`.
fn compare_limits(
    side: Side,
    place: &Place,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Changes,
) -> Vec<&'static str> {
    let mut compared = Vec::new();
    for (keyword, is_upper, unit) in LIMITS {
        let (was, is) = (old.get(keyword), new.get(keyword));
        if [was, is].into_iter().flatten().all(Value::is_number) {
            compared.push(keyword);
            compare_limit(side, place, (was, is), is_upper, unit, changes);
        }
    }
    let (was, is) = (object(old, "x-max-bytes-of"), object(new, "x-max-bytes-of"));
    for of in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        compare_limit(side, &place.form(of), (was.get(of), is.get(of)), true, "bytes", changes);
    }
    compared
}

fn compare_limit(
    side: Side,
    place: &Place,
    (was, is): (Option<&Value>, Option<&Value>),
    is_upper: bool,
    unit: &str,
    changes: &mut Changes,
) {
    if was == is {
        return;
    }
    let bound = |limit: &Value| {
        let degree = if is_upper { "at most" } else { "at least" };
        format!("{degree} {limit} {unit}").trim_end().to_owned()
    };
    let (shift, text) = match (was, is) {
        (None, Some(is)) => (Shift::Narrower, format!("{}; there was no such limit", bound(is))),
        (Some(was), None) => (Shift::Wider, format!("no longer limited to {}", bound(was))),
        (Some(was), Some(is)) => {
            let is_larger = is.as_f64() > was.as_f64();
            let shift = if is_larger == is_upper { Shift::Wider } else { Shift::Narrower };
            (shift, format!("{} instead of {was}", bound(is)))
        }
        (None, None) => return,
    };
    changes.add(shift.effect(side), place, text);
}

/// Compares enum, pattern and default.
fn compare_values(
    side: Side,
    place: &Place,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    changes: &mut Changes,
) {
    let list = |schema: &Map<String, Value>| schema.get("enum").and_then(Value::as_array).cloned();
    match (list(old), list(new)) {
        (Some(was), Some(is)) => {
            for value in is.iter().filter(|value| !was.contains(value)) {
                changes.add(Shift::Wider.effect(side), place, format!("the value {} is new", shown(value)));
            }
            for value in was.iter().filter(|value| !is.contains(value)) {
                changes.add(Shift::Narrower.effect(side), place, format!("the value {} was removed", shown(value)));
            }
        }
        (None, Some(is)) => {
            let values = is.iter().map(shown).collect::<Vec<_>>().join(", ");
            changes.add(Shift::Narrower.effect(side), place, format!("only these values are allowed now: {values}"));
        }
        (Some(_), None) => changes.add(Shift::Wider.effect(side), place, "any value is allowed now"),
        (None, None) => {}
    }
    let (was, is) = (old.get("pattern"), new.get("pattern"));
    if was != is {
        let shift = match (was, is) {
            (None, _) => Shift::Narrower,
            (_, None) => Shift::Wider,
            _ => Shift::Other,
        };
        changes.add(shift.effect(side), place, differs("the pattern", was, is));
    }
    let (was, is) = (old.get("default"), new.get("default"));
    if was != is {
        // A request without the value now means something else.
        let means_other = side == Side::Sent && was.is_some() && is.is_some();
        let effect = if means_other { Effect::Breaking } else { Effect::Compatible };
        changes.add(effect, place, differs("the default", was, is));
    }
}

fn compare_required(side: Side, place: &Place, was: bool, is: bool, changes: &mut Changes) {
    let text = match (was, is, side) {
        (false, true, Side::Sent) => "is required now",
        (true, false, Side::Sent) => "is no longer required",
        (false, true, Side::Read) => "is always there now",
        (true, false, Side::Read) => "may be missing now",
        _ => return,
    };
    let shift = if is { Shift::Narrower } else { Shift::Wider };
    changes.add(shift.effect(side), place, text);
}

/// Reports each difference of a key that nothing else compares, so that no difference is missed.
pub fn compare_rest(
    place: &Place,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    handled: &BTreeSet<&str>,
    changes: &mut Changes,
) {
    for key in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (was, is) = (old.get(key), new.get(key));
        if was == is || handled.contains(key.as_str()) {
            continue;
        }
        let effect = match key.starts_with("x-") || key == "deprecated" {
            true => Effect::Compatible,
            false => Effect::Breaking,
        };
        changes.add(effect, place, differs(&format!("`{key}`"), was, is));
    }
}

/// Returns the alternatives of a `oneOf`, each with a name by which it is found in the other document.
fn forms<'a>(root: &'a Value, list: Option<&'a Value>) -> Vec<(String, &'a Value)> {
    let mut named: Vec<(String, &Value)> = Vec::new();
    for (index, form) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let (reference, target) = follow(root, form);
        let name = only_value(&merged(root, target, &mut BTreeSet::new()))
            .or(reference)
            .or_else(|| target["title"].as_str().map(str::to_owned))
            .unwrap_or_else(|| format!("form {}", index + 1));
        let is_taken = named.iter().any(|(other, _)| *other == name);
        named.push((if is_taken { format!("{name}, form {}", index + 1) } else { name }, form));
    }
    named
}

/// Returns the value of a property that can have only one value, such as `msgtype` in one form of a message.
fn only_value(schema: &Value) -> Option<String> {
    let properties = schema["properties"].as_object()?;
    properties.iter().find_map(|(name, property)| match property["enum"].as_array()?.as_slice() {
        [value] => Some(format!("{name} {}", shown(value))),
        _ => None,
    })
}

/// Returns a text such as `the format is int64 instead of int32`.
pub fn differs(what: &str, was: Option<&Value>, is: Option<&Value>) -> String {
    match (was, is) {
        (Some(was), Some(is)) => format!("{what} is {} instead of {}", shown(is), shown(was)),
        (None, Some(is)) => format!("{what} was added: {}", shown(is)),
        (Some(was), None) => format!("{what} was removed: {}", shown(was)),
        (None, None) => format!("{what} is the same"),
    }
}

/// Formats a value for a sentence, cut to a readable length.
pub fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

pub fn object(map: &Map<String, Value>, key: &str) -> Map<String, Value> {
    map.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn texts(map: &Map<String, Value>, key: &str) -> Vec<String> {
    let list = map.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
