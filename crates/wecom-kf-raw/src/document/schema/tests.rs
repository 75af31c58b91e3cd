//! What the document's schemas refuse, compared with what a validator of JSON Schema refuses by them.

use std::collections::BTreeSet;

use super::*;
use crate::{document, op};
use fastrand::Rng;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, Keyword, ValidationError, Validator};
use serde_json::{Value, json};

fn read(schema: &Value) -> Result<Schema, String> {
    Schema::read(schema, schema)
}

#[test]
fn a_keyword_that_cannot_be_checked_is_an_error_with_its_place() {
    let rows = [
        (json!({ "type": "string", "maxLength": 5 }), "has no known keyword `maxLength`"),
        (json!({ "type": "string", "minimum": 5 }), "has no known keyword `minimum`"),
        (json!({ "type": "integer", "exclusiveMinimum": true }), "has no known keyword `exclusiveMinimum`"),
        (json!({ "type": "integer", "minimum": 0.5 }), "`minimum`: "),
        (json!({ "type": "string", "pattern": "^.$" }), "its `pattern` is not of the form"),
        (json!({ "type": "string", "minLength": -1 }), "`minLength`: "),
        (json!({ "type": "text" }), "has no known `type`"),
        (json!({ "allOf": [] }), "has no known `type`"),
        (json!({ "type": "array" }), "has no `items`"),
        (json!({ "type": "object", "properties": [] }), "its `properties` are not an object"),
        (json!({ "type": "object", "additionalProperties": {} }), "`additionalProperties`: "),
        (json!({ "$ref": "#/nowhere" }), "refers to nothing"),
        (json!({ "$ref": "#/properties/a", "nullable": true }), "has keywords beside its `$ref`"),
        (json!({ "$ref": "#/properties/a" }), "contains itself"),
        (json!(true), "is not an object"),
    ];
    for (schema, why) in rows {
        let schema = json!({ "type": "object", "properties": { "a": { "type": "array", "items": schema } } });
        let error = read(&schema).unwrap_err();
        assert!(error.starts_with("`a.[]") && error.contains(why), "{schema}: {error}");
    }
}

#[test]
fn a_mistake_says_what_is_expected_and_nothing_of_the_value() {
    let schema = read(&json!({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {
            "id": { "type": "string", "minLength": 1, "x-max-bytes": 3, "pattern": "^[a-z]*$" },
            "name": { "type": "string", "minLength": 2, "x-max-chars": 2 },
            "colour": { "type": "string", "enum": ["red", "blue"], "nullable": true },
            "limit": { "type": "integer", "minimum": 1, "maximum": 5 },
            "share": { "type": "number", "minimum": 0.5, "maximum": 1 },
            "all": { "type": "boolean" },
            "list": { "type": "array", "minItems": 1, "x-max-items": 1, "items": { "type": "boolean" } },
        },
    }))
    .unwrap();
    let rows = [
        (json!({ "id": "" }), "field `id`: the value is empty, but at least one character is required"),
        (json!({ "id": "abcd" }), "field `id`: at most 3 bytes of UTF-8 are allowed"),
        (json!({ "id": "您" }), "field `id`: only the characters `a-z` are allowed"),
        (json!({ "id": 5 }), "field `id`: the value is an integer, but a string is expected"),
        (json!({ "id": "a", "name": "您" }), "field `name`: at least 2 characters are required"),
        (json!({ "id": "a", "name": "您您您" }), "field `name`: at most 2 characters are allowed"),
        (json!({ "id": "a", "colour": "pink" }), "field `colour`: the value is not one of `red`, `blue`"),
        (json!({ "id": "a", "limit": 0 }), "field `limit`: the value is less than the minimum of 1"),
        (json!({ "id": "a", "limit": u64::MAX }), "field `limit`: the value is greater than the maximum of 5"),
        (
            json!({ "id": "a", "limit": 1.0 }),
            "field `limit`: the value is a number with a decimal point or an exponent, but an integer is expected",
        ),
        (json!({ "id": "a", "share": 0.25 }), "field `share`: the value is less than the minimum of 0.5"),
        (json!({ "id": "a", "share": 2 }), "field `share`: the value is greater than the maximum of 1"),
        (json!({ "id": "a", "all": "true" }), "field `all`: the value is a string, but true or false is expected"),
        (json!({ "id": "a", "all": null }), "field `all`: the value is null, but true or false is expected"),
        (json!({ "id": "a", "list": [] }), "field `list`: the value is empty, but at least one item is required"),
        (json!({ "id": "a", "list": [true, true] }), "field `list`: at most 1 items are allowed"),
        (json!({ "id": "a", "list": [{}] }), "field `list.0`: the value is an object, but true or false is expected"),
        (json!({ "id": "a", "x": 1, "y": 2 }), "unknown field `x`, `y`"),
        (json!({}), "missing field `id`"),
        (json!([]), "the request is a list, but an object is expected"),
    ];
    for (value, expected) in rows {
        let said: Vec<String> = schema.mistakes(&value).iter().map(ToString::to_string).collect();
        assert_eq!(said, [expected], "{value}");
    }
    for right in [json!({ "id": "abc", "colour": null }), json!({ "id": "a", "share": 1, "limit": 5, "list": [false] })]
    {
        assert_eq!(schema.mistakes(&right), [], "{right}");
    }
}

