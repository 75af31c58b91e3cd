//! Lenient decoding of the fields of replies: null means absent, a number may be in a string, and a string may be a number.
//!
//! WeCom does all of this, and changes between these forms without notice.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::{AccessToken, CorpSecret, MessageJson, SyncToken};

/// Decodes a field of a generated reply.
pub(crate) fn field<'de, T: Lenient, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::required(from)
}

/// The type of a field of a generated reply.
pub(crate) trait Lenient: Sized {
    /// Decodes an optional value. Returns `None` for null, and for an empty string instead of a number.
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error>;

    /// Decodes a value. Returns the default value for null.
    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;
}

/// Implements `Lenient` for the generated structs of replies.
macro_rules! reply_structs {
    ($($name:ident),+ $(,)?) => {
        $(impl crate::lenient::Lenient for $name {
            fn optional<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
                serde::Deserialize::deserialize(from)
            }

            fn required<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Ok(Self::optional(from)?.unwrap_or_default())
            }
        })+
    };
}

pub(crate) use reply_structs;

/// Keeps the JSON of a message unchanged, even if it is not an object.
impl Lenient for MessageJson {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        Self::deserialize(from).map(Some)
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::deserialize(from)
    }
}

/// Keeps free JSON unchanged.
impl Lenient for serde_json::Value {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(from)
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::deserialize(from)
    }
}

impl Lenient for serde_json::Map<String, serde_json::Value> {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        Option::deserialize(from)
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::optional(from)?.unwrap_or_default())
    }
}

impl<T: Lenient> Lenient for Option<T> {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        T::optional(from).map(Some)
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::optional(from)
    }
}

impl<T: Lenient> Lenient for Box<T> {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        Ok(T::optional(from)?.map(Box::new))
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::required(from).map(Box::new)
    }
}

/// An element of a list or a value of a map.
struct Element<T>(T);

impl<'de, T: Lenient> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::required(from).map(Self)
    }
}

impl<T: Lenient> Lenient for Vec<T> {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        let list: Option<Vec<Element<T>>> = Option::deserialize(from)?;
        Ok(list.map(|list| list.into_iter().map(|Element(value)| value).collect()))
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::optional(from)?.unwrap_or_default())
    }
}

impl<T: Lenient> Lenient for BTreeMap<String, T> {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        let map: Option<BTreeMap<String, Element<T>>> = Option::deserialize(from)?;
        Ok(map.map(|map| map.into_iter().map(|(name, Element(value))| (name, value)).collect()))
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::optional(from)?.unwrap_or_default())
    }
}

macro_rules! scalar {
    ($($ty:ty: $optional:path, $required:path;)+) => {
        $(impl Lenient for $ty {
            fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
                Ok($optional(from)?.map(Into::into))
            }

            fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Ok($required(from)?.into())
            }
        })+
    };
}

scalar! {
    i64: optional_integer, integer;
    String: optional_string, string;
    AccessToken: optional_string, string;
    CorpSecret: optional_string, string;
    SyncToken: optional_string, string;
    bool: optional_bool, bool_or_false;
    f64: optional_number, number_or_zero;
}

impl Lenient for f32 {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        Ok(optional_number(from)?.map(|number| number as f32))
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::optional(from)?.unwrap_or_default())
    }
}

impl Lenient for u64 {
    fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Self>, D::Error> {
        match Scalar::deserialize(from)? {
            Scalar::Null => Ok(None),
            // `Scalar` also passes a number that is too large for i64 as text.
            Scalar::Text(text) if text.is_empty() => Ok(None),
            Scalar::Text(text) => text.trim().parse().map(Some).map_err(|_| not_a_number()),
            value => u64::try_from(whole_number::<D::Error>(value)?).map(Some).map_err(|_| not_a_number()),
        }
    }

    fn required<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::optional(from)?.unwrap_or_default())
    }
}

fn bool_or_false<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(optional_bool(from)?.unwrap_or_default())
}

fn number_or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(optional_number(from)?.unwrap_or_default())
}

/// Decodes a list. Null is an empty list.
pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Decodes a text. Null is an empty text.
pub fn string<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(optional_string(from)?.unwrap_or_default())
}

/// Decodes an errcode. Null is 0, but an empty string is an error.
pub fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    match Scalar::deserialize(from)? {
        Scalar::Null => Ok(0),
        value => whole_number(value),
    }
}

pub(crate) fn optional_string<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Scalar::deserialize(from)? {
        Scalar::Null => None,
        Scalar::Text(text) => Some(text.into_owned()),
        Scalar::Integer(number) => Some(number.to_string()),
        Scalar::Number(number) => Some(number.to_string()),
        Scalar::Bool(value) => Some(value.to_string()),
        Scalar::Other => return Err(D::Error::invalid_type(Unexpected::Other("something else"), &"a string")),
    })
}

pub(crate) fn optional_integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    match Scalar::deserialize(from)? {
        Scalar::Null => Ok(None),
        Scalar::Text(text) if text.is_empty() => Ok(None),
        value => whole_number(value).map(Some),
    }
}

fn whole_number<E: Error>(value: Scalar<'_>) -> Result<i64, E> {
    match value {
        Scalar::Bool(value) => Ok(i64::from(value)),
        // The error does not show the text, which may be a secret or a customer's text.
        Scalar::Text(text) => text.trim().parse().map_err(|_| not_a_number()),
        value => value.whole().ok_or_else(not_a_number),
    }
}

