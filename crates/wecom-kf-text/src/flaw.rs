//! The check of values that people copy and paste: ids, secrets, tokens, keys, addresses.

use std::fmt;

use crate::Lang;
use crate::characters::{self, Row};

/// Removes white space and byte order marks around `text`, which come from line ends of files, from tables and from
/// editors.
///
/// ```
/// assert_eq!(wecom_kf_text::trimmed("\u{feff} ww0\r\n"), "ww0");
/// ```
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || character == '\u{feff}')
}

/// Returns the [`trimmed`] value, after checking that it has no white space, no invisible characters and no quotes around
/// it.
///
/// No value of WeCom has such characters, so one of them means that something was copied with the value. An empty value
/// passes: the caller decides whether a value may be empty.
///
/// # Errors
///
/// The error names the first such character and its position, never the value.
///
/// ```
/// use wecom_kf_text::checked;
///
/// assert_eq!(checked(" ww0\n"), Ok("ww0"));
/// let flaw = checked("ww\u{200b}0").unwrap_err();
/// assert_eq!(flaw.to_string(), "character 3 is U+200B ZERO WIDTH SPACE; remove it");
/// ```
pub fn checked(text: &str) -> Result<&str, Flaw> {
    let text = trimmed(text);
    if is_plain(text) {
        return Ok(text);
    }
    let last = text.chars().count();
    for (position, character) in (1..).zip(text.chars()) {
        if characters::invisible(character).is_some() {
            return Err(Flaw { character, position, kind: FlawKind::Invisible });
        }
        if (position == 1 || position == last) && characters::quote(character).is_some() {
            return Err(Flaw { character, position, kind: FlawKind::Quote });
        }
    }
    Ok(text)
}

/// Returns whether `text` is printable ASCII without quotes at its ends, like almost every value. Checking the bytes takes a
/// tenth of the time of searching the tables.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_quoted = [bytes.first(), bytes.last()].into_iter().flatten().any(|end| matches!(end, b'"' | b'\'' | b'`'));
    !is_quoted && bytes.iter().all(u8::is_ascii_graphic)
}

/// A character that a value must not contain. `Display` describes it in English, [`in_lang`](Self::in_lang) in either
/// language; neither shows the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Flaw {
    /// The character.
    pub character: char,
    /// Its position in the trimmed value, in characters, counted from 1.
    pub position: usize,
    /// Why the value must not contain it.
    pub kind: FlawKind,
}

/// The reason why a value must not contain a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlawKind {
    /// It is white space, or it is invisible.
    Invisible,
    /// It is a quotation mark at one end of the value.
    Quote,
}

impl Flaw {
    /// Describes the problem and the remedy in one language. In English it is the text of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.to_string(),
            Lang::Zh => self.in_chinese(),
        }
    }

    fn in_chinese(&self) -> String {
        let (position, code) = (self.position, u32::from(self.character));
        let name = self.row().map(|row| row.zh).unwrap_or_default();
        match self.kind {
            FlawKind::Invisible => format!("第 {position} 个字符是 U+{code:04X}（{name}），请删除"),
            FlawKind::Quote => format!("第 {position} 个字符是引号 U+{code:04X}（{name}），请去掉两端的引号"),
        }
    }

    fn row(&self) -> Option<&'static Row> {
        characters::invisible(self.character).or_else(|| characters::quote(self.character))
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.row().map(|row| row.en).unwrap_or_default();
        write!(f, "character {} is U+{:04X} {name}; ", self.position, u32::from(self.character))?;
        f.write_str(match self.kind {
            FlawKind::Invisible => "remove it",
            FlawKind::Quote => "leave out the quotes around the value",
        })
    }
}

impl std::error::Error for Flaw {}
