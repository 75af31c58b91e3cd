//! Turns errors and panics of redb into errors of a store, with the path of the file.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use wecom_kf::{Bilingual, Lang};

use crate::store::StoreError;
use crate::store::error::While;

/// Runs a call of redb. It may panic on a damaged file. Such a panic becomes an error, so that it does not end the task
/// of the caller.
///
/// The panic's message is left out, since it may quote what is stored.
pub(super) fn guarded<T>(path: &Path, act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let outcome = catch_unwind(AssertUnwindSafe(act));
    let outcome = outcome.unwrap_or_else(|_| Err(damaged("redb panicked over it")));
    outcome.map_err(|error| at(path, error))
}

/// Adds the path to an error that has none yet.
fn at(path: &Path, error: StoreError) -> StoreError {
    let path = path.display();
    let after_path = |what: &Bilingual| {
        Bilingual::new(format!("{path}: {}", what.in_lang(Lang::En)), format!("{path}：{}", what.in_lang(Lang::Zh)))
    };
    match error {
        StoreError::Corrupt(what) => StoreError::Corrupt(after_path(&what)),
        StoreError::InUse(what) => StoreError::InUse(after_path(&what)),
        StoreError::Down(source) => {
            let what = Bilingual::new(format!("cannot use {path}"), format!("无法使用 {path}"));
            StoreError::down(While { what, source })
        }
        other => other,
    }
}

/// Converts an error of redb.
pub(super) fn failed(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(what) => damaged(&what),
        // The file ended before the data that redb wanted to read.
        redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => damaged(&error),
        error @ (redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TableDoesNotExist(_)) => damaged(&error),
        redb::Error::UpgradeRequired(version) => StoreError::corrupt(Bilingual::new(
            format!("the file has version {version} of redb's file format, which this version of redb cannot read"),
            format!("文件采用 redb 文件格式的第 {version} 版，当前的 redb 无法读取"),
        )),
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse(Bilingual::fixed(
            "a running bot or another program has the file open",
            "文件正被运行中的机器人或其他程序打开",
        )),
        redb::Error::Io(error) => StoreError::down(error),
        redb::Error::PreviousIo => StoreError::down(Bilingual::fixed(
            "reading or writing failed before, so redb does nothing more with the file",
            "此前读写出错，redb 不再使用该文件",
        )),
        other => StoreError::down(Bilingual::new(other.to_string(), "redb 内部出错")),
    }
}

fn damaged(what: &(impl fmt::Display + ?Sized)) -> StoreError {
    StoreError::corrupt(Bilingual::new(format!("the file is damaged: {what}"), "文件已损坏"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;
    use crate::store::error::tests::assert_chinese;

    #[test]
    fn whatever_redb_says_is_told_wholly_in_chinese() {
        let io = |kind| redb::Error::Io(io::Error::new(kind, "the words of the operating system"));
        for error in [
            redb::Error::Corrupted("invalid checksum".to_owned()),
            io(io::ErrorKind::UnexpectedEof),
            io(io::ErrorKind::InvalidData),
            io(io::ErrorKind::StorageFull),
            redb::Error::TableIsMultimap("meta".to_owned()),
            redb::Error::TableDoesNotExist("meta".to_owned()),
            redb::Error::UpgradeRequired(1),
            redb::Error::DatabaseAlreadyOpen,
            redb::Error::PreviousIo,
            redb::Error::ValueTooLarge(5_000_000_000),
        ] {
            let path = Path::new("/var/lib/bot/inbox.redb");
            assert_chinese(&guarded::<()>(path, || Err(failed(error))).unwrap_err());
        }
        let full = guarded::<()>(Path::new("/a.redb"), || Err(failed(io(io::ErrorKind::StorageFull)))).unwrap_err();
        let text = Report::line(&full, Lang::Zh);
        assert!(text.starts_with("存储不可用：无法使用 /a.redb：磁盘空间不足。"), "{text}");
    }
}
