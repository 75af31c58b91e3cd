//! Rules for schemas: supported forms, limits, descriptions, extensions, and the differences between requests and
//! replies.

use std::collections::BTreeSet;

use openapiv3::{
    AdditionalProperties, AnySchema, IntegerFormat, OpenAPI, ReferenceOr, Schema, SchemaKind, Type,
    VariantOrUnknownOrEmpty,
};
use serde_json::{Value, json};

use crate::document::{Document, Operation};
use crate::grammar::Kind;
use crate::lower::{NO_ERRCODE, SECRETS, is_known_number, is_password};
use crate::normal::{described_reference, is_map};
use crate::problems::Problems;
use crate::schema::{self, Slot, each_schema, integer_range, object};
use crate::strict;

/// Every extension that the generator knows, and the kinds of objects that may have it.
const EXTENSIONS: [(&str, &[Kind]); 14] = [
    ("x-private", &[Kind::Schema]),
    ("x-official-page", &[Kind::Operation]),
    ("x-edition", &[Kind::Operation]),
    ("x-unconfirmed", &[Kind::Operation]),
    ("x-repeat", &[Kind::Operation]),
    ("x-repeat-key", &[Kind::Operation]),
    ("x-repeat-answered-with", &[Kind::Operation]),
    (NO_ERRCODE, &[Kind::Schema]),
    ("x-max-bytes", &[Kind::Schema]),
    ("x-max-chars", &[Kind::Schema]),
    ("x-max-items", &[Kind::Schema]),
    ("x-min-bytes", &[Kind::Schema]),
    ("x-max-bytes-of", &[Kind::Schema]),
    ("x-refused-when-empty", &[Kind::Schema]),
];

pub fn check(document: &Document, problems: &mut Problems) {
    check_extensions(Kind::Document, "", &document.root, problems);
    check_references(document, problems);
    each_schema(&document.api, &mut |place, slot| {
        if let Some(schema) = slot.schema() {
            check_kind(place, schema, problems);
            check_limits(place, schema, problems);
            check_pattern(place, schema, problems);
            check_range(place, schema, problems);
            check_secret(place, schema, problems);
        }
    });
    for (name, slot) in document.schemas() {
        check_described(&format!("components.schemas.{name}"), slot, problems);
    }
}

fn check_extensions(kind: Kind, place: &str, value: &Value, problems: &mut Problems) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                // Keys of a map are names, and keys of an example can be anything.
                if key.starts_with("x-") && !matches!(kind, Kind::Map(_) | Kind::Free) {
                    check_extension(kind, key, &place, problems);
                } else {
                    check_extensions(kind.child(key), &place, child, problems);
                }
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                check_extensions(kind.child(""), &format!("{place}[{index}]"), child, problems);
            }
        }
        _ => {}
    }
}

fn check_extension(kind: Kind, key: &str, place: &str, problems: &mut Problems) {
    let known = || EXTENSIONS.map(|(key, _)| key).join(", ");
    match EXTENSIONS.iter().find(|(known, _)| *known == key) {
        None => problems.add(place, format!("is unknown; the known extensions are {}", known())),
        Some((_, kinds)) if !kinds.contains(&kind) => {
            problems.add(place, format!("belongs to {}, not to {}; move it or drop it", kinds[0].name(), kind.name()));
        }
        Some(_) => {}
    }
}

/// Refuses a reference to anything that is not a schema of the components.
fn check_references(document: &Document, problems: &mut Problems) {
    each_schema(&document.api, &mut |place, slot| {
        if slot.reference().is_some_and(|name| document.schema(name).is_err()) {
            let reference = slot.reference().unwrap_or_default();
            let is_there = document.root["components"]["schemas"].get(reference).is_some();
            let problem = match is_there {
                true => format!("is in a circle of `$ref`s through {reference}; replace one of them by a schema"),
                false => format!("points at nothing ({reference:?}); refer to a schema below components.schemas"),
            };
            problems.add(place, problem);
        }
    });
}

