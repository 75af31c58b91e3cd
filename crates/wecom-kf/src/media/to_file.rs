//! Downloads to a file: where it is written, and how it continues after it broke off.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::task::spawn_blocking;
use wecom_kf_text::{safe_file_name, shortened};

use super::Media;
use super::download::broke_off;
use crate::raw::media::Range;
use crate::raw::{self, limits::media_upload, op};
use crate::report::in_one_line;
use crate::{Bilingual, ErrCode, Error, MediaId, defaults};

/// A downloaded file. `Debug` hides the names.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved {
    /// The path of the file.
    pub path: PathBuf,
    /// The length in bytes.
    pub length: u64,
    /// The name under which it was sent, if WeCom returned it.
    pub file_name: Option<String>,
}

impl fmt::Debug for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saved").field("length", &self.length).finish_non_exhaustive()
    }
}

/// A download to a file, returned by [`Media::download_to`] and [`Media::download_into`]. It begins when it is awaited.
///
/// `Debug` hides the names.
#[must_use = "a download begins when it is awaited"]
pub struct ToFile<'a> {
    media: Media<'a>,
    media_id: MediaId,
    target: Target,
    limits: Limits,
    progress: Option<Progress>,
}

/// Is called with the number of bytes received so far, and the length if it is known.
type Progress = Box<dyn Fn(u64, Option<u64>) + Send + Sync>;

enum Target {
    Path(PathBuf),
    Folder(PathBuf),
}

#[derive(Clone, Copy)]
struct Limits {
    at_most: u64,
    mode: u32,
    existing: Existing,
}

/// What happens to a file that exists where the download is written.
#[derive(Clone, Copy)]
enum Existing {
    Refused,
    Replaced,
}

impl<'a> ToFile<'a> {
    pub(super) fn path(media: Media<'a>, media_id: MediaId, path: &Path) -> Self {
        Self::new(media, media_id, Target::Path(path.to_owned()), Existing::Replaced)
    }

    pub(super) fn folder(media: Media<'a>, media_id: MediaId, folder: &Path) -> Self {
        Self::new(media, media_id, Target::Folder(folder.to_owned()), Existing::Refused)
    }

    fn new(media: Media<'a>, media_id: MediaId, target: Target, existing: Existing) -> Self {
        let limits = Limits { at_most: defaults::DOWNLOAD_LIMIT, mode: defaults::DOWNLOAD_MODE, existing };
        Self { media, media_id, target, limits, progress: None }
    }

    /// Sets the size limit in bytes. The default is 1 GiB ([`defaults::DOWNLOAD_LIMIT`]). A longer file fails with
    /// [`Error::NoAnswer`], whose source is [`raw::Error::TooLong`], and no file is left behind.
    pub fn at_most(mut self, bytes: u64) -> Self {
        self.limits.at_most = bytes;
        self
    }

    /// Sets the Unix mode of the new file, such as `0o644`; the umask still applies. The default is `0o600`
    /// ([`defaults::DOWNLOAD_MODE`]), so that only the owner may read a customer's file. It has no effect on other
    /// systems.
    pub fn mode(mut self, mode: u32) -> Self {
        self.limits.mode = mode;
        self
    }

    /// Replaces a file in the folder that has the name of the download. By default [`Media::download_into`] refuses it,
    /// because the sender chose the name. [`Media::download_to`] replaces the file at its path unless
    /// [`create_new`](Self::create_new) is set.
    pub fn overwrite(mut self) -> Self {
        self.limits.existing = Existing::Replaced;
        self
    }

    /// Refuses to replace a file: the download fails with [`Error::File`] of the kind `AlreadyExists`. For
    /// [`Media::download_into`] this is the default.
    pub fn create_new(mut self) -> Self {
        self.limits.existing = Existing::Refused;
        self
    }

    /// Calls `progress` with the number of bytes received so far, and the length of the file if WeCom returned it, whenever
    /// bytes arrive. The number becomes smaller when a download that broke off has to start again.
    pub fn on_progress(mut self, progress: impl Fn(u64, Option<u64>) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Checks the `media_id` without sending anything. Awaiting the download runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: it is empty.
    pub fn check(&self) -> Result<(), Error> {
        self.media_id.check()
    }
}

impl<'a> IntoFuture for ToFile<'a> {
    type Output = Result<Saved, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            self.check()?;
            match &self.target {
                Target::Path(path) => self.save_as(path).await,
                Target::Folder(folder) => self.save_in(folder).await,
            }
        })
    }
}

