//! What may be printed: text from outside must neither steer a terminal nor break a line.

use std::fmt::Write;

/// Returns the text with control characters and invisible characters other than spaces escaped, such as `\n` and `\u{202e}`.
pub(crate) fn escaped(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' | '\u{3000}' => line.push(character),
            // Emoji are made of several characters, with these among them. They are harmless.
            '\u{200d}' | '\u{fe0f}' => line.push(character),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            _ if character.is_control() || wecom_kf_text::is_invisible(character) => {
                // Writing to a string never fails.
                let _ = write!(line, "\\u{{{:x}}}", u32::from(character));
            }
            _ => line.push(character),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_steers_no_terminal_and_stays_in_one_line() {
        assert_eq!(escaped("客服\u{1b}[31m \u{202e}x\r\n\t"), "客服\\u{1b}[31m \\u{202e}x\\r\\n\\t");
        assert_eq!(escaped("👨‍👩‍👧 ❤️　好"), "👨‍👩‍👧 ❤️　好");
    }
}
