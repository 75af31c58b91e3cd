use std::fmt;

use crate::raw::limits::send_msg as limits;
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
/// Its Debug shows the length only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Text(String);

impl Text {
    /// Checks the length.
    ///
    /// # Errors
    ///
    /// It is empty, or longer than 2048 bytes.
    pub fn new(content: impl Into<String>) -> Result<Self, Error> {
        let content = content.into();
        input::bytes("text", &content, limits::TEXT_CONTENT_MAX_BYTES)?;
        Ok(Self(content))
    }

    /// The text.
    pub fn content(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_content(self) -> String {
        self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}
