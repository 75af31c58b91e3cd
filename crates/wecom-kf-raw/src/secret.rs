//! The access token, the app's secret and the callback's token: strings that `Debug` hides.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a string type that cannot be printed by accident: its `Debug` shows asterisks, and it has no `Display`.
macro_rules! secret {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        ///
        /// `Debug` hides the text; only [`expose`](Self::expose) returns it.
        // Without `transparent`, the serialiser of queries would refuse it.
        #[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the text. Keep it out of logs, errors and printed URLs.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self(text.clone())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }

        #[cfg(feature = "schemars")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

secret! {
    /// An access token, which `gettoken` returns and every other operation needs.
    AccessToken
}

secret! {
    /// The secret of an app.
    CorpSecret
}

secret! {
    /// The `Token` of a callback, which exempts `sync_msg` from its strict rate limit for ten minutes.
    SyncToken
}
