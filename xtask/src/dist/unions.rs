//! Splits messages that are sent into one schema for each kind, so that a wrong pair of kind and body does not compile.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};

use super::names::insert;
use super::texts::Texts;
use super::tree::{Sides, components};
use crate::document::reference;
use crate::lower::Step;
use crate::names::type_name;

/// A schema with one body for each kind, and the property that names the kind.
struct Union {
    schema: &'static str,
    by: &'static str,
    /// The values of `by` if they are numbers. Otherwise, the value is the name of the property with the body.
    numbers: &'static [(&'static str, i64)],
}

const UNIONS: [Union; 5] = [
    Union { schema: "KnowledgeAttachmentInput", by: "msgtype", numbers: &[] },
    Union { schema: "SendMenuItem", by: "type", numbers: &[] },
    Union { schema: "SendOnEventRequest", by: "msgtype", numbers: &[] },
    Union { schema: "SendRequest", by: "msgtype", numbers: &[] },
    Union { schema: "UpgradeServiceRequest", by: "type", numbers: &[("member", 1), ("groupchat", 2)] },
];

/// Properties that WeCom requires although the source document leaves them optional. It does so because it has to be
/// compatible with an older description of the API, and in `SyncRequest` because servers before 2024 did not require the
/// account.
const REQUIRED: [(&str, &[&str]); 3] =
    [("SendRequest", &["touser", "open_kfid"]), ("SendRequestText", &["content"]), ("SyncRequest", &["open_kfid"])];

/// Returns the properties that WeCom requires although the source document leaves them optional.
pub fn required_by_wecom(schema: &str) -> impl Iterator<Item = &'static str> + '_ {
    let kinds = UNIONS.iter().filter(move |union| union.schema == schema).map(|union| union.by);
    let others =
        REQUIRED.iter().filter(move |(name, _)| *name == schema).flat_map(|(_, properties)| *properties).copied();
    kinds.chain(others)
}

/// Replaces each schema of `UNIONS` by a `oneOf` of named schemas with a discriminator, and applies `REQUIRED`.
pub fn split(root: &mut Value, sides: &Sides, texts: &mut Texts) -> Result<Step> {
    let schemas = components(root).context("components.schemas: is missing; add it")?;
    for (name, properties) in REQUIRED {
        require(schemas, name, properties)?;
    }
    let mut count = 0;
    for union in &UNIONS {
        let variants = variants(schemas, union, texts)?;
        count += variants.len();
        let description = schemas[union.schema]["description"].clone();
        schemas[union.schema] = union.one_of(&variants, description);
        for variant in variants {
            insert(schemas, variant.value_name(union.by), variant.kind)?;
            insert(schemas, variant.name, variant.schema)?;
        }
    }
    for (name, schema) in schemas.iter().filter(|(name, _)| sides.is_request(name)) {
        let is_new = schema["properties"].get("msgtype").is_some_and(|kind| reference(kind).is_none());
        ensure!(!is_new, "components.schemas.{name}: has a msgtype; add it to UNIONS in xtask/src/dist/unions.rs");
    }
    Ok(Step { name: "kind of what is sent gets a schema of its own", count })
}

fn require(schemas: &mut Map<String, Value>, name: &str, properties: &[&str]) -> Result<()> {
    let Some(schema) = schemas.get_mut(name) else {
        bail!("components.schemas.{name}: no longer exists; drop it from REQUIRED in xtask/src/dist/unions.rs");
    };
    for property in properties {
        ensure!(
            schema["properties"].get(property).is_some(),
            "components.schemas.{name}.properties.{property}: no longer exists; drop it from REQUIRED in xtask/src/dist/unions.rs"
        );
        match schema.get_mut("required").and_then(Value::as_array_mut) {
            Some(required) if required.contains(&json!(property)) => {}
            Some(required) => required.push(json!(property)),
            None => schema["required"] = json!([property]),
        }
    }
    Ok(())
}

struct Variant {
    name: String,
    /// The value of the property that names the kind.
    value: Value,
    schema: Value,
    /// The schema of that property, which allows this value only.
    kind: Value,
}

impl Variant {
    fn value_name(&self, by: &str) -> String {
        format!("{}{}", self.name, type_name(by))
    }
}

