//! How the fields of replies decode: null is as good as absent, numbers may stand in strings and strings as numbers.
//!
//! WeCom has been seen to do all of this, and to change from one to the other without notice.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// A list of whole numbers, in strings or not.
pub fn integers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<i64>, D::Error> {
    Ok(list::<Integer, D>(from)?.into_iter().map(|Integer(number)| number).collect())
}

/// A list of strings, or of numbers that stand for them.
pub fn strings<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(list::<Text, D>(from)?.into_iter().map(|Text(text)| text).collect())
}

#[derive(Deserialize)]
struct Integer(#[serde(deserialize_with = "integer")] i64);

#[derive(Deserialize)]
struct Text(#[serde(deserialize_with = "string")] String);

pub fn string<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(optional_string(from)?.unwrap_or_default())
}

/// An errcode: nothing is 0, but an empty text is no errcode.
pub fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    match from.deserialize_any(Scalar)? {
        Value::Null => Ok(0),
        value => whole_number(value),
    }
}

pub fn optional_string<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match from.deserialize_any(Scalar)? {
        Value::Null => None,
        Value::Text(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
    })
}

pub fn optional_integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    match from.deserialize_any(Scalar)? {
        Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        value => whole_number(value).map(Some),
    }
}

fn whole_number<E: Error>(value: Value) -> Result<i64, E> {
    match value {
        Value::Integer(number) => Ok(number),
        Value::Bool(value) => Ok(i64::from(value)),
        // A whole number written with a point. i64::MAX as a float is its successor, hence `<`.
        Value::Number(number) if number.fract() == 0.0 && number.abs() < i64::MAX as f64 => Ok(number as i64),
        // The text is not shown: it may be a secret or a customer's.
        Value::Text(text) => text.trim().parse().map_err(|_| not_a_number()),
        Value::Number(_) | Value::Null => Err(not_a_number()),
    }
}

pub fn optional_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    match from.deserialize_any(Scalar)? {
        Value::Null => Ok(None),
        Value::Integer(number) => Ok(Some(number as f64)),
        Value::Number(number) => Ok(Some(number)),
        Value::Bool(_) => Err(not_a_number()),
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(not_a_number()),
        },
    }
}

pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    optional_number(from)?.ok_or_else(not_a_number)
}

pub fn optional_bool<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    match from.deserialize_any(Scalar)? {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(value)),
        Value::Integer(number) => Ok(Some(number != 0)),
        Value::Text(text) => match text.as_str() {
            "" => Ok(None),
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(D::Error::invalid_type(Unexpected::Other("another text"), &"true or false")),
        },
        Value::Number(_) => Err(D::Error::invalid_type(Unexpected::Other("a fraction"), &"true or false")),
    }
}

fn not_a_number<E: Error>() -> E {
    E::invalid_type(Unexpected::Other("something else"), &"a number")
}

enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

struct Scalar;

impl<'de> Visitor<'de> for Scalar {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean or null")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        // An id may be any number, and must not lose its last digits.
        Ok(i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
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
            super::integers,
            &[(json!([2, "3", null]), Some(vec![2, 3, 0])), (json!(["x"]), None), (json!(null), Some(vec![]))],
        );
        table(super::strings, &[(json!(["a", 7]), Some(vec!["a".to_owned(), "7".to_owned()])), (json!([[]]), None)]);
    }
}
