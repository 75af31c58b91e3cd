//! Access token, secret and callback token: strings that no `Debug` shows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A string that is printed nowhere by accident: its Debug shows three asterisks, and it has no Display.
macro_rules! secret {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        ///
        /// Its Debug is redacted; [`expose`](Self::expose) is the one way to its text.
        // Transparent, or the query serialiser refuses it.
        #[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself. Keep it out of logs, errors and URLs you print.
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
    /// The access token that `gettoken` answers and every other operation needs.
    AccessToken
}

secret! {
    /// The secret of an app.
    CorpSecret
}

secret! {
    /// The `Token` of a callback event, which lifts the frequency limit of `sync_msg` for ten minutes.
    SyncToken
}
