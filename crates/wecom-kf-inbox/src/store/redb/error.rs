//! Turns errors and panics of redb into errors of a store, with the path of the file.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::StoreError;

/// Runs a call of redb. On a damaged file redb may panic: that is damage too, and must not end the task that asked.
///
/// The panic's message is left out, since it may quote what is stored.
pub(super) fn guarded<T>(path: &Path, act: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let outcome = catch_unwind(AssertUnwindSafe(act));
    let outcome = outcome.unwrap_or_else(|_| Err(StoreError::corrupt("the file is damaged: redb panicked over it")));
    outcome.map_err(|error| at(path, error))
}

/// Adds the path to what has none yet.
fn at(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt(what) => StoreError::Corrupt(format!("{}: {what}", path.display())),
        StoreError::InUse(what) => StoreError::InUse(format!("{}: {what}", path.display())),
        StoreError::Down(source) => StoreError::down(AtPath(path.to_owned(), source)),
        other => other,
    }
}

#[derive(Debug)]
struct AtPath(PathBuf, Arc<dyn std::error::Error + Send + Sync>);

impl fmt::Display for AtPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot use {}", self.0.display())
    }
}

impl std::error::Error for AtPath {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.1)
    }
}

/// Converts an error of redb.
pub(super) fn failed(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(what) => damaged(&what),
        // A read past the end.
        redb::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => damaged(&error),
        error @ (redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TableDoesNotExist(_)) => damaged(&error),
        redb::Error::UpgradeRequired(version) => StoreError::corrupt(format!(
            "the file has version {version} of redb's file format, which this version of redb cannot read"
        )),
        redb::Error::DatabaseAlreadyOpen => StoreError::InUse("the file is open already".to_owned()),
        other => StoreError::down(other),
    }
}

fn damaged(what: &(impl fmt::Display + ?Sized)) -> StoreError {
    StoreError::corrupt(format!("the file is damaged: {what}"))
}
