//! The one form of pattern that the document's requests have: any number of characters of a set, such as `^[0-9a-z_-]*$`.

use std::ops::RangeInclusive;

/// A text all of whose characters are of a set.
#[derive(Debug)]
pub struct Pattern {
    /// The set as it is written, without the brackets.
    written: String,
    ranges: Vec<RangeInclusive<char>>,
}

impl Pattern {
    /// Reads a regular expression. The error says why it is not of this form.
    pub(super) fn read(pattern: &str) -> Result<Self, &'static str> {
        const OTHER_FORM: &str =
            "its `pattern` is not of the form `^[…]*$` with letters, digits, `_` and, at the end, `-`";
        let written = pattern.strip_prefix("^[").and_then(|rest| rest.strip_suffix("]*$")).ok_or(OTHER_FORM)?;
        let is_plain = |char: char| char.is_ascii_alphanumeric() || char == '_';
        let mut ranges = Vec::new();
        let mut rest: Vec<char> = written.chars().rev().collect();
        while let Some(first) = rest.pop() {
            let last = match *rest {
                [.., last, '-'] => {
                    rest.truncate(rest.len() - 2);
                    last
                }
                _ => first,
            };
            let is_last_dash = first == '-' && rest.is_empty();
            let is_range = is_plain(first) && is_plain(last) && first <= last;
            if !is_last_dash && !is_range {
                return Err(OTHER_FORM);
            }
            ranges.push(first..=last);
        }
        if ranges.is_empty() { Err(OTHER_FORM) } else { Ok(Self { written: written.to_owned(), ranges }) }
    }

    /// Returns whether the text has only characters of the set.
    pub fn matches(&self, text: &str) -> bool {
        text.chars().all(|char| self.ranges.iter().any(|range| range.contains(&char)))
    }

    /// Returns the set as it is written, such as `0-9a-z_-`.
    pub fn characters(&self) -> &str {
        &self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_other_characters_does_not_match() {
        let pattern = Pattern::read("^[0-9A-Za-z_-]*$").unwrap();
        for (text, matches) in
            [("", true), ("Az_09-", true), ("a b", false), ("甲", false), ("a\n", false), ("[", false)]
        {
            assert_eq!(pattern.matches(text), matches, "{text:?}");
        }
        assert!(!Pattern::read("^[ac]*$").unwrap().matches("b"));
        assert_eq!(pattern.characters(), "0-9A-Za-z_-");
    }

    #[test]
    fn a_pattern_of_another_form_is_an_error() {
        for pattern in
            ["", "a", "^[]*$", "^[a-z]+$", "[a-z]*", "^[^a]*$", "^[\\d]*$", "^[z-a]*$", "^[-a]*$", "^[a]*$|^[b]*$"]
        {
            assert!(Pattern::read(pattern).is_err(), "{pattern}");
        }
    }
}
