//! What the simulator assumes of the platform: the rules that can be switched, and all others as they stand beside the code.

use serde_json::{Value, json};

use crate::platform::assumptions::{Assumptions, STATEMENTS, Statement, statement};

/// The source files with rules of the platform. A test finds those that are missing here.
const SOURCES: [(&str, &str); 47] = [
    ("arrival", include_str!("../http/arrival.rs")),
    ("attempt", include_str!("../delivery/attempt.rs")),
    ("effects", include_str!("../http/effects.rs")),
    ("exchange", include_str!("../http/exchange.rs")),
    ("model_access_tokens", include_str!("../platform/model/access_tokens.rs")),
    ("model_account", include_str!("../platform/model/account.rs")),
    ("model_callback_tokens", include_str!("../platform/model/callback_tokens.rs")),
    ("model_contact_ways", include_str!("../platform/model/contact_ways.rs")),
    ("model_cursors", include_str!("../platform/model/cursors.rs")),
    ("model_event_codes", include_str!("../platform/model/event_codes.rs")),
    ("model_events", include_str!("../platform/model/events.rs")),
    ("model_knowledge", include_str!("../platform/model/knowledge.rs")),
    ("model_media", include_str!("../platform/model/media.rs")),
    ("model_media_format", include_str!("../platform/model/media_format.rs")),
    ("model_menu_links", include_str!("../platform/model/menu_links.rs")),
    ("model_message_limit", include_str!("../platform/model/message_limit.rs")),
    ("model_news", include_str!("../platform/model/news.rs")),
    ("model_read_limit", include_str!("../platform/model/read_limit.rs")),
    ("model_refusal", include_str!("../platform/model/refusal.rs")),
    ("model_retention", include_str!("../platform/model/retention.rs")),
    ("model_session", include_str!("../platform/model/session.rs")),
    ("model_statistics", include_str!("../platform/model/statistics.rs")),
    ("model_window_48h", include_str!("../platform/model/window_48h.rs")),
    ("multipart", include_str!("../http/multipart.rs")),
    ("ops", include_str!("../platform/ops.rs")),
    ("ops_account", include_str!("../platform/ops/account.rs")),
    ("ops_contact_way", include_str!("../platform/ops/contact_way.rs")),
    ("ops_corp", include_str!("../platform/ops/corp.rs")),
    ("ops_customer", include_str!("../platform/ops/customer.rs")),
    ("ops_knowledge", include_str!("../platform/ops/knowledge.rs")),
    ("ops_media", include_str!("../platform/ops/media.rs")),
    ("ops_message_body", include_str!("../platform/ops/message/body.rs")),
    ("ops_message_recall", include_str!("../platform/ops/message/recall.rs")),
    ("ops_message_send", include_str!("../platform/ops/message/send.rs")),
    ("ops_message_sync", include_str!("../platform/ops/message/sync.rs")),
    ("ops_one_body", include_str!("../platform/ops/one_body.rs")),
    ("ops_service_state", include_str!("../platform/ops/service_state.rs")),
    ("ops_servicer", include_str!("../platform/ops/servicer.rs")),
    ("ops_statistic", include_str!("../platform/ops/statistic.rs")),
    ("ops_token", include_str!("../platform/ops/token.rs")),
    ("ops_upgrade_service", include_str!("../platform/ops/upgrade_service.rs")),
    ("outcome", include_str!("../http/outcome.rs")),
    ("people_console", include_str!("../platform/people/console.rs")),
    ("people_customers", include_str!("../platform/people/customers.rs")),
    ("people_servicers", include_str!("../platform/people/servicers.rs")),
    ("platform", include_str!("../platform.rs")),
    ("queue", include_str!("../delivery/queue.rs")),
];
const UNVERIFIED: &str = "unverified:";

/// A rule as its comment says it.
struct Rule {
    id: String,
    text: String,
    source: String,
    is_unverified: bool,
}

/// `Assumption`s of `control.yaml`: those that can be switched, then the others.
pub(crate) fn show_all(assumptions: &Assumptions) -> Vec<Value> {
    let switchable = STATEMENTS.iter().map(|statement| show_statement(statement, assumptions));
    switchable.chain(rules().iter().map(Rule::show)).collect()
}

pub(crate) fn show_statement(statement: &Statement, assumptions: &Assumptions) -> Value {
    json!({
        "id": statement.id,
        "rule": { "en": statement.en, "zh": statement.zh },
        "source": statement.source,
        "verified": false,
        "switchable": true,
        "holds": assumptions.hold(statement.assumption),
    })
}

pub(crate) fn is_known(id: &str) -> bool {
    statement(id).is_some() || rules().iter().any(|rule| rule.id == id)
}

/// The page *What the simulator assumes*, in Markdown: every rule of the platform with its source, those that can be
/// switched first.
pub fn assumptions_page() -> String {
    let mut page = format!("{PAGE_HEAD}\n");
    for statement in &STATEMENTS {
        page.push_str(&format!("| `{}` | {} | {} |\n", statement.id, cell(statement.en), cell(statement.source)));
    }
    page.push_str(UNVERIFIED_HEAD);
    let all = rules();
    let (unverified, verified): (Vec<_>, Vec<_>) = all.iter().partition(|rule| rule.is_unverified);
    unverified.iter().for_each(|rule| page.push_str(&rule.line()));
    page.push_str(VERIFIED_HEAD);
    verified.iter().for_each(|rule| page.push_str(&rule.line()));
    page
}

