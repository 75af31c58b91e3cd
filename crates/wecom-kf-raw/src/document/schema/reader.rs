//! Reads the keywords of a schema. An unknown keyword is an error.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::mistake::below;
use super::{Kind, Object, Pattern, Schema, Text};

/// Keywords that are no rules for a request.
const ANNOTATIONS: [&str; 5] = ["default", "deprecated", "description", "example", "title"];

/// Reads schemas of a document.
pub(super) struct Reader<'d> {
    document: &'d Value,
    /// The references that were followed to where the reader is.
    references: Vec<&'d str>,
}

impl<'d> Reader<'d> {
    pub(super) fn of(document: &'d Value) -> Self {
        Self { document, references: Vec::new() }
    }

    pub(super) fn schema(&mut self, place: &str, schema: &'d Value) -> Result<Schema, String> {
        let fault = |why: &str| cannot_check(place, why);
        let members = schema.as_object().ok_or_else(|| fault("it is not an object"))?;
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            if members.len() > 1 {
                return Err(fault("it has keywords beside its `$ref`"));
            }
            if self.references.contains(&reference) {
                return Err(fault("it contains itself"));
            }
            let document = self.document;
            let target = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            self.references.push(reference);
            let read = self.schema(place, target.ok_or_else(|| fault("it refers to nothing"))?);
            self.references.pop();
            return read;
        }
        let mut keywords = Keywords { place, left: members.iter().map(|(key, value)| (key.as_str(), value)).collect() };
        for annotation in ANNOTATIONS {
            keywords.left.remove(annotation);
        }
        let is_nullable = keywords.take("nullable")?.unwrap_or(false);
        let is_password = keywords.take::<String>("format")?.as_deref() == Some("password");
        let is_private = keywords.take("x-private")?.unwrap_or(false) || is_password;
        let kind = match keywords.take::<String>("type")?.unwrap_or_default().as_str() {
            "object" => Kind::Object(self.object(&mut keywords)?),
            "array" => {
                let items = keywords.left.remove("items").ok_or_else(|| fault("it has no `items`"))?;
                Kind::List {
                    items: Box::new(self.schema(&below(place, "[]"), items)?),
                    min_items: keywords.take("minItems")?.unwrap_or(0),
                    max_items: keywords.take("x-max-items")?,
                }
            }
            "string" => Kind::Text(Text {
                min_chars: keywords.take("minLength")?.unwrap_or(0),
                max_chars: keywords.take("x-max-chars")?,
                max_bytes: keywords.take("x-max-bytes")?,
                values: keywords.take("enum")?,
                pattern: keywords
                    .take::<String>("pattern")?
                    .as_deref()
                    .map(Pattern::read)
                    .transpose()
                    .map_err(fault)?,
                is_refused_when_empty: keywords.take("x-refused-when-empty")?.unwrap_or(false),
            }),
            "integer" => Kind::Integer { min: keywords.take("minimum")?, max: keywords.take("maximum")? },
            "number" => Kind::Number { min: keywords.take("minimum")?, max: keywords.take("maximum")? },
            "boolean" => Kind::Boolean,
            _ => return Err(fault("it has no known `type`")),
        };
        match keywords.left.keys().next() {
            Some(keyword) => Err(fault(&format!("a value of this type has no known keyword `{keyword}`"))),
            None => Ok(Schema { kind, is_nullable, is_private }),
        }
    }

    fn object(&mut self, keywords: &mut Keywords<'_, 'd>) -> Result<Object, String> {
        let described = match keywords.left.remove("properties") {
            Some(Value::Object(described)) => Some(described),
            Some(_) => return Err(cannot_check(keywords.place, "its `properties` are not an object")),
            None => None,
        };
        let mut properties = BTreeMap::new();
        for (name, schema) in described.into_iter().flatten() {
            properties.insert(name.clone(), self.schema(&below(keywords.place, name), schema)?);
        }
        let is_open: bool = keywords.take("additionalProperties")?.unwrap_or(true);
        Ok(Object { properties, required: keywords.take("required")?.unwrap_or_default(), is_closed: !is_open })
    }
}

/// The keywords of a schema that were not read yet.
struct Keywords<'p, 'd> {
    place: &'p str,
    left: BTreeMap<&'d str, &'d Value>,
}

impl Keywords<'_, '_> {
    fn take<T: DeserializeOwned>(&mut self, keyword: &str) -> Result<Option<T>, String> {
        let Some(value) = self.left.remove(keyword) else { return Ok(None) };
        let fault = |error| cannot_check(self.place, &format!("`{keyword}`: {error}"));
        T::deserialize(value).map(Some).map_err(fault)
    }
}

fn cannot_check(place: &str, why: &str) -> String {
    format!("`{place}` cannot be checked: {why}")
}
