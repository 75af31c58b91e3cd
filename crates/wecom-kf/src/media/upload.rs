//! Files to upload: where the bytes come from, and the checks of type, name and size.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{TryStream, TryStreamExt};
use serde::Serialize;
use tokio::io::AsyncReadExt;

use crate::input::{self, Problem};
use crate::raw::limits::{media_upload, media_uploadimg};
use crate::raw::{self, media::Upload as RawUpload};
use crate::{Bilingual, Error};

/// The type of a file to upload. `Display`, `FromStr` and `Serialize` use WeCom's [name](Self::name) of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaType {
    /// A JPG or PNG image.
    Image,
    /// An AMR recording of up to 60 seconds.
    Voice,
    /// An MP4 video.
    Video,
    /// Any file.
    File,
}

impl MediaType {
    /// Returns WeCom's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::File => "file",
        }
    }

    fn longest(self) -> usize {
        match self {
            Self::Image => media_upload::MEDIA_IMAGE_MAX_BYTES,
            Self::Voice => media_upload::MEDIA_VOICE_MAX_BYTES,
            Self::Video => media_upload::MEDIA_VIDEO_MAX_BYTES,
            Self::File => media_upload::MEDIA_FILE_MAX_BYTES,
        }
    }

    /// Describes the required format, for errors.
    fn expected(self) -> Bilingual {
        match self {
            Self::Image => Bilingual::fixed("a JPG or PNG", "是 JPG 或 PNG"),
            Self::Voice => Bilingual::fixed("an AMR", "是 AMR"),
            Self::Video => Bilingual::fixed("an MP4", "是 MP4"),
            Self::File => Bilingual::fixed("a file", "是文件"),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for MediaType {
    type Err = Error;

    /// Parses WeCom's name of a type.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the text is none of these names.
    fn from_str(name: &str) -> Result<Self, Error> {
        let all = [Self::Image, Self::Voice, Self::Video, Self::File];
        all.into_iter().find(|known| known.name() == name).ok_or_else(|| {
            input::malformed(
                Bilingual::fixed("media type", "文件类型"),
                "image, voice, video or file",
                "是 image、voice、video 或 file",
            )
        })
    }
}

/// A file to upload: from memory, from a file, or from a stream.
///
/// The customer sees the file name of a [`File`](crate::messages::outgoing::File) message. Names may be Chinese.
///
/// `Debug` shows only the length.
pub struct Upload {
    file_name: String,
    length: u64,
    /// The first bytes, from which the format is recognised. Empty for a stream.
    start: Vec<u8>,
    source: Source,
}

enum Source {
    Bytes(Vec<u8>),
    File(std::path::PathBuf),
    Stream(raw::media::Body),
}

/// The number of first bytes that are enough to recognise the format.
const START: usize = 16;

impl Upload {
    /// Creates an upload from memory.
    pub fn from_bytes(file_name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let start = bytes.iter().copied().take(START).collect();
        Self { file_name: file_name.into(), length: bytes.len() as u64, start, source: Source::Bytes(bytes) }
    }

    /// Creates an upload from a local file, under its name. The file is read during the upload and must not change until
    /// then.
    ///
    /// # Errors
    ///
    /// [`Error::File`]: `path` does not exist, is not a file, or is not readable.
    pub async fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self::opened(path, file_name).await.map_err(|error| {
            let what = Bilingual::fixed("the file to upload cannot be read", "无法读取要上传的文件");
            Error::File { what, source: Arc::new(error) }
        })
    }

    async fn opened(path: &Path, file_name: String) -> std::io::Result<Self> {
        let file = tokio::fs::File::open(path).await?;
        let metadata = file.metadata().await?;
        if !metadata.is_file() {
            return Err(std::io::Error::other("it is not a file"));
        }
        let mut start = Vec::new();
        file.take(START as u64).read_to_end(&mut start).await?;
        Ok(Self { file_name, length: metadata.len(), start, source: Source::File(path.to_owned()) })
    }

    /// Creates an upload from a stream of exactly `length` bytes.
    ///
    /// The client never repeats such an upload, because the stream cannot be read again. The format is checked by the
    /// file name only.
    pub fn from_stream<S>(file_name: impl Into<String>, length: u64, stream: S) -> Self
    where
        S: TryStream<Ok: Into<Bytes>, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let source = Source::Stream(raw::media::Body::wrap_stream(stream.map_ok(Into::<Bytes>::into)));
        Self { file_name: file_name.into(), length, start: Vec::new(), source }
    }

    /// Sets another file name.
    #[must_use]
    pub fn named(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = file_name.into();
        self
    }

    /// Returns the file name.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Returns the type that fits the file: an image, a voice message or a video if its first bytes say so (of a stream: its
    /// name), otherwise a file. The size does not matter.
    pub fn media_type(&self) -> MediaType {
        let known = [MediaType::Image, MediaType::Voice, MediaType::Video];
        known.into_iter().find(|known| self.content_type(*known).is_some()).unwrap_or(MediaType::File)
    }

    /// Returns the length in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Checks the file for an upload as `media_type` without sending anything. [`Media::upload`](super::Media::upload)
    /// runs the same check first.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`]: the size is outside the limits, the name is empty or has control characters, or the first
    /// bytes do not match the type.
    pub fn check(&self, media_type: MediaType) -> Result<(), Error> {
        self.check_length(media_upload::MEDIA_MIN_BYTES, media_type.longest())?;
        self.checked_content_type(media_type).map(drop)
    }

    pub(super) fn checked(self, media_type: MediaType) -> Result<RawUpload, Error> {
        self.check(media_type)?;
        self.into_raw(media_type)
    }

    pub(super) fn checked_for_upload_image(self) -> Result<RawUpload, Error> {
        self.check_length(media_uploadimg::MEDIA_MIN_BYTES, media_uploadimg::MEDIA_MAX_BYTES)?;
        self.into_raw(MediaType::Image)
    }

    fn check_length(&self, min: usize, max: usize) -> Result<(), Error> {
        match self.length < min as u64 || self.length > max as u64 {
            true => Err(input::refuse("media", Problem::Size { actual: self.length, min, max })),
            false => Ok(()),
        }
    }

    fn into_raw(self, media_type: MediaType) -> Result<RawUpload, Error> {
        let content_type = self.checked_content_type(media_type)?;
        Ok(match self.source {
            Source::Bytes(bytes) => RawUpload::from_bytes(self.file_name, content_type, bytes),
            Source::File(path) => RawUpload::from_path(self.file_name, content_type, self.length, path),
            Source::Stream(body) => RawUpload::from_stream(self.file_name, content_type, self.length, body),
        })
    }

    /// Checks the name and the format, and returns the content type.
    fn checked_content_type(&self, media_type: MediaType) -> Result<&'static str, Error> {
        // The name is written into a header, which cannot contain control characters.
        if self.file_name.is_empty() || self.file_name.chars().any(char::is_control) {
            return Err(input::malformed(
                Bilingual::fixed("file name", "文件名"),
                "a name without control characters",
                "非空且不含控制字符",
            ));
        }
        self.content_type(media_type).ok_or_else(|| {
            let expected = media_type.expected();
            input::refuse("media", Problem::Malformed { expected })
        })
    }

    /// Returns the content type. Returns `None` if the file does not have the format of `media_type`.
    fn content_type(&self, media_type: MediaType) -> Option<&'static str> {
        let (name, start) = (self.file_name.to_lowercase(), self.start.as_slice());
        let is = |bytes: &[u8], endings: &[&str]| match start.is_empty() {
            true => endings.iter().any(|ending| name.ends_with(ending)),
            false => start.starts_with(bytes),
        };
        match media_type {
            MediaType::Image if is(b"\xff\xd8\xff", &[".jpg", ".jpeg"]) => Some("image/jpeg"),
            MediaType::Image if is(b"\x89PNG\r\n\x1a\n", &[".png"]) => Some("image/png"),
            MediaType::Voice if is(b"#!AMR", &[".amr"]) => Some("voice/amr"),
            // The first box of an MP4 is `ftyp`, after its length.
            MediaType::Video if start.get(4..8) == Some(b"ftyp") || (start.is_empty() && name.ends_with(".mp4")) => {
                Some("video/mp4")
            }
            MediaType::File => Some("application/octet-stream"),
            _ => None,
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({} bytes)", self.length)
    }
}