pub(crate) fn optional_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    match Scalar::deserialize(from)? {
        Scalar::Null => Ok(None),
        Scalar::Integer(number) => Ok(Some(number as f64)),
        Scalar::Number(number) => Ok(Some(number)),
        Scalar::Bool(_) | Scalar::Other => Err(not_a_number()),
        Scalar::Text(text) if text.is_empty() => Ok(None),
        Scalar::Text(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(not_a_number()),
        },
    }
}

/// Decodes a number. Null and an empty string are errors.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    optional_number(from)?.ok_or_else(not_a_number)
}

pub(crate) fn optional_bool<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    match Scalar::deserialize(from)? {
        Scalar::Null => Ok(None),
        Scalar::Bool(value) => Ok(Some(value)),
        Scalar::Integer(number) => Ok(Some(number != 0)),
        Scalar::Text(text) => match &*text {
            "" => Ok(None),
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(D::Error::invalid_type(Unexpected::Other("another text"), &"true or false")),
        },
        Scalar::Number(_) | Scalar::Other => {
            Err(D::Error::invalid_type(Unexpected::Other("something else"), &"true or false"))
        }
    }
}

fn not_a_number<E: Error>() -> E {
    E::invalid_type(Unexpected::Other("something else"), &"a number")
}

/// What a field may be: a scalar, or something else whose content is skipped.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Number(f64),
    /// A text, borrowed unless it has escapes, or a number that is too large for `Integer`.
    Text(Cow<'a, str>),
    /// A list or an object.
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

impl Scalar<'_> {
    /// Returns a number that is whole, however it is written.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            // `i64::MAX as f64` is i64::MAX + 1, hence `<`.
            Self::Number(number) if number.fract() == 0.0 && number.abs() < i64::MAX as f64 => Some(*number as i64),
            _ => None,
        }
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean or null")
    }

    fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
        // A large number may be an id, whose last digits must not be lost.
        Ok(i64::try_from(number).map_or_else(|_| Scalar::Text(number.to_string().into()), Scalar::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.to_owned().into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Scalar<'de>, E> {
        Ok(Scalar::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Scalar<'de>, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn table<T: PartialEq + fmt::Debug>(decode: fn(Json) -> serde_json::Result<T>, rows: &[(Json, Option<T>)]) {
        for (json, expected) in rows {
            assert_eq!(decode(json.clone()).ok(), *expected, "{json}");
        }
    }

    #[test]
    fn integers() {
        table(
            optional_integer,
            &[
                (json!(null), Some(None)),
                (json!(""), Some(None)),
                (json!(7), Some(Some(7))),
                (json!("-7"), Some(Some(-7))),
                (json!(1e9), Some(Some(1_000_000_000))),
                (json!(true), Some(Some(1))),
                (json!(0.5), None),
                (json!(u64::MAX), None),
                (json!("seven"), None),
                (json!([]), None),
                (json!({}), None),
            ],
        );
        table(integer, &[(json!(null), Some(0)), (json!("42001"), Some(42001)), (json!(""), None), (json!({}), None)]);
    }

    #[test]
    fn numbers() {
        table(
            optional_number,
            &[
                (json!(null), Some(None)),
                (json!(""), Some(None)),
                (json!(23), Some(Some(23.0))),
                (json!("-113.25"), Some(Some(-113.25))),
                (json!(true), None),
                (json!("north"), None),
            ],
        );
        table(number, &[(json!(1.5), Some(1.5)), (json!(null), None)]);
    }

    #[test]
    fn strings() {
        table(
            optional_string,
            &[
                (json!(null), Some(None)),
                (json!("x"), Some(Some("x".to_owned()))),
                (json!(19900), Some(Some("19900".to_owned()))),
                (json!(1.5), Some(Some("1.5".to_owned()))),
                (json!(true), Some(Some("true".to_owned()))),
                (json!(["x"]), None),
            ],
        );
        table(string, &[(json!(null), Some(String::new()))]);
    }

    #[test]
    fn booleans_and_lists() {
        table(
            optional_bool,
            &[
                (json!(null), Some(None)),
                (json!(false), Some(Some(false))),
                (json!(1), Some(Some(true))),
                (json!(0), Some(Some(false))),
                (json!("true"), Some(Some(true))),
                (json!("0"), Some(Some(false))),
                (json!("maybe"), None),
                (json!(0.5), None),
            ],
        );
        table(list::<i64, _>, &[(json!(null), Some(vec![])), (json!([1]), Some(vec![1])), (json!({}), None)]);
        table(
            field::<Vec<i64>, _>,
            &[(json!([2, "3", null]), Some(vec![2, 3, 0])), (json!(["x"]), None), (json!(null), Some(vec![]))],
        );
        table(
            field::<Vec<String>, _>,
            &[(json!(["a", 7]), Some(vec!["a".to_owned(), "7".to_owned()])), (json!([[]]), None)],
        );
    }

    #[test]
    fn maps_large_numbers_and_optional_lists() {
        table(
            field::<BTreeMap<String, i64>, _>,
            &[
                (json!({ "a": "1", "b": null }), Some(BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 0)]))),
                (json!(null), Some(BTreeMap::new())),
                (json!([]), None),
            ],
        );
        table(
            field::<Option<Vec<String>>, _>,
            &[(json!(null), Some(None)), (json!([1]), Some(Some(vec!["1".to_owned()])))],
        );
        table(
            field::<Option<u64>, _>,
            &[
                (json!(u64::MAX), Some(Some(u64::MAX))),
                (json!("18446744073709551615"), Some(Some(u64::MAX))),
                (json!(1e3), Some(Some(1000))),
                (json!(""), Some(None)),
                (json!(-1), None),
            ],
        );
        table(field::<Option<f32>, _>, &[(json!("0.5"), Some(Some(0.5))), (json!(null), Some(None))]);
    }
}
