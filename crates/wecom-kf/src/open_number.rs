//! Declares the types of numbers to which WeCom may add values.

/// Declares an open enumeration: a newtype of `i64` with a constant for each known value. Unknown values are kept.
macro_rules! open_number {
    ($(#[$docs:meta])* $name:ident { $($(#[$constant_docs:meta])* $constant:ident = $value:literal,)* }) => {
        $(#[$docs])*
        ///
        /// WeCom may add numbers. A number without a constant here is kept as it is.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl $name {
            $($(#[$constant_docs])* pub const $constant: Self = Self($value);)*
        }

        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(number)
            }
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
pub(crate) use open_number;
