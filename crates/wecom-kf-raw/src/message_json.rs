//! `MessageJson`: the unparsed JSON of one message.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::types::Message;

/// The unparsed JSON of one message. `sync_msg` returns a list of these, so that a malformed message does not affect the
/// others of its page.
///
/// `Debug` shows only the length, because a message contains a customer's text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageJson(Box<RawValue>);

impl MessageJson {
    /// Returns the JSON as it arrived, byte for byte.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Decodes the message. Unknown fields are ignored, and all fields are optional.
    ///
    /// # Errors
    ///
    /// A field of the message has an unexpected type. The other messages of the page are not affected.
    pub fn decode(&self) -> serde_json::Result<Message> {
        serde_json::from_str(self.get())
    }
}

impl PartialEq for MessageJson {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for MessageJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageJson({} bytes)", self.get().len())
    }
}

#[cfg(feature = "schemars")]
impl schemars::JsonSchema for MessageJson {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MessageJson".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object" })
    }
}
