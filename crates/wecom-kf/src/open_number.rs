//! Declares the types of numbers to which WeCom may add values.

/// Declares an open enumeration: a newtype of `i64` with a constant for each known value. Unknown values are kept.
macro_rules! open_number {
    ($(#[$docs:meta])* $name:ident { $($(#[$constant_docs:meta])* $constant:ident = $value:literal,)* }) => {
        $(#[$docs])*
        ///
        /// WeCom may add numbers. A number without a constant here is kept as it is. `Display` prints the name of the
        /// constant in lower case, or the number if it has none. `FromStr` accepts both. Serialized as the number.
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

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match *self {
                    $(Self::$constant => f.pad(&stringify!($constant).to_ascii_lowercase()),)*
                    _ => std::fmt::Display::fmt(&self.0, f),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::Error;

            /// Parses the name of a constant, in upper or lower case, or any number.
            ///
            /// # Errors
            ///
            /// [`Error::InvalidInput`](crate::Error::InvalidInput): the text is neither.
            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                $(if text.eq_ignore_ascii_case(stringify!($constant)) {
                    return Ok(Self::$constant);
                })*
                text.parse().map(Self).map_err(|_| {
                    $crate::input::malformed(stringify!($name), "a number or a known name", "是数字或已知的名称")
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_i64(self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::raw::__private::lenient::integer(from).map(Self)
            }
        }
    };
}
pub(crate) use open_number;

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macro declares public types")]
mod tests {
    use crate::Lang;

    open_number! {
        /// A type for these tests.
        Fruit {
            /// One.
            RED_APPLE = 1,
            /// Two.
            PEAR = 2,
        }
    }

    #[test]
    fn names_and_numbers_survive_a_round_trip_through_text_and_json() {
        for (fruit, text) in [(Fruit::RED_APPLE, "red_apple"), (Fruit::PEAR, "pear"), (Fruit(-7), "-7")] {
            assert_eq!(fruit.to_string(), text);
            assert_eq!(text.parse::<Fruit>().unwrap(), fruit);
            assert_eq!(fruit.0.to_string().parse::<Fruit>().unwrap(), fruit);
            let json = serde_json::to_string(&fruit).unwrap();
            assert_eq!(json, fruit.0.to_string());
            assert_eq!(serde_json::from_str::<Fruit>(&json).unwrap(), fruit);
        }
        assert_eq!("PEAR".parse::<Fruit>().unwrap(), Fruit::PEAR);
        assert_eq!(format!("{:>6}|{:<6}|", Fruit::PEAR, Fruit(9)), "  pear|9     |");
        assert_eq!(format!("{:?} {:?}", Fruit::PEAR, Fruit(9)), "Fruit(2 PEAR) Fruit(9 unknown)");
    }

    #[test]
    fn a_text_that_is_neither_name_nor_number_is_refused() {
        for text in ["", "plum", "1.5", "99999999999999999999"] {
            let error = text.parse::<Fruit>().unwrap_err();
            assert!(error.to_string().starts_with("Fruit must be a number or a known name"), "{error}");
            assert!(error.in_lang(Lang::Zh).contains("是数字或已知的名称"));
        }
    }
}
