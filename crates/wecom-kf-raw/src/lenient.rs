//! How the fields of replies decode: null is as good as absent, numbers may stand in strings and strings as numbers.
//!
//! WeCom has been seen to do all of this, and to change from one to the other without notice.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, de};

pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

pub fn string<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(optional_string(from)?.unwrap_or_default())
}

pub fn integer<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    Ok(optional_integer(from)?.unwrap_or_default())
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
        Value::Integer(number) => Ok(Some(number)),
        Value::Bool(value) => Ok(Some(i64::from(value))),
        Value::Text(text) if text.is_empty() => Ok(None),
        // A whole number written with a point. i64::MAX as a float is its successor, hence `<`.
        Value::Number(number) if number.fract() == 0.0 && number.abs() < i64::MAX as f64 => Ok(Some(number as i64)),
        Value::Number(_) => Err(D::Error::invalid_type(Unexpected::Other("a fraction"), &"a whole number")),
        // The text is not shown: it may be a secret or a customer's.
        Value::Text(text) => text.trim().parse().map(Some).map_err(|_| not_a_number()),
    }
}

pub fn optional_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    match from.deserialize_any(Scalar)? {
        Value::Null => Ok(None),
        Value::Integer(number) => Ok(Some(number as f64)),
        Value::Number(number) => Ok(Some(number)),
        Value::Bool(_) => Err(not_a_number()),
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) => text.trim().parse().map(Some).map_err(|_| not_a_number()),
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

fn not_a_number<E: de::Error>() -> E {
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
        Ok(i64::try_from(number).map_or(Value::Number(number as f64), Value::Integer))
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
