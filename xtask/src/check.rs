//! What the document must be before anything is made of it. Each refusal names the place and the remedy.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::document::{Document, METHODS, Operation, reference, visit};
use crate::lower::SECRETS;

pub const REPEATS: [&str; 3] = ["safe", "keyed", "never"];

/// Every extension the generator knows, so that a misspelt one is not passed over.
const EXTENSIONS: [&str; 13] = [
    "x-private",
    "x-official-page",
    "x-edition",
    "x-unconfirmed",
    "x-repeat",
    "x-repeat-key",
    "x-repeat-answered-with",
    "x-max-bytes",
    "x-max-chars",
    "x-max-items",
    "x-min-bytes",
    "x-max-bytes-of",
    "x-refused-when-empty",
];

/// Refuses a document with everything that is wrong with it.
pub fn check(document: &Document) -> Result<()> {
    let mut problems = Problems::default();
    check_root(document, &mut problems);
    check_paths(document, &mut problems);
    for operation in document.operations() {
        check_operation(document, &operation, &mut problems);
    }
    check_unique_operation_ids(document, &mut problems);
    check_nodes(document, &mut problems);
    if problems.0.is_empty() {
        check_sides(document, &mut problems)?;
    }
    problems.into_result()
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, place: &str, what: impl std::fmt::Display) {
        self.0.push(format!("{place}: {what}"));
    }

    fn into_result(self) -> Result<()> {
        match self.0.len() {
            0 => Ok(()),
            count => bail!("spec/wecom-kf.yaml has {count} problem(s):\n  - {}", self.0.join("\n  - ")),
        }
    }
}

/// What stands beside the operations of a path would be passed over.
fn check_paths(document: &Document, problems: &mut Problems) {
    for (path, item) in document.root["paths"].as_object().into_iter().flatten() {
        for key in item.as_object().into_iter().flat_map(|item| item.keys()) {
            if !METHODS.contains(&key.as_str()) {
                problems.add(&format!("paths.{path}.{key}"), "is passed over; say it inside the operation");
            }
        }
    }
}

fn check_root(document: &Document, problems: &mut Problems) {
    let version = document.root["openapi"].as_str().unwrap_or_default();
    if !version.starts_with("3.0.") {
        problems.add("openapi", format!("is {version:?}; the generator reads 3.0.x, write 3.0.3"));
    }
    if document.operations().is_empty() {
        problems.add("paths", "has no operation; add one");
    }
}

fn check_operation(document: &Document, operation: &Operation<'_>, problems: &mut Problems) {
    let place = operation.place.as_str();
    let id = operation.id();
    if id.is_empty() {
        problems.add(place, "has no operationId; add one such as account_add");
    } else if !is_snake_case(id) {
        problems.add(place, format!("operationId {id:?} is not snake_case; write it with a-z, 0-9 and single _"));
    }
    if operation.text("summary").is_empty() {
        problems.add(place, "has no summary; say in one sentence what it does");
    }
    check_tag(document, operation, problems);
    check_repeat(document, operation, problems);
    if operation.official_page().is_none() && operation.text("x-unconfirmed").is_empty() {
        problems.add(
            place,
            "has no x-official-page; add the number of its page, as in …/document/path/94677, or say in x-unconfirmed what it rests on",
        );
    }
    check_edition(operation, problems);
    match operation.body.get("security").and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => {}
        Some([scheme]) if scheme.get("access_token").is_some() => {}
        _ => {
            problems.add(place, "must say `security: [{ access_token: [] }]`, or `security: []` when it takes no token")
        }
    }
    for parameter in operation.parameters() {
        if parameter["in"] != "query" && !operation.is_by_hand() {
            problems.add(place, format!("parameter {} is not in the query; WeCom has no others", parameter["name"]));
        }
    }
    if let Some(body) = operation.body.get("requestBody") {
        if body["required"] != true {
            problems.add(place, "requestBody is not required; add `required: true`");
        }
        if operation.request_schema().is_none() && !operation.is_by_hand() {
            problems.add(place, "requestBody is not JSON by $ref; point it at a schema below components.schemas");
        }
    }
    if operation.reply_schema().is_none() {
        problems.add(place, "has no \"200\" reply as JSON by $ref; add one");
    }
    let default = operation.body.get("responses").map(|all| &all["default"]["content"]["application/json"]["schema"]);
    if default.and_then(reference) != Some("ErrorModel") {
        problems.add(place, "has no `default` reply that is an ErrorModel; add it, any operation may refuse");
    }
}

