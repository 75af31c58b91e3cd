//! A file to upload, from memory, from disk or from a stream.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use tokio::fs::File;

use crate::Error;
use crate::request::Repeat;

/// What is added to the time limits for a body of this many bytes: 1 s.
const BYTES_PER_EXTRA_SECOND: u64 = 64 * 1024;

/// A file to upload: its name, its Content-Type, its bytes and how many they are.
///
/// WeCom takes one part, named `media`, with a file name and a known length, and answers anything else with 44001.
///
/// Its Debug shows the length only: a name may be a customer's.
pub struct Upload {
    file_name: String,
    content_type: &'static str,
    length: u64,
    source: Source,
}

enum Source {
    Bytes(Bytes),
    File(PathBuf),
    /// It can be read once.
    Stream(Mutex<Option<Body>>),
}

impl Upload {
    /// From memory. The customer sees `file_name` of a file message.
    pub fn from_bytes(file_name: impl Into<String>, content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        // A repeat shares them.
        let bytes = Bytes::from(bytes.into());
        Self { file_name: file_name.into(), content_type, length: bytes.len() as u64, source: Source::Bytes(bytes) }
    }

    /// From a file of `length` bytes, which is read as it is sent; it must not change meanwhile.
    pub fn from_path(
        file_name: impl Into<String>,
        content_type: &'static str,
        length: u64,
        path: impl Into<PathBuf>,
    ) -> Self {
        Self { file_name: file_name.into(), content_type, length, source: Source::File(path.into()) }
    }

    /// From a stream of exactly `length` bytes. It can be sent once only, so it is never repeated.
    pub fn from_stream(
        file_name: impl Into<String>,
        content_type: &'static str,
        length: u64,
        body: impl Into<Body>,
    ) -> Self {
        let source = Source::Stream(Mutex::new(Some(body.into())));
        Self { file_name: file_name.into(), content_type, length, source }
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Its name.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// The one part that WeCom takes.
    pub(super) async fn form(&self) -> Result<Form, Error> {
        let part = Part::stream_with_length(self.body().await?, self.length)
            // In raw UTF-8, as it stands: that is what WeCom shows the customer. `filename*=` is not known to work.
            .file_name(self.file_name.clone())
            .mime_str(self.content_type)?;
        Ok(Form::new().part("media", part))
    }

    async fn body(&self) -> Result<Body, Error> {
        match &self.source {
            Source::Bytes(bytes) => Ok(bytes.clone().into()),
            Source::File(path) => Ok(self.open(path).await.map_err(Error::Unreadable)?.into()),
            Source::Stream(body) => {
                let spent = || Error::Unreadable(io::Error::other("the stream was sent before"));
                locked(body).take().ok_or_else(spent)
            }
        }
    }

    /// With more or fewer bytes than are announced, WeCom would get half a file or wait for the rest.
    async fn open(&self, path: &Path) -> io::Result<File> {
        let file = File::open(path).await?;
        match file.metadata().await?.len() == self.length {
            true => Ok(file),
            false => Err(io::Error::other("the file has changed its size")),
        }
    }

    pub(super) fn repeat(&self) -> Repeat {
        match self.source {
            Source::Bytes(_) | Source::File(_) => Repeat::Safe,
            Source::Stream(_) => Repeat::Never,
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        matches!(&self.source, Source::Stream(body) if locked(body).is_none())
    }

    pub(super) fn extra_time(&self) -> Duration {
        Duration::from_secs(self.length / BYTES_PER_EXTRA_SECOND)
    }
}

/// Nothing can go wrong while it is held.
fn locked(body: &Mutex<Option<Body>>) -> MutexGuard<'_, Option<Body>> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({} bytes)", self.length)
    }
}
