//! Texts to send, and the splitting of long texts.

use std::fmt;

use super::{Outgoing, Problem, Unit, hidden, limits};
use crate::{Error, input};

/// A text to send, of 1 to 2048 bytes of UTF-8. A Chinese character has three bytes.
///
/// ```
/// use wecom_kf::message::Text;
///
/// assert!(Text::new("您好").is_ok());
/// let error = Text::new("长".repeat(700)).unwrap_err();
/// assert_eq!(error.to_string(), "text has 2100 bytes, at most 2048 are allowed; nothing was sent");
/// ```
///
/// `Debug` shows only the name of the type.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(String);
hidden!(Text);

/// How many messages WeCom accepts after each message of the customer. It refuses more with 95001.
const MOST_PIECES: usize = 5;

impl Text {
    /// Creates a text and checks its length.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the text is empty or longer than 2048 bytes. [`split`](Self::split) splits a longer one.
    pub fn new(content: impl Into<String>) -> Result<Self, Error> {
        let content = content.into();
        input::bytes("text", &content, limits::TEXT_CONTENT_MAX_BYTES)?;
        Ok(Self(content))
    }

    /// Splits a long text between characters into pieces of at most 2048 bytes.
    ///
    /// ```
    /// use wecom_kf::message::Text;
    ///
    /// # fn main() -> Result<(), wecom_kf::Error> {
    /// let answer = "很长的回答".repeat(300);
    /// for piece in Text::split(&answer)? {
    ///     // client.message().send(&open_kfid, &external_userid, piece).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the text is empty, or needs more than five pieces. WeCom would refuse the sixth (95001)
    /// until the customer writes again. [`split_all`](Self::split_all) has no such limit.
    pub fn split(content: &str) -> Result<Pieces<'_>, Error> {
        input::not_empty("text", content)?;
        let pieces = Self::split_all(content);
        match pieces.clone().count() {
            0..=MOST_PIECES => Ok(pieces),
            actual => Err(input::refuse("text", Problem::TooLong { actual, limit: MOST_PIECES, unit: Unit::Pieces })),
        }
    }

    /// Splits a text into any number of pieces; none if the text is empty.
    pub fn split_all(content: &str) -> Pieces<'_> {
        Pieces(content)
    }

    /// Returns the text.
    pub fn content(&self) -> &str {
        &self.0
    }

    pub(super) fn into_content(self) -> String {
        self.0
    }
}

/// An iterator over the pieces of a long text, returned by [`Text::split`].
#[derive(Clone)]
pub struct Pieces<'a>(&'a str);

impl fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pieces({} bytes left)", self.0.len())
    }
}

impl Iterator for Pieces<'_> {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        if self.0.is_empty() {
            return None;
        }
        let mut end = self.0.len().min(limits::TEXT_CONTENT_MAX_BYTES);
        while !self.0.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(Text(piece.to_owned()))
    }
}