/// Refuses forms of schemas that the generator does not support.
fn check_kind(place: &str, schema: &Schema, problems: &mut Problems) {
    match &schema.schema_kind {
        SchemaKind::Type(Type::Array(array)) if array.items.is_none() => {
            problems.add(place, "is a list without `items`; add the schema of its items");
        }
        SchemaKind::Type(Type::Object(object)) => check_object(place, object, problems),
        SchemaKind::Type(Type::String(string)) if !string.enumeration.is_empty() => {
            check_enum(place, schema, &string.enumeration, problems);
        }
        SchemaKind::Type(Type::Number(number)) if !number.enumeration.is_empty() => {
            problems.add(place, "is an enum of fractions, which is not supported; list the values in the description");
        }
        SchemaKind::Type(Type::Boolean(boolean)) if !boolean.enumeration.is_empty() => {
            problems.add(place, "is an enum of booleans, which is not supported; say in the description which value is expected");
        }
        SchemaKind::OneOf { .. } | SchemaKind::AnyOf { .. } | SchemaKind::Not { .. } => problems.add(
            place,
            "is a oneOf, anyOf or not, which neither request types nor the lenient decoder of replies support; write an \
             object with one property for each form, as in SendRequest, and say in the description when each is present",
        ),
        SchemaKind::Any(any) if any.all_of.is_empty() && !is_part_of_all(place) => {
            match &any.typ {
                Some(of) => problems.add(place, misplaced_keywords(of, any)),
                None => problems.add(place, "does not say its type; add `type`"),
            }
        }
        _ => {}
    }
    if !is_known_number(schema) {
        problems.add(
            place,
            "has a format that no number type of Rust has; use int32, int64, uint32, uint64, float or double",
        );
    }
    for (key, is_there) in
        [("externalDocs", schema.schema_data.external_docs.is_some()), ("writeOnly", schema.schema_data.write_only)]
    {
        if is_there {
            problems.add(&format!("{place}.{key}"), "is not read by the generator; say it in the description");
        }
    }
    if schema.schema_data.discriminator.is_some() {
        problems.add(&format!("{place}.discriminator"), "belongs to oneOf, which is not supported; drop it");
    }
}

/// Returns whether the place is an element of `allOf`, in which the type may be left out.
fn is_part_of_all(place: &str) -> bool {
    place.rsplit('.').next().is_some_and(|last| last.starts_with("allOf["))
}

fn check_object(place: &str, object: &openapiv3::ObjectType, problems: &mut Problems) {
    let more = match &object.additional_properties {
        Some(AdditionalProperties::Schema(_)) => "a schema",
        Some(AdditionalProperties::Any(true)) => "true",
        _ => return,
    };
    if !object.properties.is_empty() {
        problems.add(
            &format!("{place}.additionalProperties"),
            format!("is {more} beside properties, so the Rust struct would lose properties that are not named; name every property, or none"),
        );
    }
}

fn check_enum(place: &str, schema: &Schema, values: &[Option<String>], problems: &mut Problems) {
    let mut variants = BTreeSet::new();
    if values.contains(&None) && !schema.schema_data.nullable {
        problems.add(place, "has null among its values but is not nullable; add `nullable: true` or drop the value");
    }
    for value in values.iter().flatten() {
        if !variants.insert(crate::names::variant_name(value)) {
            problems.add(
                place,
                format!("has two values that become the same name in Rust, the second is {value:?}; drop one, or use a string without enum"),
            );
        }
        if value.is_empty() {
            problems.add(place, "has an empty value; drop it, and say in the description what an absent value means");
        }
    }
}

