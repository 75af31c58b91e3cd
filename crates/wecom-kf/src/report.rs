//! Prints an error for a person, in the reader's language.

use std::error::Error as StdError;
use std::{env, fmt};

use crate::error::in_one_line;
use crate::{Error, Lang};

/// An error for a person to read: what `main` returns.
///
/// Its Debug, which Rust prints when `main` returns an error, shows the error with its remedy, in the reader's language: that of `WECOM_KF_LANG` (`en` or `zh`), else of `LC_ALL`, `LC_MESSAGES` or `LANG`.
///
/// ```no_run
/// use wecom_kf::{Report, Settings};
///
/// fn main() -> Result<(), Report> {
///     let client = Settings::from_env().client()?;
///     Ok(())
/// }
/// ```
pub struct Report(Box<dyn StdError + Send + Sync>);

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Report {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.downcast_ref::<Error>() {
            Some(error) => f.write_str(&error.in_lang(reader_lang())),
            None => f.write_str(&in_one_line(&*self.0)),
        }
    }
}

/// The language of whoever reads what this process says: that of `WECOM_KF_LANG` (`en` or `zh`), else of `LC_ALL`,
/// `LC_MESSAGES` or `LANG`; English unless it is Chinese.
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
