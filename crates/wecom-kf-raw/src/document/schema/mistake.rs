//! What a request does wrong, in words of both languages. No text contains a value.

use std::fmt;

use serde_json::Value;

use crate::Lang;

/// No field of the API has a name nearly as long.
const MAX_NAME_BYTES: usize = 64;

/// What is wrong at one place of a request. `Display` says it without the value, which may be a customer's words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mistake {
    /// The names on the way to the value, such as `msgmenu.list.0`; empty for the request itself. All are names of the
    /// document.
    pub path: String,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The document does not know these properties.
    Unknown(Vec<String>),
    /// A required property is missing.
    Missing(String),
    /// The value has another type.
    #[non_exhaustive]
    WrongType {
        /// The type of the document.
        expected: Type,
        /// The type of the value.
        found: Type,
    },
    /// The value is too short.
    #[non_exhaustive]
    TooShort {
        /// The smallest length.
        min: u64,
        /// The unit of `min`.
        unit: Unit,
    },
    /// The value is too long.
    #[non_exhaustive]
    TooLong {
        /// The greatest length.
        max: u64,
        /// The unit of `max`.
        unit: Unit,
    },
    /// The number is less than this one.
    TooSmall(String),
    /// The number is greater than this one.
    TooGreat(String),
    /// The text is none of these.
    NotAllowed(Vec<String>),
    /// The text has characters other than these.
    WrongCharacters(String),
}

impl Mistake {
    /// Describes the mistake in one language. In English it is the text of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        let place = &self.path;
        match (&self.fault, lang) {
            (Fault::Unknown(_), Lang::En) => format!("unknown field `{}`", self.unknown_fields().join("`, `")),
            (Fault::Unknown(_), Lang::Zh) => format!("未知字段 `{}`", self.unknown_fields().join("`、`")),
            (Fault::Missing(name), Lang::En) => format!("missing field `{}`", below(place, name)),
            (Fault::Missing(name), Lang::Zh) => format!("缺少字段 `{}`", below(place, name)),
            (fault, Lang::En) if place.is_empty() => fault.in_english("the request"),
            (fault, Lang::Zh) if place.is_empty() => format!("请求{}", fault.in_chinese()),
            (fault, Lang::En) => format!("field `{place}`: {}", fault.in_english("the value")),
            (fault, Lang::Zh) => format!("字段 `{place}` {}", fault.in_chinese()),
        }
    }

    /// Returns the names of the fields that the document does not know, if that is the mistake. A name that cannot be the
    /// name of a field is replaced, because it may be anything, such as a token in the wrong place.
    pub fn unknown_fields(&self) -> Vec<String> {
        match &self.fault {
            Fault::Unknown(names) => names.iter().map(|name| below(&self.path, shown(name))).collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(Lang::En))
    }
}

impl Fault {
    /// Says what is wrong with the value, which is called `subject`.
    fn in_english(&self, subject: &str) -> String {
        let lang = Lang::En;
        match self {
            Self::Unknown(_) => format!("{subject} has unknown fields"),
            Self::Missing(name) => format!("{subject} has no field `{name}`"),
            Self::WrongType { expected: Type::Integer, found: Type::Number } => {
                format!("{subject} is a number with a decimal point or an exponent, but an integer is expected")
            }
            Self::WrongType { expected, found } => {
                format!("{subject} is {}, but {} is expected", found.in_lang(lang), expected.in_lang(lang))
            }
            Self::TooShort { min: 1, unit } => {
                format!("{subject} is empty, but at least one {} is required", unit.one())
            }
            Self::TooShort { min, unit } => format!("at least {min} {} are required", unit.in_lang(lang)),
            Self::TooLong { max, unit } => format!("at most {max} {} are allowed", unit.in_lang(lang)),
            Self::TooSmall(min) => format!("{subject} is less than the minimum of {min}"),
            Self::TooGreat(max) => format!("{subject} is greater than the maximum of {max}"),
            Self::NotAllowed(values) => format!("{subject} is not one of `{}`", values.join("`, `")),
            Self::WrongCharacters(allowed) => format!("only the characters `{allowed}` are allowed"),
        }
    }

