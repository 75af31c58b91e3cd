//! `spec/simulator/findings.yaml`: the mistakes of bots that the simulator recognises.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use serde::Deserialize;

use super::blocks::Blocks;
use super::rows::{Lists, Source, Status, cell, is_word, parameters, source_text, status, variant, words};
use crate::errcodes::Text;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    id: String,
    status: Status,
    source: Vec<Source>,
    title: Text,
    meaning: Text,
    remedy: Text,
    proofs: BTreeMap<String, Text>,
}

pub fn read(text: &str) -> Result<Vec<Finding>> {
    let mut lists = Lists::read(super::FINDINGS, text, &["findings"])?;
    let rows: Vec<(String, Finding)> = lists.rows("findings");
    let mut proofs = BTreeSet::new();
    for (place, finding) in &rows {
        for (part, text) in [("title", &finding.title), ("meaning", &finding.meaning), ("remedy", &finding.remedy)] {
            lists.check_text(&format!("{place}.{part}"), text);
        }
        lists.check_source(place, &finding.source);
        if finding.proofs.is_empty() {
            lists.problems.add(&format!("{place}.proofs"), "is empty; write what the bot's developer sees as proof");
        }
        for (name, text) in &finding.proofs {
            let place = format!("{place}.proofs.{name}");
            if !is_word(name) || !proofs.insert(name) {
                lists.problems.add(&place, "is not a name of its own; write another one with a-z, 0-9 and _");
            }
            lists.check_template(&place, text);
            // A proof may consist of parameters only.
            if text.en.trim().is_empty() || text.zh.trim().is_empty() {
                lists.problems.add(&place, "is empty; write it in both languages");
            }
        }
    }
    lists.finish()?;
    Ok(rows.into_iter().map(|(_, finding)| finding).collect())
}

pub fn rust(findings: &[Finding]) -> TokenStream {
    let names: Vec<_> = findings.iter().map(|finding| variant(&finding.id)).collect();
    let docs = findings.iter().map(|finding| format!(" {}", finding.meaning.en));
    let rows = findings.iter().map(|finding| {
        let Finding { id, title, remedy, .. } = finding;
        let (status, source) = (status(finding.status), words(&source_text(&finding.source)));
        let (title, remedy) = (words(title), words(remedy));
        quote!(FindingRow { id: #id, status: #status, source: #source, title: #title, remedy: #remedy })
    });
    let proofs =
        findings.iter().flat_map(|finding| finding.proofs.iter().map(move |(name, text)| (finding, name, text)));
    let proof_names = proofs.clone().map(|(_, name, _)| name);
    let proofs = proofs.map(|(finding, name, text)| {
        let (function, finding) = (format_ident!("{name}"), variant(&finding.id));
        let parameters = parameters(&text.en).unwrap_or_default();
        let names: Vec<_> = parameters.iter().map(|name| format_ident!("{name}")).collect();
        let filled = |words: &str| match parameters.is_empty() {
            true => quote!(#words.to_owned()),
            false => quote!(format!(#words)),
        };
        let (en, zh) = (filled(&text.en), filled(&text.zh));
        quote! {
            pub(crate) fn #function(#(#names: impl Display),*) -> Self {
                Self { finding: FindingName::#finding, en: #en, zh: #zh }
            }
        }
    });
    let count = findings.len();
    quote! {
        use std::fmt::Display;

        use crate::lists::{FindingRow, Proof, Status, Words};

        /// The name of a mistake that a bot makes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingName {
            #(#[doc = #docs] #names,)*
        }

        impl FindingName {
            /// All findings.
            pub const ALL: [Self; #count] = [#(Self::#names),*];

            pub(crate) fn row(self) -> &'static FindingRow {
                &ROWS[self as usize]
            }
        }

        static ROWS: [FindingRow; #count] = [#(#rows),*];

        impl Proof {
            #(#proofs)*
        }

        /// The names of the functions of `Proof`.
        #[cfg(test)]
        pub(crate) const PROOFS: &[&str] = &[#(#proof_names),*];
    }
}

pub fn blocks(findings: &[Finding], blocks: &mut Blocks) {
    blocks.add("findings en", table(findings, "| finding | when it is found |", |text| &text.en));
    let names: String = findings.iter().map(|finding| format!("  - {}\n", finding.id)).collect();
    let meanings: String =
        findings.iter().map(|finding| format!("  - `{}`: {}\n", finding.id, finding.meaning.en)).collect();
    blocks.add("FindingName", format!("type: string\ndescription: |-\n{meanings}enum:\n{names}"));
}

fn table(findings: &[Finding], head: &str, words: fn(&Text) -> &str) -> String {
    let rows = findings.iter().map(|finding| format!("| `{}` | {} |\n", finding.id, cell(words(&finding.meaning))));
    format!("{head}\n|---|---|\n{}", rows.collect::<String>())
}