const PAGE_HEAD: &str = "<!-- Generated by `wecom-kf-sim assumptions`. Do not edit. -->
# What the simulator assumes

Numbers are pages of developer.work.weixin.qq.com. `GET /sim/v1/assumptions` returns the same rules, and says which hold now.

## Unverified, and can be switched

Sources disagree on these rules, or only one has them. A test can switch a rule off: `Builder::disable_assumption(id)`, `--disable-assumption ID`, or
`PUT /sim/v1/assumptions/{id}` with `{\"holds\": false}`.

| id | rule | source |
|---|---|---|";
const UNVERIFIED_HEAD: &str = "
## Unverified

| where | rule | source |
|---|---|---|
";
const VERIFIED_HEAD: &str = "
## By the documents, or seen in practice

| where | rule | source |
|---|---|---|
";

impl Rule {
    fn show(&self) -> Value {
        json!({
            "id": self.id,
            "rule": { "en": self.text, "zh": self.text },
            "source": self.source,
            "verified": !self.is_unverified,
            "switchable": false,
            "holds": true,
        })
    }

    fn line(&self) -> String {
        format!("| `{}` | {} | {} |\n", self.id, cell(&self.text), cell(&self.source))
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// All rules, in the order of files and lines.
fn rules() -> Vec<Rule> {
    SOURCES.iter().flat_map(|(file, source)| rules_of(file, source)).collect()
}

fn rules_of(file: &str, source: &str) -> Vec<Rule> {
    // Tests follow the code, and state no rules.
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let comments = comments(code).into_iter().filter_map(|comment| {
        let source = cited(&comment);
        let is_unverified = comment.contains(UNVERIFIED);
        (is_unverified || !source.is_empty()).then_some((comment, source, is_unverified))
    });
    let numbered = comments.enumerate().map(|(number, (comment, source, is_unverified))| Rule {
        id: format!("{file}_{}", number + 1),
        text: comment.replace('`', ""),
        source,
        is_unverified,
    });
    numbered.collect()
}

/// Comments, those of several lines as one. What is said of a file as a whole is no rule.
fn comments(code: &str) -> Vec<String> {
    let mut comments: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in code.lines().map(str::trim) {
        let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//")).filter(|text| !text.starts_with('!'));
        match (text.map(str::trim), comments.last_mut().filter(|_| is_open)) {
            (Some(text), Some(comment)) => {
                comment.push(' ');
                comment.push_str(text);
            }
            (Some(text), None) => comments.push(text.to_owned()),
            (None, _) => {}
        }
        is_open = text.is_some();
    }
    comments
}

/// What stands in square brackets and names a source.
fn cited(comment: &str) -> String {
    let brackets = comment.split('[').skip(1).filter_map(|rest| rest.split_once(']').map(|(inside, _)| inside));
    let sources = brackets.filter(|inside| {
        let names_page =
            inside.split([',', ' ']).any(|word| word.len() == 5 && word.bytes().all(|byte| byte.is_ascii_digit()));
        names_page || inside.contains("practice") || inside.starts_with("errcodes")
    });
    sources.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn every_source_with_rules_is_listed() {
        let platform = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/platform");
        let sources = sources(&platform);
        assert!(sources.iter().any(|path| path.ends_with("platform/ops/message/send.rs")), "{sources:?}");
        for path in sources {
            // The name of a file in a folder contains that of the folder.
            let name = path.strip_prefix(&platform).unwrap().with_extension("").display().to_string().replace('/', "_");
            let has_rules = !rules_of(&name, &fs::read_to_string(&path).unwrap()).is_empty();
            let is_listed = SOURCES.iter().any(|(listed, _)| *listed == name);
            // The statements are listed by themselves.
            assert!(is_listed || !has_rules || name == "model_assumptions", "add {name} to SOURCES in rules.rs");
        }
    }

    /// The source files in a folder, and in those of it.
    fn sources(folder: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
        let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        files.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
    }

    #[test]
    fn a_rule_is_a_comment_with_a_source_or_a_doubt() {
        let source = "/// Kept for 3 days [94670],\n/// all of them.\nlet x = 1;\n// unverified: that it is so.\n// plain\n\n// Plain too.\n//! A file [94670].\n";
        let rules = rules_of("x", source);
        let said: Vec<_> = rules
            .iter()
            .map(|rule| (rule.id.as_str(), rule.text.as_str(), rule.source.as_str(), rule.is_unverified))
            .collect();
        assert_eq!(
            said,
            [
                ("x_1", "Kept for 3 days [94670], all of them.", "94670", false),
                ("x_2", "unverified: that it is so. plain", "", true),
            ]
        );
    }

    #[test]
    fn the_page_is_the_one_in_docs() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/assumptions.md");
        let committed = fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == assumptions_page(),
            "run: cargo run -p wecom-kf-sim -- assumptions > crates/wecom-kf-sim/docs/assumptions.md"
        );
    }
}
