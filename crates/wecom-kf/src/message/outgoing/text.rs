//! Texts to send, and splitting of long ones.

use std::fmt;

use super::{Outgoing, Problem, Unit, hidden, limits};
use crate::{Error, input};

/// A text to send, 1 to 2048 bytes of UTF-8; a Chinese character has three.
///
/// ```
/// use wecom_kf::message::Text;
///
/// assert!(Text::new("您好").is_ok());
/// let error = Text::new("长".repeat(700)).unwrap_err();
/// assert_eq!(error.to_string(), "text has 2100 bytes, at most 2048 are allowed; nothing was sent");
/// ```
///
/// Its Debug shows its name only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(String);
hidden!(Text);

/// How many messages WeCom takes after each of the customer's; one more is refused with 95001.
const MOST_PIECES: usize = 5;

impl Text {
    /// Checks the length.
    ///
    /// # Errors
    ///
    /// It is empty, or longer than 2048 bytes: see [`split`](Self::split).
    pub fn new(content: impl Into<String>) -> Result<Self, Error> {
        let content = content.into();
        input::bytes("text", &content, limits::TEXT_CONTENT_MAX_BYTES)?;
        Ok(Self(content))
    }

    /// Cuts a long text into pieces of at most 2048 bytes, between characters.
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
    /// It is empty, or takes more than five pieces: WeCom would refuse the sixth (95001) until the customer writes
    /// again. [`split_all`](Self::split_all) cuts it all the same.
    pub fn split(content: &str) -> Result<Pieces<'_>, Error> {
        input::not_empty("text", content)?;
        let pieces = Self::split_all(content);
        match pieces.clone().count() {
            0..=MOST_PIECES => Ok(pieces),
            actual => Err(input::refuse("text", Problem::TooLong { actual, limit: MOST_PIECES, unit: Unit::Pieces })),
        }
    }

    /// Cuts a text into as many pieces as it takes, none if it is empty.
    pub fn split_all(content: &str) -> Pieces<'_> {
        Pieces(content)
    }

    /// The text.
    pub fn content(&self) -> &str {
        &self.0
    }

    pub(super) fn into_content(self) -> String {
        self.0
    }
}

/// The pieces of a long text: [`Text::split`].
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
