//! Schemas of requests: the document's keywords read into types, and what a request does wrong by them.
//!
//! A keyword that is not read here is an error, so that no rule of the document is skipped silently.
//!
//! ```
//! use serde_json::json;
//! use wecom_kf_raw::document::{self, schema::Schema};
//! use wecom_kf_raw::op;
//!
//! let document = document::parsed();
//! let body = json!({ "$ref": document::request_schema(op::RECALL_MSG).unwrap()["$ref"] });
//! let mistakes = Schema::read(&body, &document).unwrap().mistakes(&json!({ "open_kfid": "wk1", "msgid": 7 }));
//! assert_eq!(mistakes[0].to_string(), "field `msgid`: the value is an integer, but a string is expected");
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Lang;

mod mistake;
mod pattern;
mod reader;
#[cfg(test)]
mod tests;

pub use mistake::{Fault, Mistake, Type, Unit};
pub use pattern::Pattern;

use mistake::below;
use reader::Reader;

/// What a value must be like.
#[derive(Debug)]
#[non_exhaustive]
pub struct Schema {
    /// The type of the value, with its limits.
    pub kind: Kind,
    /// Whether `null` is allowed, too.
    pub is_nullable: bool,
    /// Whether the value must not be printed: a secret, or a text that people write.
    pub is_private: bool,
}

/// The type of a value, with its limits.
#[derive(Debug)]
#[non_exhaustive]
pub enum Kind {
    /// An object.
    Object(Object),
    /// A list.
    #[non_exhaustive]
    List {
        /// What each item must be like.
        items: Box<Schema>,
        /// The smallest number of items.
        min_items: u64,
        /// The greatest number of items.
        max_items: Option<u64>,
    },
    /// A string.
    Text(Text),
    /// An integer.
    #[non_exhaustive]
    Integer {
        /// The smallest value.
        min: Option<i64>,
        /// The greatest value.
        max: Option<i64>,
    },
    /// A number.
    #[non_exhaustive]
    Number {
        /// The smallest value.
        min: Option<f64>,
        /// The greatest value.
        max: Option<f64>,
    },
    /// `true` or `false`.
    Boolean,
}

/// A field of a request, returned by [`Schema::fields`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Field<'s> {
    /// The names on the way to the field, such as `msgmenu.list.[].type`.
    pub path: String,
    /// Whether it must be there if the object around it is there.
    pub is_required: bool,
    /// What its value must be like.
    pub schema: &'s Schema,
}

/// What an object must be like.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Object {
    /// The properties by name.
    pub properties: BTreeMap<String, Schema>,
    /// The names of the properties that must be there.
    pub required: Vec<String>,
    /// Whether it has no other properties.
    pub is_closed: bool,
}

/// What a string must be like.
#[derive(Debug)]
#[non_exhaustive]
pub struct Text {
    /// The smallest number of characters.
    pub min_chars: u64,
    /// The greatest number of characters.
    pub max_chars: Option<u64>,
    /// The greatest number of bytes of UTF-8.
    pub max_bytes: Option<u64>,
    /// The allowed values, if there are only some.
    pub values: Option<Vec<String>>,
    /// The form of the value.
    pub pattern: Option<Pattern>,
    /// The document's mark on a text that WeCom refuses when it is empty, although it is optional.
    pub is_refused_when_empty: bool,
}

impl Schema {
    /// Reads a schema of `document`, in which its references are looked up.
    ///
    /// # Errors
    ///
    /// The place of a keyword that cannot be checked.
    pub fn read(schema: &Value, document: &Value) -> Result<Self, String> {
        Reader::of(document).schema("", schema)
    }

