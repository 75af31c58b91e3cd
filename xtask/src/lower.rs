//! Lowering: from what the platform documents to what the generator can digest and practice demands.
//!
//! Small named steps on the JSON tree, each with its reason. The committed document stays as it is; only the generated
//! code sees the outcome.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::document::{Document, METHODS, source_of};

/// Strings of format `password`, by name, and the redacting type of wecom-kf-raw each becomes.
pub const SECRETS: [(&str, &str); 3] =
    [("access_token", "AccessToken"), ("corpsecret", "CorpSecret"), ("token", "SyncToken")];

/// The JSON of one message as it came, a type of wecom-kf-raw.
pub const MESSAGE_JSON: &str = "MessageJson";

/// One step of the lowering: what it does, for people, and how often it applied.
pub struct Step {
    pub name: &'static str,
    pub count: usize,
}

/// Lowers `document` and says what each step did.
pub fn lower(document: &Document) -> Result<(Document, Vec<Step>)> {
    let mut lowered = document.clone();
    let replies = lowered.reply_schemas()?;
    let steps = vec![
        Step {
            name: "security requirement becomes an access_token parameter",
            count: security_to_parameter(&mut lowered),
        },
        Step { name: "official page linked in the documentation", count: link_official_pages(&mut lowered) },
        Step { name: "default reply dropped", count: drop_default_replies(&mut lowered) },
        Step { name: "operation that moves files stripped", count: strip_files(&mut lowered) },
        Step { name: "secret becomes a redacting type", count: secrets_to_types(&mut lowered) },
        Step { name: "list of messages becomes a list of their JSON", count: messages_one_by_one(&mut lowered)? },
        Step { name: "nothing required in a reply schema", count: nothing_required(&mut lowered, &replies) },
        Step { name: "errcode and errmsg default to 0 and \"\"", count: default_outcome(&mut lowered, &replies) },
        Step { name: "int32 of a reply becomes int64", count: widen_integers(&mut lowered, &replies) },
        Step { name: "validation keyword dropped", count: drop_validation(&mut lowered) },
    ];
    Ok((lowered, steps))
}

/// The generator ignores security schemes, and raw access shall be transparent: the token is an argument.
fn security_to_parameter(document: &mut Document) -> usize {
    let parameter = json!({
        "name": "access_token",
        "in": "query",
        "required": true,
        "description": "What gettoken returned.",
        "schema": { "type": "string", "format": "password" },
    });
    each_operation(document, |operation| {
        let requires = operation["security"].as_array().is_some_and(|required| !required.is_empty());
        operation.as_object_mut().and_then(|operation| operation.remove("security"));
        if requires {
            match operation["parameters"].as_array_mut() {
                Some(parameters) => parameters.insert(0, parameter.clone()),
                None => operation["parameters"] = json!([parameter]),
            }
        }
        usize::from(requires)
    })
}

/// Whoever reads the generated client is one step from what WeCom says.
fn link_official_pages(document: &mut Document) -> usize {
    each_operation(document, |operation| {
        let Some(body) = operation.as_object() else { return 0 };
        let source = source_of(body);
        let description = operation["description"].as_str().map_or(String::new(), |text| format!("{text}\n\n"));
        operation["description"] = Value::String(description + &source);
        1
    })
}

/// The generator takes `default` for a success and an error at once and panics (progenitor #344, #950). Nothing is
/// lost: WeCom refuses with status 200, so any other status comes from something in between.
fn drop_default_replies(document: &mut Document) -> usize {
    each_operation(document, |operation| {
        let responses = operation["responses"].as_object_mut();
        usize::from(responses.and_then(|responses| responses.remove("default")).is_some())
    })
}

/// See `Operation::is_by_hand`.
fn strip_files(document: &mut Document) -> usize {
    let by_hand: Vec<(String, String)> = document
        .operations()
        .iter()
        .filter(|operation| operation.is_by_hand())
        .map(|operation| (operation.path.to_owned(), operation.method.to_owned()))
        .collect();
    for (path, method) in &by_hand {
        document.root["paths"][path].as_object_mut().and_then(|item| item.remove(method));
    }
    by_hand.len()
}

