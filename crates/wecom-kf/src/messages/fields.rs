//! Lenient decoding of messages: a malformed member is ignored and does not affect the others.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::raw::__private::lenient::Scalar;

/// The members that messages and events have in common, and the JSON of all other members that are objects. Decoded in
/// one pass; members of the wrong type are ignored.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) msgid: Option<Cow<'a, str>>,
    pub(super) open_kfid: Option<Cow<'a, str>>,
    pub(super) external_userid: Option<Cow<'a, str>>,
    pub(super) send_time: Option<i64>,
    pub(super) origin: Option<i64>,
    pub(super) servicer_userid: Option<Cow<'a, str>>,
    pub(super) msgtype: Option<Cow<'a, str>>,
    /// The first object among the other members. It is the body, unless there are several objects.
    body: Option<(Cow<'a, str>, &'a str)>,
    more_bodies: Vec<(Cow<'a, str>, &'a str)>,
}

impl<'a> Members<'a> {
    /// Returns the body of a message of the kind `msgtype`: the member with that name.
    pub(super) fn body(&self, msgtype: &str) -> Option<&'a str> {
        self.body.iter().chain(&self.more_bodies).find(|(name, _)| name == msgtype).map(|(_, body)| *body)
    }

    /// Decodes the members of `json`. Returns no members if it is not an object.
    ///
    /// If decoding in one pass fails, for example because of a number that is out of range or an escape in a member's
    /// name, the members are decoded one by one, which is slower.
    pub(super) fn of(json: &'a str) -> Self {
        serde_json::from_str(json).unwrap_or_else(|_| Self::one_by_one(json))
    }

    fn one_by_one(json: &'a str) -> Self {
        let all: HashMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(json).unwrap_or_default();
        let text = |name: &str| serde_json::from_str::<Text<'a>>(all.get(name)?.get()).ok()?.0;
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

    /// Returns the name of the body if there is exactly one candidate.
    pub(super) fn only_kind(&self) -> Option<&str> {
        match (&self.body, self.more_bodies.as_slice()) {
            (Some((name, _)), []) | (None, [(name, _)]) => Some(name),
            _ => None,
        }
    }
}

/// Decodes an optional text or id. Returns `None` if it is empty or malformed.
pub(super) fn optional_text<'de, D: Deserializer<'de>, T: From<String>>(from: D) -> Result<Option<T>, D::Error> {
    Ok(Text::deserialize(from)?.0.map(|text| text.into_owned().into()))
}

/// Decodes an optional integer. Returns `None` if it is malformed.
pub(super) fn optional_integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Integer::deserialize(from).map(|number| number.0)
}

/// Decodes an optional number of a type made with `open_number`. Returns `None` if it is malformed.
pub(super) fn optional_number<'de, D: Deserializer<'de>, T: From<i64>>(from: D) -> Result<Option<T>, D::Error> {
    Integer::deserialize(from).map(|number| number.0.map(T::from))
}

/// Only the `event_type` of an event.
#[derive(Deserialize)]
pub(super) struct EventType<'a> {
    #[serde(borrow, default)]
    pub(super) event_type: Text<'a>,
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
        while let Some(name) = map.next_key::<&str>()? {
            match name {
                "msgid" => members.msgid = map.next_value::<Text<'_>>()?.0,
                "open_kfid" => members.open_kfid = map.next_value::<Text<'_>>()?.0,
                "external_userid" => members.external_userid = map.next_value::<Text<'_>>()?.0,
                "send_time" => members.send_time = map.next_value::<Integer>()?.0,
                "origin" => members.origin = map.next_value::<Integer>()?.0,
                "servicer_userid" => members.servicer_userid = map.next_value::<Text<'_>>()?.0,
                "msgtype" => members.msgtype = map.next_value::<Text<'_>>()?.0,
                _ => match map.next_value::<&RawValue>()?.get() {
                    json if !json.starts_with('{') => {}
                    json if members.body.is_none() => members.body = Some((name.into(), json)),
                    json => members.more_bodies.push((name.into(), json)),
                },
            }
        }
        Ok(members)
    }
}

/// A text that is not empty, or a number that is taken as text. Borrowed unless it has escapes. Anything else is `None`.
#[derive(Default)]
pub(super) struct Text<'a>(pub(super) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(from)? {
            Scalar::Text(text) => (!text.is_empty()).then_some(text),
            other => other.whole().map(|number| number.to_string().into()),
        }))
    }
}

/// An integer, or a text that contains one. Anything else is `None`.
#[derive(Default)]
pub(super) struct Integer(pub(super) Option<i64>);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match Scalar::deserialize(from)? {
            Scalar::Text(text) => text.trim().parse().ok(),
            other => other.whole(),
        }))
    }
}

/// Decodes a body. Returns `None` if it is not an object or lacks a required member.
pub(super) fn body<'a, T: Deserialize<'a>>(json: Option<&'a str>) -> Option<T> {
    // serde would also decode a struct from an array.
    let json = json.filter(|json| json.starts_with('{'))?;
    serde_json::from_str(json).ok()
}

/// Returns the range of `part` in `whole`. `part` must be a slice of `whole`.
pub(super) fn place(part: &str, whole: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    Range { start, end: start + part.len() }
}
