//! The Rust handles of temporary files.

use std::fmt;

use bytes::Bytes;

use crate::api::customer::Customer;
use crate::api::simulator::Simulator;
use crate::platform::{Contents, MediaKind};

/// A temporary file: see [`Simulator::media`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Media {
    /// The kind that it was uploaded as.
    pub kind: MediaKind,
    /// The name that the customer sees.
    pub file_name: String,
    /// The content.
    pub bytes: Vec<u8>,
}

// Without the name and the content, which may be a customer's.
impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Media({}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Simulator {
    /// Returns the `media_id` of a new temporary picture. It is valid for 3 days of the simulator's clock. Unlike an uploaded
    /// picture it is also accepted as a voice, a video or a file.
    pub fn media_id(&self) -> String {
        self.world.update(|platform, now| platform.media_id(now))
    }

    /// Stores a temporary file and returns its `media_id`, which is valid for 3 days of the simulator's clock. The file may
    /// have a size and a format that `media/upload` refuses.
    pub fn upload(&self, kind: MediaKind, file_name: &str, bytes: impl Into<Vec<u8>>) -> String {
        self.world.update(|platform, now| platform.store(now, kind, file_name, bytes.into().into()))
    }

    /// Returns the temporary file with this `media_id`, or `None` if there is none or it has expired.
    pub fn media(&self, media_id: &str) -> Option<Media> {
        let contents = self.world.read(|platform, now| platform.media(now, media_id));
        let Contents { kind, file_name, bytes } = contents?;
        Some(Media { kind, file_name, bytes: bytes.into() })
    }
}

impl Customer {
    /// Sends a picture and returns the msgid.
    ///
    /// If it has more than 2 MB, a text is sent instead of it, as WeCom does.
    pub fn sends_image(&self, bytes: impl Into<Vec<u8>>) -> String {
        self.sends_media(MediaKind::Image, "image.jpg", bytes.into().into())
    }

    /// Sends a voice message and returns the msgid.
    ///
    /// If it has more than 2 MB, a text is sent instead of it. `voice_format` of `sync_msg` does not convert it.
    pub fn sends_voice(&self, bytes: impl Into<Vec<u8>>) -> String {
        self.sends_media(MediaKind::Voice, "voice.amr", bytes.into().into())
    }

    /// Sends a video and returns the msgid.
    ///
    /// If it has more than 10 MB, a text is sent instead of it.
    pub fn sends_video(&self, bytes: impl Into<Vec<u8>>) -> String {
        self.sends_media(MediaKind::Video, "video.mp4", bytes.into().into())
    }

    /// Sends a file and returns the msgid.
    ///
    /// If it has more than 20 MB, a text is sent instead of it.
    pub fn sends_file(&self, file_name: &str, bytes: impl Into<Vec<u8>>) -> String {
        self.sends_media(MediaKind::File, file_name, bytes.into().into())
    }

    fn sends_media(&self, kind: MediaKind, file_name: &str, bytes: Bytes) -> String {
        self.world.update(|platform, now| platform.customer_sends_media(now, self.chat(), kind, file_name, bytes))
    }
}
