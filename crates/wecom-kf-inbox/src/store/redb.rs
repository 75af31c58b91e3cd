use std::collections::HashMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, ReadableTable, StorageBackend, StorageError, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use wecom_kf::BoxFuture;

use super::memory::Leases;
use super::{Acquired, Commit, InboxKey, InboxState, InboxStore, Lease, Parked, REMEMBERED, StoreError};
use crate::clock::unix_seconds;

/// What the file is, so that a later version knows it.
const FORMAT: u64 = 1;
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The place of each inbox, as JSON.
const PLACES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("places");
/// The ids of settled messages as JSON, those of a commit together, under the number of the first: ids are numbered in
/// the order they were settled. One by one they would cost a thousand times as much as the rest of a commit.
const SETTLED: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("settled");
/// Parked messages as JSON, numbered in the order they were parked.
const PARKED: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("parked");
/// The number of each.
const PARKED_IDS: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("parked_ids");

/// Pages of the file that are kept in memory, in bytes: little is read twice.
const CACHE: usize = 4 << 20;

/// The length in bytes of redb's mark at the beginning of a file.
const MARK: u64 = 9;
/// A new file is not as long as that, in bytes.
const UNFINISHED_MOST: u64 = 4 << 20;

/// Keeps inboxes in one file, by [redb](https://www.redb.org), for one process.
///
/// A commit is on the disk when it is answered: neither a crash of the process nor one of the machine loses it, as far
/// as the disk keeps what it says it has. The file is readable by its owner only (mode 0600), since parked messages hold
/// what customers wrote. A second process on the same file gets [`StoreError::InUse`].
///
/// An error of the disk counts as [`StoreError::Down`]; the file is then opened anew for the next call.
///
/// Cheap to clone; clones share the file, and it is closed with the last of them.
#[derive(Clone)]
pub struct Redb(Arc<Shared>);

struct Shared {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// None after an error of the disk: redb wants the file opened anew.
    database: Option<Database>,
    /// Only this process has the file, so it alone needs to know.
    leases: HashMap<InboxKey, Leases>,
}

/// The place of an inbox, but for the ids.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    revision: u64,
    cursor: Option<String>,
    since: Option<i64>,
    /// The number of the next id, and of the next parked message.
    next_settled: u64,
    next_parked: u64,
}