/// Returns why the parser took the schema for one without a type: it has keywords that do not belong to the type `of`.
fn misplaced_keywords(of: &str, any: &AnySchema) -> String {
    let types = ["string", "integer", "number", "boolean", "array", "object"];
    if !types.contains(&of) {
        return format!("is of type {of:?}; write one of {}", types.join(", "));
    }
    let is_there = [
        ("pattern", any.pattern.is_some(), "string"),
        ("minLength", any.min_length.is_some(), "string"),
        ("maxLength", any.max_length.is_some(), "string"),
        ("multipleOf", any.multiple_of.is_some(), "number"),
        ("minimum", any.minimum.is_some(), "number"),
        ("maximum", any.maximum.is_some(), "number"),
        ("exclusiveMinimum", any.exclusive_minimum.is_some(), "number"),
        ("exclusiveMaximum", any.exclusive_maximum.is_some(), "number"),
        ("items", any.items.is_some(), "array"),
        ("minItems", any.min_items.is_some(), "array"),
        ("maxItems", any.max_items.is_some(), "array"),
        ("uniqueItems", any.unique_items.is_some(), "array"),
        ("properties", !any.properties.is_empty(), "object"),
        ("required", !any.required.is_empty(), "object"),
        ("additionalProperties", any.additional_properties.is_some(), "object"),
        ("minProperties", any.min_properties.is_some(), "object"),
        ("maxProperties", any.max_properties.is_some(), "object"),
    ];
    let fits = |belongs_to: &str| belongs_to == of || belongs_to == "number" && of == "integer";
    let foreign = is_there.iter().filter(|(_, is_there, belongs_to)| *is_there && !fits(belongs_to));
    let foreign: Vec<&str> = foreign.map(|(key, _, _)| *key).collect();
    if !foreign.is_empty() {
        return format!(
            "has {}, which a schema of type {of} does not have; drop it, or correct the type",
            foreign.join(", ")
        );
    }
    if of == "integer" {
        let limits = "has a minimum, maximum or multipleOf that is not a signed 64-bit integer";
        return format!("{limits}; drop it, because the format implies the range");
    }
    format!("has a keyword whose value does not fit the type {of}; correct the value, or the type")
}

/// Refuses a pattern that the validators of requests cannot compile.
fn check_pattern(place: &str, schema: &Schema, problems: &mut Problems) {
    let SchemaKind::Type(Type::String(string)) = &schema.schema_kind else { return };
    let Some(pattern) = &string.pattern else { return };
    let schema = json!({ "type": "string", "pattern": pattern });
    if strict::options().build(&schema).is_err() {
        problems.add(&format!("{place}.pattern"), "is not a valid regular expression; correct it");
    }
}

/// Refuses limits that no value of the format can reach.
fn check_range(place: &str, schema: &Schema, problems: &mut Problems) {
    let SchemaKind::Type(Type::Integer(integer)) = &schema.schema_kind else { return };
    let format = match &integer.format {
        VariantOrUnknownOrEmpty::Item(IntegerFormat::Int32) => "int32",
        VariantOrUnknownOrEmpty::Item(IntegerFormat::Int64) => "int64",
        VariantOrUnknownOrEmpty::Unknown(format) => format,
        VariantOrUnknownOrEmpty::Empty => return,
    };
    let Some((least, most)) = integer_range(format) else { return };
    for (key, limit) in [("minimum", integer.minimum), ("maximum", integer.maximum)] {
        if limit.is_some_and(|limit| !(least..=most).contains(&limit.into())) {
            problems.add(&format!("{place}.{key}"), "is beyond what the format can hold; choose a wider format");
        }
    }
}