#[test]
fn fields_are_described_in_both_languages() {
    let document = document::parsed();
    let schema = document::arguments(op::RECALL_MSG).unwrap();
    let said = |schema: &Schema, lang| {
        let rows = schema.fields().into_iter().map(|field| {
            let (kind, limits) = field.schema.described_in(lang);
            format!("{}{} {kind}: {}", field.path, if field.is_required { "!" } else { "" }, limits.join("; "))
        });
        rows.collect::<Vec<_>>()
    };
    assert_eq!(said(&schema, Lang::En)[0], "msgid! string: not empty");
    let menu = Schema::read(&json!({
        "type": "object",
        "properties": {
            "list": { "type": "array", "minItems": 1, "x-max-items": 10, "items": { "type": "object", "properties": {
                "id": { "type": "string", "x-max-bytes": 128, "pattern": "^[a-z]*$", "enum": ["a", "b"] } } } },
            "limit": { "type": "integer", "minimum": 1, "maximum": 5 },
        },
    }), &document).unwrap();
    assert_eq!(
        said(&menu, Lang::En),
        [
            "limit integer: at least 1; at most 5",
            "list list: not empty; at most 10 items",
            "list.[].id string: at most 128 bytes of UTF-8; one of a, b; only the characters a-z",
        ]
    );
    assert_eq!(
        said(&menu, Lang::Zh),
        [
            "limit 整数: 不小于 1; 不大于 5",
            "list 列表: 不能为空; 最多 10 项",
            "list.[].id 字符串: 最多 128 字节（UTF-8）; 只能是 `a`、`b` 之一; 只允许字符 `a-z`",
        ]
    );
}

/// What both checks say of a request, in the same words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Unknown(String, Vec<String>),
    Missing(String, String),
    /// A limit of WeCom's own, which may have an errcode of its own.
    Limit(String),
    WrongType(String),
    Other(String),
}

fn ours(schema: &Schema, request: &Value) -> BTreeSet<Said> {
    let said = schema.mistakes(request).into_iter().map(|Mistake { path, fault }| match fault {
        Fault::Unknown(names) => Said::Unknown(path, names),
        Fault::Missing(name) => Said::Missing(path, name),
        Fault::TooLong { .. } => Said::Limit(path),
        Fault::WrongType { .. } => Said::WrongType(path),
        _ => Said::Other(path),
    });
    said.collect()
}

fn theirs(validator: &Validator, request: &Value) -> BTreeSet<Said> {
    let said = validator.iter_errors(request).map(|error| {
        let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let mut unexpected = unexpected.clone();
                unexpected.sort();
                Said::Unknown(path, unexpected)
            }
            ValidationErrorKind::Required { property } => Said::Missing(path, property.as_str().unwrap().to_owned()),
            ValidationErrorKind::Custom { .. } => Said::Limit(path),
            ValidationErrorKind::Type { .. } => Said::WrongType(path),
            _ => Said::Other(path),
        }
    });
    let mut said: BTreeSet<Said> = said.collect();
    // The validator also compares a value of a wrong type with the limits: 0.5 is no integer, and less than 1.
    let wrong: Vec<String> = said
        .iter()
        .filter_map(|said| if let Said::WrongType(path) = said { Some(path.clone()) } else { None })
        .collect();
    said.retain(|said| !matches!(said, Said::Other(path) if wrong.contains(path)));
    said
}

/// The size of a value, if it is of the type that the limit belongs to.
type Measure = fn(&Value) -> Option<usize>;

/// A limit of the document that JSON Schema has no keyword for.
struct Limit {
    max: u64,
    measure: Measure,
}

