//! Rows of the lists: reads them, and checks what all lists have in common, which are ids, sources and texts in two languages.

use std::collections::BTreeSet;

use anyhow::Result;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::document::read_yaml;
use crate::errcodes::Text;
use crate::names::{is_identifier, type_name};
use crate::problems::Problems;

/// How well a rule is known.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Documented,
    Reported,
    Assumed,
}

/// Where a rule is from.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// The number of an official page.
    Page(u32),
    /// Words that are the same in both languages.
    Words(String),
    Text(Text),
}

/// A document with one or more lists of rows.
pub struct Lists {
    root: Value,
    file: &'static str,
    pub problems: Problems,
}

impl Lists {
    /// Parses a document that has these lists and nothing else.
    pub fn read(file: &'static str, text: &str, names: &[&str]) -> Result<Self> {
        let root = read_yaml(text, file)?;
        let mut problems = Problems::default();
        let known = format!("the lists are {}", names.join(", "));
        match root.as_object() {
            None => problems.add("the document", format!("is not an object; {known}")),
            Some(object) => {
                for key in object.keys().filter(|key| !names.contains(&key.as_str())) {
                    problems.add(key, format!("is not read; {known}"));
                }
                for name in names.iter().filter(|name| !object.get(**name).is_some_and(Value::is_array)) {
                    problems.add(name, "must be a list of rows; add it");
                }
            }
        }
        problems.into_result(file)?;
        Ok(Self { root, file, problems: Problems::default() })
    }

    /// Returns the rows of a list that have the right form, each with its place. The others become problems.
    pub fn rows<T: DeserializeOwned>(&mut self, list: &str) -> Vec<(String, T)> {
        let mut rows = Vec::new();
        let mut ids = BTreeSet::new();
        for (index, row) in self.root[list].as_array().into_iter().flatten().enumerate() {
            let Some(id) = row["id"].as_str() else {
                self.problems.add(&format!("{list}[{index}]"), "has no id; write one of words, such as `cursor_lost`");
                continue;
            };
            let place = format!("{list}.{id}");
            if !is_word(id) {
                self.problems.add(&place, "is not an id; write it with a-z, 0-9 and _, beginning with a letter");
            }
            if !ids.insert(id) {
                self.problems.add(&place, "is listed twice; choose another id, or drop one row");
            }
            match serde_json::from_value(row.clone()) {
                Ok(row) => rows.push((place, row)),
                Err(error) => self.problems.add(&place, format!("{error}; compare it with the other rows")),
            }
        }
        rows
    }

    pub fn finish(self) -> Result<()> {
        self.problems.into_result(self.file)
    }

    pub fn check_text(&mut self, place: &str, text: &Text) {
        for (lang, words) in [("en", &text.en), ("zh", &text.zh)] {
            let place = format!("{place}.{lang}");
            if words.trim().is_empty() {
                self.problems.add(&place, "is empty; write it in both languages");
            } else if words.contains('\n') || words.trim() != words {
                self.problems.add(&place, "has line breaks or spaces at an end; write it in one line");
            }
        }
        if !text.zh.is_empty() && !text.zh.chars().any(is_chinese) {
            self.problems.add(&format!("{place}.zh"), "has no Chinese in it; translate the English");
        }
        if text.en.chars().any(is_chinese) {
            self.problems.add(&format!("{place}.en"), "has Chinese in it; translate it to English");
        }
    }

    /// Checks a template and returns its parameters in the order of the English text.
    pub fn check_template(&mut self, place: &str, text: &Text) -> Vec<String> {
        let mut of = |lang: &str, words: &str| match parameters(words) {
            Some(parameters) => parameters,
            None => {
                let place = format!("{place}.{lang}");
                self.problems.add(&place, "has a brace that is not part of a parameter such as {messages}; correct it");
                Vec::new()
            }
        };
        let (en, zh) = (of("en", &text.en), of("zh", &text.zh));
        if en.iter().collect::<BTreeSet<_>>() != zh.iter().collect::<BTreeSet<_>>() {
            let place = format!("{place}.zh");
            self.problems.add(&place, format!("must have the parameters of the English text: {}", en.join(", ")));
        }
        en
    }

    pub fn check_source(&mut self, place: &str, source: &[Source]) {
        let place = format!("{place}.source");
        if source.is_empty() {
            self.problems.add(&place, "is empty; name the source, such as [94670], the number of an official page");
        }
        for source in source {
            match source {
                Source::Page(page) if !(10_000..100_000).contains(page) => {
                    self.problems
                        .add(&place, format!("{page} is not the number of an official page, which has five digits"));
                }
                Source::Page(_) => {}
                Source::Words(words) if words.trim().is_empty() => {
                    self.problems.add(&place, "has an empty text; drop it")
                }
                Source::Words(_) => {}
                Source::Text(text) => self.check_text(&place, text),
            }
        }
    }
}

pub fn is_word(id: &str) -> bool {
    id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && is_identifier(id)
}

fn is_chinese(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

/// Returns the names in braces. Returns `None` if a brace has no counterpart, or no name in between.
pub fn parameters(words: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = words;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, behind) = behind.split_once('}')?;
        if before.contains('}') || !is_word(name) {
            return None;
        }
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
        rest = behind;
    }
    (!rest.contains('}')).then_some(found)
}

/// Returns the sources as one text in both languages.
pub fn source_text(sources: &[Source]) -> Text {
    let join = |separator: &str, words: fn(&Text) -> &str| {
        let sources = sources.iter().map(|source| match source {
            Source::Page(page) => page.to_string(),
            Source::Words(words) => words.clone(),
            Source::Text(text) => words(text).to_owned(),
        });
        sources.collect::<Vec<_>>().join(separator)
    };
    Text { en: join("; ", |text| &text.en), zh: join("；", |text| &text.zh) }
}

/// Returns the `Words` of a text.
pub fn words(text: &Text) -> TokenStream {
    let Text { en, zh } = text;
    quote!(Words { en: #en, zh: #zh })
}

pub fn status(status: Status) -> TokenStream {
    match status {
        Status::Documented => quote!(Status::Documented),
        Status::Reported => quote!(Status::Reported),
        Status::Assumed => quote!(Status::Assumed),
    }
}

/// Returns the name of an enum's variant for an id.
pub fn variant(id: &str) -> proc_macro2::Ident {
    format_ident!("{}", type_name(id))
}

/// Returns a text as a cell of a table in Markdown.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
