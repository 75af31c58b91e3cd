//! Reading JSON member by member, so that a bad one costs nothing but itself.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::raw::lenient;

/// The members of a JSON object, each still undecoded.
#[derive(Default)]
pub(super) struct Fields<'a>(HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    /// None at all if it is no object.
    pub(super) fn of(json: &'a str) -> Self {
        Self(serde_json::from_str(json).unwrap_or_default())
    }

    /// The JSON of a member.
    pub(super) fn json(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.get())
    }

    /// The members of a member.
    pub(super) fn object(&self, name: &str) -> Self {
        self.json(name).map_or_else(Self::default, Self::of)
    }

    /// A text that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        lenient::optional_string(*self.0.get(name)?).ok().flatten().filter(|text| !text.is_empty())
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        lenient::optional_integer(*self.0.get(name)?).ok().flatten()
    }
}

/// Decodes a body; None if it is no object, or lacks what gives it its sense.
pub(super) fn body<'a, T: Deserialize<'a>>(json: Option<&'a str>) -> Option<T> {
    // A struct would decode from an array, too.
    let json = json.filter(|json| json.starts_with('{'))?;
    serde_json::from_str(json).ok()
}

/// An open number of WeCom's: a value it adds is a value like any other.
macro_rules! open_number {
    ($(#[$docs:meta])* $name:ident { $($(#[$constant_docs:meta])* $constant:ident = $value:literal,)* }) => {
        $(#[$docs])*
        ///
        /// Open: a number WeCom adds is a value like any other.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            $($(#[$constant_docs])* pub const $constant: Self = Self($value);)*
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let name = match *self {
                    $(Self::$constant => stringify!($constant),)*
                    _ => "unknown",
                };
                write!(f, concat!(stringify!($name), "({} {})"), self.0, name)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::raw::lenient::integer(from).map(Self)
            }
        }
    };
}
pub(super) use open_number;
