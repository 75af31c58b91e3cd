//! `play`: whether a message of the bot is what a step expects, and what differs.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use wecom_kf_text::Lang;

use crate::program::scenario::Expected;

/// What a message says, and what can be tapped in it.
pub(super) struct Message<'a> {
    kind: &'a str,
    body: &'a Value,
}

impl<'a> Message<'a> {
    /// Of a `ChatEntry`.
    pub(super) fn of(entry: &'a Value) -> Self {
        Self { kind: entry["msgtype"].as_str().unwrap_or_default(), body: &entry["body"] }
    }

    /// The text, of a menu what stands above its items.
    fn text(&self) -> Option<&'a str> {
        let member = if self.kind == "msgmenu" { "head_content" } else { "content" };
        self.body[member].as_str().filter(|_| matches!(self.kind, "text" | "msgmenu"))
    }

    /// What is written on the items of a menu that can be tapped.
    fn labels(&self) -> Vec<&'a str> {
        let items = self.body["list"].as_array().into_iter().flatten();
        items
            .filter_map(|item| ["click", "view", "miniprogram"].iter().find_map(|kind| item[kind]["content"].as_str()))
            .collect()
    }

    /// The message on one line or several, for people.
    pub(super) fn shown(&self) -> String {
        match (self.kind, self.text()) {
            ("text", Some(text)) => text.to_owned(),
            ("msgmenu", text) => {
                let labels: String = self.labels().iter().map(|label| format!(" [{label}]")).collect();
                format!("{}{labels}", text.unwrap_or_default()).trim_start().to_owned()
            }
            (kind, _) => {
                let words = ["title", "name", "desc", "filename"].iter().find_map(|name| self.body[name].as_str());
                format!("[{kind}] {}", words.unwrap_or_default()).trim_end().to_owned()
            }
        }
    }
}

impl Expected {
    /// What is wrong with a message, as lines; nothing if it fits.
    pub(super) fn differs(&self, message: &Message<'_>, lang: Lang) -> Vec<String> {
        let mut lines = Vec::new();
        let text = message.text();
        if let Some(kind) = self.kind.as_deref().filter(|kind| *kind != message.kind) {
            lines.extend(diff(kind, message.kind));
        }
        if let Some(wanted) = &self.text {
            let got = text.map_or_else(|| message.shown(), str::to_owned);
            // Another kind of message is not the text, even if it is shown in the same way.
            if text != Some(wanted) {
                lines.extend(diff(wanted, &got));
            }
        }
        for part in &self.contains {
            if !text.is_some_and(|text| text.contains(part.as_str())) {
                lines.push(format!("{} {part}", lang.pick("does not contain:", "不包含：")));
            }
        }
        if let Some(regex) = &self.matches
            && !text.is_some_and(|text| regex.is_match(text))
        {
            lines.push(format!("{} {regex}", lang.pick("does not match:", "不匹配：")));
        }
        if let Some(wanted) = &self.menu {
            let got = message.labels();
            if message.kind != "msgmenu" || got != *wanted {
                lines.extend(diff(&wanted.join("\n"), &got.join("\n")));
            }
        }
        for (name, wanted) in &self.body {
            if !contains(&message.body[name], wanted) {
                let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
                lines.push(format!("{name}:"));
                lines.extend(diff(&pretty(wanted), &pretty(&message.body[name])));
            }
        }
        lines
    }

    /// What is expected, on one line.
    pub(super) fn shown(&self, lang: Lang) -> String {
        let mut parts = Vec::new();
        parts.extend(self.kind.iter().map(|kind| format!("[{kind}]")));
        parts.extend(self.text.clone());
        parts.extend(self.contains.iter().map(|part| format!("… {part} …")));
        parts.extend(self.matches.iter().map(|regex| format!("/{regex}/")));
        parts.extend(self.menu.iter().flatten().map(|label| format!("[{label}]")));
        if !self.body.is_empty() {
            parts.push(Value::Object(self.body.clone()).to_string());
        }
        if parts.is_empty() { lang.pick("anything", "任意消息").to_owned() } else { parts.join(" ") }
    }
}