impl Redb {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`]: another process has it, or this one twice. [`StoreError::Corrupt`]: it is no such file, or
    /// of a later version. [`StoreError::Down`]: it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let database = Some(open(&path)?);
        Ok(Self(Arc::new(Shared { path, inner: Mutex::new(Inner { database, leases: HashMap::new() }) })))
    }

    /// All that is in it as JSON, for the operator: cursors, ids, parked messages. It holds what customers wrote.
    ///
    /// # Errors
    ///
    /// As those of the store.
    pub async fn export(&self) -> Result<String, StoreError> {
        self.blocking(|inner, path| inner.with(path, export)).await
    }

    fn blocking<'a, T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Inner, &Path) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let shared = self.0.clone();
        Box::pin(async move {
            let act = move || act(&mut shared.inner.lock().unwrap_or_else(PoisonError::into_inner), &shared.path);
            match tokio::task::spawn_blocking(act).await {
                Ok(answer) => answer,
                Err(error) => Err(StoreError::down(error)),
            }
        })
    }
}

fn open(path: &Path) -> Result<Database, StoreError> {
    let file = private_file(path).map_err(|error| StoreError::down(Unopened(path.to_owned(), error)))?;
    let opened = FileBackend::new(file).and_then(|file| {
        empty_if_unfinished(&file).map_err(StorageError::from)?;
        Database::builder().set_cache_size(CACHE).create_with_file_format_v3(true).create_with_backend(file)
    });
    let database = opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse(format!("{} is open already", path.display())),
        DatabaseError::Storage(error) => storage(error),
        other => StoreError::corrupt(format!("{}: {other}", path.display())),
    })?;
    check_format(&database, path)?;
    #[cfg(unix)]
    if let Err(error) = sync_folder(path) {
        tracing::warn!(%error, "cannot sync the folder of the store: a new file may be gone when the machine loses power");
    }
    Ok(database)
}

/// That a new file is there stands in its folder, which its own syncing does not put on the disk.
#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// redb marks a new file as its own last, when all of its first form is on the disk; it takes one without the mark for
/// somebody else's. A process that was killed in between would never start again, so such a file is made anew: nothing
/// was ever stored in it. It is locked already, so nobody else is about to finish it.
fn empty_if_unfinished(file: &FileBackend) -> std::io::Result<()> {
    let length = file.len()?;
    if (MARK..=UNFINISHED_MOST).contains(&length) && file.read(0, MARK as usize)?.iter().all(|byte| *byte == 0) {
        file.set_len(0)?;
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
#[error("cannot open {}", .0.display())]
struct Unopened(PathBuf, #[source] std::io::Error);

/// For the owner only, also if it was there already and was not.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

fn check_format(database: &Database, path: &Path) -> Result<(), StoreError> {
    let write = database.begin_write().map_err(failed)?;
    {
        let mut meta = write.open_table(META).map_err(failed)?;
        let format = meta.get("format").map_err(failed)?.map(|format| format.value());
        match format {
            Some(FORMAT) => {}
            None => drop(meta.insert("format", FORMAT).map_err(failed)?),
            Some(other) => {
                return Err(StoreError::corrupt(format!("{} has format {other}, known is {FORMAT}", path.display())));
            }
        }
        // Readers find them then.
        write.open_table(PLACES).map_err(failed)?;
        write.open_table(SETTLED).map_err(failed)?;
        write.open_table(PARKED).map_err(failed)?;
        write.open_table(PARKED_IDS).map_err(failed)?;
    }
    write.commit().map_err(failed)
}

/// What redb says, as a store says it.
fn failed(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(what) => StoreError::corrupt(what),
        redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            StoreError::corrupt(format!("the file is none of redb's: {error}"))
        }
        error @ (redb::Error::TableTypeMismatch { .. } | redb::Error::UpgradeRequired(_)) => {
            StoreError::corrupt(error.to_string())
        }
        other => StoreError::down(other),
    }
}

fn storage(error: StorageError) -> StoreError {
    failed(redb::Error::from(error))
}

impl Inner {
    fn with<T>(&mut self, path: &Path, act: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let database = match &mut self.database {
            Some(database) => database,
            closed => closed.insert(open(path)?),
        };
        let outcome = act(database);
        if matches!(outcome, Err(StoreError::Down(_))) {
            self.database = None;
        }
        outcome
    }

    fn commit(&mut self, path: &Path, lease: &Lease, commit: &Commit) -> Result<(), StoreError> {
        // The lease cannot go in between: whoever asks for it waits for this.
        self.leases.entry(lease.key.clone()).or_default().check(lease)?;
        self.with(path, |database| {
            let write = database.begin_write().map_err(failed)?;
            if put(&write, &lease.key.to_string(), commit)? {
                write.commit().map_err(failed)
            } else {
                write.abort().map_err(failed)
            }
        })
    }
}

fn place(places: &impl ReadableTable<&'static str, &'static [u8]>, key: &str) -> Result<Place, StoreError> {
    match places.get(key).map_err(failed)? {
        Some(json) => decoded(json.value()),
        None => Ok(Place::default()),
    }
}

fn decoded<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, StoreError> {
    // serde's message could quote what customers wrote.
    serde_json::from_slice(json).map_err(|error| {
        StoreError::corrupt(format!("a value that cannot be read, at column {} of it", error.column()))
    })
}

fn encoded(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(StoreError::down)
}

fn all(key: &str) -> RangeInclusive<(&str, u64)> {
    (key, 0)..=(key, u64::MAX)
}

/// False if it was there already.
fn put(write: &WriteTransaction, key: &str, commit: &Commit) -> Result<bool, StoreError> {
    let mut places = write.open_table(PLACES).map_err(failed)?;
    let mut place = place(&places, key)?;
    if place.revision == commit.revision {
        return Ok(false);
    }
    put_settled(write, key, &mut place, &commit.settled)?;
    put_parked(write, key, &mut place, commit)?;
    place.revision = commit.revision;
    place.cursor.clone_from(&commit.cursor);
    place.since = commit.since;
    places.insert(key, &*encoded(&place)?).map_err(failed)?;
    Ok(true)
}

fn put_settled(write: &WriteTransaction, key: &str, place: &mut Place, settled: &[String]) -> Result<(), StoreError> {
    if settled.is_empty() {
        return Ok(());
    }
    let mut table = write.open_table(SETTLED).map_err(failed)?;
    table.insert((key, place.next_settled), &*encoded(&settled)?).map_err(failed)?;
    place.next_settled += settled.len() as u64;
    let first_kept = place.next_settled.saturating_sub(REMEMBERED as u64);
    // Those that are kept begin at this one, or within it.
    let mut before = table.range((key, 0)..=(key, first_kept)).map_err(failed)?;
    let first_needed = before.next_back().transpose().map_err(failed)?.map(|(number, _)| number.value().1);
    drop(before);
    table.retain_in((key, 0)..(key, first_needed.unwrap_or(0)), |_, _| false).map_err(failed)
}

fn put_parked(write: &WriteTransaction, key: &str, place: &mut Place, commit: &Commit) -> Result<(), StoreError> {
    for id in commit.unparked.iter().chain(commit.parked.iter().map(|parked| &parked.id)) {
        take_parked(write, key, id)?;
    }
    for id in past(write, key)? {
        take_parked(write, key, &id)?;
    }
    let mut table = write.open_table(PARKED).map_err(failed)?;
    let mut ids = write.open_table(PARKED_IDS).map_err(failed)?;
    for parked in &commit.parked {
        table.insert((key, place.next_parked), &*encoded(parked)?).map_err(failed)?;
        ids.insert((key, &*parked.id), place.next_parked).map_err(failed)?;
        place.next_parked += 1;
    }
    Ok(())
}

fn take_parked(write: &WriteTransaction, key: &str, id: &str) -> Result<bool, StoreError> {
    let mut ids = write.open_table(PARKED_IDS).map_err(failed)?;
    let number = ids.remove((key, id)).map_err(failed)?.map(|number| number.value());
    let Some(number) = number else { return Ok(false) };
    write.open_table(PARKED).map_err(failed)?.remove((key, number)).map_err(failed)?;
    Ok(true)
}

/// The ids of those that were kept for long enough, up to the first that was not: what was parked first is over first,
/// and a commit must not read all that was parked in a month.
fn past(write: &WriteTransaction, key: &str) -> Result<Vec<String>, StoreError> {
    let now = unix_seconds();
    let table = write.open_table(PARKED).map_err(failed)?;
    let mut past = Vec::new();
    for entry in table.range(all(key)).map_err(failed)? {
        let parked: Parked = decoded(entry.map_err(failed)?.1.value())?;
        if parked.keep_until >= now {
            break;
        }
        past.push(parked.id);
    }
    Ok(past)
}

fn list_parked(
    table: &impl ReadableTable<(&'static str, u64), &'static [u8]>,
    key: &str,
) -> Result<Vec<Parked>, StoreError> {
    let mut list = Vec::new();
    for entry in table.range(all(key)).map_err(failed)? {
        list.push(decoded(entry.map_err(failed)?.1.value())?);
    }
    Ok(list)
}

fn load(database: &Database, key: &str) -> Result<InboxState, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let Place { revision, cursor, since, .. } = place(&read.open_table(PLACES).map_err(failed)?, key)?;
    let mut settled = Vec::new();
    for entry in read.open_table(SETTLED).map_err(failed)?.range(all(key)).map_err(failed)? {
        settled.extend(decoded::<Vec<String>>(entry.map_err(failed)?.1.value())?);
    }
    settled.drain(..settled.len().saturating_sub(REMEMBERED));
    Ok(InboxState { revision, cursor, since, settled })
}

fn parked(database: &Database, key: &str) -> Result<Vec<Parked>, StoreError> {
    let now = unix_seconds();
    let read = database.begin_read().map_err(failed)?;
    let mut list = list_parked(&read.open_table(PARKED).map_err(failed)?, key)?;
    list.retain(|parked| parked.keep_until >= now);
    Ok(list)
}

#[derive(Serialize)]
struct Export {
    format: u64,
    inboxes: Vec<ExportedInbox>,
}

#[derive(Serialize)]
struct ExportedInbox {
    inbox: String,
    #[serde(flatten)]
    state: InboxState,
    parked: Vec<Parked>,
}

fn export(database: &Database) -> Result<String, StoreError> {
    let read = database.begin_read().map_err(failed)?;
    let mut inboxes = Vec::new();
    for entry in read.open_table(PLACES).map_err(failed)?.iter().map_err(failed)? {
        let key = entry.map_err(failed)?.0.value().to_owned();
        let (state, parked) = (load(database, &key)?, parked(database, &key)?);
        inboxes.push(ExportedInbox { inbox: key, state, parked });
    }
    serde_json::to_string_pretty(&Export { format: FORMAT, inboxes }).map_err(StoreError::down)
}

impl InboxStore for Redb {
    fn acquire<'a>(
        &'a self,
        key: &'a InboxKey,
        holder: &'a str,
        limit: Duration,
    ) -> BoxFuture<'a, Result<Acquired, StoreError>> {
        let (key, holder) = (key.clone(), holder.to_owned());
        self.blocking(move |inner, _| Ok(inner.leases.entry(key.clone()).or_default().acquire(&key, &holder, limit)))
    }

    fn renew<'a>(&'a self, lease: &'a Lease, limit: Duration) -> BoxFuture<'a, Result<(), StoreError>> {
        let lease = lease.clone();
        self.blocking(move |inner, _| inner.leases.entry(lease.key.clone()).or_default().renew(&lease, limit))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<(), StoreError>> {
        let lease = lease.clone();
        self.blocking(move |inner, _| {
            inner.leases.entry(lease.key.clone()).or_default().release(&lease);
            Ok(())
        })
    }

    fn load<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<InboxState, StoreError>> {
        let key = key.to_string();
        self.blocking(move |inner, path| inner.with(path, |database| load(database, &key)))
    }

    fn commit<'a>(&'a self, lease: &'a Lease, commit: &'a Commit) -> BoxFuture<'a, Result<(), StoreError>> {
        let (lease, commit) = (lease.clone(), commit.clone());
        self.blocking(move |inner, path| inner.commit(path, &lease, &commit))
    }

    fn parked<'a>(&'a self, key: &'a InboxKey) -> BoxFuture<'a, Result<Vec<Parked>, StoreError>> {
        let key = key.to_string();
        self.blocking(move |inner, path| inner.with(path, |database| parked(database, &key)))
    }

    fn drop_parked<'a>(&'a self, key: &'a InboxKey, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        let (key, id) = (key.to_string(), id.to_owned());
        self.blocking(move |inner, path| {
            inner.with(path, |database| {
                let write = database.begin_write().map_err(failed)?;
                let was_there = take_parked(&write, &key, &id)?;
                write.commit().map_err(failed)?;
                Ok(was_there)
            })
        })
    }
}

impl fmt::Debug for Redb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redb").field(&self.0.path).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::{ParkedKind, conformance};

    #[tokio::test]
    async fn redb_keeps_what_an_inbox_store_must() {
        let folder = tempfile::tempdir().unwrap();
        let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
        conformance::inbox_store(async || store.clone()).await;
    }

    async fn filled(store: &Redb) -> InboxKey {
        let key = InboxKey::new("example.invalid/ww1", "wk1".into());
        let Acquired::Lease(lease) = store.acquire(&key, "a", Duration::from_secs(60)).await.unwrap() else {
            panic!("nobody else has it")
        };
        let parked = Parked {
            id: "m2".into(),
            kind: ParkedKind::Message,
            body: "{\"msgid\":\"m2\"}".into(),
            reason: "没有回复".into(),
            tries: 8,
            parked_at: unix_seconds(),
            keep_until: unix_seconds() + 100,
        };
        let commit = Commit {
            revision: 1,
            cursor: Some("c1".into()),
            settled: vec!["m1".into(), "m2".into()],
            parked: vec![parked],
            ..Default::default()
        };
        store.commit(&lease, &commit).await.unwrap();
        key
    }

    #[tokio::test]
    async fn what_was_committed_is_there_after_the_file_was_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.redb");
        let store = Redb::open(&path).unwrap();
        let key = filled(&store).await;
        drop(store);
        let store = Redb::open(&path).unwrap();
        let state = store.load(&key).await.unwrap();
        assert_eq!((state.revision, state.cursor.as_deref(), state.settled.len()), (1, Some("c1"), 2));
        assert_eq!(store.parked(&key).await.unwrap()[0].reason, "没有回复");
        // No lease outlives the process.
        assert!(matches!(store.acquire(&key, "b", Duration::from_secs(60)).await, Ok(Acquired::Lease(_))));
    }

    #[tokio::test]
    async fn parked_messages_that_are_past_their_time_are_deleted_from_the_file_with_the_next_commit() {
        let folder = tempfile::tempdir().unwrap();
        let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
        let key = InboxKey::new("example.invalid/ww1", "wk1".into());
        let Acquired::Lease(lease) = store.acquire(&key, "a", Duration::from_secs(60)).await.unwrap() else {
            panic!("nobody else has it")
        };
        let parked = |id: &str, keep_until: i64| Parked {
            id: id.into(),
            kind: ParkedKind::Message,
            body: "{}".into(),
            reason: String::new(),
            tries: 1,
            parked_at: 0,
            keep_until,
        };
        let all = vec![parked("over", 1), parked("over too", 2), parked("kept", i64::MAX)];
        store.commit(&lease, &Commit { revision: 1, parked: all, ..Default::default() }).await.unwrap();
        let in_file = |inner: &mut Inner, path: &Path| {
            inner.with(path, |database| {
                let read = database.begin_read().map_err(failed)?;
                let ids = read.open_table(PARKED_IDS).map_err(failed)?.iter().map_err(failed)?.count();
                Ok((ids, read.open_table(PARKED).map_err(failed)?.iter().map_err(failed)?.count()))
            })
        };
        assert_eq!(store.blocking(in_file).await.unwrap(), (3, 3));
        store.commit(&lease, &Commit { revision: 2, ..Default::default() }).await.unwrap();
        assert_eq!(store.blocking(in_file).await.unwrap(), (1, 1));
    }

    #[tokio::test]
    async fn after_an_error_of_the_disk_the_file_is_opened_anew_and_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.redb");
        let store = Redb::open(&path).unwrap();
        let key = filled(&store).await;
        let fails = |inner: &mut Inner, path: &Path| inner.with(path, |_| Err::<(), _>(StoreError::down("full")));
        assert!(matches!(store.blocking(fails).await, Err(StoreError::Down(_))));
        let is_closed = |inner: &mut Inner, _: &Path| Ok(inner.database.is_none());
        assert!(store.blocking(is_closed).await.unwrap());
        assert_eq!(store.load(&key).await.unwrap().cursor.as_deref(), Some("c1"));
        // The lease outlives it: it is this process's still.
        assert!(matches!(store.acquire(&key, "b", Duration::from_secs(60)).await, Ok(Acquired::Held { .. })));
    }

    #[tokio::test]
    async fn a_second_opening_is_told_that_the_file_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.redb");
        let _first = Redb::open(&path).unwrap();
        let error = Redb::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::InUse(_)), "{error:?}");
        assert!(error.to_string().contains("inbox.redb") && error.to_string().contains("do: stop the other process"));
    }

    #[tokio::test]
    async fn the_file_is_for_its_owner_only_also_if_it_was_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.redb");
        drop(Redb::open(&path).unwrap());
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        drop(Redb::open(&path).unwrap());
        assert_eq!(mode(), 0o600);
    }

    #[tokio::test]
    async fn what_is_no_such_file_or_cannot_be_made_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.redb");
        std::fs::write(&path, "this is a text, and long enough to be taken for anything else than a text").unwrap();
        let error = Redb::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        let others = vec![0; UNFINISHED_MOST as usize + 1];
        std::fs::write(&path, &others).unwrap();
        assert!(matches!(Redb::open(&path), Err(StoreError::Corrupt(_))));
        assert_eq!(std::fs::read(&path).unwrap(), others, "it is left as it was");
        let error = Redb::open(folder.path().join("missing/inbox.redb")).unwrap_err();
        assert!(error.to_string().contains("missing/inbox.redb"), "{error}");
    }

    #[tokio::test]
    async fn a_file_whose_making_was_cut_off_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inbox.redb");
        drop(Redb::open(&path).unwrap());
        let whole = std::fs::read(&path).unwrap();
        assert!((whole.len() as u64) < UNFINISHED_MOST, "a new file has {} bytes", whole.len());
        let unmarked = [&[0; MARK as usize], &whole[MARK as usize..]].concat();
        for unfinished in [unmarked, vec![0; whole.len()], Vec::new()] {
            std::fs::write(&path, unfinished).unwrap();
            let store = Redb::open(&path).unwrap();
            let key = filled(&store).await;
            drop(store);
            assert_eq!(Redb::open(&path).unwrap().load(&key).await.unwrap().cursor.as_deref(), Some("c1"));
        }
    }

    #[tokio::test]
    async fn the_operator_gets_everything_as_json() {
        let folder = tempfile::tempdir().unwrap();
        let store = Redb::open(folder.path().join("inbox.redb")).unwrap();
        filled(&store).await;
        let json: serde_json::Value = serde_json::from_str(&store.export().await.unwrap()).unwrap();
        assert_eq!(json["format"], 1);
        let inbox = &json["inboxes"][0];
        assert_eq!(inbox["inbox"], "example.invalid/ww1/wk1");
        assert_eq!((&inbox["cursor"], &inbox["settled"][1]), (&"c1".into(), &"m2".into()));
        assert_eq!(inbox["parked"][0]["reason"], "没有回复");
    }
}
