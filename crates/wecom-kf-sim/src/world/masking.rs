//! Masks secrets and tokens, wherever a client put them: the secrets of all corps and every token that was ever issued.

use std::borrow::Cow;
use std::fmt;

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;

use crate::platform::ids::Ids;
use crate::platform::{access_tokens, callback_tokens};

/// What is written in place of a secret.
pub(crate) const MASK: &str = "***";

/// A token is a run of letters and digits, or a part of one, and has at least this length.
const SHORTEST_TOKEN: usize = callback_tokens::LENGTH;

/// Finds what must not be shown. It knows all corps of a simulator, because a bot that serves several may mix them up.
///
/// Tokens say themselves who made them, so the cost does not grow with the number of tokens, and one that expired long ago
/// is masked too.
pub(crate) struct Masking {
    /// In texts.
    secrets: Option<AhoCorasick>,
    /// In JSON, as `serde_json` escapes them.
    escaped_secrets: Option<AhoCorasick>,
    /// What makes the tokens of each corp.
    ids: Vec<Ids>,
}

impl Masking {
    /// `corps` are the secret and the ids of each.
    pub(crate) fn new(corps: impl Iterator<Item = (String, Ids)>) -> Self {
        let (secrets, ids): (Vec<_>, Vec<_>) = corps.unzip();
        let escaped: Vec<_> = secrets.iter().map(|secret| escaped(secret)).collect();
        Self { secrets: searcher(&secrets), escaped_secrets: searcher(&escaped), ids }
    }

    pub(crate) fn mask_text(&self, text: &mut String) {
        // Tokens first: a short secret may be a part of one, which then would be no token any more.
        while let Some((start, end)) = self.find_token(text) {
            text.replace_range(start..end, MASK);
        }
        if let Some(secrets) = self.secrets.as_ref().filter(|secrets| secrets.is_match(text.as_str())) {
            let masks = vec![MASK; secrets.patterns_len()];
            *text = secrets.replace_all(text, &masks);
        }
    }

    /// Masks every text in `value`, and names of members too: a client may put anything anywhere.
    pub(crate) fn mask(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.mask_text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask(item)),
            Value::Object(members) => {
                *members = std::mem::take(members)
                    .into_iter()
                    .map(|(mut name, mut member)| {
                        self.mask_text(&mut name);
                        self.mask(&mut member);
                        (name, member)
                    })
                    .collect();
            }
            _ => {}
        }
    }

    /// Masks a JSON text that `serde_json` wrote. One pass tells whether there is anything to mask, which is rare.
    pub(crate) fn mask_json<'a>(&self, json: &'a str) -> Cow<'a, str> {
        let has_secret = self.escaped_secrets.as_ref().is_some_and(|secrets| secrets.is_match(json));
        if !has_secret && self.find_token(json).is_none() {
            return json.into();
        }
        // A short secret may also be found in an escape sequence or a number, so only the texts inside are masked.
        let mut value: Value = serde_json::from_str(json).expect("serde_json wrote it");
        self.mask(&mut value);
        value.to_string().into()
    }

    /// Returns where the first token begins and ends.
    fn find_token(&self, text: &str) -> Option<(usize, usize)> {
        runs(text.as_bytes()).find_map(|(start, end)| {
            let offsets = start..=end - SHORTEST_TOKEN;
            offsets.into_iter().find_map(|at| {
                let length = self.ids.iter().find_map(|ids| token_at_start(ids, &text[at..end]))?;
                Some((at, at + length))
            })
        })
    }
}

// Without the secrets.
impl fmt::Debug for Masking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masking").field("corps", &self.ids.len()).finish_non_exhaustive()
    }
}

/// Returns the length of the token that a run begins with, if these ids made it.
fn token_at_start(ids: &Ids, run: &str) -> Option<usize> {
    let is_callback_token =
        run.get(..callback_tokens::LENGTH).is_some_and(|token| callback_tokens::is_made_by(ids, token));
    let is_access_token =
        || run.get(..access_tokens::LENGTH).is_some_and(|token| access_tokens::is_made_by(ids, token));
    is_callback_token.then_some(callback_tokens::LENGTH).or_else(|| is_access_token().then_some(access_tokens::LENGTH))
}

