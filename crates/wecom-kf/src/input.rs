//! Checks of the caller's input. Invalid input is refused before anything is sent, and all such rules are here.

use std::fmt;

use wecom_kf_text::{Flaw, checked};

use crate::{Bilingual, Error, Lang};

/// What is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It is empty, but must not be.
    Empty,
    /// It is longer than WeCom accepts.
    TooLong {
        /// Its length.
        actual: usize,
        /// The greatest length that WeCom accepts.
        limit: usize,
        /// The unit of `actual` and `limit`.
        unit: Unit,
    },
    /// It is a number outside the range that WeCom accepts.
    OutOfRange {
        /// The number.
        actual: i64,
        /// The smallest number that WeCom accepts.
        min: i64,
        /// The largest number that WeCom accepts.
        max: i64,
    },
    /// It is a file that is smaller or larger than WeCom accepts.
    Size {
        /// The size of the file in bytes.
        actual: u64,
        /// The smallest size that WeCom accepts, in bytes.
        min: usize,
        /// The largest size that WeCom accepts, in bytes.
        max: usize,
    },
    /// It contains a character that never occurs in WeCom's values, such as an invisible one from copied text.
    Character(Flaw),
    /// It does not have the required form.
    Malformed {
        /// The required form.
        expected: Bilingual,
    },
}

/// The unit of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Bytes of UTF-8; a Chinese character has three.
    Bytes,
    /// Characters (Unicode scalar values).
    Chars,
    /// Items of a list.
    Items,
    /// Days.
    Days,
}

impl Unit {
    fn in_lang(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Bytes => ("bytes", "字节"),
            Self::Chars => ("characters", "个字符"),
            Self::Items => ("items", "项"),
            Self::Days => ("days", "天"),
        };
        lang.pick(en, zh)
    }
}

impl Problem {
    /// Describes the problem in a phrase that follows the name of the input: "is empty".
    pub fn in_lang(&self, lang: Lang) -> String {
        if lang == Lang::En {
            return self.to_string();
        }
        match self {
            Self::Empty => "为空".to_owned(),
            Self::TooLong { actual, limit, unit } => {
                let unit = unit.in_lang(lang);
                format!("有 {actual} {unit}，最多 {limit} {unit}")
            }
            Self::OutOfRange { actual, min, max } => format!("为 {actual}，允许的范围是 {min} 到 {max}"),
            Self::Size { actual, min, max } => format!("有 {actual} 字节，允许的范围是 {min} 到 {max}"),
            Self::Character(flaw) => format!("不是企业微信发放的原样：{}", flaw.in_lang(lang)),
            Self::Malformed { expected } => format!("必须{}", expected.in_lang(lang)),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { actual, limit, unit } => {
                write!(f, "has {actual} {}, at most {limit} are allowed", unit.in_lang(Lang::En))
            }
            Self::OutOfRange { actual, min, max } => write!(f, "is {actual}, but must be {min} to {max}"),
            Self::Size { actual, min, max } => write!(f, "has {actual} bytes, but must have {min} to {max}"),
            Self::Character(flaw) => write!(f, "is not as WeCom issued it: {flaw}"),
            Self::Malformed { expected } => write!(f, "must be {expected}"),
        }
    }
}

pub(crate) fn refuse(what: impl Into<Bilingual>, problem: Problem) -> Error {
    Error::InvalidInput { what: what.into(), problem }
}

/// Returns the error for an input without the required form, which `en` and `zh` describe.
pub(crate) fn malformed(what: impl Into<Bilingual>, en: &'static str, zh: &'static str) -> Error {
    refuse(what, Problem::Malformed { expected: Bilingual::fixed(en, zh) })
}

pub(crate) fn not_empty(what: impl Into<Bilingual>, text: &str) -> Result<(), Error> {
    if text.is_empty() { Err(refuse(what, Problem::Empty)) } else { Ok(()) }
}

/// Checks for 1 to `limit` bytes of UTF-8.
pub(crate) fn bytes(what: impl Into<Bilingual>, text: &str, limit: usize) -> Result<(), Error> {
    let what = what.into();
    not_empty(what.clone(), text)?;
    at_most(what, text.len(), limit, Unit::Bytes)
}

/// Checks for 1 to `limit` bytes of UTF-8 if there is a text.
pub(crate) fn optional_bytes(what: impl Into<Bilingual>, text: Option<&str>, limit: usize) -> Result<(), Error> {
    text.map_or(Ok(()), |text| bytes(what, text, limit))
}

/// Checks for 1 to `limit` characters.
pub(crate) fn chars(what: impl Into<Bilingual>, text: &str, limit: usize) -> Result<(), Error> {
    let what = what.into();
    not_empty(what.clone(), text)?;
    at_most(what, text.chars().count(), limit, Unit::Chars)
}

/// Checks that a value which people copy and paste has no white space, no invisible characters and no quotes around it.
pub(crate) fn pasted(what: impl Into<Bilingual>, text: &str) -> Result<(), Error> {
    checked(text).map(drop).map_err(|flaw| refuse(what, Problem::Character(flaw)))
}

/// Checks that the text consists of ASCII letters, digits, `_` and `-`.
pub(crate) fn word(what: impl Into<Bilingual>, text: &str) -> Result<(), Error> {
    let is_allowed = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-';
    match text.bytes().all(is_allowed) {
        true => Ok(()),
        false => Err(malformed(what, "made of 0-9, A-Z, a-z, _ and - only", "只含 0-9、A-Z、a-z、_ 和 -")),
    }
}

/// Checks for at most `limit` items.
pub(crate) fn items(what: impl Into<Bilingual>, actual: usize, limit: usize) -> Result<(), Error> {
    at_most(what, actual, limit, Unit::Items)
}

/// Checks for at most `limit` days.
pub(crate) fn days(what: impl Into<Bilingual>, actual: usize, limit: usize) -> Result<(), Error> {
    at_most(what, actual, limit, Unit::Days)
}

pub(crate) fn range(what: impl Into<Bilingual>, actual: u32, min: u32, max: u32) -> Result<(), Error> {
    if (min..=max).contains(&actual) {
        return Ok(());
    }
    Err(refuse(what, Problem::OutOfRange { actual: actual.into(), min: min.into(), max: max.into() }))
}

fn at_most(what: impl Into<Bilingual>, actual: usize, limit: usize, unit: Unit) -> Result<(), Error> {
    if actual <= limit { Ok(()) } else { Err(refuse(what, Problem::TooLong { actual, limit, unit })) }
}
