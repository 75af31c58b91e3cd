//! The JSON of one message as it came.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::types::Message;

/// The JSON of one message, as it came: `sync_msg` answers a list of these, so that one message of an unexpected shape
/// costs nothing but itself.
///
/// Its Debug shows the length only: a message is a customer's words.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageJson(Box<RawValue>);

impl MessageJson {
    /// The JSON text, byte for byte.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Decodes it. What WeCom adds is passed over, and everything is optional.
    ///
    /// # Errors
    ///
    /// It has another shape than any message so far; the page it came with is not concerned.
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