/// Whether a value has all that is wanted of it: of an object the members that are named.
fn contains(value: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(members) => members.iter().all(|(name, wanted)| contains(&value[name], wanted)),
        Value::Array(items) => value.as_array().is_some_and(|got| {
            got.len() == items.len() && got.iter().zip(items).all(|(got, wanted)| contains(got, wanted))
        }),
        other => value == other,
    }
}

/// What differs, line by line: `-` is expected, `+` came.
fn diff(expected: &str, got: &str) -> Vec<String> {
    let (expected, got): (Vec<_>, Vec<_>) = (expected.split('\n').collect(), got.split('\n').collect());
    let diff = TextDiff::from_slices(&expected, &got);
    let lines = diff.iter_all_changes().map(|change| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("{sign} {}", change.value())
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use regex::Regex;
    use serde_json::{Map, json};

    use super::*;

    fn text(content: &str) -> Value {
        json!({ "msgtype": "text", "body": { "content": content } })
    }

    fn differs(expected: &Expected, entry: &Value) -> Vec<String> {
        expected.differs(&Message::of(entry), Lang::En)
    }

    #[test]
    fn a_text_is_compared_line_by_line() {
        let expected = Expected { text: Some("9:00–18:00\n周末休息".to_owned()), ..Expected::default() };
        assert!(differs(&expected, &text("9:00–18:00\n周末休息")).is_empty());
        assert_eq!(differs(&expected, &text("9:00–17:00\n周末休息")), ["- 9:00–18:00", "+ 9:00–17:00", "  周末休息"]);
        let image = json!({ "msgtype": "image", "body": { "media_id": "x" } });
        assert_eq!(differs(&Expected { text: Some("[image]".to_owned()), ..Expected::default() }, &image).len(), 1);
    }

    #[test]
    fn parts_patterns_and_kinds_must_fit() {
        let expected = Expected {
            contains: vec!["9:00".to_owned(), "周末".to_owned()],
            matches: Some(Regex::new(r"^\d").unwrap()),
            kind: Some("text".to_owned()),
            ..Expected::default()
        };
        assert!(differs(&expected, &text("9:00，周末休息")).is_empty());
        assert_eq!(differs(&expected, &text("从 9:00")), ["does not contain: 周末", r"does not match: ^\d"]);
        let location = json!({ "msgtype": "location", "body": {} });
        assert_eq!(differs(&expected, &location)[..2], ["- text", "+ location"]);
    }

    #[test]
    fn menus_are_compared_by_their_labels() {
        let menu = json!({ "msgtype": "msgmenu", "body": { "head_content": "请选择", "list": [
            { "type": "click", "click": { "id": "1", "content": "营业时间" } },
            { "type": "text", "text": { "content": "或者" } },
            { "type": "view", "view": { "url": "https://example.com", "content": "官网" } },
        ] } });
        let labels = |labels: &[&str]| Some(labels.iter().map(|label| (*label).to_owned()).collect());
        let expected = Expected { menu: labels(&["营业时间", "官网"]), ..Expected::default() };
        assert!(differs(&expected, &menu).is_empty());
        assert_eq!(Message::of(&menu).shown(), "请选择 [营业时间] [官网]");
        let expected = Expected { menu: labels(&["营业时间"]), ..Expected::default() };
        assert_eq!(differs(&expected, &menu), ["  营业时间", "+ 官网"]);
        assert!(!differs(&Expected { menu: labels(&[]), ..Expected::default() }, &text("x")).is_empty());
    }

    #[test]
    fn of_a_body_the_named_members_must_fit() {
        let link = json!({ "msgtype": "link", "body": { "title": "说明", "url": "https://example.com/a" } });
        let body = |value: Value| value.as_object().cloned().unwrap_or_else(Map::new);
        let expected = Expected { body: body(json!({ "title": "说明" })), ..Expected::default() };
        assert!(differs(&expected, &link).is_empty());
        let expected = Expected { body: body(json!({ "url": "https://example.com/b" })), ..Expected::default() };
        assert_eq!(differs(&expected, &link), ["url:", "- \"https://example.com/b\"", "+ \"https://example.com/a\""]);
    }
}
