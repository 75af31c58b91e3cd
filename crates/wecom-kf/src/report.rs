//! Prints an error for a person, in the reader's language, and says how that language is chosen.

use std::error::Error as StdError;
use std::{env, fmt};

use crate::error::in_one_line;
use crate::{Error, Lang};

/// An error that is printed for people. Use it as the error type of `main`.
///
/// Rust prints the `Debug` text of an error that `main` returns. The `Debug` of a `Report` is the error with its remedy
/// in the language of [`reader_lang`].
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
