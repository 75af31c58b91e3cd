//! Rules for names: names in the generated code must be valid in Rust, and no two things may have the same name.

use std::collections::BTreeMap;

use openapiv3::{ParameterSchemaOrContent, SchemaKind, Type};

use crate::document::Document;
use crate::lower::{MESSAGE_JSON, SECRETS, is_password};
use crate::names::{argument_name, constant_name, field_name, is_identifier, type_at, type_name};
use crate::normal::is_map;
use crate::problems::Problems;
use crate::schema::{Slot, each_schema, object};

/// Ids that no operation may have: the functions of `wecom_kf_raw::Client`, and `all`, the list of all operations.
pub const RESERVED_OPERATIONS: [&str; 13] = [
    "all",
    "call",
    "exchange",
    "fetch",
    "get",
    "new",
    "post",
    "reply_limit",
    "request",
    "request_of",
    "set_path",
    "timeout",
    "with_base_url",
];

/// Names that no request value may have, because the module of the generated requests imports them.
pub const RESERVED_REQUESTS: [&str; 13] = [
    "AccessToken",
    "Client",
    "ErrCode",
    "Error",
    "FromJson",
    "Operation",
    "Option",
    "Private",
    "Repeat",
    "Reply",
    "Request",
    "Result",
    "String",
];

/// Names of types and traits that generated code uses without a path. A type of the document with such a name would
/// replace them.
const PRELUDE: [&str; 30] = [
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Drop",
    "Eq",
    "Err",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "Hash",
    "Into",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Some",
    "String",
    "ToString",
    "Vec",
];

pub fn check(normal: &Document, problems: &mut Problems) {
    check_operations(normal, problems);
    check_schemas(normal, problems);
    check_properties(normal, problems);
    check_parameters(normal, problems);
}

fn check_operations(normal: &Document, problems: &mut Problems) {
    let mut requests = BTreeMap::<String, String>::new();
    for operation in normal.operations() {
        let (id, place) = (operation.id(), operation.place.as_str());
        if id.is_empty() {
            problems.add(place, "has no operationId; add one such as account_add");
            continue;
        }
        if !is_snake_case(id) {
            problems.add(place, format!("operationId {id:?} is not snake_case; write it with a-z, 0-9 and single _"));
        } else if !is_identifier(id) {
            problems.add(place, format!("operationId {id:?} is a keyword of Rust; use the words of the path"));
        } else if RESERVED_OPERATIONS.contains(&id) || RESERVED_REQUESTS.contains(&type_name(id).as_str()) {
            problems.add(
                place,
                format!("operationId {id:?} is already a name in the generated code; use the words of the path"),
            );
        }
        if let Some(other) = requests.insert(type_name(id), id.to_owned())
            && other != id
        {
            problems.add(place, format!("operationId {id:?} and {other:?} become the same name in Rust; change one"));
        }
    }
}

/// Checks the names of types. An object or enum inside another schema is named after its place.
fn check_schemas(normal: &Document, problems: &mut Problems) {
    let mut types = BTreeMap::<String, String>::new();
    for name in SECRETS.iter().map(|(_, secret)| *secret).chain([MESSAGE_JSON]) {
        types.insert(name.to_owned(), "a hand-written type of wecom-kf-raw".to_owned());
    }
    for (name, _) in normal.schemas() {
        let place = format!("components.schemas.{name}");
        let proper = type_name(name);
        if *name != proper || proper.ends_with('_') {
            let remedy = match proper.trim_end_matches('_') {
                keyword if keyword == name.as_str() => "it is a keyword, so choose another".to_owned(),
                proper => format!("write it {proper}"),
            };
            problems.add(&place, format!("is not a valid type name in Rust; {remedy}"));
        }
        if PRELUDE.contains(&name.as_str()) {
            problems.add(&place, "is a name of Rust's prelude, which generated code uses; choose another");
        }
    }
    each_schema(&normal.api, &mut |place, slot| {
        if place.starts_with("components.schemas.") && becomes_a_type(slot) {
            claim(&mut types, type_at(place), place, problems);
        }
    });
    for operation in normal.operations() {
        for (index, parameter) in operation.parameters().enumerate() {
            if let ParameterSchemaOrContent::Schema(slot) = &parameter.format
                && becomes_a_type(slot)
            {
                let name = type_name(&format!("{}_{}", operation.id(), parameter.name));
                claim(&mut types, name, &format!("{}.parameters[{index}]", operation.place), problems);
            }
        }
    }
}

fn claim(types: &mut BTreeMap<String, String>, name: String, place: &str, problems: &mut Problems) {
    if let Some(other) = types.get(&name) {
        problems.add(place, format!("becomes the type {name}, as {other} does; rename one of them"));
    }
    types.insert(name, place.to_owned());
}

fn becomes_a_type(slot: &dyn Slot) -> bool {
    match slot.schema().map(|schema| &schema.schema_kind) {
        Some(SchemaKind::Type(Type::Object(object))) => !is_map(object) && !object.properties.is_empty(),
        Some(SchemaKind::Type(Type::String(string))) => !string.enumeration.is_empty(),
        _ => false,
    }
}

fn check_properties(normal: &Document, problems: &mut Problems) {
    each_schema(&normal.api, &mut |place, slot| {
        let Some(object) = slot.schema().and_then(object) else { return };
        let mut fields = BTreeMap::<String, &str>::new();
        for name in object.properties.keys() {
            check_name(&format!("{place}.properties.{name}"), name, problems);
            if let Some(other) = fields.insert(field_name(name), name) {
                problems.add(
                    &format!("{place}.properties.{name}"),
                    format!("and {other} become the same field in Rust, {}; leave one of them out", field_name(name)),
                );
            }
        }
    });
}

fn check_parameters(normal: &Document, problems: &mut Problems) {
    for operation in normal.operations() {
        let mut fields = BTreeMap::<String, String>::new();
        for (index, parameter) in operation.parameters().enumerate() {
            let place = format!("{}.parameters[{index}]", operation.place);
            let name = &parameter.name;
            check_name(&place, name, problems);
            if let Some(other) = fields.insert(argument_name(name), name.clone()).filter(|other| other != name) {
                problems.add(&place, format!("{name} and {other} become the same name in Rust; leave one of them out"));
            }
            let ParameterSchemaOrContent::Schema(slot) = &parameter.format else { continue };
            if slot.schema().is_some_and(is_password) && SECRETS.iter().all(|(secret, _)| *secret != *name) {
                problems.add(
                    &place,
                    "is a password for which the generator has no type; add it to SECRETS in xtask/src/lower.rs",
                );
            }
            if slot.reference().is_some_and(|name| normal.schema(name).is_ok_and(|schema| object(schema).is_some())) {
                problems.add(&place, "is an object; a parameter is a string, a number or a boolean");
            }
        }
    }
}

/// Refuses a name of JSON that cannot become a name of Rust, or that would be ambiguous in a place.
fn check_name(place: &str, name: &str, problems: &mut Problems) {
    let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-'));
    if name.is_empty() || !is_plain || constant_name(&[name.to_owned()]).chars().all(|letter| letter == '_') {
        problems.add(place, format!("{name:?} cannot become a name in Rust; use letters, digits, _ and -"));
    }
}

fn is_snake_case(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && !id.contains("__")
        && !id.ends_with('_')
}