impl fmt::Debug for ToFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToFile").field("at_most", &self.limits.at_most).finish_non_exhaustive()
    }
}

impl ToFile<'_> {
    async fn save_as(&self, path: &Path) -> Result<Saved, Error> {
        // An early check saves a download that could not be kept.
        if matches!(self.limits.existing, Existing::Refused) && tokio::fs::symlink_metadata(path).await.is_ok() {
            return Err(cannot_write(io::ErrorKind::AlreadyExists.into()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (part, file_name, length) = Fetch::start(self, folder).await?.finish().await?;
        self.persist(part, path).await?;
        Ok(Saved { path: path.to_owned(), length, file_name })
    }

    async fn save_in(&self, folder: &Path) -> Result<Saved, Error> {
        let (part, file_name, length) = Fetch::start(self, folder).await?.finish().await?;
        let of_media_id = || safe_file_name(&self.media_id.as_str().replace(['/', '\\'], "_"));
        let name = file_name.clone().or_else(of_media_id).unwrap_or_else(|| "file".to_owned());
        let path = folder.join(shortened_name(&name));
        self.persist(part, &path).await?;
        Ok(Saved { path, length, file_name })
    }

    async fn persist(&self, part: NamedTempFile, path: &Path) -> Result<(), Error> {
        let (existing, path) = (self.limits.existing, path.to_owned());
        let persisted = move || match existing {
            Existing::Refused => part.persist_noclobber(path),
            Existing::Replaced => part.persist(path),
        };
        blocking(move || persisted().map(drop).map_err(|failed| failed.error)).await
    }
}

/// The longest file name that most systems allow, in bytes. The sender's name may be longer.
const LONGEST_NAME: usize = 255;

/// The longest file extension in bytes, including its dot. A longer one counts as part of the name.
const LONGEST_ENDING: usize = 32;

/// Cuts a name that is too long before its extension.
fn shortened_name(name: &str) -> String {
    let dot = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= LONGEST_ENDING);
    let (stem, ending) = name.split_at(dot.unwrap_or(name.len()));
    format!("{}{ending}", shortened(stem, LONGEST_NAME - ending.len()))
}

/// A download into a temporary file, which is in the folder of the final file so that it can be renamed.
struct Fetch<'a> {
    download: &'a ToFile<'a>,
    part: NamedTempFile,
    file: File,
    written: u64,
    file_name: Option<String>,
    /// Whether the file is too large for one request and is requested in parts.
    in_parts: bool,
    /// Whether the server supports ranges, so that the missing rest can be requested.
    resumes: bool,
}

/// The outcome of reading one answer.
enum Read {
    Whole,
    /// Another part must be requested.
    Part,
    BrokeOff(Error),
}

impl<'a> Fetch<'a> {
    async fn start(download: &'a ToFile<'a>, folder: &Path) -> Result<Self, Error> {
        let (folder, limits) = (folder.to_owned(), download.limits);
        let (part, file) = blocking(move || {
            let mut settings = tempfile::Builder::new();
            settings.prefix(".").suffix(".part");
            #[cfg(unix)]
            settings.permissions(std::os::unix::fs::PermissionsExt::from_mode(limits.mode));
            let part = settings.tempfile_in(folder)?;
            let file = part.reopen()?;
            Ok((part, File::from_std(file)))
        })
        .await?;
        Ok(Self { download, part, file, written: 0, file_name: None, in_parts: false, resumes: false })
    }

    async fn finish(mut self) -> Result<(NamedTempFile, Option<String>, u64), Error> {
        let retry = self.download.media.0.retry();
        let mut failures = 0;
        loop {
            let error = match self.read_answer().await? {
                Read::Whole => break,
                Read::Part => continue,
                Read::BrokeOff(error) => error,
            };
            failures += 1;
            if failures >= retry.attempts() {
                return Err(error);
            }
            tracing::info!(written = self.written, resumes = self.resumes, error = %in_one_line(&error), "a download broke off, continuing");
            tokio::time::sleep(retry.wait(failures - 1, None)).await;
        }
        self.file.sync_all().await.map_err(cannot_write)?;
        Ok((self.part, self.file_name, self.written))
    }