/// A secret that is a plain string ends up in somebody's Debug output.
fn secrets_to_types(document: &mut Document) -> usize {
    let mut replaced = 0;
    visit_mut(&mut document.root, "", &mut |name, node| {
        let parameter = node["in"] == "query" && node["schema"]["format"] == "password";
        let (name, schema) = match parameter {
            true => (node["name"].as_str().unwrap_or_default().to_owned(), &mut node["schema"]),
            false => (name.to_owned(), node),
        };
        if schema["format"] != "password" {
            return;
        }
        if let Some((_, secret)) = SECRETS.iter().find(|(secret, _)| *secret == name) {
            *schema = json!({ "$ref": format!("#/components/schemas/{secret}") });
            replaced += 1;
        }
    });
    for (name, secret) in SECRETS {
        add_schema(document, secret, &format!("A {name}; redacted wherever it is printed."), "string");
    }
    replaced
}

/// One odd message must not cost the page, and its JSON stays reachable as it came.
fn messages_one_by_one(document: &mut Document) -> Result<usize> {
    let items = &mut document.root["components"]["schemas"]["SyncResponse"]["properties"]["msg_list"]["items"];
    ensure!(
        *items == json!({ "$ref": "#/components/schemas/Message" }),
        "components.schemas.SyncResponse.properties.msg_list: is no list of Message any more; change messages_one_by_one in xtask/src/lower.rs"
    );
    *items = json!({ "$ref": format!("#/components/schemas/{MESSAGE_JSON}") });
    add_schema(document, MESSAGE_JSON, "The JSON of one message as it came.", "object");
    Ok(1)
}

/// A refusal holds errcode and errmsg and nothing else, and WeCom leaves out what it documents as always there.
fn nothing_required(document: &mut Document, replies: &[String]) -> usize {
    each_reply_node(document, replies, |node| usize::from(node.remove("required").is_some()))
}

/// So that they are plain values, not Options: absent means success.
fn default_outcome(document: &mut Document, replies: &[String]) -> usize {
    each_reply_node(document, replies, |node| {
        let Some(properties) = node.get_mut("properties").and_then(Value::as_object_mut) else { return 0 };
        let mut defaulted = 0;
        for (name, default) in [("errcode", json!(0)), ("errmsg", json!(""))] {
            if let Some(property) = properties.get_mut(name) {
                property["default"] = default;
                defaulted += 1;
            }
        }
        defaulted
    })
}

/// Counters and times grow past 32 bits without notice.
fn widen_integers(document: &mut Document, replies: &[String]) -> usize {
    each_reply_node(document, replies, |node| {
        let narrow = node.get("format").is_some_and(|format| format == "int32" || format == "uint32");
        if narrow {
            node.insert("format".into(), json!("int64"));
        }
        usize::from(narrow)
    })
}

/// The generator would make validating types of them, in its own units; limits are checked by their constants.
fn drop_validation(document: &mut Document) -> usize {
    const KEYWORDS: [&str; 6] = ["minLength", "maxLength", "pattern", "minimum", "maximum", "maxItems"];
    let mut dropped = 0;
    visit_mut(&mut document.root, "", &mut |_, node| {
        // A property may have such a name: only what says its own type is a schema.
        if node["type"].is_string()
            && let Some(node) = node.as_object_mut()
        {
            dropped += KEYWORDS.iter().filter(|keyword| node.remove(**keyword).is_some()).count();
        }
    });
    dropped
}

fn add_schema(document: &mut Document, name: &str, description: &str, kind: &str) {
    document.root["components"]["schemas"][name] = json!({ "description": description, "type": kind });
}

fn each_operation(document: &mut Document, mut f: impl FnMut(&mut Value) -> usize) -> usize {
    let paths = document.root["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    paths
        .filter_map(Value::as_object_mut)
        .flat_map(|item| item.iter_mut())
        .filter(|(method, _)| METHODS.contains(&method.as_str()))
        .map(|(_, operation)| f(operation))
        .sum()
}

fn each_reply_node(
    document: &mut Document,
    replies: &[String],
    mut f: impl FnMut(&mut serde_json::Map<String, Value>) -> usize,
) -> usize {
    let mut count = 0;
    for name in replies {
        if let Some(schema) = document.root["components"]["schemas"].get_mut(name) {
            visit_mut(schema, name, &mut |_, node| count += node.as_object_mut().map_or(0, &mut f));
        }
    }
    count
}

/// Calls `f` with every object below `value`, from the outside in, and the key it stands under.
fn visit_mut(value: &mut Value, key: &str, f: &mut impl FnMut(&str, &mut Value)) {
    if value.is_object() {
        f(key, value);
    }
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, child)| visit_mut(child, key, f)),
        Value::Array(items) => items.iter_mut().for_each(|child| visit_mut(child, key, f)),
        _ => {}
    }
}
