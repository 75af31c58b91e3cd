//! The store `Redb`: one file, for one process.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::BoxStream;
use redb::Database;
use wecom_kf::{Bilingual, BoxFuture, ExternalUserId};

use self::commits::Waiting;
use self::error::{failed, guarded};
use self::file::Missing;
use super::memory::{Changes, Leases};
use super::turns::KeptToken;
use super::{
    Acquired, Change, Commit, Committed, ConversationPage, ConversationQuery, Held, InboxKey, InboxStore, Lease,
    ParkedPage, ParkedQuery, Renewed, StoreError, TokenKey,
};
use crate::report::in_one_line;

mod commits;
mod conversations;
mod error;
mod export;
mod file;
mod tables;
mod tokens;

/// Keeps inboxes in one file, by [redb](https://www.redb.org), for one process.
///
/// A commit is on the disk when it returns: neither a crash of the process nor one of the machine loses it, provided
/// that the disk keeps what it reports as written. Only the owner can read the file (mode 0600), since parked messages
/// and conversations hold what customers wrote. Commits of several inboxes that come at the same time share a transaction. A second
/// process on the same file gets [`StoreError::InUse`].
///
/// An error of the disk counts as [`StoreError::Down`], damage as [`StoreError::Corrupt`]; the file is then opened and
/// checked again for the next call. redb can panic over a damaged file. That is caught and reported as damage, unless the
/// program is built with `panic = "abort"`.
///
/// As a [`TokenStore`](super::TokenStore), it keeps the access token from one start to the next, and several clients of
/// one process share it.
///
/// Cheap to clone; clones share the file, and it is closed with the last of them.
#[derive(Clone)]
pub struct Redb(Arc<Shared>);

struct Shared {
    path: PathBuf,
    inner: Mutex<Inner>,
    /// The commits that the next transaction writes.
    waiting: Mutex<Vec<Waiting>>,
    changes: Changes,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Inner {
    path: PathBuf,
    /// The database; `None` after an error, since redb requires the file to be closed and opened again.
    database: Option<Database>,
    /// The leases. They end with the process, and only this process has the file, so they are kept in memory.
    leases: HashMap<InboxKey, Leases>,
    tokens: HashMap<TokenKey, KeptToken>,
    /// How many transactions have written commits.
    transactions: u64,
}

impl Redb {
    /// Opens the file, or creates it. A warning in the log names the path of a new file.
    ///
    /// All of an existing file is checked, which takes about as long as reading it. A file that is not a store of ours
    /// is not changed. A file whose creation was cut off is renamed to `….unfinished-<time>`.
    ///
    /// # Errors
    ///
    /// - [`StoreError::InUse`]: another process has it open, or this one has it open twice. A file that a bot uses cannot
    ///   be looked at from outside, not even for reading: redb locks it.
    /// - [`StoreError::Corrupt`]: it is damaged, not a store, or of another format.
    /// - [`StoreError::Settings`]: the path leads to something else than a regular file that belongs to the user or a
    ///   group of this process. A symbolic link is not followed if it is the last component of the path.
    /// - [`StoreError::Down`]: it cannot be opened or read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_or(path.as_ref(), Missing::Create)
    }

    /// Opens a file that exists, as [`open`](Self::open) does, and creates none: for a program that looks at what a bot has
    /// stored, to which a wrong path must not look like an empty store.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open). [`StoreError::Settings`]: there is no file at this path. [`StoreError::Corrupt`]: the
    /// file is empty, or its creation was cut off.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if matches!(path.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound) {
            let path = path.display();
            let (en, zh) = (format!("there is no file at {path}"), format!("{path} 没有文件"));
            return Err(StoreError::Settings(Bilingual::new(en, zh)));
        }
        Self::open_or(path, Missing::Fail)
    }

    fn open_or(path: &Path, missing: Missing) -> Result<Self, StoreError> {
        let path = path.to_owned();
        let database = Some(file::open(&path, missing)?);
        let (leases, tokens) = (HashMap::new(), HashMap::new());
        let inner = Mutex::new(Inner { path: path.clone(), database, leases, tokens, transactions: 0 });
        Ok(Self(Arc::new(Shared { path, inner, waiting: Mutex::default(), changes: Changes::default() })))
    }

    /// Returns the cursors, ids, parked messages and conversations of all inboxes as JSON, for the operator. It holds
    /// what customers wrote, but no access token.
    ///
    /// # Errors
    ///
    /// Those that any call of the store returns.
    pub async fn export(&self) -> Result<String, StoreError> {
        self.blocking(|inner| inner.with(export::export)).await
    }

    fn blocking<'a, T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let shared = self.0.clone();
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || act(&mut shared.inner())).await {
                Ok(answer) => answer,
                Err(error) => Err(ended_early(&error)),
            }
        })
    }
}