impl<'i> Keyword<'i> for Limit {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("too long")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        (self.measure)(instance).is_none_or(|size| size as u64 <= self.max)
    }
}

fn validator(schema: &Value) -> Validator {
    let limits: [(&str, Measure); 3] = [
        ("x-max-bytes", |value| Some(value.as_str()?.len())),
        ("x-max-chars", |value| Some(value.as_str()?.chars().count())),
        ("x-max-items", |value| Some(value.as_array()?.len())),
    ];
    // OpenAPI 3.0 schemas are nearest to draft 4.
    let options = jsonschema::options().with_draft(Draft::Draft4);
    let options = limits.into_iter().fold(options, |options, (keyword, measure)| {
        options.with_keyword(keyword, move |_, limit, _| Ok(Box::new(Limit { max: limit.as_u64().unwrap(), measure })))
    });
    options.build(schema).unwrap()
}

/// A value that is more or less as `schema` says.
///
/// None is greater than 64 bits: the validator takes 1e300 for an integer, although it does not take 1e10 for one.
fn value(rng: &mut Rng, schema: &Value, root: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        return value(rng, root.pointer(&reference[1..]).unwrap(), root);
    }
    if rng.u8(..16) == 0 {
        let others = [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(1.0),
            json!(0.5),
            json!(1e10),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(""),
            json!("1"),
            json!([]),
            json!([null]),
            json!({}),
            json!({ "a": 1 }),
        ];
        return rng.choice(others).unwrap();
    }
    let limit = |keyword: &str| schema[keyword].as_i64();
    match schema["type"].as_str().unwrap() {
        "object" => {
            let mut members = Map::new();
            let required = schema["required"].as_array().into_iter().flatten();
            let required: Vec<_> = required.filter_map(Value::as_str).collect();
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                if rng.u8(..16) < if required.contains(&&**name) { 15 } else { 6 } {
                    members.insert(name.clone(), value(rng, schema, root));
                }
            }
            for name in ["zzz", "a/b", "您"] {
                if rng.u8(..32) == 0 {
                    members.insert(name.to_owned(), json!(1));
                }
            }
            members.into()
        }
        "array" => {
            let max = limit("x-max-items").unwrap_or(3);
            let lengths = [0, 1, 1, 2, 2, 2, max, max + 1];
            (0..rng.choice(lengths).unwrap()).map(|_| value(rng, &schema["items"], root)).collect()
        }
        "string" => {
            let max = limit("x-max-bytes").or(limit("x-max-chars")).unwrap_or(3);
            let length = rng.choice([0, 1, 1, 2, 2, 3, max / 3, max / 3 + 1, max, max + 1]).unwrap();
            let char = rng.choice(["a", "Z", "0", "-", "_", "您", "\u{e9}", " ", "\n"]).unwrap();
            json!(char.repeat(usize::try_from(length).unwrap()))
        }
        "integer" | "number" => {
            let (min, max) = (limit("minimum").unwrap_or(0), limit("maximum").unwrap_or(i64::MAX));
            let of_integers = [min - 1, min, min, min + 1, max.saturating_sub(1), max, max.saturating_add(1)];
            json!(rng.choice(of_integers).unwrap())
        }
        other => panic!("{other} is not made here"),
    }
}

/// The validator of JSON Schema is a development dependency, because it takes longer to build than the simulator.
#[test]
fn requests_are_refused_as_by_a_validator_of_json_schema() {
    let mut rng = Rng::with_seed(12);
    let document = document::parsed();
    let (mut requests, mut right) = (0, 0);
    let mut seen = [0; 5];
    for operation in op::ALL {
        let Some(root) = document::request_schema(operation) else { continue };
        let (schema, validator) =
            (Schema::read(&json!({ "$ref": root["$ref"] }), &document).unwrap(), validator(&root));
        for _ in 0..300 {
            let request = value(&mut rng, &root, &root);
            let (ours, theirs) = (ours(&schema, &request), theirs(&validator, &request));
            assert_eq!(ours, theirs, "{} {request}", operation.id);
            requests += 1;
            right += usize::from(ours.is_empty());
            for said in ours {
                seen[match said {
                    Said::Unknown(..) => 0,
                    Said::Missing(..) => 1,
                    Said::Limit(_) => 2,
                    Said::WrongType(_) => 3,
                    Said::Other(_) => 4,
                }] += 1;
            }
        }
    }
    // Every kind of mistake was among them, and requests without one.
    assert!(requests > 5000 && right > 1000 && seen.iter().all(|seen| *seen > 500), "{requests} {right} {seen:?}");
}
