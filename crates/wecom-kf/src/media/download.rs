//! Downloads as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use super::pause::{PauseLimit, TooLong};
use crate::Error;
use crate::raw::media::Download as RawDownload;
use crate::raw::{self, op};

/// A download in progress: a stream of bytes, and the file's name, type and length as far as WeCom returned them.
///
/// `Debug` shows only the length.
pub struct Download(pub(super) RawDownload, pub(super) PauseLimit);

impl Download {
    /// Returns the file name that the sender chose, if WeCom returned it. It is safe to use and to show
    /// ([`wecom_kf_text::safe_file_name`]): it has no folders, no leading dots and dashes, no invisible characters, and is
    /// not the name of a device.
    pub fn file_name(&self) -> Option<String> {
        self.0.file_name()
    }

    /// Returns WeCom's content type. It is not reliable: check the first bytes instead.
    pub fn content_type(&self) -> Option<&str> {
        self.0.content_type()
    }

    /// Returns the length in bytes, if WeCom returned it.
    pub fn length(&self) -> Option<u64> {
        self.0.length()
    }

    /// Sets the size limit in bytes. The default is 1 GiB
    /// ([`defaults::DOWNLOAD_LIMIT`](crate::defaults::DOWNLOAD_LIMIT)). A longer file fails the stream with
    /// [`Error::NoAnswer`], whose source is [`raw::Error::TooLong`].
    #[must_use]
    pub fn at_most(self, bytes: u64) -> Self {
        Self(self.0.at_most(bytes), self.1)
    }

    /// Reads the whole file into memory, at most `at_most` bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NoAnswer`]: the download broke off, or the file has more than `at_most` bytes (then the source is
    /// [`raw::Error::TooLong`]). [`Error::TimedOut`]: the server stopped sending.
    pub async fn into_bytes(self, at_most: usize) -> Result<Vec<u8>, Error> {
        let mut download = self.at_most(at_most as u64);
        let mut bytes = Vec::new();
        while let Some(chunk) = download.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

impl Stream for Download {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self(raw, pause) = &mut *self;
        let chunk = Pin::new(raw).poll_next(context);
        match ready!(pause.poll(context, chunk)) {
            Ok(chunk) => Poll::Ready(chunk.map(|chunk| chunk.map_err(broke_off))),
            Err(TooLong(after)) => {
                Poll::Ready(Some(Err(Error::TimedOut { operation: op::MEDIA_GET.id, attempts: 1, after })))
            }
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

pub(super) fn broke_off(error: raw::Error) -> Error {
    Error::NoAnswer { operation: op::MEDIA_GET.id, attempts: 1, source: Arc::new(error) }
}
