//! Random edits of the document: each is refused with a place, or the generated code compiles.
//!
//! `XTASK_EDITS` sets how many are tried (60 by default), and `XTASK_SEED` selects which ones.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::probe::Probe;
use super::scratch::Scratch;
use super::{DOCUMENT, read};
use crate::codegen;
use crate::document::Document;

const EDITS: usize = 60;

/// An edit that a person could make.
#[derive(Clone, Debug)]
enum Edit {
    /// Adds a property to a schema.
    Property { schema: String, name: String, form: String },
    /// Adds an operation with a parameter, a property in its request and one in its reply.
    Operation { method: &'static str, parameter: String, name: String, sent: String, answered: String },
    /// Misspells the key at the beginning of a line: removes a letter, or writes one twice.
    Slip { line: usize, letter: usize, doubled: bool },
    /// Deletes a line.
    Deletion { line: usize },
    /// Changes a number.
    Number { line: usize, to: i64 },
}

fn names() -> impl Strategy<Value = String> {
    let usual = "[a-z][a-zA-Z]{2,8}([_-][a-z]{2,4})?";
    let unusual =
        ["required", "type", "self", "crate", "async", "gen", "2nd", "enum", "properties", "items", "Self", "union"];
    let bad = ["a.b", "客服", "with space", "_", "-"];
    prop_oneof![
        4 => usual,
        2 => prop::sample::select(unusual.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(bad.to_vec()).prop_map(str::to_owned),
    ]
}

/// Schemas in flow style, valid and invalid ones.
fn forms() -> impl Strategy<Value = String> {
    let good = prop::sample::select(vec![
        "type: string",
        "type: string, format: date-time",
        "type: string, minLength: 1, pattern: \"^[a-z]*$\"",
        "type: string, nullable: true",
        "type: integer",
        "type: integer, format: int32",
        "type: integer, format: uint64",
        "type: integer, format: uint32, minimum: 1",
        "type: integer, minimum: -1, maximum: 9000000000, default: 5",
        "type: number, format: float",
        "type: number, minimum: 0.5",
        "type: boolean",
        "type: boolean, nullable: true",
        "type: object",
        "type: object, properties: {}",
    ]);
    // Allowed in requests only.
    let one_sided = prop::sample::select(vec![
        "type: string, enum: [plain, in-a-frame, \"3\"]",
        "type: string, x-max-bytes: 64",
        "type: string, x-private: true",
        "type: integer, enum: [1, 2]",
    ]);
    let bad = prop::sample::select(vec![
        "type: string, enum: [a, A]",
        "type: string, x-max-items: 3",
        "type: string, format: password",
        "type: string, default: 7",
        "type: integer, format: int128",
        "type: sting",
        "typ: string",
        "oneOf: [{ type: string }]",
    ]);
    let leaf =
        prop_oneof![8 => good, 2 => one_sided, 1 => bad].prop_map(|form| format!("{{ {form}, description: d }}"));
    leaf.prop_recursive(2, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| format!("{{ type: array, description: d, items: {items} }}")),
            inner.clone().prop_map(|items| format!("{{ type: array, nullable: true, description: d, items: {items} }}")),
            inner.clone().prop_map(|values| format!("{{ type: object, description: d, additionalProperties: {values} }}")),
            (names(), inner.clone()).prop_map(|(name, form)| format!("{{ type: object, description: d, properties: {{ {name:?}: {form} }} }}")),
            (names(), inner).prop_map(|(name, form)| {
                format!("{{ description: d, allOf: [{{ type: object, required: [{name:?}], properties: {{ {name:?}: {form} }} }}, {{ properties: {{ other: {{ type: string, description: d }} }} }}] }}")
            }),
        ]
    })
}

fn edits(lines: usize, schemas: Vec<String>) -> impl Strategy<Value = Edit> {
    let property = (prop::sample::select(schemas), names(), forms()).prop_map(|(schema, name, form)| Edit::Property {
        schema,
        name,
        form,
    });
    let operation =
        (prop::sample::select(vec!["get", "post", "put"]), names(), forms(), names(), forms(), forms(), any::<bool>())
            .prop_map(|(method, parameter, of, name, sent, answered, required)| Edit::Operation {
                method,
                parameter: format!(
                    "{{ name: {parameter:?}, in: query, required: {required}, description: d, schema: {of} }}"
                ),
                name,
                sent,
                answered,
            });
    prop_oneof![
        4 => property,
        4 => operation,
        1 => (0..lines, 0..8_usize, any::<bool>()).prop_map(|(line, letter, doubled)| Edit::Slip { line, letter, doubled }),
        1 => (0..lines).prop_map(|line| Edit::Deletion { line }),
        1 => (0..lines, -2..5_000_000_000_i64).prop_map(|(line, to)| Edit::Number { line, to }),
    ]
}

