//! Scenarios: the YAML of a file, with the place of each step and of each error.

use std::collections::BTreeMap;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};
use wecom_kf_text::reader_lang;

/// A name that is this similar to an unknown one is suggested.
pub(super) const SIMILAR: f32 = 0.6;

/// What is wrong, and at which line and column.
pub(super) struct Flaw {
    pub(super) place: Option<(u64, u64)>,
    pub(super) problem: String,
}

impl Flaw {
    /// A flaw at a place, in the language of the reader.
    pub(super) fn at(location: Location, en: impl Into<String>, zh: impl Into<String>) -> Self {
        let problem = reader_lang().pick(en.into(), zh.into());
        Self { place: Some((location.line(), location.column())), problem }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) accounts: Vec<String>,
    #[serde(default)]
    pub(super) servicers: Vec<String>,
    #[serde(default)]
    pub(super) customers: BTreeMap<String, Spanned<Person>>,
    pub(super) corp: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) departments: Vec<Map<String, Value>>,
    pub(super) clock: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) disabled_assumptions: Vec<String>,
    #[serde(default)]
    pub(super) allow: Vec<Spanned<String>>,
    pub(super) within: Option<Spanned<String>>,
    pub(super) steps: Vec<Spanned<Step>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    pub(super) account: Option<String>,
    pub(super) gender: Option<i64>,
    pub(super) avatar: Option<String>,
    pub(super) unionid: Option<String>,
}

/// Everything that a step may have. Which of it belongs together is checked in `steps.rs`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    pub(super) customer: Option<String>,
    #[serde(deserialize_with = "present")]
    pub(super) enters: Option<Option<Map<String, Value>>>,
    pub(super) taps: Option<TextOr<Tap>>,
    pub(super) rates: Option<String>,
    #[serde(deserialize_with = "present")]
    pub(super) accepts_offer: Option<Option<Nothing>>,

    pub(super) servicer: Option<String>,
    pub(super) takes: Option<String>,
    pub(super) transfers: Option<String>,
    pub(super) ends: Option<String>,
    pub(super) asks_to_rate: Option<String>,
    pub(super) rejects: Option<String>,
    pub(super) stops_rejecting: Option<String>,
    #[serde(deserialize_with = "present")]
    pub(super) stops: Option<Option<Nothing>>,
    #[serde(deserialize_with = "present")]
    pub(super) suspends: Option<Option<Nothing>>,
    #[serde(deserialize_with = "present")]
    pub(super) resumes: Option<Option<Nothing>>,

    pub(super) says: Option<String>,
    pub(super) sends: Option<TextOr<Map<String, Value>>>,
    #[serde(deserialize_with = "present")]
    pub(super) recalls: Option<Option<String>>,

    pub(super) bot_answers: Option<TextOr<Expected>>,
    pub(super) bot_stays_silent: Option<String>,
    #[serde(deserialize_with = "present")]
    pub(super) bot_offers: Option<Option<String>>,
    pub(super) session_is: Option<String>,
    pub(super) session_is_with: Option<String>,
    pub(super) calls: Option<BTreeMap<String, CountOr>>,

    pub(super) fault: Option<OneOrMore<Map<String, Value>>>,
    #[serde(deserialize_with = "present")]
    pub(super) clear_faults: Option<Option<Nothing>>,
    pub(super) advance: Option<String>,
    pub(super) token: Option<String>,

    pub(super) to: Option<String>,
    pub(super) of: Option<String>,
    pub(super) within: Option<String>,
}

/// Takes no members: a step such as `accepts_offer:` says everything by its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tap {
    pub(super) id: String,
    pub(super) content: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expected {
    pub(super) text: Option<String>,
    pub(super) contains: Option<OneOrMore<String>>,
    pub(super) matches: Option<String>,
    pub(super) menu: Option<Vec<String>>,
    pub(super) kind: Option<String>,
    pub(super) body: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Count {
    pub(super) count: usize,
    pub(super) errcode: Option<i64>,
}

/// A text alone, or members.
pub(super) enum TextOr<T> {
    Text(String),
    Members(T),
}

/// A number alone, or members.
pub(super) enum CountOr {
    Count(usize),
    Members(Count),
}

/// One value, or a list of them.
pub(super) struct OneOrMore<T>(pub(super) Vec<T>);

/// Reads the documents of a file.
pub(super) fn documents(text: &str) -> Result<Vec<Spanned<Document>>, Flaw> {
    // Only `true` and `false` are truth values: `y`, `no` and `on` are answers.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place = error.location().map(|location| (location.line(), location.column()));
        Flaw { place, problem: explained(&error.to_string()) }
    })
}

/// The library's message without the place, which stands before it, and with a suggestion for a misspelt name.
fn explained(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    let Some((unknown, known)) =
        message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected one of "))
    else {
        return message.to_owned();
    };
    let known: Vec<_> = known.split(", ").map(|name| name.trim_matches('`')).collect();
    match similar::get_close_matches(unknown, &known, 1, SIMILAR).first() {
        Some(meant) => reader_lang().pick(
            format!("there is no `{unknown}` here: did you mean `{meant}`?"),
            format!("这里没有 `{unknown}`，是否想用 `{meant}`？"),
        ),
        None => {
            let known = known.join(", ");
            reader_lang().pick(
                format!("there is no `{unknown}` here: it takes {known}"),
                format!("这里没有 `{unknown}`，可选：{known}"),
            )
        }
    }
}

/// `Some` if the name is there, even with nothing behind it.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Refuses what YAML does not read as a text: `1.10` would lose a digit.
fn quote_it<E: de::Error>(shown: impl std::fmt::Display) -> E {
    E::custom(reader_lang().pick(
        format!("YAML does not read this as a text: write it in quotes, such as \"{shown}\""),
        format!("YAML 不把这个值当作文字：请加引号，如 \"{shown}\""),
    ))
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = TextOr<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or members")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
                Err(quote_it(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                Err(quote_it(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                Err(quote_it(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                Err(quote_it(value))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(members)).map(TextOr::Members)
            }
        }
        deserializer.deserialize_any(Reader(std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for CountOr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = CountOr;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number of calls, or `count` and `errcode`")
            }

            fn visit_i64<E: de::Error>(self, count: i64) -> Result<Self::Value, E> {
                usize::try_from(count).map(CountOr::Count).map_err(|_| E::custom("a number of calls is 0 or more"))
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Self::Value, E> {
                usize::try_from(count).map(CountOr::Count).map_err(|_| E::custom("so many calls cannot be counted"))
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                Count::deserialize(de::value::MapAccessDeserializer::new(members)).map(CountOr::Members)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = OneOrMore<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("one value or a list")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(|one| OneOrMore(vec![one]))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
                Err(quote_it(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                Err(quote_it(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                Err(quote_it(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                Err(quote_it(value))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(list)).map(OneOrMore)
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(members)).map(|one| OneOrMore(vec![one]))
            }
        }
        deserializer.deserialize_any(Reader(std::marker::PhantomData))
    }
}
