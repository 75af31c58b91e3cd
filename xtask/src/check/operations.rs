//! Rules for paths and operations: ids, tags, parameters, bodies, replies, repeats and sources.

use std::collections::{BTreeMap, BTreeSet};

use openapiv3::{Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, Schema, SchemaKind, Type};
use serde_json::Value;

use crate::document::{BY_HAND, Document, METHODS, Operation};
use crate::lower::{TOKEN_PARAMETER, is_known_number};
use crate::names;
use crate::problems::Problems;
use crate::schema::{Slot, each_response, object};

pub const REPEATS: [&str; 3] = ["safe", "keyed", "never"];

/// Names of arguments and local variables in generated functions. No parameter may have one of them.
const RESERVED_PARAMETERS: [&str; 4] = ["body", "client", "self_", "request"];

pub fn check(document: &Document, problems: &mut Problems) {
    check_root(document, problems);
    check_paths(document, problems);
    for operation in document.operations() {
        check_operation(document, &operation, problems);
    }
    check_files(document, problems);
    check_unique_paths(document, problems);
    check_unique_operation_ids(document, problems);
}

fn check_root(document: &Document, problems: &mut Problems) {
    if document.operations().is_empty() {
        problems.add("paths", "has no operation; add one");
    }
    let servers = &document.api.servers;
    if servers.len() != 1 || servers.iter().any(|server| server.variables.is_some()) {
        problems.add("servers", "must be one server without variables: it becomes the address that clients call");
    }
    for (index, server) in servers.iter().enumerate() {
        if !is_base_url(&server.url) {
            let problem = "is not a URL that clients can call; write https://, the host, and optionally a path";
            problems.add(&format!("servers[{index}].url"), problem);
        }
    }
    let schemes = document.root["components"]["securitySchemes"].as_object();
    for name in schemes.into_iter().flat_map(|schemes| schemes.keys()).filter(|name| *name != TOKEN_PARAMETER) {
        problems.add(&format!("components.securitySchemes.{name}"), "is used by no operation; drop it");
    }
    let mut tags = BTreeSet::new();
    for (index, tag) in document.api.tags.iter().enumerate() {
        if !tags.insert(tag.name.as_str()) {
            problems.add(&format!("tags[{index}]"), format!("declares {:?} a second time; drop it", tag.name));
        }
    }
    let scheme = &document.root["components"]["securitySchemes"][TOKEN_PARAMETER];
    if scheme["type"] != "apiKey" || scheme["in"] != "query" || scheme["name"] != TOKEN_PARAMETER {
        problems.add(
            "components.securitySchemes.access_token",
            "must be an apiKey in the query named access_token, because the client sends that; for anything else, also change crates/wecom-kf-raw/src/client.rs",
        );
    }
    if document.api.security.is_some() {
        problems.add("security", "is not read at the top level; write it at each operation");
    }
    for (key, value) in document.root["components"].as_object().into_iter().flatten() {
        let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty);
        if !matches!(key.as_str(), "schemas" | "securitySchemes") && !key.starts_with("x-") && !is_empty {
            problems.add(&format!("components.{key}"), "is not read by the generator; write it where it is used");
        }
    }
}

fn is_base_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else { return false };
    let is_plain = |letter: char| letter.is_ascii_graphic() && !"?#{}\\\"<>^`|@".contains(letter);
    rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[') && rest.chars().all(is_plain)
}

fn check_paths(document: &Document, problems: &mut Problems) {
    for (path, item) in document.root["paths"].as_object().into_iter().flatten() {
        let place = format!("paths.{path}");
        if item.get("$ref").is_some() {
            problems.add(&place, "is a $ref, which is not followed; write the operations here");
        }
        for key in item.as_object().into_iter().flat_map(|item| item.keys()) {
            if !METHODS.contains(&key.as_str()) && key != "$ref" {
                problems.add(
                    &format!("{place}.{key}"),
                    format!("is not read here; write it inside an operation, one of {}", METHODS.join(", ")),
                );
            }
        }
    }
}