impl Edit {
    /// Returns the document after the edit. `None` if there is nothing to edit. `number` makes operation ids unique.
    fn apply(&self, document: &str, number: usize) -> Option<String> {
        match self {
            Self::Property { schema, name, form } => {
                let start = document.find(&format!("\n    {schema}:\n"))?;
                let (before, rest) = document.split_at(start);
                rest.contains("\n      properties:\n").then(|| {
                    before.to_owned()
                        + &rest.replacen(
                            "\n      properties:\n",
                            &format!("\n      properties:\n        {name:?}: {form}\n"),
                            1,
                        )
                })
            }
            Self::Operation { method, parameter, name, sent, answered } => {
                let probe = Probe {
                    method: (*method).to_owned(),
                    parameters: format!("[{parameter}]"),
                    request: format!("{{ type: object, description: d, properties: {{ {name:?}: {sent} }} }}"),
                    response: format!("{name:?}: {answered}"),
                    ..Probe::default()
                };
                Some(probe.named(&format!("probe_{number}")).add_to(document))
            }
            Self::Slip { line, letter, doubled } => edit_line(document, *line, |text| {
                let key = text.trim_start().split_once(':')?.0;
                let start = text.len() - text.trim_start().len();
                let at = start + letter.checked_rem(key.len())?;
                if !text.is_char_boundary(at) || !text.is_char_boundary(at + 1) {
                    return None;
                }
                let copies = if *doubled { text[at..=at].repeat(2) } else { String::new() };
                Some(format!("{}{copies}{}", &text[..at], &text[at + 1..]))
            }),
            Self::Deletion { line } => edit_line(document, *line, |_| Some(String::new())),
            Self::Number { line, to } => edit_line(document, *line, |text| {
                let start = text.find(": ")? + 2;
                text[start..].parse::<i64>().ok()?;
                Some(format!("{}{to}", &text[..start]))
            }),
        }
    }

    /// Returns whether the edit only adds something, so that hand-written code still compiles.
    fn only_adds(&self) -> bool {
        matches!(self, Self::Property { .. } | Self::Operation { .. })
    }
}

fn edit_line(document: &str, line: usize, f: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut lines: Vec<String> = document.lines().map(str::to_owned).collect();
    let edited = f(lines.get(line)?)?;
    lines[line] = edited;
    Some(lines.join("\n") + "\n")
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text:?}")))
}

#[test]
fn random_edits_are_refused_with_a_place_or_compile() {
    let count = from_environment("XTASK_EDITS").map_or(EDITS, |count| usize::try_from(count).unwrap());
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&from_environment("XTASK_SEED").unwrap_or_default().to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let good = read(DOCUMENT);
    let schemas = Document::read(&good).unwrap().schemas().map(|(name, _)| name.clone()).collect();
    let edits = edits(good.lines().count(), schemas);

    let mut together = good.clone();
    let mut accepted = Vec::new();
    let (mut refused, mut changed) = (0, 0);
    for number in 0..count {
        let edit = edits.new_tree(&mut runner).unwrap().current();
        let Some(edited) = edit.apply(&together, number) else { continue };
        changed += 1;
        match codegen::try_document(&edited) {
            Ok(()) if edit.only_adds() => {
                together = edited;
                accepted.push(edit);
            }
            Ok(()) => {}
            Err(error) => {
                refused += 1;
                let error = format!("{error:#}");
                let has_place = ["components", "paths", "info", "servers", "tags", "openapi", "security"]
                    .iter()
                    .any(|place| error.contains(&format!("- {place}")))
                    || error.contains("cannot be read as YAML: ")
                    || error.contains("the document: ");
                assert!(has_place, "{edit:?} is refused without a place: {error}");
            }
        }
    }
    // The test is useful only if many edits are accepted and many are refused.
    assert!(accepted.len() * 6 >= changed, "{} of {changed} edits were accepted", accepted.len());
    assert!(refused * 6 >= changed, "{refused} of {changed} edits were refused");
    println!("{changed} edits, {refused} refused, {} compiled together:\n{accepted:#?}", accepted.len());
    Scratch::generate(&together).cargo(&["build"]);
}
