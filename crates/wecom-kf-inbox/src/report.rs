//! Prints an error of this crate for a person, in the reader's language.

use std::error::Error as StdError;
use std::fmt;

use wecom_kf::reader_lang;

use crate::Error;
use crate::store::StoreError;

/// An error for a person to read: what `main` returns. As [`wecom_kf::Report`], for the errors of this crate too.
///
/// Its Debug, which Rust prints when `main` returns an error, shows the error with its remedy, in the reader's language:
/// that of `WECOM_KF_LANG` (`en` or `zh`), else of `LC_ALL`, `LC_MESSAGES` or `LANG`.
pub struct Report(Kind);

enum Kind {
    Inbox(Box<Error>),
    Store(Box<StoreError>),
    Other(wecom_kf::Report),
}

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Report {
    fn from(error: E) -> Self {
        let other = match error.into().downcast::<Error>() {
            Ok(error) => return Self(Kind::Inbox(error)),
            Err(other) => other,
        };
        match other.downcast::<StoreError>() {
            Ok(error) => Self(Kind::Store(error)),
            Err(other) => Self(Kind::Other(other.into())),
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Inbox(error) => f.write_str(&error.in_lang(reader_lang())),
            Kind::Store(error) => f.write_str(&error.in_lang(reader_lang())),
            Kind::Other(report) => report.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use wecom_kf::ErrCode;
    use wecom_kf::raw::op;

    use super::*;

    #[test]
    fn every_error_is_shown_once_with_what_to_do() {
        let refused = || wecom_kf::Error::refused(op::SYNC_MSG, ErrCode(60020), "not allow to access from your ip");
        for report in [
            Report::from(Error::Read(refused())),
            Report::from(Error::Store(StoreError::down("no route"))),
            Report::from(StoreError::down("no route")),
            Report::from(refused()),
        ] {
            let shown = format!("{report:?}");
            assert_eq!(shown.matches("do:").count() + shown.matches("处理：").count(), 1, "{shown}");
        }
        assert_eq!(format!("{:?}", Report::from("of another kind")), "of another kind");
    }
}
