//! Repairs text that is almost JSON: invalid UTF-8, control characters and lone surrogates.

use std::borrow::Cow;

/// Converts `body` to text. Removes a byte order mark, replaces invalid UTF-8 by U+FFFD, and applies [`repaired`]. Returns
/// `None` if that changes nothing.
pub fn repaired_body(body: &[u8]) -> Option<String> {
    let lossy = String::from_utf8_lossy(body);
    let text = lossy.strip_prefix('\u{feff}').unwrap_or(&lossy);
    let (text, _) = repaired(text);
    (text.as_bytes() != body).then(|| text.into_owned())
}

/// Replaces characters that JSON strings must not contain by U+FFFD: raw control characters, and escaped surrogates without
/// their other half. Also returns the number of replacements. If it is 0, the text is unchanged.
pub fn repaired(text: &str) -> (Cow<'_, str>, usize) {
    let mut result = String::new();
    let (mut copied, mut replaced, mut in_string) = (0, 0, false);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = match bytes[at] {
            b'"' => {
                in_string = !in_string;
                0
            }
            b'\\' if in_string => match surrogate(&bytes[at..]) {
                None => {
                    // The backslash escapes the next character, so skip it.
                    at += 1;
                    0
                }
                Some(Half::High) if surrogate(bytes.get(at + 6..).unwrap_or_default()) == Some(Half::Low) => {
                    at += 11;
                    0
                }
                Some(_) => 6,
            },
            0..=0x1f if in_string => 1,
            _ => 0,
        };
        if length > 0 {
            result.push_str(&text[copied..at]);
            result.push(char::REPLACEMENT_CHARACTER);
            at += length;
            copied = at;
            replaced += 1;
        } else {
            at += 1;
        }
    }
    if replaced == 0 {
        return (Cow::Borrowed(text), 0);
    }
    result.push_str(&text[copied..]);
    (Cow::Owned(result), replaced)
}

#[derive(PartialEq)]
enum Half {
    High,
    Low,
}

/// Returns the half of a surrogate pair that the escape at the start of `bytes` is. Returns `None` if it is neither
/// half.
fn surrogate(bytes: &[u8]) -> Option<Half> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    match u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()? {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::repaired;

    #[test]
    fn only_characters_that_json_forbids_are_replaced() {
        let cases = [
            (r#"{"a":"\ud83d\ude42"}"#, r#"{"a":"\ud83d\ude42"}"#, 0),
            (r#"{"a":"\ud83d"}"#, "{\"a\":\"\u{fffd}\"}", 1),
            (r#"{"a":"\ude42\ud83d"}"#, "{\"a\":\"\u{fffd}\u{fffd}\"}", 2),
            (r#"{"a":"\ud83d\ud83d\ude42"}"#, "{\"a\":\"\u{fffd}\\ud83d\\ude42\"}", 1),
            (r#"{"a":"\\ud83d"}"#, r#"{"a":"\\ud83d"}"#, 0),
            (r#"{"a":"\"\ud83d"}"#, "{\"a\":\"\\\"\u{fffd}\"}", 1),
            ("{\"a\":\n\"x\ny\u{1}您\"}", "{\"a\":\n\"x\u{fffd}y\u{fffd}您\"}", 2),
            (r#"{"a":"\u"#, r#"{"a":"\u"#, 0),
            ("\"\\", "\"\\", 0),
        ];
        for (text, expected, count) in cases {
            let (result, replaced) = repaired(text);
            assert_eq!((result.as_ref(), replaced), (expected, count), "{text}");
        }
    }
}
