//! Reading JSON so that a bad member costs nothing but itself.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object that messages and events have in common, and the JSON of the others. It is decoded in
/// one go; what is of another type than it should be is passed over.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) msgid: Option<String>,
    pub(super) open_kfid: Option<String>,
    pub(super) external_userid: Option<String>,
    pub(super) send_time: Option<i64>,
    pub(super) origin: Option<i64>,
    pub(super) servicer_userid: Option<String>,
    pub(super) msgtype: Option<String>,
    /// The first object among the other members: the body, unless there are several.
    body: Option<(Cow<'a, str>, &'a str)>,
    more_bodies: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Members<'a> {
    /// The body of a message of the kind `msgtype`: it stands under that name.
    pub(super) fn body(&self, msgtype: &str) -> Option<&'a str> {
        self.body.iter().chain(&self.more_bodies).find(|(name, _)| name == msgtype).map(|(_, body)| *body)
    }

    /// None at all if it is no object. What not even JSON readers take, such as a number beyond all numbers, costs
    /// itself only.
    pub(super) fn of(json: &'a str) -> Self {
        serde_json::from_str(json).unwrap_or_else(|_| Self::one_by_one(json))
    }

    fn one_by_one(json: &'a str) -> Self {
        let all: HashMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(json).unwrap_or_default();
        let text = |name: &str| serde_json::from_str::<Text>(all.get(name)?.get()).ok()?.0;
        let integer = |name: &str| serde_json::from_str::<Integer>(all.get(name)?.get()).ok()?.0;
        Self {
            msgid: text("msgid"),
            open_kfid: text("open_kfid"),
            external_userid: text("external_userid"),
            send_time: integer("send_time"),
            origin: integer("origin"),
            servicer_userid: text("servicer_userid"),
            msgtype: text("msgtype"),
            body: None,
            more_bodies: all
                .into_iter()
                .map(|(name, json)| (name, json.get()))
                .filter(|(_, json)| json.starts_with('{'))
                .collect(),
        }
    }

    /// The name of the body, where there is just one.
    pub(super) fn only_kind(&self) -> Option<&str> {
        match (&self.body, self.more_bodies.as_slice()) {
            (Some((name, _)), []) | (None, [(name, _)]) => Some(name),
            _ => None,
        }
    }
}

/// For a member that may be left out: None if it is odd.
pub(super) fn optional_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Text::deserialize(from).map(|text| text.0)
}

/// For a member that may be left out: None if it is odd.
pub(super) fn optional_integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Integer::deserialize(from).map(|number| number.0)
}

/// For a number that may be left out: None if it is odd.
pub(super) fn optional_number<'de, D: Deserializer<'de>, T: From<i64>>(from: D) -> Result<Option<T>, D::Error> {
    Integer::deserialize(from).map(|number| number.0.map(T::from))
}

/// The `event_type` of an event, and nothing else.
#[derive(Deserialize)]
pub(super) struct EventType {
    #[serde(default)]
    pub(super) event_type: Text,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        while let Some(Name(name)) = map.next_key()? {
            match name.as_ref() {
                "msgid" => members.msgid = map.next_value::<Text>()?.0,
                "open_kfid" => members.open_kfid = map.next_value::<Text>()?.0,
                "external_userid" => members.external_userid = map.next_value::<Text>()?.0,
                "send_time" => members.send_time = map.next_value::<Integer>()?.0,
                "origin" => members.origin = map.next_value::<Integer>()?.0,
                "servicer_userid" => members.servicer_userid = map.next_value::<Text>()?.0,
                "msgtype" => members.msgtype = map.next_value::<Text>()?.0,
                _ => match map.next_value::<&RawValue>()?.get() {
                    json if !json.starts_with('{') => {}
                    json if members.body.is_none() => members.body = Some((name, json)),
                    json => members.more_bodies.push((name, json)),
                },
            }
        }
        Ok(members)
    }
}

/// The name of a member; borrowed unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(name.into()))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(name.to_owned().into()))
            }
        }
        from.deserialize_str(NameVisitor)
    }
}

/// A text that is not empty, or a number in its place; None if it is anything else.
#[derive(Default)]
pub(super) struct Text(pub(super) Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(from)? {
            Scalar::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Scalar::Integer(number) => Some(number.to_string()),
            Scalar::Other => None,
        }))
    }
}

/// A whole number, or a text that is one; None if it is anything else.
#[derive(Default)]
pub(super) struct Integer(pub(super) Option<i64>);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(from)? {
            Scalar::Text(text) => text.trim().parse().ok(),
            Scalar::Integer(number) => Some(number),
            Scalar::Other => None,
        }))
    }
}

enum Scalar {
    Text(String),
    Integer(i64),
    /// Anything else, which is read and forgotten.
    Other,
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        // An id may be any number.
        Ok(i64::try_from(number).map_or_else(|_| Scalar::Text(number.to_string()), Scalar::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        let is_whole = number.fract() == 0.0 && number.abs() < i64::MAX as f64;
        Ok(if is_whole { Scalar::Integer(number as i64) } else { Scalar::Other })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Scalar, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// Decodes a body; None if it is no object, or lacks what gives it its sense.
pub(super) fn body<'a, T: Deserialize<'a>>(json: Option<&'a str>) -> Option<T> {
    // A struct would decode from an array, too.
    let json = json.filter(|json| json.starts_with('{'))?;
    serde_json::from_str(json).ok()
}
