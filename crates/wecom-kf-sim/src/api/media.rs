//! Temporary files, as tests put them there and look at them.

use std::fmt;

use bytes::Bytes;

use crate::api::customer::Customer;
use crate::api::simulator::Simulator;
use crate::platform::{Contents, MediaKind};

/// A temporary file: see [`Simulator::media`].
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Media {
    /// What it was uploaded as.
    pub kind: MediaKind,
    /// Its name, as the customer sees it.
    pub file_name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

// Without the name and the bytes: they are a customer's.
impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Media({}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Simulator {
    /// The `media_id` of a temporary picture, good for 3 days of the simulator's clock. Unlike an uploaded one it also fits
    /// where a voice, a video or a file is asked for.
    pub fn media_id(&self) -> String {
        self.world.update(|platform, now| platform.media_id(now))
    }

    /// The `media_id` of a temporary file, good for 3 days of the simulator's clock. It may be larger, or of another format,
    /// than `media/upload` allows.
    pub fn upload(&self, kind: MediaKind, file_name: &str, bytes: impl Into<Vec<u8>>) -> String {
        self.world.update(|platform, now| platform.store(now, kind, file_name, bytes.into().into()))
    }

    /// The temporary file with this `media_id`, whoever uploaded it; None if there is none, or if it has expired.
    pub fn media(&self, media_id: &str) -> Option<Media> {
        let contents = self.world.read(|platform, now| platform.media(now, media_id));
        let Contents { kind, file_name, bytes } = contents?;
        Some(Media { kind, file_name, bytes: bytes.into() })
    }
}

impl Customer {
    /// Sends a picture. Gives the msgid.
    ///
    /// Over 2 MB a text comes in its place, as WeCom does it.
    pub fn sends_image(&self, bytes: impl Into<Vec<u8>>) -> String {
        self.sends_media(MediaKind::Image, "image.jpg", bytes.into().into())
    }

    /// Sends a voice message. Gives the msgid.
    ///
    /// Over 2 MB a text comes in its place. The bytes stay as they are, whatever `voice_format` a reader asks for.
    pub fn sends_voice(&self, bytes: impl Into<Vec<u8>>) -> String {
        self.sends_media(MediaKind::Voice, "voice.amr", bytes.into().into())
    }

    /// Sends a video. Gives the msgid.
    ///
    /// Over 10 MB a text comes in its place.
    pub fn sends_video(&self, bytes: impl Into<Vec<u8>>) -> String {
        self.sends_media(MediaKind::Video, "video.mp4", bytes.into().into())
    }

    /// Sends a file. Gives the msgid.
    ///
    /// Over 20 MB a text comes in its place.
    pub fn sends_file(&self, file_name: &str, bytes: impl Into<Vec<u8>>) -> String {
        self.sends_media(MediaKind::File, file_name, bytes.into().into())
    }

    fn sends_media(&self, kind: MediaKind, file_name: &str, bytes: Bytes) -> String {
        self.world.update(|platform, now| platform.customer_sends_media(now, self.chat(), kind, file_name, bytes))
    }
}
