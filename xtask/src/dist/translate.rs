//! `spec/zh-CN.yaml`: reads the Chinese texts, and applies them to every summary and description. A test in `tests.rs` fails
//! if one is missing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::texts::Texts;
use crate::document::read_yaml;

const NAME: &str = "spec/zh-CN.yaml";

/// English texts and their Chinese.
#[derive(Default)]
pub struct Translations(BTreeMap<String, String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    en: String,
    zh: String,
}

impl Translations {
    pub fn read(text: &str) -> Result<Self> {
        let rows: Vec<Row> = serde_json::from_value(read_yaml(text, NAME)?).with_context(|| {
            format!("{NAME} is not a list of rows with `en` and `zh`; compare the new row with the others")
        })?;
        let mut translations = BTreeMap::new();
        for Row { en, zh } in rows {
            ensure!(!zh.trim().is_empty(), "{NAME}: {en:?} has no Chinese; write it, or drop the row");
            ensure!(!translations.contains_key(&en), "{NAME}: {en:?} has two rows; drop one");
            translations.insert(en, zh);
        }
        Ok(Self(translations))
    }

    /// Returns the Chinese of a text.
    pub fn of(&self, en: &str) -> Option<&str> {
        self.0.get(en).map(String::as_str)
    }

    /// Returns the document in Chinese. A text without a translation stays English.
    pub fn apply(&self, root: &Value, own: &Texts) -> Value {
        let mut root = root.clone();
        each_text(&mut root, &mut |text| {
            if let Some(zh) = self.0.get(text).map(String::as_str).or_else(|| own.get(text)) {
                *text = zh.to_owned();
            }
        });
        root
    }

    /// Returns the texts of the document that have no Chinese, and the rows that no text needs.
    #[cfg(test)]
    pub fn gaps(&self, root: &Value, own: &Texts) -> (Vec<String>, Vec<String>) {
        let mut texts = std::collections::BTreeSet::new();
        each_text(&mut root.clone(), &mut |text| _ = texts.insert(text.clone()));
        let missing =
            texts.iter().filter(|text| !self.0.contains_key(*text) && own.get(text).is_none()).cloned().collect();
        let unused = self.0.keys().filter(|text| !texts.contains(*text)).cloned().collect();
        (missing, unused)
    }
}

/// Calls `f` with the title of the document, with every summary and description, and with what `x-unconfirmed` says.
fn each_text(root: &mut Value, f: &mut impl FnMut(&mut String)) {
    if let Some(Value::String(title)) = root["info"].get_mut("title") {
        f(title);
    }
    texts_below(root, f);
}

fn texts_below(value: &mut Value, f: &mut impl FnMut(&mut String)) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                match (key.as_str(), child) {
                    ("summary" | "description" | "x-unconfirmed", Value::String(text)) => f(text),
                    // Keys of these maps are names, also if they are called `description` or `default`.
                    ("properties" | "examples" | "responses", Value::Object(named)) => {
                        named.values_mut().for_each(|child| texts_below(child, f));
                    }
                    ("example" | "value" | "default" | "enum", _) => {}
                    (_, child) => texts_below(child, f),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| texts_below(item, f)),
        _ => {}
    }
}