fn check_operation(document: &Document, operation: &Operation<'_>, problems: &mut Problems) {
    let place = operation.place.as_str();
    if operation.api.summary.as_deref().unwrap_or_default().trim().is_empty() {
        problems.add(place, "has no summary; say in one sentence what it does");
    }
    check_tag(document, operation, problems);
    check_repeat(operation, problems);
    check_sources(operation, problems);
    check_edition(operation, problems);
    match operation.body.get("security").and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => {}
        Some([scheme]) if scheme.get(TOKEN_PARAMETER).is_some() => {}
        _ => {
            problems.add(place, "must say `security: [{ access_token: [] }]`, or `security: []` when it takes no token")
        }
    }
    check_parameters(operation, problems);
    check_body(operation, problems);
    check_replies(operation, problems);
    for key in ["callbacks", "servers", "externalDocs"] {
        if operation.body.get(key).is_some() {
            let remedy = match key {
                "callbacks" => "calls that WeCom makes belong in spec/wecom-kf-callback.yaml",
                "servers" => "write it at the top level of the document",
                _ => "use x-official-page",
            };
            problems.add(&format!("{place}.{key}"), format!("is not read; {remedy}"));
        }
    }
}

fn check_tag(document: &Document, operation: &Operation<'_>, problems: &mut Problems) {
    let known: Vec<&str> = document.api.tags.iter().map(|tag| tag.name.as_str()).collect();
    let tags = operation.api.tags.len();
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

fn check_sources(operation: &Operation<'_>, problems: &mut Problems) {
    let place = operation.place.as_str();
    if operation.official_page().is_none() && operation.text("x-unconfirmed").is_empty() {
        problems.add(
            place,
            "has no x-official-page; add the number of its page, as in …/document/path/94677, or name its source in x-unconfirmed",
        );
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

/// Returns whether `text` is `YYYY-MM`.
fn is_month(text: &str) -> bool {
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('-') {
        Some((year, month)) => {
            year.len() == 4 && is_number(year) && month.len() == 2 && ("01"..="12").contains(&month) && is_number(month)
        }
        None => false,
    }
}

fn check_repeat(operation: &Operation<'_>, problems: &mut Problems) {
    let place = operation.place.as_str();
    let repeat = operation.text("x-repeat");
    if !REPEATS.contains(&repeat) {
        problems.add(
            place,
            format!(
                "x-repeat is {repeat:?}; say safe, keyed or never: may clients send it again when the outcome is unknown?"
            ),
        );
    }
    let key = operation.text("x-repeat-key");
    let answer = operation.body.get("x-repeat-answered-with");
    if repeat != "keyed" {
        if !key.is_empty() || answer.is_some() {
            problems.add(place, "x-repeat-key and x-repeat-answered-with go with `x-repeat: keyed` only; drop them");
        }
        return;
    }
    if answer.and_then(Value::as_i64).is_none() {
        problems.add(place, "is keyed but has no x-repeat-answered-with; add the errcode that answers a repeat");
    }
    if key.is_empty() {
        problems.add(place, "is keyed but has no x-repeat-key; name the property by which WeCom recognises a repeat");
    }
    if operation.request_schema().is_none() {
        problems.add(place, "is keyed but has no JSON body for the key; write `x-repeat: safe` or `x-repeat: never`");
    }
}

fn check_parameters(operation: &Operation<'_>, problems: &mut Problems) {
    let mut names = Vec::new();
    let mut in_path = Vec::new();
    for (index, parameter) in operation.api.parameters.iter().enumerate() {
        let place = format!("{}.parameters[{index}]", operation.place);
        let Some(parameter) = parameter.as_item() else {
            problems.add(&place, "is a $ref, which is not followed; write the parameter here");
            continue;
        };
        let data = parameter.parameter_data_ref();
        let name = data.name.as_str();
        if names.contains(&name) {
            problems.add(&place, format!("is the second parameter named {name}; drop one"));
        }
        names.push(name);
        match parameter {
            _ if operation.moves_files() => {}
            Parameter::Query { style: openapiv3::QueryStyle::Form, allow_reserved: false, .. } => {}
            Parameter::Path { style: openapiv3::PathStyle::Simple, .. } => {}
            Parameter::Query { .. } | Parameter::Path { .. } => {
                problems
                    .add(&place, "has a style that the generator does not support; drop `style` and `allowReserved`");
            }
            Parameter::Header { .. } | Parameter::Cookie { .. } => {
                problems.add(
                    &place,
                    format!("parameter {name:?} is neither in the query nor in the path; WeCom has no others, so move it or drop it"),
                );
            }
        }
        if matches!(parameter, Parameter::Path { .. }) {
            in_path.push(name);
            if !data.required {
                problems.add(&place, "is in the path, so it must say `required: true`");
            }
        }
        check_parameter(operation, &place, data, problems);
    }
    let placeholders = placeholders(operation.path);
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/-_.~{}".contains(letter);
    if !operation.path.chars().all(is_plain) || operation.path.contains("//") {
        problems.add(&operation.place, "has a character in its path that is not allowed in a URL, or two slashes in a row; use letters, digits, - _ . ~ and parameters in braces");
    }
    for (index, name) in placeholders.iter().enumerate() {
        if placeholders[..index].contains(name) {
            problems
                .add(&operation.place, format!("has {{{name}}} twice in its path; give the second one another name"));
        }
    }
    for name in &in_path {
        if !placeholders.contains(name) {
            problems
                .add(&operation.place, format!("declares the path parameter {name:?}, but the path has no {{{name}}}; add it to the path, or drop the parameter"));
        }
    }
    for name in &placeholders {
        if !in_path.contains(name) {
            problems.add(
                &operation.place,
                format!("does not declare {{{name}}} of its path; add a parameter with `in: path`"),
            );
        }
    }
    let braces = operation.path.matches(['{', '}']).count();
    if braces != placeholders.len() * 2 {
        problems.add(&operation.place, "has a brace in its path that belongs to no {parameter}; correct the path");
    }
}

fn check_parameter(operation: &Operation<'_>, place: &str, data: &ParameterData, problems: &mut Problems) {
    let name = data.name.as_str();
    if data.description.as_deref().unwrap_or_default().is_empty() {
        problems.add(place, "has no description; say what it is, because this becomes the documentation");
    }
    let field = names::field_name(name);
    if name == TOKEN_PARAMETER && operation.needs_access_token() {
        problems.add(place, "is added by `security` already; drop it");
    } else if RESERVED_PARAMETERS.contains(&field.as_str()) {
        problems.add(
            place,
            format!("is named {name:?}, which the generated code uses for something else; rename it or drop it"),
        );
    }
    if data.explode.is_some() || data.deprecated.is_some() {
        problems.add(place, "has `explode` or `deprecated`, which the generator does not read; drop it");
    }
    let ParameterSchemaOrContent::Schema(_) = &data.format else {
        problems.add(place, "has `content`, which is not supported; use `schema`");
        return;
    };
}

/// Returns the names in braces: `/a/{b}` has b.
fn placeholders(path: &str) -> Vec<&str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

fn check_body(operation: &Operation<'_>, problems: &mut Problems) {
    let Some(body) = &operation.api.request_body else { return };
    let place = format!("{}.requestBody", operation.place);
    let Some(body) = body.as_item() else {
        problems.add(&place, "is a $ref, which is not followed; write the body here");
        return;
    };
    if matches!(operation.method, "get" | "delete") {
        problems
            .add(&place, format!("has no meaning in a {}; use parameters, or POST", operation.method.to_uppercase()));
    }
    if !body.required {
        problems.add(&place, "requestBody is not required; add `required: true`");
    }
    if operation.request_schema().is_none() && !operation.moves_files() {
        problems.add(&place, "requestBody is not JSON with a $ref; refer to a schema below components.schemas");
    }
    check_content(&place, &body.content, problems);
}

fn check_content(place: &str, content: &openapiv3::Content, problems: &mut Problems) {
    for (kind, media) in content {
        let place = format!("{place}.content.{kind}");
        if !matches!(kind.as_str(), "application/json" | "multipart/form-data" | "*/*") {
            problems.add(&place, "is a media type that the client does not support; use application/json");
        }
        if !media.encoding.is_empty() {
            problems.add(&format!("{place}.encoding"), "is not read; drop it");
        }
        if media.schema.is_none() {
            problems.add(&place, "has no schema; add one");
        }
    }
}

fn check_replies(operation: &Operation<'_>, problems: &mut Problems) {
    let place = operation.place.as_str();
    if operation.reply_schema().is_none() {
        problems.add(place, "has no \"200\" reply that is JSON with a $ref; add one");
    }
    let default = operation.api.responses.default.as_ref().and_then(ReferenceOr::as_item);
    let default = default.and_then(|response| response.content.get("application/json")?.schema.as_ref());
    if default.and_then(|schema| schema.reference()) != Some("ErrorModel") {
        problems.add(place, "has no `default` reply that is an ErrorModel; add it, because WeCom can refuse any call");
    }
    for (status, response) in &operation.api.responses.responses {
        let place = format!("{place}.responses.{status}");
        let Some(response) = response.as_item() else {
            problems.add(&place, "is a $ref, which is not followed; write the reply here");
            continue;
        };
        let status = status.to_string();
        let is_range = status == "206" && operation.answers_bytes();
        if status.starts_with('2') && status != "200" && !is_range {
            problems.add(
                &place,
                "is a successful reply that the client would not read; WeCom answers with 200 only, so write \"200\"",
            );
        } else if status != "200" && !is_range {
            problems.add(
                &place,
                "would not be read; drop it, because WeCom refuses with 200 and an errcode, and `default` covers all other statuses",
            );
        }
        check_content(&place, &response.content, problems);
        if !response.links.is_empty() {
            problems.add(&format!("{place}.links"), "is not read; drop it");
        }
        if !response.headers.is_empty() && !operation.moves_files() {
            problems.add(&format!("{place}.headers"), "is not read; generated operations return the body only");
        }
    }
    for (status, response) in each_response(operation.api) {
        if response.content.contains_key("multipart/form-data") {
            problems.add(
                &format!("{place}.responses.{status}"),
                "is a multipart reply, which the client does not read; use application/json",
            );
        }
    }
}

/// Refuses an operation that moves files but is not written by hand, and a hand-written one that is not in the document.
fn check_files(document: &Document, problems: &mut Problems) {
    let operations = document.operations();
    for operation in &operations {
        let by_hand = BY_HAND.iter().find(|(id, _)| *id == operation.id());
        if operation.moves_files() && by_hand.is_none() {
            let name = names::type_name(operation.id());
            problems.add(
                &operation.place,
                format!(
                    "moves files, which the generator does not support; write `pub struct {name}` with `impl Request` by hand in \
                     crates/wecom-kf-raw/src/media (as MediaUpload is), and add {:?} to BY_HAND in xtask/src/document.rs",
                    operation.id()
                ),
            );
        } else if by_hand.is_some() && !operation.moves_files() {
            problems.add(
                &operation.place,
                format!("no longer moves files; remove {:?} from BY_HAND in xtask/src/document.rs and its code from crates/wecom-kf-raw/src/media", operation.id()),
            );
        }
    }
    for (operation, (id, reply)) in operations.iter().flat_map(|operation| BY_HAND.map(|by_hand| (operation, by_hand)))
    {
        if operation.id() == id && operation.reply_schema().is_some_and(|schema| schema != reply) {
            problems.add(
                &operation.place,
                format!("is written by hand for replies of the schema {reply}; also change crates/wecom-kf-raw/src/media, and BY_HAND in xtask/src/document.rs"),
            );
        }
    }
    for (id, _) in BY_HAND {
        if operations.iter().all(|operation| operation.id() != id) {
            problems.add(
                "paths",
                format!("has no operation {id:?}, which is written by hand; remove it from BY_HAND in xtask/src/document.rs and its code from crates/wecom-kf-raw/src/media"),
            );
        }
    }
}

/// Refuses two paths that differ only in the names of their parameters.
fn check_unique_paths(document: &Document, problems: &mut Problems) {
    let mut paths = BTreeMap::<String, &str>::new();
    for path in document.api.paths.paths.keys() {
        let anonymous =
            placeholders(path).into_iter().fold(path.clone(), |path, name| path.replace(&format!("{{{name}}}"), "{}"));
        if let Some(other) = paths.insert(anonymous, path) {
            problems.add(
                &format!("paths.{path}"),
                format!("is the same path as {other}, because parameters in braces match anything; change one of them"),
            );
        }
    }
}

fn check_unique_operation_ids(document: &Document, problems: &mut Problems) {
    let mut places = BTreeMap::<&str, Vec<String>>::new();
    for operation in document.operations() {
        places.entry(operation.id()).or_default().push(operation.place);
    }
    for (id, places) in places.into_iter().filter(|(_, places)| places.len() > 1) {
        problems.add(&places.join(" and "), format!("share the operationId {id:?}; give each its own"));
    }
}

/// Checks the rules that need the normal form: the types of parameters and the keys of repeats.
pub fn check_normal(normal: &Document, problems: &mut Problems) {
    for operation in normal.operations() {
        for (index, data) in operation.parameters().enumerate() {
            check_parameter_type(&format!("{}.parameters[{index}]", operation.place), data, problems);
        }
        check_key(normal, &operation, problems);
    }
}

/// Refuses a parameter that is not a single value.
fn check_parameter_type(place: &str, data: &ParameterData, problems: &mut Problems) {
    let ParameterSchemaOrContent::Schema(slot) = &data.format else { return };
    // In the normal form, only objects and enums are behind a reference. The module `names` checks these.
    let Some(schema) = slot.schema() else { return };
    let is_scalar = matches!(
        schema.schema_kind,
        SchemaKind::Type(Type::String(_) | Type::Integer(_) | Type::Number(_) | Type::Boolean(_))
    );
    if !is_scalar {
        problems.add(place, "is a list or an object; a parameter is a string, a number or a boolean");
    }
    if schema.schema_data.nullable {
        problems.add(place, "is nullable, which a query cannot express; leave `required` out if it may be absent");
    }
    if schema.schema_data.default.is_some() && data.required {
        problems.add(place, "is required and has a default; drop one of the two");
    }
    if !is_known_number(schema) {
        problems.add(
            place,
            "has a format that no number type of Rust has; use int32, int64, uint32, uint64, float or double",
        );
    }
}

/// Refuses a keyed operation whose key is not a string at the top level of both request and reply.
fn check_key(normal: &Document, operation: &Operation<'_>, problems: &mut Problems) {
    if operation.text("x-repeat") != "keyed" {
        return;
    }
    let key = operation.text("x-repeat-key");
    for name in [operation.request_schema(), operation.reply_schema()].into_iter().flatten() {
        let Ok(schema) = normal.schema(name) else { continue };
        match object(schema).and_then(|object| object.properties.get(key)) {
            None => problems
                .add(&operation.place, format!("x-repeat-key {key:?} is not a property of {name}; name one of its properties")),
            Some(property) if !property.schema().is_some_and(is_plain_string) => problems.add(
                &operation.place,
                format!(
                    "x-repeat-key {key:?} is not a plain string in {name}; name a property that is one in both request and reply"
                ),
            ),
            Some(_) => {}
        }
    }
}

fn is_plain_string(schema: &Schema) -> bool {
    let SchemaKind::Type(Type::String(string)) = &schema.schema_kind else { return false };
    string.enumeration.is_empty() && !schema.schema_data.nullable && !crate::lower::is_password(schema)
}
