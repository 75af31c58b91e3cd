//! A message of the bot as the customer receives it.

use std::fmt;

use serde_json::Value;

/// A message that the bot sent to a customer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Heard {
    /// Its msgid: the bot's own, or the one that the platform created.
    pub msgid: String,
    /// Its kind, such as `text`.
    pub msgtype: String,
    /// The body of that kind, as the customer receives it: menu items have ids, and titles that are too long are cut.
    pub body: Value,
    /// When it was sent, in Unix seconds of the simulator's clock.
    pub send_time: u64,
}

impl Heard {
    /// Returns the text, if the message is a text.
    pub fn text(&self) -> Option<&str> {
        self.body["content"].as_str().filter(|_| self.msgtype == "text")
    }

    /// Returns the texts of the click items, if the message is a menu.
    pub fn labels(&self) -> Vec<&str> {
        let items = self.body["list"].as_array().into_iter().flatten();
        items.filter_map(|item| item["click"]["content"].as_str()).collect()
    }
}

// For transcripts.
impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => write!(f, "[{}] {}", self.msgtype, self.body),
        }
    }
}