fn check_limits(place: &str, schema: &Schema, problems: &mut Problems) {
    let of = match &schema.schema_kind {
        SchemaKind::Type(Type::String(_)) => "string",
        SchemaKind::Type(Type::Array(_)) => "array",
        SchemaKind::Type(Type::Integer(_)) => "integer",
        SchemaKind::Type(Type::Number(_)) => "number",
        SchemaKind::Type(Type::Boolean(_)) => "boolean",
        _ => "object",
    };
    let extensions = &schema.schema_data.extensions;
    for (limit, belongs_to) in
        [("x-max-bytes", "string"), ("x-max-chars", "string"), ("x-max-items", "array"), ("x-min-bytes", "string")]
    {
        let Some(value) = extensions.get(limit) else { continue };
        if of != belongs_to {
            problems
                .add(place, format!("{limit} belongs to a schema of type {belongs_to}, not {of}; move it or drop it"));
        }
        if value.as_i64().is_none_or(|value| value <= 0) {
            problems.add(place, format!("{limit} is {value}; write a positive whole number"));
        }
    }
    if let Some(private) = extensions.get("x-private")
        && (private != true || of != "string")
    {
        problems
            .add(place, "x-private must be `true` and belongs to a string; put it at the strings that people write");
    }
    if extensions.get(NO_ERRCODE).is_some_and(|value| value != true) {
        problems.add(place, format!("{NO_ERRCODE} must be `true`; correct it, or leave it out"));
    }
    if extensions.get("x-refused-when-empty").is_some_and(|value| value != true) {
        problems.add(place, "x-refused-when-empty must be `true`; correct it, or leave it out");
    }
    if let Some(sizes) = extensions.get("x-max-bytes-of")
        && sizes.as_object().is_none_or(|sizes| sizes.is_empty() || sizes.values().any(|size| size.as_u64().is_none()))
    {
        problems.add(
            place,
            "x-max-bytes-of must be a map from values of the parameter `type` to numbers of bytes; correct it",
        );
    }
    let standard = match &schema.schema_kind {
        SchemaKind::Type(Type::String(string)) => string.max_length.map(|_| "maxLength"),
        SchemaKind::Type(Type::Array(array)) => array.max_items.map(|_| "maxItems"),
        _ => None,
    };
    if let Some(standard) = standard {
        problems.add(
            place,
            format!(
                "has {standard}, which does not say what WeCom counts; use x-max-bytes, x-max-chars or x-max-items"
            ),
        );
    }
    let is_empty_range = match &schema.schema_kind {
        SchemaKind::Type(Type::Integer(integer)) => {
            integer.minimum.zip(integer.maximum).is_some_and(|(min, max)| min > max)
        }
        SchemaKind::Type(Type::Number(number)) => {
            number.minimum.zip(number.maximum).is_some_and(|(min, max)| min > max)
        }
        _ => false,
    };
    if is_empty_range {
        problems.add(place, "has a minimum above its maximum, so no value is valid; correct one of them");
    }
}

fn check_secret(place: &str, schema: &Schema, problems: &mut Problems) {
    // The place of a parameter does not contain its name; the module `names` checks parameters.
    let name = if place.starts_with("paths") { None } else { place.rsplit('.').next() };
    if is_password(schema) && name.is_some_and(|name| SECRETS.iter().all(|(secret, _)| *secret != name)) {
        problems
            .add(place, "is a password for which the generator has no type; add it to SECRETS in xtask/src/lower.rs");
    }
}

/// Refuses a schema without a description, if it becomes a type or a field.
fn check_described(place: &str, slot: &dyn Slot, problems: &mut Problems) {
    let Some(schema) = slot.schema() else { return };
    let description = schema.schema_data.description.as_deref().unwrap_or_default();
    if description.trim().is_empty() && !is_part_of_all(place) && !place.ends_with(".items") {
        problems.add(place, "has no description; say what it is, because this becomes the documentation");
    }
    schema::each_child(schema, &mut |key, child| check_described(&format!("{place}.{key}"), child, problems));
}

/// Checks the normal form: `required`, rules for requests only or replies only, and the outcome in replies.
pub fn check_normal(source: &Document, normal: &Document, problems: &mut Problems) {
    let requests = normal.request_schemas();
    let replies = normal.reply_schemas();
    check_use(source, problems);
    each_schema(&normal.api, &mut |place, slot| {
        if let Some(schema) = slot.schema() {
            check_required(place, schema, problems);
        }
    });
    for name in replies.intersection(&requests) {
        problems.add(
            &format!("components.schemas.{name}"),
            "is used by requests and by replies; make two schemas, because requests are strict and replies lenient",
        );
    }
    for (name, slot) in normal.schemas() {
        let side = match replies.contains(name) {
            true => check_in_reply,
            false => check_in_request,
        };
        schema::walk(&format!("components.schemas.{name}"), slot, &mut |place, slot| {
            if let Some(schema) = slot.schema() {
                side(place, schema, problems);
            }
        });
    }
    for operation in normal.operations() {
        check_outcome(normal, &operation, problems);
    }
}

/// Refuses a schema that no operation uses. This needs the source, because the normal form has no named strings, numbers
/// and lists.
fn check_use(source: &Document, problems: &mut Problems) {
    let mut used = BTreeSet::new();
    for operation in source.operations() {
        used.extend(source.names_in(&operation.slots()));
    }
    for (name, _) in source.schemas().filter(|(name, _)| !used.contains(*name)) {
        problems.add(&format!("components.schemas.{name}"), "is used by no operation; use it or drop it");
    }
}

