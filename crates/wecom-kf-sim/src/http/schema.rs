//! Schemas of requests: the document's keywords read into types, and what a request does wrong by them.
//!
//! A keyword that is not read here is an error, so that no rule of the document is skipped silently.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use pattern::Pattern;

mod pattern;
#[cfg(test)]
mod tests;

/// Keywords that are no rules for a request.
const ANNOTATIONS: [&str; 7] = ["default", "deprecated", "description", "example", "format", "title", "x-private"];

/// What a value must be like.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) kind: Kind,
    pub(crate) is_nullable: bool,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Object(Object),
    List { items: Box<Schema>, min_items: u64, max_items: Option<u64> },
    Text(Text),
    Integer { min: Option<i64>, max: Option<i64> },
    Number { min: Option<f64>, max: Option<f64> },
    Boolean,
}

#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) properties: BTreeMap<String, Schema>,
    pub(crate) required: Vec<String>,
    /// Whether it has no other properties.
    is_closed: bool,
}

#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) min_chars: u64,
    max_chars: Option<u64>,
    max_bytes: Option<u64>,
    pub(crate) values: Option<Vec<String>>,
    pub(crate) pattern: Option<Pattern>,
    /// The document's mark on a text that WeCom refuses when it is empty, although it is optional.
    pub(crate) is_refused_when_empty: bool,
}

impl Schema {
    /// Reads a schema of `document`. The error names the place of a keyword that cannot be checked.
    pub(crate) fn read(schema: &Value, document: &Value) -> Result<Self, String> {
        Reader { document, references: Vec::new() }.schema("", schema)
    }

    /// The schema of a property, if this is the schema of an object.
    pub(crate) fn property(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(object) => object.properties.get(name),
            _ => None,
        }
    }

    /// Returns everything that `value` does wrong.
    pub(crate) fn mistakes(&self, value: &Value) -> Vec<Mistake> {
        let mut found = Vec::new();
        self.check("", value, &mut found);
        found
    }

    fn check(&self, path: &str, value: &Value, found: &mut Vec<Mistake>) {
        if self.is_nullable && value.is_null() {
            return;
        }
        let mut add = |fault| found.push(Mistake { path: path.to_owned(), fault });
        match (&self.kind, value) {
            (Kind::Object(object), Value::Object(members)) => object.check(path, members, found),
            (Kind::List { items, min_items, max_items }, Value::Array(values)) => {
                let size = length(values.len());
                if size < *min_items {
                    add(Fault::TooShort { min: *min_items, unit: Unit::Items });
                }
                if let Some(max) = exceeded(size, *max_items) {
                    add(Fault::TooLong { max, unit: Unit::Items });
                }
                for (index, value) in values.iter().enumerate() {
                    items.check(&below(path, &index.to_string()), value, found);
                }
            }
            (Kind::Text(text), Value::String(value)) => text.faults(value).into_iter().for_each(add),
            (Kind::Integer { min, max }, Value::Number(number)) if !number.is_f64() => {
                // A number that is greater than an `i64` is greater than every maximum.
                let number = number.as_i64();
                if let Some(min) = min.filter(|min| number.is_some_and(|number| number < *min)) {
                    add(Fault::TooSmall(min.to_string()));
                }
                if let Some(max) = max.filter(|max| number.is_none_or(|number| number > *max)) {
                    add(Fault::TooGreat(max.to_string()));
                }
            }
            (Kind::Number { min, max }, Value::Number(number)) => {
                let number = number.as_f64();
                if let Some(min) = min.filter(|min| number.is_some_and(|number| number < *min)) {
                    add(Fault::TooSmall(min.to_string()));
                }
                if let Some(max) = max.filter(|max| number.is_some_and(|number| number > *max)) {
                    add(Fault::TooGreat(max.to_string()));
                }
            }
            (Kind::Boolean, Value::Bool(_)) => {}
            (kind, value) => add(Fault::WrongType { expected: kind.name(), found: name(value) }),
        }
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::List { .. } => "a list",
            Self::Text(_) => "a string",
            Self::Integer { .. } => "an integer",
            Self::Number { .. } => "a number",
            Self::Boolean => "true or false",
        }
    }
}