impl Inner {
    fn with<T>(&mut self, act: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => file::open(&self.path, Missing::Fail)?,
        };
        let outcome = guarded(&self.path, || act(&database));
        self.database = Some(database);
        if matches!(outcome, Err(StoreError::Down(_) | StoreError::Corrupt(_))) {
            self.close();
        }
        outcome
    }

    fn close(&mut self) {
        let closed = self.database.take().map(|database| guarded(&self.path, || database.close().map_err(failed)));
        if let Some(Err(error)) = closed {
            tracing::warn!(error = %in_one_line(&error), "the file of the store was not closed well, and is repaired when it is opened");
        }
    }
}

impl Drop for Inner {
    /// Closing a damaged file may panic too.
    fn drop(&mut self) {
        self.close();
    }
}

impl InboxStore for Redb {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        let (key, holder) = (key.clone(), holder.to_owned());
        self.blocking(move |inner| Ok(inner.leases.entry(key.clone()).or_default().acquire(&key, &holder, limit)))
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<Renewed, StoreError>> {
        let lease = lease.clone();
        self.blocking(move |inner| {
            inner.leases.entry(lease.key.clone()).or_default().renew(&lease, limit)?;
            // The process holds the lease even while the file cannot be read.
            let has_wishes = inner.with(|database| tables::has_wishes(database, &lease.key.to_string()));
            Ok(Renewed::with_wishes(has_wishes.unwrap_or(false)))
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        let lease = lease.clone();
        Box::pin(async move {
            let ended = lease.clone();
            self.blocking(move |inner| {
                inner.leases.entry(ended.key.clone()).or_default().release(&ended);
                Ok(())
            })
            .await?;
            self.0.changes.tell(&lease.key, Change::Released);
            Ok(())
        })
    }

    fn lease_of<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Held>, StoreError>> {
        let key = key.clone();
        self.blocking(move |inner| Ok(inner.leases.get(&key).and_then(Leases::held)))
    }

    fn keys(&self) -> BoxFuture<'_, Result<BTreeSet<InboxKey>, StoreError>> {
        self.blocking(|inner| {
            let keys = inner.with(tables::inboxes)?;
            keys.iter().map(|key| key.parse().map_err(|_| unreadable_key(&inner.path, key))).collect()
        })
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Option<Committed>, StoreError>> {
        let key = key.to_string();
        self.blocking(move |inner| inner.with(|database| tables::load(database, &key)))
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.commit_together(lease.clone(), commit.clone()))
    }

    fn parked<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ParkedQuery,
    ) -> BoxFuture<'a, Result<ParkedPage, StoreError>> {
        let (key, query) = (key.to_string(), query.clone());
        self.blocking(move |inner| inner.with(|database| tables::parked(database, &key, &query)))
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        let (key, id) = (key.to_string(), id.to_owned());
        self.blocking(move |inner| inner.with(|database| tables::drop_parked(database, &key, &id)))
    }

    fn wish_replays<'a>(&'a self, key: &'a InboxKey, ids: &'a [String]) -> BoxFuture<'a, Result<usize, StoreError>> {
        let (text, ids) = (key.to_string(), ids.to_vec());
        let noted = self.blocking(move |inner| inner.with(|database| tables::wish_replays(database, &text, &ids)));
        Box::pin(async move {
            let count = noted.await?;
            self.0.changes.tell(key, Change::ReplayWished);
            Ok(count)
        })
    }

    fn conversations<'a>(
        &'a self,
        key: &'a InboxKey,
        query: &'a ConversationQuery,
    ) -> BoxFuture<'a, Result<ConversationPage, StoreError>> {
        let (key, query) = (key.to_string(), query.clone());
        self.blocking(move |inner| inner.with(|database| conversations::list(database, &key, &query)))
    }

    fn forget_customer<'a>(
        &'a self,
        key: &'a InboxKey,
        customer: &'a ExternalUserId,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let (key, customer) = (key.to_string(), customer.clone());
        self.blocking(move |inner| inner.with(|database| conversations::forget(database, &key, customer.as_str())))
    }

    fn changes(&self, key: &InboxKey) -> BoxStream<'static, Change> {
        self.0.changes.listen(key)
    }
}

impl fmt::Debug for Redb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redb").field(&self.0.path).finish()
    }
}

#[cfg(test)]
mod tests;

fn unreadable_key(path: &Path, key: &str) -> StoreError {
    let path = path.display();
    StoreError::corrupt(Bilingual::new(
        format!("{path}: {key:?} is not the key of an inbox"),
        format!("{path}：{key:?} 不是收件箱的键"),
    ))
}

/// Returns the error for a task of the store that panicked, or that ended with the runtime.
fn ended_early(error: &tokio::task::JoinError) -> StoreError {
    StoreError::down(Bilingual::new(error.to_string(), "存储的任务提前结束"))
}
