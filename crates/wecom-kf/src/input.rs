//! Refusing bad input before anything is sent: the one place for these rules.

use std::fmt;

use crate::Error;

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
    /// It has another form than it must have.
    Malformed {
        /// The form it must have.
        expected: &'static str,
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
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong { actual, limit, unit } => {
                let unit = match unit {
                    Unit::Bytes => "bytes",
                    Unit::Chars => "characters",
                    Unit::Items => "items",
                    Unit::Pieces => "pieces",
                };
                write!(f, "has {actual} {unit}, at most {limit} are allowed")
            }
            Self::OutOfRange { actual, min, max } => write!(f, "is {actual}, allowed are {min} to {max}"),
            Self::Malformed { expected } => write!(f, "must be {expected}"),
        }
    }
}

pub(crate) fn refuse(what: &'static str, problem: Problem) -> Error {
    Error::InvalidInput { what, problem }
}

pub(crate) fn not_empty(what: &'static str, text: &str) -> Result<(), Error> {
    if text.is_empty() { Err(refuse(what, Problem::Empty)) } else { Ok(()) }
}

/// 1 to `limit` bytes of UTF-8.
pub(crate) fn bytes(what: &'static str, text: &str, limit: usize) -> Result<(), Error> {
    not_empty(what, text)?;
    at_most(what, text.len(), limit, Unit::Bytes)
}

/// 1 to `limit` characters.
pub(crate) fn chars(what: &'static str, text: &str, limit: usize) -> Result<(), Error> {
    not_empty(what, text)?;
    at_most(what, text.chars().count(), limit, Unit::Chars)
}

/// Up to `limit` items.
pub(crate) fn items(what: &'static str, actual: usize, limit: usize) -> Result<(), Error> {
    at_most(what, actual, limit, Unit::Items)
}

pub(crate) fn range(what: &'static str, actual: u32, min: u32, max: u32) -> Result<(), Error> {
    if (min..=max).contains(&actual) {
        return Ok(());
    }
    Err(refuse(what, Problem::OutOfRange { actual: actual.into(), min: min.into(), max: max.into() }))
}

fn at_most(what: &'static str, actual: usize, limit: usize, unit: Unit) -> Result<(), Error> {
    if actual <= limit { Ok(()) } else { Err(refuse(what, Problem::TooLong { actual, limit, unit })) }
}