fn check_edition(operation: &Operation<'_>, problems: &mut Problems) {
    let Some(edition) = operation.body.get("x-edition") else { return };
    if !edition.as_str().is_some_and(is_month) {
        problems.add(
            &operation.place,
            format!("x-edition is {edition}; write the month of the edition as text, such as \"2023-11\""),
        );
    }
    if operation.official_page().is_none() {
        problems.add(&operation.place, "has an x-edition but no x-official-page; add the page or drop the edition");
    }
}

fn check_tag(document: &Document, operation: &Operation<'_>, problems: &mut Problems) {
    let known: Vec<&str> =
        document.root["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str()).collect();
    let tags = operation.body.get("tags").and_then(Value::as_array).map_or(0, Vec::len);
    if tags != 1 {
        problems.add(&operation.place, format!("has {tags} tags; give it exactly one of: {}", known.join(", ")));
    } else if !known.contains(&operation.tag()) {
        let tag = operation.tag();
        problems.add(
            &operation.place,
            format!("tag {tag:?} is not declared; add it to the top-level tags, or use one of: {}", known.join(", ")),
        );
    }
}

fn check_repeat(document: &Document, operation: &Operation<'_>, problems: &mut Problems) {
    let place = operation.place.as_str();
    let repeat = operation.text("x-repeat");
    if !REPEATS.contains(&repeat) {
        problems.add(
            place,
            format!(
                "x-repeat is {repeat:?}; say safe, keyed or never: may it be sent again when its outcome is unknown?"
            ),
        );
    }
    let key = operation.text("x-repeat-key");
    let answer = operation.body.get("x-repeat-answered-with").and_then(Value::as_i64);
    if repeat != "keyed" {
        if !key.is_empty() || answer.is_some() {
            problems.add(place, "x-repeat-key and x-repeat-answered-with go with `x-repeat: keyed` only; drop them");
        }
        return;
    }
    if answer.is_none() {
        problems.add(place, "is keyed but has no x-repeat-answered-with; add the errcode that answers a repeat");
    }
    for schema in [operation.request_schema(), operation.reply_schema()].into_iter().flatten() {
        let has_key = document.schema(schema).is_ok_and(|schema| schema["properties"].get(key).is_some());
        if !has_key {
            problems.add(place, format!("x-repeat-key {key:?} is no property of {schema}; name one that is"));
        }
    }
}

fn check_unique_operation_ids(document: &Document, problems: &mut Problems) {
    let mut places = BTreeMap::<String, Vec<String>>::new();
    for operation in document.operations() {
        places.entry(operation.id().to_owned()).or_default().push(operation.place);
    }
    for (id, places) in places.into_iter().filter(|(_, places)| places.len() > 1) {
        problems.add(&places.join(" and "), format!("share the operationId {id:?}; give each its own"));
    }
}

/// What holds for every object of the document, wherever it stands.
fn check_nodes(document: &Document, problems: &mut Problems) {
    let mut titles = BTreeMap::<String, String>::new();
    visit(&document.root, "", &mut |place, node| {
        let place = place.trim_start_matches('.');
        for key in node.as_object().into_iter().flat_map(|map| map.keys()) {
            if key.starts_with("x-") && !EXTENSIONS.contains(&key.as_str()) {
                problems.add(place, format!("{key} is unknown; known are: {}", EXTENSIONS.join(", ")));
            }
        }
        // Inline schemas with one title silently become one type.
        if (place.starts_with("components.schemas") || place.starts_with("paths"))
            && !is_in_example(place)
            && let Some(title) = node.get("title").and_then(Value::as_str)
            && let Some(other) = titles.insert(title.to_owned(), place.to_owned())
        {
            problems
                .add(place, format!("has the title {title:?} of {other}; titles name types, so drop or change one"));
        }
        if node.get("$ref").is_some() && reference(node).is_none_or(|name| document.schema(name).is_err()) {
            problems
                .add(place, format!("{} points at nothing; refer to a schema below components.schemas", node["$ref"]));
        }
        check_limits(place, node, problems);
    });
    for (name, schema) in document.schemas() {
        check_described(&format!("components.schemas.{name}"), schema, problems);
    }
}

/// An example holds payloads, where `title` is a member like any other.
fn is_in_example(place: &str) -> bool {
    format!("{place}.").contains(".example.") || place.contains(".examples.")
}

fn check_limits(place: &str, node: &Value, problems: &mut Problems) {
    for (limit, of) in
        [("x-max-bytes", "string"), ("x-max-chars", "string"), ("x-max-items", "array"), ("x-min-bytes", "string")]
    {
        let Some(value) = node.get(limit) else { continue };
        if node["type"] != of {
            problems.add(place, format!("{limit} belongs to a schema of type {of}, not {}", node["type"]));
        }
        if value.as_u64().is_none_or(|value| value == 0) {
            problems.add(place, format!("{limit} is {value}; write a positive whole number"));
        }
    }
    for standard in ["maxLength", "maxItems"] {
        if node.get("type").is_some() && node.get(standard).is_some() {
            problems.add(
                place,
                format!("has {standard}; say x-max-bytes, x-max-chars or x-max-items, the units WeCom counts in"),
            );
        }
    }
    let is_secret = node["format"] == "password";
    let name = if place.starts_with("paths") { None } else { place.rsplit('.').next() };
    if is_secret && name.is_some_and(|name| SECRETS.iter().all(|(secret, _)| *secret != name)) {
        problems.add(place, "is a password the generator has no type for; add it to SECRETS in xtask/src/lower.rs");
    }
}

fn check_described(place: &str, schema: &Value, problems: &mut Problems) {
    if reference(schema).is_some() {
        return;
    }
    if schema["description"].as_str().is_none_or(str::is_empty) {
        problems.add(place, "has no description; say what it is, it becomes the documentation");
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        check_described(&format!("{place}.properties.{name}"), property, problems);
    }
}

/// What holds on one side only: replies must stay open, and no schema may serve both sides.
fn check_sides(document: &Document, problems: &mut Problems) -> Result<()> {
    let replies: BTreeSet<String> = document.reply_schemas()?.into_iter().collect();
    let requests: BTreeSet<String> = document.request_schemas()?.into_iter().collect();
    for name in replies.intersection(&requests) {
        problems.add(
            &format!("components.schemas.{name}"),
            "is used by requests and by replies; make two schemas, requests are strict and replies lenient",
        );
    }
    for (name, schema) in document.schemas() {
        let place = format!("components.schemas.{name}");
        if !replies.contains(name) && !requests.contains(name) {
            problems.add(&place, "is used by no operation; use it or drop it");
        }
        if replies.contains(name) {
            visit(schema, &place, &mut |place, node| {
                if node.get("enum").is_some_and(Value::is_array) {
                    problems
                        .add(place, "is a closed enum in a reply; WeCom adds values, so say them in the description");
                }
                if node.get("additionalProperties") == Some(&Value::Bool(false)) {
                    problems.add(place, "forbids further properties in a reply; WeCom adds some, so drop it");
                }
            });
        }
    }
    Ok(())
}

fn is_snake_case(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && !id.contains("__")
        && !id.ends_with('_')
}

/// Whether `text` is `YYYY-MM`.
fn is_month(text: &str) -> bool {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('-') {
        Some((year, month)) => {
            year.len() == 4 && is_number(year) && month.len() == 2 && ("01"..="12").contains(&month) && is_number(month)
        }
        None => false,
    }
}