    /// Returns the schema of a property, if this is the schema of an object.
    pub fn property(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(object) => object.properties.get(name),
            _ => None,
        }
    }

    /// Returns everything that `value` does wrong.
    pub fn mistakes(&self, value: &Value) -> Vec<Mistake> {
        let mut found = Vec::new();
        self.check("", value, &mut found);
        found
    }

    /// Returns all fields below this schema, in the order of their names.
    pub fn fields(&self) -> Vec<Field<'_>> {
        let mut found = Vec::new();
        self.add_fields("", &mut found);
        found
    }

    fn add_fields<'s>(&'s self, path: &str, found: &mut Vec<Field<'s>>) {
        match &self.kind {
            Kind::Object(object) => {
                for (name, schema) in &object.properties {
                    let path = below(path, name);
                    found.push(Field { path: path.clone(), is_required: object.is_required(name), schema });
                    schema.add_fields(&path, found);
                }
            }
            Kind::List { items, .. } => items.add_fields(&below(path, "[]"), found),
            _ => {}
        }
    }

    /// Returns the type of the value, and describes its limits in one language: `string`, and `at most 64 bytes of UTF-8`.
    pub fn described_in(&self, lang: Lang) -> (&'static str, Vec<String>) {
        let limit = |fault: Option<Fault>| fault.map(|fault| fault.limit_in(lang));
        let longest = |max: Option<u64>, unit| max.map(|max| Fault::TooLong { max, unit });
        let shortest = |min: u64, unit| (min > 0).then_some(Fault::TooShort { min, unit });
        let limits = match &self.kind {
            Kind::List { min_items, max_items, .. } => {
                vec![limit(shortest(*min_items, Unit::Items)), limit(longest(*max_items, Unit::Items))]
            }
            Kind::Text(text) => vec![
                limit(shortest(text.min_chars, Unit::Chars)),
                limit(longest(text.max_chars, Unit::Chars)),
                limit(longest(text.max_bytes, Unit::Bytes)),
                limit(text.values.clone().map(Fault::NotAllowed)),
                limit(text.pattern.as_ref().map(|pattern| Fault::WrongCharacters(pattern.characters().to_owned()))),
            ],
            Kind::Integer { min, max } => vec![
                limit(min.map(|min| Fault::TooSmall(min.to_string()))),
                limit(max.map(|max| Fault::TooGreat(max.to_string()))),
            ],
            Kind::Number { min, max } => vec![
                limit(min.map(|min| Fault::TooSmall(min.to_string()))),
                limit(max.map(|max| Fault::TooGreat(max.to_string()))),
            ],
            Kind::Object(_) | Kind::Boolean => Vec::new(),
        };
        (self.kind.name().name_in(lang), limits.into_iter().flatten().collect())
    }

    /// Adds the strings of `value` that must not be printed to `found`.
    pub(super) fn private_texts(&self, value: &Value, found: &mut Vec<String>) {
        match (&self.kind, value) {
            (Kind::Object(object), Value::Object(members)) => {
                for (name, property) in &object.properties {
                    if let Some(value) = members.get(name) {
                        property.private_texts(value, found);
                    }
                }
            }
            (Kind::List { items, .. }, Value::Array(values)) => {
                values.iter().for_each(|value| items.private_texts(value, found));
            }
            (_, Value::String(text)) if self.is_private => found.push(text.clone()),
            _ => {}
        }
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
            (kind, value) => add(Fault::WrongType { expected: kind.name(), found: Type::of(value) }),
        }
    }
}

impl Kind {
    /// Returns the name of the type.
    fn name(&self) -> Type {
        match self {
            Self::Object(_) => Type::Object,
            Self::List { .. } => Type::List,
            Self::Text(_) => Type::Text,
            Self::Integer { .. } => Type::Integer,
            Self::Number { .. } => Type::Number,
            Self::Boolean => Type::Boolean,
        }
    }
}

impl Object {
    /// Returns whether a property must be there.
    pub fn is_required(&self, name: &str) -> bool {
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

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn exceeded(size: u64, max: Option<u64>) -> Option<u64> {
    max.filter(|max| size > *max)
}
