//! A file to upload: from memory, from disk or from a stream.

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

/// The time limits of an upload are extended by 1 s for each of these bytes.
const BYTES_PER_EXTRA_SECOND: u64 = 64 * 1024;

/// A file to upload: its name, Content-Type, length and bytes.
///
/// WeCom accepts a single part named `media`, with a file name and a known length. It refuses anything else with 44001.
///
/// `Debug` shows only the length, because the name may contain a customer's name.
pub struct Upload {
    file_name: String,
    content_type: &'static str,
    length: u64,
    source: Source,
}

enum Source {
    Bytes(Bytes),
    File(PathBuf),
    /// A stream, which can be read only once.
    Stream(Mutex<Option<Body>>),
}

impl Upload {
    /// Creates an upload from memory. The customer sees `file_name` in a file message.
    pub fn from_bytes(file_name: impl Into<String>, content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        // `Bytes`, so that repeating the upload does not copy the data.
        let bytes = Bytes::from(bytes.into());
        Self { file_name: file_name.into(), content_type, length: bytes.len() as u64, source: Source::Bytes(bytes) }
    }

    /// Creates an upload from a file of `length` bytes. The file is read during the upload and must not change until then.
    pub fn from_path(
        file_name: impl Into<String>,
        content_type: &'static str,
        length: u64,
        path: impl Into<PathBuf>,
    ) -> Self {
        Self { file_name: file_name.into(), content_type, length, source: Source::File(path.into()) }
    }

    /// Creates an upload from a stream of exactly `length` bytes. It can be sent only once, so it is never repeated.
    pub fn from_stream(
        file_name: impl Into<String>,
        content_type: &'static str,
        length: u64,
        body: impl Into<Body>,
    ) -> Self {
        let source = Source::Stream(Mutex::new(Some(body.into())));
        Self { file_name: file_name.into(), content_type, length, source }
    }

    /// Returns the length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the file name.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Builds the form with the single part that WeCom accepts.
    pub(super) async fn form(&self) -> Result<Form, Error> {
        let part = Part::stream_with_length(self.body().await?, self.length)
            // Raw UTF-8, because WeCom shows the customer exactly this text. It is not known whether `filename*=` works.
            .file_name(self.file_name.clone())
            .mime_str(self.content_type)?;
        Ok(Form::new().part("media", part))
    }

    async fn body(&self) -> Result<Body, Error> {
        match &self.source {
            Source::Bytes(bytes) => Ok(bytes.clone().into()),
            Source::File(path) => Ok(self.open(path).await.map_err(Error::Unreadable)?.into()),
            Source::Stream(body) => {
                let spent =
                    || Error::Unreadable(io::Error::other("the stream was already sent, and can be sent only once"));
                locked(body).take().ok_or_else(spent)
            }
        }
    }

    /// Opens the file and checks its length. With another length than announced, WeCom would receive an incomplete file or
    /// wait for the rest.
    async fn open(&self, path: &Path) -> io::Result<File> {
        let file = File::open(path).await?;
        match file.metadata().await?.len() == self.length {
            true => Ok(file),
            false => Err(io::Error::other("the size of the file has changed")),
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

/// Locks the stream. Nothing can panic while the lock is held, so poisoning is ignored.
fn locked(body: &Mutex<Option<Body>>) -> MutexGuard<'_, Option<Body>> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({} bytes)", self.length)
    }
}
