//! The limits of requests as keywords of JSON Schema: for the schemas that `schemars` derives, and for parameters.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use openapiv3::{ParameterSchemaOrContent, Schema, SchemaKind, Type};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::{Map, Value, json};

use crate::dist::{each_schema, required_by_wecom, standard_limits_of};
use crate::document::{Document, Operation, whole_numbers};
use crate::names::type_at;
use crate::schema::{Slot, object, walk};
use crate::strict::to_json_schema;

/// The keywords that `schemars` does not derive from a Rust type. `x-max-bytes` is not a keyword of JSON Schema, but
/// `maxLength` is only an upper bound for it.
const KEYWORDS: [&str; 15] = [
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "uniqueItems",
    "x-max-bytes",
];

/// The limits of requests, which the Rust types of their properties do not express.
pub struct RequestLimits {
    /// The keywords of each property that has any: by the name of the struct, then by the property's name in JSON.
    properties: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
    /// All required properties of each struct for which WeCom requires more than the document.
    required: BTreeMap<String, BTreeSet<String>>,
}

impl RequestLimits {
    pub fn of(normal: &Document) -> Self {
        let mut limits = Self { properties: BTreeMap::new(), required: BTreeMap::new() };
        for name in normal.request_schemas() {
            let slot = normal.api.components.as_ref().and_then(|components| components.schemas.get(&name));
            let Some(slot) = slot else { continue };
            walk(&format!("components.schemas.{name}"), slot, &mut |place, slot| {
                let Some(object) = slot.schema().and_then(object) else { return };
                let name = type_at(place);
                let mut required: BTreeSet<String> = object.required.iter().cloned().collect();
                required.extend(required_by_wecom(&name).map(str::to_owned));
                if required.len() > object.required.len() {
                    limits.required.insert(name.clone(), required);
                }
                let properties = object.properties.iter().filter_map(|(name, property)| {
                    let mut keywords = keywords(property.schema()?);
                    // An enum of strings becomes a type of its own, whose schema has the values.
                    if matches!(property.schema()?.schema_kind, SchemaKind::Type(Type::String(_))) {
                        keywords.remove("enum");
                    }
                    (!keywords.is_empty()).then(|| (name.clone(), keywords))
                });
                let properties: BTreeMap<_, _> = properties.collect();
                if !properties.is_empty() {
                    limits.properties.insert(name, properties);
                }
            });
        }
        limits
    }

    /// Returns the keywords of one property, as the argument of `#[schemars(extend(…))]`.
    pub fn extension(&self, name: &str, property: &str) -> Option<TokenStream> {
        let keywords = self.properties.get(name)?.get(property)?.iter().map(|(keyword, value)| {
            let value = tokens(value);
            quote!(#keyword = #value)
        });
        Some(quote!(#(#keywords),*))
    }

    /// Returns the keyword `required` of the struct `name`, if WeCom requires more than its fields say.
    pub fn required(&self, name: &str) -> Option<TokenStream> {
        let required = self.required.get(name)?;
        Some(quote!("required" = [#(#required),*]))
    }

    /// Fails unless `found` is the number of properties that have keywords, so that no keyword gets lost.
    pub fn expect(&self, found: usize) -> Result<()> {
        let count: usize = self.properties.values().map(BTreeMap::len).sum();
        ensure!(
            found == count,
            "{count} properties of requests have limits, but {found} fields of the generated types got them; compare RequestLimits::of in xtask/src/json_schema.rs with the generated types"
        );
        Ok(())
    }
}

/// Returns the schema of an object with a property for each parameter of `operation` except the access token. It also has
/// the property `body` if `body`, the expression of its schema, is given.
pub fn of_parameters(normal: &Document, operation: &Operation<'_>, body: Option<TokenStream>) -> Result<TokenStream> {
    let mut properties = Vec::new();
    let mut required = Vec::new();
    for parameter in operation.parameters() {
        let ParameterSchemaOrContent::Schema(slot) = &parameter.format else { continue };
        let schema = match slot.reference() {
            Some(name) => Some(normal.schema(name)?),
            None => slot.schema(),
        };
        let mut property = with_type(&schema.map(standard).unwrap_or_default());
        property["description"] = json!(parameter.description);
        if parameter.required {
            required.push(parameter.name.as_str());
        }
        let (name, property) = (&parameter.name, tokens(&property));
        properties.push(quote!(#name: #property));
    }
    required.extend(body.as_ref().map(|_| "body"));
    properties.extend(body.map(|body| quote!("body": #body)));
    Ok(quote!({
        "type": "object",
        "properties": { #(#properties),* },
        "required": [#(#required),*],
        "additionalProperties": false
    }))
}

/// Returns the keywords of `schema`, and the schemas of its items or values if these have keywords.
fn keywords(schema: &Schema) -> Map<String, Value> {
    let json = standard(schema);
    let mut found = only_keywords(&json);
    found.extend(inner(&json).filter(|(_, inner)| has_keywords(inner)).map(|(key, inner)| (key, with_type(inner))));
    found
}

/// Returns the schema of the items of a list, or of the values of a map.
fn inner(schema: &Map<String, Value>) -> impl Iterator<Item = (String, &Map<String, Value>)> {
    ["items", "additionalProperties"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), schema.get(key)?.as_object()?)))
}

fn has_keywords(schema: &Map<String, Value>) -> bool {
    // Objects and enums are types of their own.
    let is_type = schema.contains_key("properties") || !schema.contains_key("type");
    !is_type && (!only_keywords(schema).is_empty() || inner(schema).any(|(_, inner)| has_keywords(inner)))
}

fn with_type(schema: &Map<String, Value>) -> Value {
    let mut found = only_keywords(schema);
    for key in ["type", "format"] {
        found.extend(schema.get(key).map(|value| (key.to_owned(), value.clone())));
    }
    let is_unsigned = found.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint"));
    if is_unsigned && !found.contains_key("exclusiveMinimum") {
        found.entry("minimum").or_insert(json!(0));
    }
    found.extend(inner(schema).map(|(key, inner)| (key, with_type(inner))));
    Value::Object(found)
}

fn only_keywords(schema: &Map<String, Value>) -> Map<String, Value> {
    let found = schema.iter().filter(|(key, _)| KEYWORDS.contains(&key.as_str()));
    found.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Converts `schema` to JSON Schema.
fn standard(schema: &Schema) -> Map<String, Value> {
    let mut json = serde_json::to_value(schema).expect("a schema is JSON");
    whole_numbers(&mut json);
    to_json_schema(&mut json);
    each_schema(&mut json, &mut |schema| {
        standard_limits_of(schema);
        for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            if schema.remove(flag) == Some(json!(true)) {
                let value = schema.remove(bound);
                schema.extend(value.map(|value| (flag.to_owned(), value)));
            }
        }
    });
    match json {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Writes JSON in the form of the argument of `json!`.
fn tokens(value: &Value) -> TokenStream {
    match value {
        Value::String(text) => quote!(#text),
        Value::Array(items) => {
            let items = items.iter().map(tokens);
            quote!([#(#items),*])
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| {
                let value = tokens(value);
                quote!(#key: #value)
            });
            quote!({ #(#pairs),* })
        }
        // A literal without a suffix would be an `i32`.
        Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_err()) => {
            let number = Literal::i64_suffixed(number.as_i64().unwrap_or_default());
            quote!(#number)
        }
        other => other.to_string().parse().expect("JSON's numbers, booleans and null are tokens of Rust"),
    }
}
