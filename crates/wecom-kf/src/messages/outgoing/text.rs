//! Texts to send, and the splitting of long texts.

use std::fmt;

use super::{Outgoing, hidden, limits, menu_link, split};
use crate::Error;
use crate::input;

/// A text to send, of 1 to 2048 bytes of UTF-8. A Chinese character has three bytes.
///
/// Where a message is wanted, a `&str` or `String` is accepted too: `send(&kf, &customer, "您好")`. Use this type to
/// [split](Self::split) a long text, or to [check](Self::check) a text before it is sent.
///
/// ```
/// use wecom_kf::messages::Text;
///
/// assert!(Text::new("您好").check().is_ok());
/// let error = Text::new("长".repeat(700)).check().unwrap_err();
/// assert!(error.to_string().starts_with("text has 2100 bytes, at most 2048 are allowed"));
/// ```
///
/// `Debug` shows only the name of the type.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(String);
hidden!(Text);

impl Text {
    /// Creates a text.
    pub fn new(content: impl Into<String>) -> Self {
        Self(content.into())
    }

    /// Checks the text without sending it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the text is empty or longer than 2048 bytes, or a [`MenuLink`](super::MenuLink) in it has
    /// an empty part. [`split`](Self::split) splits a longer text.
    pub fn check(&self) -> Result<(), Error> {
        input::bytes("text", &self.0, limits::TEXT_CONTENT_MAX_BYTES)?;
        menu_link::check_in(&self.0)
    }

    /// Splits a long text into pieces of at most 2048 bytes; none if the text is empty.
    ///
    /// A piece ends with a paragraph, a line, a sentence (。！？.!?) or a word, whichever is found first in its second half, and
    /// never inside a grapheme or a link. White space around a break is left out.
    ///
    /// WeCom accepts five messages after each message of the customer. [`Answer`](super::Answer) keeps what is left
    /// for the next turn.
    ///
    /// ```no_run
    /// use wecom_kf::messages::Text;
    ///
    /// # async fn example(client: wecom_kf::Client, kf: wecom_kf::OpenKfid, customer: wecom_kf::ExternalUserId)
    /// # -> Result<(), wecom_kf::Error> {
    /// for piece in Text::split(&"很长的回答。".repeat(300)) {
    ///     client.messages().send(&kf, &customer, piece).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn split(content: &str) -> Pieces<'_> {
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

/// Declares what can be given where a text or a message is wanted.
macro_rules! texts {
    ($($ty:ty)*) => {$(
        impl From<$ty> for Text {
            fn from(content: $ty) -> Self {
                Self::new(content)
            }
        }

        impl From<$ty> for Outgoing {
            fn from(content: $ty) -> Self {
                Self::Text(Text::new(content))
            }
        }
    )*};
}

texts!(&str &String String);

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
        while !self.0.is_empty() {
            let (piece, rest) = split::first_piece(self.0, limits::TEXT_CONTENT_MAX_BYTES);
            self.0 = rest;
            if !piece.is_empty() {
                return Some(Text(piece.to_owned()));
            }
        }
        None
    }
}