impl Union {
    /// Returns the name of a variant, with the kind before the last word: `SendRequest` and `ca_link` make `SendCaLinkRequest`.
    fn variant_name(&self, kind: &str) -> String {
        let last = self.schema.rfind(|letter: char| letter.is_ascii_uppercase()).unwrap_or_default();
        let (front, back) = self.schema.split_at(last);
        format!("{front}{}{back}", type_name(kind))
    }

    /// Returns whether `kind` is one of the kinds: it has a number, or the description of the property `by` names it.
    fn knows(&self, kind: &str, description: &str) -> bool {
        match self.numbers {
            [] => description.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| word == kind),
            numbers => numbers.iter().any(|(name, _)| *name == kind),
        }
    }

    fn value(&self, kind: &str) -> Value {
        match self.numbers.iter().find(|(name, _)| *name == kind) {
            Some((_, number)) => json!(number),
            None => json!(kind),
        }
    }

    fn one_of(&self, variants: &[Variant], description: Value) -> Value {
        let target = |variant: &Variant| format!("#/components/schemas/{}", variant.name);
        let references: Vec<Value> = variants.iter().map(|variant| json!({ "$ref": target(variant) })).collect();
        let mut union = json!({ "description": description, "oneOf": references });
        // A discriminator must be a string, so kinds that are numbers have none.
        if self.numbers.is_empty() {
            let mapping: Map<String, Value> = variants
                .iter()
                .map(|variant| (variant.value.as_str().unwrap_or_default().to_owned(), json!(target(variant))))
                .collect();
            union["discriminator"] = json!({ "propertyName": self.by, "mapping": mapping });
        }
        union
    }
}

/// Returns one variant for each property that is an object.
fn variants(schemas: &Map<String, Value>, union: &Union, texts: &mut Texts) -> Result<Vec<Variant>> {
    let place = format!("components.schemas.{}", union.schema);
    let remedy = "change UNIONS in xtask/src/dist/unions.rs";
    let whole = schemas.get(union.schema).with_context(|| format!("{place}: no longer exists; {remedy}"))?;
    let properties =
        whole["properties"].as_object().with_context(|| format!("{place}: has no properties; {remedy}"))?;
    ensure!(properties.contains_key(union.by), "{place}: has no property {}; {remedy}", union.by);
    let kinds: Vec<&String> =
        properties.iter().filter(|(_, property)| reference(property).is_some()).map(|(name, _)| name).collect();
    ensure!(!kinds.is_empty(), "{place}: has no property that is a body; {remedy}");
    let described = properties[union.by]["description"].as_str().unwrap_or_default();
    for kind in &kinds {
        ensure!(
            union.knows(kind, described),
            "{place}.properties.{kind}: is an object, but {} does not name it; if it is the body of a kind, name it in the description of {}, otherwise {remedy}",
            union.by,
            union.by
        );
    }
    kinds
        .iter()
        .map(|kind| {
            let (name, value) = (union.variant_name(kind), union.value(kind));
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let only = json!({
                "type": properties[union.by]["type"],
                "enum": [value],
                "description": texts.add(format!("Always `{shown}`."), format!("固定为 `{shown}`。")),
            });
            let description = texts.add(
                format!("`{}` with the `{}` `{shown}`: the body is in `{kind}`.", union.schema, union.by),
                format!("`{}` 为 `{shown}` 的 `{}`，内容放在 `{kind}` 中。", union.by, union.schema),
            );
            let mut variant = Variant { name, value, schema: whole.clone(), kind: only };
            let kind_reference = json!({ "$ref": format!("#/components/schemas/{}", variant.value_name(union.by)) });
            variant.schema["description"] = json!(description);
            narrow(&mut variant.schema, (union.by, kind_reference), kind, &kinds);
            Ok(variant)
        })
        .collect()
}

/// Keeps only one body in the schema. Requires it and the property that names the kind.
fn narrow(schema: &mut Value, (by, only): (&str, Value), kind: &str, kinds: &[&String]) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| name == kind || !kinds.contains(&name));
        properties.insert(by.to_owned(), only);
    }
    let mut required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    for name in [by, kind] {
        if !required.contains(&json!(name)) {
            required.push(json!(name));
        }
    }
    schema["required"] = json!(required);
}