    /// Describes the limit that the fault exceeds.
    pub(super) fn limit_in(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::TooShort { min: 1, .. }, Lang::En) => "not empty".to_owned(),
            (Self::TooShort { min, unit }, Lang::En) => format!("at least {min} {}", unit.in_lang(lang)),
            (Self::TooLong { max, unit }, Lang::En) => format!("at most {max} {}", unit.in_lang(lang)),
            (Self::TooSmall(min), Lang::En) => format!("at least {min}"),
            (Self::TooGreat(max), Lang::En) => format!("at most {max}"),
            (Self::NotAllowed(values), Lang::En) => format!("one of {}", values.join(", ")),
            (Self::WrongCharacters(allowed), Lang::En) => format!("only the characters {allowed}"),
            (Self::TooSmall(min), Lang::Zh) => format!("不小于 {min}"),
            (Self::TooGreat(max), Lang::Zh) => format!("不大于 {max}"),
            (fault, Lang::En) => fault.in_english("the value"),
            (fault, Lang::Zh) => fault.in_chinese(),
        }
    }

    /// Says what is wrong with the value, in words that follow its name.
    fn in_chinese(&self) -> String {
        let lang = Lang::Zh;
        match self {
            Self::Unknown(_) => "有未知字段".to_owned(),
            Self::Missing(name) => format!("缺少字段 `{name}`"),
            Self::WrongType { expected: Type::Integer, found: Type::Number } => {
                "应为整数，而不是带小数点或指数的数字".to_owned()
            }
            Self::WrongType { expected, found } => {
                format!("应为{}，而不是{}", expected.in_lang(lang), found.in_lang(lang))
            }
            Self::TooShort { min: 1, .. } => "不能为空".to_owned(),
            Self::TooShort { min, unit } => format!("至少 {min} {}", unit.in_lang(lang)),
            Self::TooLong { max, unit } => format!("最多 {max} {}", unit.in_lang(lang)),
            Self::TooSmall(min) => format!("小于最小值 {min}"),
            Self::TooGreat(max) => format!("大于最大值 {max}"),
            Self::NotAllowed(values) => format!("只能是 `{}` 之一", values.join("`、`")),
            Self::WrongCharacters(allowed) => format!("只允许字符 `{allowed}`"),
        }
    }
}

/// The unit in which WeCom counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Bytes of UTF-8.
    Bytes,
    /// Characters.
    Chars,
    /// Items of a list.
    Items,
}

impl Unit {
    fn one(self) -> &'static str {
        match self {
            Self::Bytes => "byte",
            Self::Chars => "character",
            Self::Items => "item",
        }
    }

    fn in_lang(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Bytes => ("bytes of UTF-8", "字节（UTF-8）"),
            Self::Chars => ("characters", "个字符"),
            Self::Items => ("items", "项"),
        };
        lang.pick(en, zh)
    }
}

/// Returns a name that came with the request, if it can be the name of a field. It is not cut: a part of a token would
/// escape the masking of tokens.
fn shown(name: &str) -> &str {
    let is_name = name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    if is_name { name } else { "(no name)" }
}

/// What a value is, without the value: that may be a customer's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number without a decimal point and an exponent.
    Integer,
    /// A number.
    Number,
    /// A string.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
}

impl Type {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_f64() => Self::Number,
            Value::Number(_) => Self::Integer,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        }
    }

    /// Returns the name of the type without an article.
    pub(super) fn name_in(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Boolean, _) => "true|false",
            (_, Lang::Zh) => self.in_lang(lang),
            (_, Lang::En) => self.in_lang(lang).trim_start_matches("an ").trim_start_matches("a "),
        }
    }

    fn in_lang(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Null => ("null", "null"),
            Self::Boolean => ("true or false", "true 或 false"),
            Self::Integer => ("an integer", "整数"),
            Self::Number => ("a number", "数字"),
            Self::Text => ("a string", "字符串"),
            Self::List => ("a list", "列表"),
            Self::Object => ("an object", "对象"),
        };
        lang.pick(en, zh)
    }
}

/// Returns the path of a member.
pub(super) fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_name_is_not_shown_not_even_in_part() {
        assert_eq!(shown("ofset"), "ofset");
        assert_eq!(shown("\u{1b}[31m"), "(no name)");
        assert_eq!(shown(&"x".repeat(65)), "(no name)");
    }
}
