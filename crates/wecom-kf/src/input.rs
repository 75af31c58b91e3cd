//! Refusing bad input before anything is sent: the one place for these rules.

use std::fmt;

use wecom_kf_text::{Flaw, checked};

use crate::{Bilingual, Error, Lang};

/// What is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There is nothing where something is needed.
    Empty,
    /// It is longer than WeCom takes.
    TooLong {
        /// Its length.
        actual: usize,
        /// The longest that WeCom takes.
        limit: usize,
        /// What both count.
        unit: Unit,
    },
    /// It is a number outside of what WeCom takes.
    OutOfRange {
        /// The number.
        actual: i64,
        /// The smallest that WeCom takes.
        min: i64,
        /// The largest that WeCom takes.
        max: i64,
    },
    /// It is a file of a size that WeCom does not take.
    Size {
        /// Its length in bytes.
        actual: u64,
        /// The fewest bytes that WeCom takes.
        min: usize,
        /// The most bytes that WeCom takes.
        max: usize,
    },
    /// It has a character that no value of WeCom has, as copied text sometimes does.
    Character(Flaw),
    /// It has another form than it must have.
    Malformed {
        /// The form it must have.
        expected: Bilingual,
    },
}

/// What a length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Bytes of UTF-8; a Chinese character has three.
    Bytes,
    /// Characters (Unicode scalar values).
    Chars,
    /// Items of a list.
    Items,
    /// Messages that a text is cut into.
    Pieces,
    /// Days.
    Days,
}

impl Unit {
    fn in_lang(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Bytes => ("bytes", "字节"),
            Self::Chars => ("characters", "个字符"),
            Self::Items => ("items", "项"),
            Self::Pieces => ("pieces", "段"),
            Self::Days => ("days", "天"),
        };
        if lang == Lang::Zh { zh } else { en }
    }
}

impl Problem {
    /// What is wrong, to be read after the name of the input.
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
            Self::Character(flaw) => format!("不是企业微信发放的原样：{}", flaw.zh()),
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
            Self::OutOfRange { actual, min, max } => write!(f, "is {actual}, allowed are {min} to {max}"),
            Self::Size { actual, min, max } => write!(f, "has {actual} bytes, allowed are {min} to {max}"),
            Self::Character(flaw) => write!(f, "is not as WeCom issued it: {flaw}"),
            Self::Malformed { expected } => write!(f, "must be {expected}"),
        }
    }
}

pub(crate) fn refuse(what: impl Into<Bilingual>, problem: Problem) -> Error {
    Error::InvalidInput { what: what.into(), problem }
}

/// Refuses an input that has another form than it must have.
pub(crate) fn malformed(what: impl Into<Bilingual>, en: &'static str, zh: &'static str) -> Error {
    refuse(what, Problem::Malformed { expected: Bilingual::fixed(en, zh) })
}

pub(crate) fn not_empty(what: impl Into<Bilingual>, text: &str) -> Result<(), Error> {
    if text.is_empty() { Err(refuse(what, Problem::Empty)) } else { Ok(()) }
}

/// 1 to `limit` bytes of UTF-8.
pub(crate) fn bytes(what: impl Into<Bilingual>, text: &str, limit: usize) -> Result<(), Error> {
    let what = what.into();
    not_empty(what.clone(), text)?;
    at_most(what, text.len(), limit, Unit::Bytes)
}

/// 1 to `limit` characters.
pub(crate) fn chars(what: impl Into<Bilingual>, text: &str, limit: usize) -> Result<(), Error> {
    let what = what.into();
    not_empty(what.clone(), text)?;
    at_most(what, text.chars().count(), limit, Unit::Chars)
}

/// No white space, no invisible characters, no quotes around it.
pub(crate) fn pasted(what: impl Into<Bilingual>, text: &str) -> Result<(), Error> {
    checked(text).map(drop).map_err(|flaw| refuse(what, Problem::Character(flaw)))
}

/// Letters, digits, `_` and `-` only.
pub(crate) fn word(what: impl Into<Bilingual>, text: &str) -> Result<(), Error> {
    let is_allowed = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-';
    match text.bytes().all(is_allowed) {
        true => Ok(()),
        false => Err(malformed(what, "made of 0-9, A-Z, a-z, _ and - only", "只含 0-9、A-Z、a-z、_ 和 -")),
    }
}

/// Up to `limit` items.
pub(crate) fn items(what: impl Into<Bilingual>, actual: usize, limit: usize) -> Result<(), Error> {
    at_most(what, actual, limit, Unit::Items)
}

/// Up to `limit` days.
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