/// What a value is, without the value: that may be a customer's words.
fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number with a decimal point or an exponent",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl Object {
    pub(crate) fn is_required(&self, name: &str) -> bool {
        self.required.iter().any(|required| required == name)
    }

    fn check(&self, path: &str, members: &Map<String, Value>, found: &mut Vec<Mistake>) {
        if self.is_closed {
            let is_unknown = |name: &&String| !self.properties.contains_key(*name);
            let unknown: Vec<String> = members.keys().filter(is_unknown).cloned().collect();
            if !unknown.is_empty() {
                found.push(Mistake { path: path.to_owned(), fault: Fault::Unknown(unknown) });
            }
        }
        for (name, schema) in &self.properties {
            if let Some(value) = members.get(name) {
                schema.check(&below(path, name), value, found);
            }
        }
        for name in self.required.iter().filter(|name| !members.contains_key(*name)) {
            found.push(Mistake { path: path.to_owned(), fault: Fault::Missing(name.clone()) });
        }
    }
}

impl Text {
    fn faults(&self, value: &str) -> Vec<Fault> {
        let (chars, bytes) = (length(value.chars().count()), length(value.len()));
        let mut faults = Vec::new();
        if chars < self.min_chars {
            faults.push(Fault::TooShort { min: self.min_chars, unit: Unit::Chars });
        }
        if let Some(max) = exceeded(chars, self.max_chars) {
            faults.push(Fault::TooLong { max, unit: Unit::Chars });
        }
        if let Some(max) = exceeded(bytes, self.max_bytes) {
            faults.push(Fault::TooLong { max, unit: Unit::Bytes });
        }
        if let Some(values) = self.values.as_ref().filter(|values| !values.iter().any(|allowed| allowed == value)) {
            faults.push(Fault::NotAllowed(values.clone()));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.matches(value)) {
            faults.push(Fault::WrongCharacters(pattern.characters().to_owned()));
        }
        faults
    }
}

/// What is wrong at one place of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The names on the way to the value, such as `msgmenu.list.0`; empty for the request itself. All are names of the
    /// document.
    pub(crate) path: String,
    pub(crate) fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The document does not know these properties.
    Unknown(Vec<String>),
    /// A required property is missing.
    Missing(String),
    WrongType {
        expected: &'static str,
        found: &'static str,
    },
    TooShort {
        min: u64,
        unit: Unit,
    },
    TooLong {
        max: u64,
        unit: Unit,
    },
    TooSmall(String),
    TooGreat(String),
    NotAllowed(Vec<String>),
    WrongCharacters(String),
}

impl Fault {
    /// Says what is wrong with the value, which is called `subject`. The value itself is not part of the text, because it
    /// may be a customer's words.
    pub(crate) fn say(&self, subject: &str) -> String {
        match self {
            Self::Unknown(names) => format!("{subject} has unknown fields: `{}`", names.join("`, `")),
            Self::Missing(name) => format!("{subject} has no field `{name}`"),
            Self::WrongType { expected, found } => format!("{subject} is {found}, but {expected} is expected"),
            Self::TooShort { min: 1, unit } => {
                format!("{subject} is empty, but at least one {} is required", unit.one())
            }
            Self::TooShort { min, unit } => format!("at least {min} {} are required", unit.many()),
            Self::TooLong { max, unit } => format!("at most {max} {} are allowed", unit.many()),
            Self::TooSmall(min) => format!("{subject} is less than the minimum of {min}"),
            Self::TooGreat(max) => format!("{subject} is greater than the maximum of {max}"),
            Self::NotAllowed(values) => format!("{subject} is not one of `{}`", values.join("`, `")),
            Self::WrongCharacters(allowed) => format!("only the characters `{allowed}` are allowed"),
        }
    }
}

/// The unit in which WeCom counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Chars,
    Items,
}

impl Unit {
    fn one(self) -> &'static str {
        match self {
            Self::Bytes => "byte",
            Self::Chars => "character",
            Self::Items => "item",
        }
    }

    fn many(self) -> &'static str {
        match self {
            Self::Bytes => "bytes of UTF-8",
            Self::Chars => "characters",
            Self::Items => "items",
        }
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn exceeded(size: u64, max: Option<u64>) -> Option<u64> {
    max.filter(|max| size > *max)
}

/// Returns the path of a member.
pub(crate) fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Reads schemas of a document.
struct Reader<'d> {
    document: &'d Value,
    /// The references that were followed to where the reader is.
    references: Vec<&'d str>,
}

impl<'d> Reader<'d> {
    fn schema(&mut self, place: &str, schema: &'d Value) -> Result<Schema, String> {
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
            None => Ok(Schema { kind, is_nullable }),
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
    format!("the simulator cannot check `{place}`: {why}")
}
