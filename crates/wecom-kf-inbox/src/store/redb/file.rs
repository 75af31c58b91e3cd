//! Opens the file of a [`Redb`](super::Redb). It must be a regular file of ours, and nothing is overwritten on a guess. The
//! number of the format is checked in `tables.rs`.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, DatabaseError, StorageError};

use wecom_kf::{Bilingual, Lang};

use super::error::{failed, guarded};
use super::tables;
use crate::clock::unix_seconds;
use crate::store::StoreError;
use crate::store::error::While;

/// The size of the cache in bytes. It is small, since little is read twice.
const CACHE: usize = 4 << 20;
/// The length in bytes of redb's mark at the beginning of a file.
const MARK: usize = 9;
/// The header of a file in bytes, of which the mark is written last.
const HEADER: u64 = 4096;
/// A file whose creation was cut off is not longer than this, in bytes.
const UNFINISHED_MOST: u64 = 4 << 20;

/// What to do if the file does not exist.
#[derive(Clone, Copy)]
pub(super) enum Missing {
    /// Create the file, at the first opening of a store.
    Create,
    /// Fail, since the file existed when this process opened the store, or must exist for this program to make sense.
    Fail,
}

impl Missing {
    /// Refuses a file in which nothing is stored yet, unless a store may be created.
    fn refuse(self, path: &Path) -> Result<(), StoreError> {
        match self {
            Self::Create => Ok(()),
            Self::Fail => guarded(path, || {
                Err(StoreError::corrupt(Bilingual::fixed(
                    "nothing was ever stored in the file",
                    "文件中从未存储任何内容",
                )))
            }),
        }
    }
}

/// Opens the file, or creates it.
pub(super) fn open(path: &Path, missing: Missing) -> Result<Database, StoreError> {
    // A second round is needed only if another process creates or renames the file at the same time.
    for _ in 0..3 {
        if let Some(database) = open_once(path, missing)? {
            return Ok(database);
        }
    }
    let path = path.display();
    let (en, zh) = (format!("another process is creating {path}"), format!("另一个进程正在创建 {path}"));
    Err(StoreError::InUse(Bilingual::new(en, zh)))
}

/// Opens the file. Returns `None` if it changed meanwhile.
fn open_once(path: &Path, missing: Missing) -> Result<Option<Database>, StoreError> {
    match find(path)? {
        None => match missing {
            Missing::Create => create(path),
            Missing::Fail => {
                guarded(path, || Err(StoreError::down(Bilingual::fixed("the file is gone", "文件已不在"))))
            }
        },
        Some(file) if length(&file, path)? == 0 => {
            missing.refuse(path)?;
            warn_of_cold_start(path);
            use_file(path, file).map(Some)
        }
        Some(file) => match guarded(path, || look(&file))? {
            Look::Ours => use_file(path, file).map(Some),
            Look::Unmarked => {
                missing.refuse(path)?;
                set_aside(path, &file)
            }
        },
    }
}

