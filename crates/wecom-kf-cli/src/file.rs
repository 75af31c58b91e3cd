//! Files that commands write: readable by their owner only, whole or not at all, and replaced only with `--force`. The errors
//! of files that they read and write.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use wecom_kf::Bilingual;

use crate::failure::{Failure, Problem};

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Refused,
    Replaced,
}

impl Existing {
    /// Returns what `--force` means.
    pub(crate) fn forced(force: bool) -> Self {
        if force { Self::Replaced } else { Self::Refused }
    }
}

/// A file that appears at its path when it is [kept](Self::keep). Until then it has another name, and it is removed if the
/// command fails or is interrupted.
pub(crate) struct NewFile {
    part: BufWriter<NamedTempFile>,
    path: PathBuf,
    existing: Existing,
}

impl NewFile {
    pub(crate) fn create(path: &Path, existing: Existing) -> Result<Self, Failure> {
        if existing == Existing::Refused && fs::symlink_metadata(path).is_ok() {
            return Err(exists(path));
        }
        // Renaming works within a file system only. The file has the mode 0600.
        let part = tempfile::Builder::new().prefix(".").suffix(".part").tempfile_in(folder_of(path));
        let part = BufWriter::new(part.map_err(|error| cannot_write(path, error.kind()))?);
        Ok(Self { part, path: path.to_owned(), existing })
    }

    pub(crate) fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.part.write_all(text.as_bytes()).map_err(|error| cannot_write(&self.path, error.kind()))
    }

    pub(crate) fn keep(self) -> Result<(), Failure> {
        let Self { part, path, existing } = self;
        let kept = || -> io::Result<()> {
            let part = part.into_inner().map_err(io::IntoInnerError::into_error)?;
            part.as_file().sync_all()?;
            let kept = match existing {
                Existing::Refused => part.persist_noclobber(&path),
                Existing::Replaced => part.persist(&path),
            };
            kept.map(drop).map_err(|failed| failed.error)
        };
        kept().map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&path),
            kind => cannot_write(&path, kind),
        })
    }
}

/// The error for a file that is there already.
pub(crate) fn exists(path: &Path) -> Failure {
    let path = path.display();
    Problem::new(
        Bilingual::new(format!("{path} exists already"), format!("{path} 已存在")),
        ("Choose another path, or replace it with --force.", "换一个路径，或加上 --force 覆盖它。"),
    )
    .into()
}

/// The error for a file that cannot be read.
pub(crate) fn unreadable(path: &Path) -> Problem {
    let path = path.display();
    Problem::new(
        Bilingual::new(format!("{path} cannot be read"), format!("无法读取 {path}")),
        ("Check the path and its permissions.", "检查路径和权限。"),
    )
}

/// The error for a path that cannot be written. Of the cause only the kind is shown, since others name the temporary file.
pub(crate) fn cannot_write(path: &Path, kind: io::ErrorKind) -> Failure {
    let path = path.display();
    Problem::new(
        Bilingual::new(format!("{path} cannot be written"), format!("无法写入 {path}")),
        ("Check the path, its permissions and the free disk space.", "检查路径、权限和磁盘空间。"),
    )
    .because(io::Error::from(kind))
    .into()
}

/// Creates a folder, and those above it, which only their owner may open. A folder that exists stays as it is.
pub(crate) fn create_folder(path: &Path) -> Result<(), Failure> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| cannot_write(path, error.kind()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
