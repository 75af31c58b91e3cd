//! `spec/errcodes.yaml`: reads it, checks it, and generates Rust from it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde::{Deserialize, Serialize};

use crate::docs;
use crate::document::{Document, read_yaml};
use crate::names::type_name;

/// The file that lists the errcodes.
pub const FILE: &str = "spec/errcodes.yaml";

/// The classes of errcodes. Programs decide by class what to do.
pub const CLASSES: [&str; 10] = [
    "ok",
    "token",
    "busy",
    "rate_limited",
    "permission",
    "invalid_param",
    "not_found",
    "quota",
    "state_conflict",
    "unknown",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errcodes {
    pub errcodes: Vec<Errcode>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errcode {
    pub code: i32,
    pub name: String,
    pub class: String,
    /// The operations at which it is known to occur. Empty means any operation.
    pub operations: Vec<String>,
    #[serde(default)]
    pub unconfirmed: bool,
    /// The sources from which it is known. Never empty.
    pub source: Vec<Source>,
    /// Whether WeCom also returns it for an access token that is older than a change in the console.
    #[serde(default)]
    pub stale_token: bool,
    pub meaning: Text,
    pub remedy: Text,
    #[serde(default)]
    pub at: BTreeMap<String, Override>,
}

/// One source of a code.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// The number of an official page.
    Page(u32),
    /// Any other source, in words.
    Other(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    pub class: String,
    pub meaning: Option<Text>,
    pub remedy: Text,
}

/// A text in both languages.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub en: String,
    pub zh: String,
}

impl Errcodes {
    pub fn read(text: &str, document: &Document) -> Result<Self> {
        let value = read_yaml(text, FILE)?;
        let errcodes: Self = serde_json::from_value(value)
            .context("spec/errcodes.yaml has a row of the wrong form; compare it with the other rows")?;
        errcodes.check(document)?;
        Ok(errcodes)
    }

    fn check(&self, document: &Document) -> Result<()> {
        let mut problems = Vec::new();
        let in_document: BTreeSet<String> =
            document.operations().iter().map(|operation| operation.id().to_owned()).collect();
        for pair in self.errcodes.windows(2) {
            if pair[0].code >= pair[1].code {
                problems.push(format!(
                    "{}: is after {}; sort the rows by code, each code once",
                    pair[1].code, pair[0].code
                ));
            }
        }
        let mut names = BTreeSet::new();
        for row in &self.errcodes {
            if !names.insert(&row.name) {
                problems.push(format!("{}: the name {} is taken; choose another", row.code, row.name));
            }
            if !row.name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_') {
                problems.push(format!(
                    "{}: the name {} is not SCREAMING_SNAKE_CASE; write it with A-Z, 0-9 and _",
                    row.code, row.name
                ));
            }
            for class in std::iter::once(&row.class).chain(row.at.values().map(|at| &at.class)) {
                if !CLASSES.contains(&class.as_str()) {
                    problems.push(format!(
                        "{}: class {class:?} does not exist; use one of {}",
                        row.code,
                        CLASSES.join(", ")
                    ));
                }
            }
            if row.source.is_empty() || row.source.iter().any(Source::is_empty) {
                problems.push(format!(
                    "{}: source is empty; name the source of the code, such as [90313], the number of an official page",
                    row.code
                ));
            }
            if row.stale_token && row.class == "token" {
                problems.push(format!("{}: class token renews the access token anyway; drop stale_token", row.code));
            }
            for operation in row.operations.iter().chain(row.at.keys()) {
                if !in_document.contains(operation) {
                    problems.push(format!(
                        "{}: there is no operation {operation} in spec/wecom-kf.yaml; correct the name",
                        row.code
                    ));
                }
            }
            let overrides = row.at.values().flat_map(|at| at.meaning.iter().chain([&at.remedy]));
            if [&row.meaning, &row.remedy]
                .into_iter()
                .chain(overrides)
                .any(|text| text.en.is_empty() || text.zh.is_empty())
            {
                problems.push(format!("{}: a meaning or remedy is empty; write it in both languages", row.code));
            }
        }
        if !problems.is_empty() {
            bail!("spec/errcodes.yaml has {} problem(s):\n  - {}", problems.len(), problems.join("\n  - "));
        }
        Ok(())
    }

    /// Returns the name of a code that an extension of the document refers to. Fails if the code has no row.
    pub fn require(&self, code: i64) -> Result<&str> {
        match self.errcodes.iter().find(|row| i64::from(row.code) == code) {
            Some(row) => Ok(&row.name),
            None => bail!("spec/errcodes.yaml has no row for {code}, to which spec/wecom-kf.yaml refers; add a row"),
        }
    }

    /// Returns the codes that are known for this operation in particular, ascending.
    pub fn of_operation(&self, id: &str) -> Vec<i32> {
        let is_named =
            |row: &&Errcode| row.operations.iter().any(|operation| operation == id) || row.at.contains_key(id);
        self.errcodes.iter().filter(is_named).map(|row| row.code).collect()
    }

    pub fn render(&self) -> TokenStream {
        let constants = self.errcodes.iter().map(|row| {
            let name = format_ident!("{}", row.name);
            let code = row.code;
            let docs = row.docs();
            quote! {
                #(#[doc = #docs])*
                pub const #name: Self = Self(#code);
            }
        });
        let rows = self.errcodes.iter().map(Errcode::render);
        let count = self.errcodes.len();
        quote! {
            use crate::errcode::{At, Class, ErrCode, Row, Text};

            /// The known errcodes. Any other number is an `ErrCode`, too.
            impl ErrCode {
                #(#constants)*
            }

            /// All known errcodes, sorted by code.
            pub(crate) static TABLE: [Row; #count] = [#(#rows),*];
        }
    }
}

impl Errcode {
    fn docs(&self) -> Vec<String> {
        let mut first = format!(" `{}`: {}.", self.code, self.meaning.en);
        if self.unconfirmed {
            first.push_str(" Known only from a single or a disputed source.");
        }
        let mut docs = vec![first, String::new(), format!(" {}", self.remedy.en)];
        if self.stale_token {
            docs.extend([String::new(), " A new access token may solve it.".to_owned()]);
        }
        for (operation, at) in &self.at {
            docs.extend([String::new(), format!(" At `{operation}` its class is `{}`: {}", at.class, at.remedy.en)]);
        }
        docs.extend([String::new(), self.source_docs()]);
        docs.iter().flat_map(|paragraph| docs_of(paragraph)).collect()
    }

    /// Returns a sentence such as "Source: official page 90313." or "Sources: official page 90313; an SDK."
    fn source_docs(&self) -> String {
        let sources: Vec<String> = self.source.iter().map(Source::docs).collect();
        let label = if sources.len() == 1 { "Source" } else { "Sources" };
        format!(" {label}: {}.", sources.join("; "))
    }

    fn render(&self) -> TokenStream {
        let Self { code, name, operations, stale_token, .. } = self;
        let class = class(&self.class);
        let (meaning, remedy) = (self.meaning.render(), self.remedy.render());
        let at = self.at.iter().map(|(operation, at)| {
            let class = self::class(&at.class);
            let (meaning, remedy) = (at.meaning.as_ref().unwrap_or(&self.meaning).render(), at.remedy.render());
            quote!(At { operation: #operation, class: #class, meaning: #meaning, remedy: #remedy })
        });
        quote! {
            Row { code: #code, name: #name, class: #class, operations: &[#(#operations),*], stale_token: #stale_token, meaning: #meaning, remedy: #remedy, at: &[#(#at),*] }
        }
    }
}

impl Source {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Other(text) if text.trim().is_empty())
    }

    fn docs(&self) -> String {
        match self {
            Self::Page(number) => format!("official page {number}"),
            Self::Other(text) => text.clone(),
        }
    }
}

impl Text {
    fn render(&self) -> TokenStream {
        let Self { en, zh } = self;
        quote!(Text { en: #en, zh: #zh })
    }
}

fn class(name: &str) -> TokenStream {
    let variant = format_ident!("{}", type_name(name));
    quote!(Class::#variant)
}

/// Splits a paragraph into lines of documentation. An empty paragraph is the blank line between two others.
fn docs_of(paragraph: &str) -> Vec<String> {
    match paragraph.is_empty() {
        true => vec![String::new()],
        false => docs::lines(paragraph).map(|line| format!(" {line}")).collect(),
    }
}