/// Returns where the runs of letters and digits begin and end that are long enough for a token.
///
/// Only every `SHORTEST_TOKEN`th byte is looked at, until one is a letter or digit: a run of that length has one of them.
fn runs(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        while let Some(byte) = text.get(next + SHORTEST_TOKEN - 1) {
            let probe = next + SHORTEST_TOKEN - 1;
            if !byte.is_ascii_alphanumeric() {
                next = probe + 1;
                continue;
            }
            let before = text[next..probe].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let behind = text[probe..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let (start, end) = (probe - before, probe + behind);
            next = end;
            if end - start >= SHORTEST_TOKEN {
                return Some((start, end));
            }
        }
        None
    })
}

/// Returns `None` if there is nothing to search for.
fn searcher(secrets: &[String]) -> Option<AhoCorasick> {
    let secrets: Vec<_> = secrets.iter().filter(|secret| !secret.is_empty()).collect();
    let searcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&secrets);
    searcher.ok().filter(|_| !secrets.is_empty())
}

/// Returns a text as it is written between the quotes of JSON.
fn escaped(text: &str) -> String {
    let json = Value::from(text).to_string();
    json[1..json.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "canary \"of\" the\\secret 密\n";

    fn masking(secrets: &[&str]) -> (Masking, Vec<Ids>) {
        let ids: Vec<_> = (1..).take(secrets.len()).map(Ids::new).collect();
        (Masking::new(secrets.iter().map(|secret| (*secret).to_owned()).zip(ids.clone())), ids)
    }

    /// A token of each kind, made by these ids.
    fn tokens(ids: &Ids) -> [String; 2] {
        let access_token = ids.clone().next_sealed("access token", 214);
        [access_token, format!("ENC{}", ids.seal("sync token", 1_767_196_800 << 20))]
    }

    fn masked(masking: &Masking, text: &str) -> String {
        let mut text = text.to_owned();
        masking.mask_text(&mut text);
        text
    }

    #[test]
    fn tokens_of_every_corp_are_found_wherever_they_stand() {
        let (masking, ids) = masking(&["one", "two"]);
        for token in ids.iter().flat_map(tokens) {
            for around in ["", "x", "\"", "密", &"a".repeat(100), &token] {
                let text = masked(&masking, &format!("{around}{token}{around} {token}"));
                let around = if *around == token { MASK } else { around };
                assert_eq!(text, format!("{around}{MASK}{around} {MASK}"));
            }
            assert_eq!(masked(&masking, &token[1..]), token[1..]);
        }
        let foreign = tokens(&Ids::new(99)).join(" ");
        assert_eq!(masked(&masking, &foreign), foreign);
    }

    #[test]
    fn json_is_masked_in_its_texts_and_names_and_stays_json() {
        let (masking, ids) = masking(&[SECRET, "1", "n", ""]);
        let [access_token, sync_token] = tokens(&ids[0]);
        let value = json!({
            "a": format!("<{SECRET}>"), SECRET: true, "number": 111, "line\nend": "1",
            "deep": [{ "\u{1}": access_token, sync_token.clone(): null }],
        });
        let shown: Value = serde_json::from_str(&masking.mask_json(&value.to_string())).unwrap();
        let line_end = shown.as_object().unwrap().keys().find(|name| name.starts_with("li")).unwrap();
        assert_eq!(line_end, "li***e\ne***d");
        assert_eq!((&shown["a"], &shown[MASK], &shown["***umber"]), (&json!("<***>"), &json!(true), &json!(111)));
        assert_eq!(shown["deep"], json!([{ "\u{1}": MASK, MASK: null }]));
        assert_eq!(shown[line_end], MASK);
    }

    #[test]
    fn json_without_a_secret_stays_as_it_is() {
        let (masking, _) = masking(&[SECRET, "111"]);
        for json in [r#"{"b":1,"a":"客服 \u0001\n"}"#, "[]", "null", r#""x""#] {
            assert_eq!(masking.mask_json(json), json);
        }
    }

    #[test]
    fn every_run_that_is_long_enough_is_found() {
        let found = |text: &str| runs(text.as_bytes()).collect::<Vec<_>>();
        for before in 0..2 * SHORTEST_TOKEN {
            for length in [SHORTEST_TOKEN - 1, SHORTEST_TOKEN, 3 * SHORTEST_TOKEN] {
                let text = format!("{}{}-{}", "-".repeat(before), "a".repeat(length), "b".repeat(SHORTEST_TOKEN));
                let second = (before + length + 1, text.len());
                let expected =
                    if length < SHORTEST_TOKEN { vec![second] } else { vec![(before, before + length), second] };
                assert_eq!(found(&text), expected, "{text}");
            }
        }
        assert_eq!(found(""), []);
    }
}
