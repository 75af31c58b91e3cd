//! `ErrCode`: the known errcodes with their class, meaning and remedy.

use std::fmt;

use crate::Lang;
use crate::generated::TABLE;

/// An `errcode` of WeCom, which tells the outcome of a call. The HTTP status is always 200.
///
/// The known codes are constants and have a class, a meaning and a remedy. WeCom adds codes without notice, so any other
/// number is a valid value, too.
///
/// ```
/// use wecom_kf_raw::{Class, ErrCode, Lang};
///
/// let code = ErrCode(95001);
/// assert_eq!(code, ErrCode::MESSAGE_COUNT_LIMIT_EXCEEDED);
/// assert_eq!(code.class(), Class::Quota);
/// println!("{code}: {}", code.remedy(Lang::Zh));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrCode(pub i32);

/// The class of an [`ErrCode`], which tells what a caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Success.
    Ok,
    /// The access token is invalid: drop it, fetch a new one, and repeat the call once.
    Token,
    /// WeCom is busy: repeat the call with back-off, at most three times, if it may be repeated at all.
    Busy,
    /// There were too many calls: wait a few seconds after [`ErrCode::CONCURRENCY_LIMIT_EXCEEDED`], and a minute or more after
    /// the others.
    RateLimited,
    /// A permission or a setting in the admin console is missing. A retry does not help.
    Permission,
    /// The caller made a mistake. A retry does not help.
    InvalidParam,
    /// The object does not exist, or does not exist any more.
    NotFound,
    /// A business limit is reached. A message from the customer or an upgrade of the corp removes it.
    Quota,
    /// The session, the code or the time window has changed or expired: read the state again, then decide.
    StateConflict,
    /// The code is unknown: report it.
    Unknown,
}

/// A row of `spec/errcodes.yaml`.
pub(crate) struct Row {
    pub(crate) code: i32,
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) operations: &'static [&'static str],
    pub(crate) stale_token: bool,
    pub(crate) meaning: Text,
    pub(crate) remedy: Text,
    pub(crate) at: &'static [At],
}

/// The class, the meaning and the remedy of a code at one operation, where they differ.
pub(crate) struct At {
    pub(crate) operation: &'static str,
    pub(crate) class: Class,
    pub(crate) meaning: Text,
    pub(crate) remedy: Text,
}

pub(crate) struct Text {
    pub(crate) en: &'static str,
    pub(crate) zh: &'static str,
}

impl Text {
    fn lang(&self, lang: Lang) -> &'static str {
        lang.pick(self.en, self.zh)
    }
}

const UNKNOWN_REMEDY: Text = Text {
    en: "This code is new to this client: look it up at open.work.weixin.qq.com/devtool/query, with the hint number of the errmsg.",
    zh: "本客户端尚不认识此错误码：到 open.work.weixin.qq.com/devtool/query 查询，并附上 errmsg 中的 hint。",
};

impl ErrCode {
    /// Returns all known codes in ascending order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| Self(row.code))
    }

    /// Returns whether the code means success.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// Returns the name of the constant, if the code is known.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// Returns the class of the code at most operations. [`class_at`](Self::class_at) is exact.
    pub fn class(self) -> Class {
        self.row().map_or(Class::Unknown, |row| row.class)
    }

    /// Returns the class of the code at `operation`, such as `gettoken`.
    pub fn class_at(self, operation: &str) -> Class {
        self.at(operation).map_or_else(|| self.class(), |at| at.class)
    }

    /// Returns the meaning of the code. It is empty for an unknown code.
    pub fn meaning(self, lang: Lang) -> &'static str {
        self.row().map_or("", |row| row.meaning.lang(lang))
    }

    /// Returns the meaning of the code at `operation`. It is empty for an unknown code.
    pub fn meaning_at(self, operation: &str, lang: Lang) -> &'static str {
        self.at(operation).map_or_else(|| self.meaning(lang), |at| at.meaning.lang(lang))
    }

    /// Returns the remedy: what the person on call should do.
    pub fn remedy(self, lang: Lang) -> &'static str {
        self.row().map_or(&UNKNOWN_REMEDY, |row| &row.remedy).lang(lang)
    }

    /// Returns the remedy for the code at `operation`.
    pub fn remedy_at(self, operation: &str, lang: Lang) -> &'static str {
        self.at(operation).map_or_else(|| self.remedy(lang), |at| at.remedy.lang(lang))
    }

    /// Returns the operations at which the code is known to occur. It is empty if the code occurs at any operation, or if it
    /// is unknown.
    pub fn operations(self) -> &'static [&'static str] {
        self.row().map_or(&[], |row| row.operations)
    }

    /// Returns whether a new access token may help, although the class is not [`Class::Token`].
    ///
    /// WeCom may return such a code because the token was issued before a change in the admin console. Fetch a new
    /// token and repeat the call once. If WeCom returns the same code again, the token was not the cause:
    /// [`remedy`](Self::remedy) names the others.
    pub fn may_come_from_stale_token(self) -> bool {
        self.row().is_some_and(|row| row.stale_token)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.binary_search_by_key(&self.0, |row| row.code).ok().map(|index| &TABLE[index])
    }

    fn at(self, operation: &str) -> Option<&'static At> {
        self.row()?.at.iter().find(|at| at.operation == operation)
    }
}

impl From<i64> for ErrCode {
    /// Converts a number. WeCom documents 32 bits; a number outside them becomes the nearest one, which is not a known code.
    fn from(code: i64) -> Self {
        Self(i32::try_from(code).unwrap_or(if code < 0 { i32::MIN } else { i32::MAX }))
    }
}

impl fmt::Display for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "ErrCode({} {name})", self.0),
            None => write!(f, "ErrCode({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_beyond_32_bits_is_never_a_known_code() {
        assert_eq!(ErrCode::from(1_i64 << 32), ErrCode(i32::MAX));
        assert_eq!(ErrCode::from(i64::MIN), ErrCode(i32::MIN));
        assert_eq!(ErrCode::from(-1), ErrCode::SYSTEM_BUSY);
    }

    #[test]
    fn class_and_remedy_may_depend_on_the_operation() {
        let code = ErrCode::INVALID_CREDENTIAL;
        assert_eq!(
            (code.class(), code.class_at("gettoken"), code.class_at("send_msg")),
            (Class::Token, Class::Permission, Class::Token)
        );
        assert_ne!(code.remedy(Lang::En), code.remedy_at("gettoken", Lang::En));
    }

    #[test]
    fn only_marked_codes_may_come_from_a_stale_token() {
        let marked: Vec<ErrCode> = ErrCode::all().filter(|code| code.may_come_from_stale_token()).collect();
        assert_eq!(marked, [ErrCode(95012)]);
        assert!(!ErrCode(424_242).may_come_from_stale_token());
    }

    #[test]
    fn every_code_has_meaning_and_remedy_in_both_languages() {
        assert!(ErrCode::all().count() > 100);
        for code in ErrCode::all() {
            let (en, zh) = (code.remedy(Lang::En), code.remedy(Lang::Zh));
            assert!(en.ends_with('.') && zh.ends_with('。') && !code.meaning(Lang::Zh).is_empty(), "{code:?}");
        }
        let unknown = ErrCode(424_242);
        assert_eq!((unknown.class(), unknown.name(), unknown.meaning(Lang::En)), (Class::Unknown, None, ""));
        assert!(unknown.remedy(Lang::Zh).contains("devtool"));
    }
}