fn check_required(place: &str, schema: &Schema, problems: &mut Problems) {
    let Some(object) = object(schema) else { return };
    for (index, name) in object.required.iter().enumerate() {
        if !object.properties.contains_key(name) {
            let known: Vec<&str> = object.properties.keys().map(String::as_str).collect();
            problems.add(
                &format!("{place}.required"),
                format!("names {name:?}, which is not a property; the properties are {}", known.join(", ")),
            );
        }
        if object.required[..index].contains(name) {
            problems.add(&format!("{place}.required"), format!("names {name:?} twice; drop one"));
        }
        let default = object.properties.get(name).and_then(|property| property.schema()?.schema_data.default.as_ref());
        if default.is_some() {
            problems.add(
                &format!("{place}.properties.{name}"),
                "is required and has a default, which would never be used; drop one of the two",
            );
        }
    }
}

fn check_in_reply(place: &str, schema: &Schema, problems: &mut Problems) {
    let has_enum = match &schema.schema_kind {
        SchemaKind::Type(Type::String(string)) => !string.enumeration.is_empty(),
        SchemaKind::Type(Type::Integer(integer)) => !integer.enumeration.is_empty(),
        _ => false,
    };
    if has_enum {
        problems.add(place, "is a closed enum in a reply; WeCom adds values, so list them in the description");
    }
    let is_closed =
        object(schema).is_some_and(|object| object.additional_properties == Some(AdditionalProperties::Any(false)));
    if is_closed {
        problems.add(place, "forbids further properties in a reply; WeCom adds properties, so drop it");
    }
    for extension in ["x-private", "x-max-bytes", "x-max-chars", "x-max-items", "x-min-bytes", "x-refused-when-empty"] {
        if schema.schema_data.extensions.contains_key(extension) {
            problems.add(place, format!("has {extension}, which is for requests only; say it in the description"));
        }
    }
}

fn check_in_request(place: &str, schema: &Schema, problems: &mut Problems) {
    if schema.schema_data.extensions.contains_key(NO_ERRCODE) {
        problems.add(place, format!("has {NO_ERRCODE}, which is for replies only; drop it"));
    }
    if schema.schema_data.read_only {
        problems.add(place, "is readOnly in a request, so it could never be sent; drop `readOnly` or the property");
    }
}

/// Refuses a reply that does not say how the call went.
fn check_outcome(normal: &Document, operation: &Operation<'_>, problems: &mut Problems) {
    let Some(name) = operation.reply_schema() else { return };
    let place = format!("components.schemas.{name}");
    let Some(schema) = schema_of(&normal.api, name) else {
        problems.add(&operation.place, format!("answers with {name}, which is not an object; make it one"));
        return;
    };
    let Some(object) = object(schema).filter(|object| !is_map(object)) else {
        problems.add(&place, "is the reply of an operation, so it must be an object with errcode and errmsg");
        return;
    };
    let has_none = schema.schema_data.extensions.contains_key(NO_ERRCODE);
    let property = |name: &str| object.properties.get(name).and_then(|property| property.schema());
    let errcode = property("errcode").map(|schema| matches!(schema.schema_kind, SchemaKind::Type(Type::Integer(_))));
    let errmsg = property("errmsg").map(|schema| matches!(schema.schema_kind, SchemaKind::Type(Type::String(_))));
    match (has_none, errcode, errmsg) {
        (true, None, None) | (false, Some(true), Some(true)) => {}
        (true, _, _) => problems.add(&place, format!("has errcode or errmsg and says {NO_ERRCODE}; drop one of the two")),
        (false, None, _) | (false, _, None) => problems.add(
            &place,
            format!("is the reply of {} and has no errcode (an integer) and errmsg (a string); add them, or say `{NO_ERRCODE}: true`", operation.id()),
        ),
        (false, _, _) => problems.add(&place, "has an errcode that is not an integer, or an errmsg that is not a string; correct the type"),
    }
}

fn schema_of<'a>(api: &'a OpenAPI, name: &str) -> Option<&'a Schema> {
    let schema = api.components.as_ref()?.schemas.get(name).and_then(ReferenceOr::as_item)?;
    match described_reference(schema) {
        Some(name) => schema_of(api, name),
        None => Some(schema),
    }
}