    async fn read_answer(&mut self) -> Result<Read, Error> {
        let download = match self.download.media.fetch(&self.download.media_id, self.range()).await {
            Ok(download) => download,
            Err(error) if error.code() == Some(ErrCode::DOWNLOAD_RANGE_TOO_LARGE) && !self.in_parts => {
                self.in_parts = true;
                return Ok(Read::Part);
            }
            Err(error) => return Err(error),
        };
        self.resumes = download.0.takes_ranges();
        self.file_name = download.file_name().or(self.file_name.take());
        let total = match download.0.part() {
            Some((first, total)) if first == self.written => total,
            Some(_) => return Err(bad_reply("it contains another range than requested", "返回的不是所请求的字节范围")),
            None => {
                self.start_over().await.map_err(cannot_write)?;
                download.length()
            }
        };
        let at_most = self.download.limits.at_most;
        let left = at_most.saturating_sub(self.written);
        if total.is_some_and(|announced| announced > at_most) {
            return Err(self.too_long());
        }
        let mut download = download.at_most(left);
        let before = self.written;
        loop {
            match download.try_next().await {
                Ok(Some(chunk)) => {
                    self.file.write_all(&chunk).await.map_err(cannot_write)?;
                    self.written += chunk.len() as u64;
                    if let Some(progress) = &self.download.progress {
                        progress(self.written, total);
                    }
                }
                Ok(None) => break,
                Err(error) if is_too_long(&error) => return Err(self.too_long()),
                Err(error) => {
                    self.file.flush().await.map_err(cannot_write)?;
                    return Ok(Read::BrokeOff(error));
                }
            }
        }
        self.file.flush().await.map_err(cannot_write)?;
        match total {
            // Requesting the next part would return the same for ever.
            Some(total) if self.written < total && self.written == before => {
                Err(bad_reply("a part of the file is empty", "分段没有内容"))
            }
            Some(total) if self.written < total => Ok(Read::Part),
            Some(total) if self.written > total => Err(bad_reply("it is longer than announced", "内容比声明的长")),
            None if download.0.part().is_some() => {
                Err(bad_reply("a part of the file lacks the total length", "分段没有给出总长度"))
            }
            _ => Ok(Read::Whole),
        }
    }

    fn range(&self) -> Option<Range> {
        let last = self.in_parts.then_some(self.written + media_upload::MEDIA_FILE_MAX_BYTES as u64 - 1);
        let resumes = self.resumes && self.written > 0;
        (self.in_parts || resumes).then_some(Range { first: self.written, last })
    }

    fn too_long(&self) -> Error {
        broke_off(raw::Error::too_long(self.download.limits.at_most))
    }

    /// Discards the bytes received so far, because the server sends the whole file again.
    async fn start_over(&mut self) -> io::Result<()> {
        self.file.rewind().await?;
        self.file.set_len(0).await?;
        self.written = 0;
        Ok(())
    }
}

fn is_too_long(error: &Error) -> bool {
    matches!(error, Error::NoAnswer { source, .. } if matches!(**source, raw::Error::TooLong { .. }))
}

fn bad_reply(en: &'static str, zh: &'static str) -> Error {
    Error::bad_reply(op::MEDIA_GET.id, Bilingual::fixed(en, zh))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Error> {
    spawn_blocking(work).await.map_err(io::Error::other).and_then(|outcome| outcome).map_err(cannot_write)
}

fn cannot_write(error: io::Error) -> Error {
    // Only the kind is kept: tempfile adds the path to its errors, and the path may contain a customer's name.
    let source = Arc::new(io::Error::from(error.kind()));
    let what = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Bilingual::fixed("there is a file where the download would be written", "要写入的位置已有文件")
        }
        _ => Bilingual::fixed("the download cannot be written", "无法写入下载的文件"),
    };
    Error::File { what, source }
}

#[cfg(test)]
mod tests {
    use super::shortened_name;

    #[test]
    fn a_name_that_is_too_long_is_cut_before_its_extension() {
        let long = "长".repeat(300);
        assert_eq!(shortened_name(&format!("{long}.pdf")), format!("{}.pdf", "长".repeat(83)));
        assert_eq!(shortened_name(&long), "长".repeat(85));
        assert_eq!(shortened_name(&format!("a.{long}")), format!("a.{}", "长".repeat(84)));
        let whole = format!("{}.pdf", "x".repeat(251));
        assert_eq!(shortened_name(&whole), whole);
    }
}
