//! Makes types of numbers that WeCom may extend.

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
