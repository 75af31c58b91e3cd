//! `ErrCode`: the known errcodes with their class, meaning and remedy.

use std::fmt;

use crate::generated::TABLE;

/// A WeCom `errcode`: what a reply says happened, since every reply has HTTP status 200.
///
/// Open: WeCom adds codes without notice, and a code nobody here has heard of is a value like any other. The known
/// ones are constants, with their meaning and remedy.
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

/// What a caller does about an [`ErrCode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// Success.
    Ok,
    /// The access token is no good: drop it, fetch a new one, repeat the call once.
    Token,
    /// WeCom is busy: repeat with backoff, at most three times, if the call may be repeated at all.
    Busy,
    /// Too many calls: back off for seconds ([`ErrCode::CONCURRENCY_LIMIT_EXCEEDED`]) or a minute and more.
    RateLimited,
    /// A setting in the console or a right is missing: no retry helps.
    Permission,
    /// The caller's mistake: no retry helps.
    InvalidParam,
    /// The thing does not exist, or does no longer.
    NotFound,
    /// A business limit is reached; a customer's message or an upgrade lifts it.
    Quota,
    /// The session, the code or the window is no longer right: read the state anew, then decide.
    StateConflict,
    /// Not a code that is known: report it.
    Unknown,
}

/// The language of a meaning or a remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
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

/// What differs at one operation.
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
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

const UNKNOWN_REMEDY: Text = Text {
    en: "This code is new to this client: look it up at open.work.weixin.qq.com/devtool/query, with the hint number of the errmsg.",
    zh: "本客户端尚不认识此错误码：到 open.work.weixin.qq.com/devtool/query 查询，并附上 errmsg 中的 hint。",
};

impl ErrCode {
    /// All codes that are known, in ascending order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| Self(row.code))
    }

    /// Whether it says success.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// The name of its constant, if it is known.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// What to do about it, where that does not depend on the operation.
    pub fn class(self) -> Class {
        self.row().map_or(Class::Unknown, |row| row.class)
    }

    /// What to do about it when `operation` (such as `gettoken`) answered it.
    pub fn class_at(self, operation: &str) -> Class {
        self.at(operation).map_or_else(|| self.class(), |at| at.class)
    }

    /// What it means; empty for a code that is not known.
    pub fn meaning(self, lang: Lang) -> &'static str {
        self.row().map_or("", |row| row.meaning.lang(lang))
    }

    /// What it means when `operation` answered it; empty for a code that is not known.
    pub fn meaning_at(self, operation: &str, lang: Lang) -> &'static str {
        self.at(operation).map_or_else(|| self.meaning(lang), |at| at.meaning.lang(lang))
    }

    /// What the person on call should do.
    pub fn remedy(self, lang: Lang) -> &'static str {
        self.row().map_or(&UNKNOWN_REMEDY, |row| &row.remedy).lang(lang)
    }

    /// What the person on call should do when `operation` answered it.
    pub fn remedy_at(self, operation: &str, lang: Lang) -> &'static str {
        self.at(operation).map_or_else(|| self.remedy(lang), |at| at.remedy.lang(lang))
    }

    /// The operations it is known to occur at; empty if at any, or if it is not known.
    pub fn operations(self) -> &'static [&'static str] {
        self.row().map_or(&[], |row| row.operations)
    }

    /// Whether a fresh access token may end it, although the class is not [`Class::Token`].
    ///
    /// WeCom answers such a code also to a token that was issued before a change in the admin console: fetch a new
    /// token and repeat the call, once. If the code stays, its [`remedy`](Self::remedy) says what else can be wrong.
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
    /// WeCom documents 32 bits; a number beyond them becomes the nearest, which no table knows.
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
    fn a_number_beyond_32_bits_is_never_taken_for_another_code() {
        assert_eq!(ErrCode::from(1_i64 << 32), ErrCode(i32::MAX));
        assert_eq!(ErrCode::from(i64::MIN), ErrCode(i32::MIN));
        assert_eq!(ErrCode::from(-1), ErrCode::SYSTEM_BUSY);
    }

    #[test]
    fn class_and_remedy_depend_on_the_operation_where_the_table_says_so() {
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
    fn every_code_says_what_it_means_and_what_to_do_in_two_languages() {
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
