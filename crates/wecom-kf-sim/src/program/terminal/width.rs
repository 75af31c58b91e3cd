//! Texts from outside on a terminal: what must not reach it, and how many columns a text takes.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What a client sent must not steer the terminal: neither by control characters nor by those that turn the text around.
pub(in crate::program) fn printable(text: &str) -> String {
    let steers = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|character| if steers(character) { '?' } else { character }).collect()
}

/// The columns that a text takes. Chinese characters take two.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// The text if it fits into this many columns, else its beginning and `…`.
pub(super) fn cut(text: &str, limit: usize) -> String {
    if columns(text) <= limit {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut taken = 1; // the ellipsis
    for character in text.chars() {
        taken += character.width().unwrap_or_default();
        if taken > limit {
            break;
        }
        shown.push(character);
    }
    if limit > 0 {
        shown.push('…');
    }
    shown
}

/// The text with spaces behind it, up to this many columns.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_not_printed() {
        assert_eq!(printable("客服\u{1b}[31m \u{202e}x\r\n"), "客服?[31m ?x??");
    }

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!(cut("营业时间", 8), "营业时间");
        assert_eq!(cut("营业时间", 7), "营业时…");
        assert_eq!(cut("营业时间", 6), "营业…");
        assert_eq!(cut("abc", 2), "a…");
        assert_eq!((cut("abc", 1), cut("abc", 0)), ("…".to_owned(), String::new()));
        assert_eq!(padded("营业", 6), "营业  ");
        assert_eq!(padded("营业", 3), "营业");
    }
}