/// Returns the file, open for reading and writing, if it may be a store of ours.
fn find(path: &Path) -> Result<Option<File>, StoreError> {
    // The kind of the file is checked before it is opened, since opening a device or a pipe may have effects.
    match fs::symlink_metadata(path) {
        Ok(metadata) => check_ours(path, &metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unopened(path, error)),
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    no_symlink(&mut options);
    match options.open(path) {
        Ok(file) => {
            // The kind is checked again, since the path may lead to another file by now.
            let metadata = file.metadata().map_err(|error| unopened(path, error))?;
            check_ours(path, &metadata)?;
            Ok(Some(file))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unopened(path, error)),
    }
}

fn check_ours(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let kind = metadata.file_type();
    let problem = if kind.is_symlink() {
        Bilingual::fixed(
            "is a symbolic link, which somebody else may point anywhere; use the path that it leads to",
            "是符号链接，他人可以改变其指向；请使用它指向的路径",
        )
    } else if !kind.is_file() {
        Bilingual::fixed("is not a regular file; use the path of a file", "不是普通文件；请使用文件的路径")
    } else if !is_our_own(metadata) {
        Bilingual::fixed(
            "belongs to another user and group; give it to the user of this process, or run the process as its owner",
            "属于其他用户和组；请将其属主改为本进程的用户，或以其属主运行本进程",
        )
    } else {
        return Ok(());
    };
    let (en, zh) = (problem.in_lang(Lang::En), problem.in_lang(Lang::Zh));
    let path = path.display();
    Err(StoreError::Settings(Bilingual::new(format!("{path} {en}"), format!("{path} {zh}"))))
}

#[cfg(unix)]
fn is_our_own(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    use rustix::process::{getegid, geteuid, getgroups};

    let (owner, group) = (metadata.uid(), metadata.gid());
    owner == geteuid().as_raw()
        || group == getegid().as_raw()
        || getgroups().is_ok_and(|groups| groups.iter().any(|ours| ours.as_raw() == group))
}

#[cfg(not(unix))]
fn is_our_own(_: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn no_symlink(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
}

#[cfg(not(unix))]
fn no_symlink(_: &mut OpenOptions) {}

/// The content of a file that is not empty.
enum Look {
    Ours,
    /// The file has zeros in the place of redb's mark, and nothing after the header.
    Unmarked,
}

/// Looks at the file without changing it, so that another program's file stays as it was.
fn look(file: &File) -> Result<Look, StoreError> {
    let backend = FileBackend::new(file.try_clone().map_err(StoreError::down)?).map_err(failed)?;
    match Database::builder().set_cache_size(CACHE).open_read_only_with_backend(backend) {
        Ok(database) => tables::check(&database).map(|()| Look::Ours),
        // The file was not closed, so its content can only be checked after the repair.
        Err(DatabaseError::RepairAborted) => Ok(Look::Ours),
        Err(DatabaseError::Storage(StorageError::Io(error))) if error.kind() == io::ErrorKind::InvalidData => {
            if is_unfinished(file).map_err(StoreError::down)? {
                return Ok(Look::Unmarked);
            }
            Err(StoreError::corrupt(Bilingual::new(
                format!("this is no file of redb, or its beginning is damaged ({error})"),
                "不是 redb 的文件，或文件开头已损坏",
            )))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Returns whether the creation of the file seems to have been cut off. redb writes its mark last, and before that only
/// the header.
fn is_unfinished(mut file: &File) -> io::Result<bool> {
    use io::Seek;

    if file.metadata()?.len() > UNFINISHED_MOST {
        return Ok(false);
    }
    let mut bytes = Vec::new();
    file.seek(io::SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let is_empty = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let (header, rest) = bytes.split_at(bytes.len().min(HEADER as usize));
    Ok(is_empty(&header[..header.len().min(MARK)]) && is_empty(rest))
}

/// Renames a file that looks unfinished, so that nothing in it is lost, and lets the caller begin again.
fn set_aside<T>(path: &Path, file: &File) -> Result<Option<T>, StoreError> {
    // The file is locked, so that a file that another process has just created is not renamed.
    if file.try_lock().is_err() || !is_still_at(path, file) {
        return Ok(None);
    }
    let aside = free_name(path);
    fs::rename(path, &aside).map_err(|error| unopened(path, error))?;
    tracing::warn!(
        path = %path.display(), aside = %aside.display(),
        "the file of the store looks as if its creation was cut off: it was renamed, and a new one is created"
    );
    Ok(None)
}

fn free_name(path: &Path) -> PathBuf {
    let named = |number: i64| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".unfinished-{number}"));
        PathBuf::from(name)
    };
    let now = unix_seconds();
    (now..).map(named).find(|name| fs::symlink_metadata(name).is_err()).unwrap_or_else(|| named(now))
}

#[cfg(unix)]
fn is_still_at(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::symlink_metadata(path), file.metadata()) {
        (Ok(at_path), Ok(open)) => (at_path.dev(), at_path.ino()) == (open.dev(), open.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still_at(path: &Path, _: &File) -> bool {
    path.exists()
}

/// Creates the file. Returns `None` if another process created it meanwhile.
fn create(path: &Path) -> Result<Option<Database>, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(unopened(path, error)),
    };
    warn_of_cold_start(path);
    let database = use_file(path, file)?;
    #[cfg(unix)]
    if let Err(error) = sync_folder(path) {
        tracing::warn!(%error, "cannot sync the folder of the store: a new file may be gone when the machine loses power");
    }
    Ok(Some(database))
}

/// Warns of a new file, since a wrong path or a folder that was not mounted looks like a first start.
fn warn_of_cold_start(path: &Path) {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    tracing::warn!(path = %full.display(), "cold start: there is no store at this path yet, so a new one is created");
}

/// Writes the folder to the disk, since the name of a new file is stored there and not with the file.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Opens the database in the file, checks all of it, and creates our tables if it is new.
fn use_file(path: &Path, file: File) -> Result<Database, StoreError> {
    let for_mode = file.try_clone().map_err(|error| unopened(path, error))?;
    let database = guarded(path, || {
        let backend = FileBackend::new(file).map_err(failed)?;
        let mut builder = Database::builder();
        // Without this check, redb trusts a file that was closed, and panics later when it reads damaged data.
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        let database = builder.create_with_backend(backend).map_err(failed)?;
        tables::prepare(&database)?;
        Ok(database)
    })?;
    make_private(path, &for_mode);
    Ok(database)
}

/// Makes the file readable for its owner only, since parked messages hold what customers wrote. If another user of
/// the group owns the file, only that user can do this, and a warning says so.
#[cfg(unix)]
fn make_private(path: &Path, file: &File) {
    use std::os::unix::fs::PermissionsExt;
    let is_private = file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o777 == 0o600);
    if is_private {
        return;
    }
    if let Err(error) = file.set_permissions(PermissionsExt::from_mode(0o600)) {
        tracing::warn!(path = %path.display(), %error, "cannot make the file of the store readable by its owner only");
    }
}

#[cfg(not(unix))]
fn make_private(_: &Path, _: &File) {}

fn length(file: &File, path: &Path) -> Result<u64, StoreError> {
    Ok(file.metadata().map_err(|error| unopened(path, error))?.len())
}

fn unopened(path: &Path, error: io::Error) -> StoreError {
    let path = path.display();
    let what = Bilingual::new(format!("cannot open {path}"), format!("无法打开 {path}"));
    StoreError::down(While { what, source: Arc::new(error) })
}
