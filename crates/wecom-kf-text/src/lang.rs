//! The languages of texts for people, and which of them a process uses.

use std::env;

/// The language of a text for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Lang {
    /// Returns the one of two texts that is in this language.
    pub fn pick<T>(self, en: T, zh: T) -> T {
        match self {
            Self::En => en,
            Self::Zh => zh,
        }
    }
}

/// Returns the language in which this process should print texts for people.
///
/// The first of `WECOM_KF_LANG` (`en` or `zh`), `LC_ALL`, `LC_MESSAGES` and `LANG` that is not empty decides: a value that
/// begins with `zh` means Chinese, everything else English.
pub fn reader_lang() -> Lang {
    let chosen = ["WECOM_KF_LANG", "LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(|name| env::var(name).ok())
        .find(|value| !value.is_empty());
    match chosen {
        Some(value) if value.starts_with("zh") => Lang::Zh,
        _ => Lang::En,
    }
}
