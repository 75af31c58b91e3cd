//! Temporary files: how long they are kept, how much room they have, and where they may be used.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wecom_kf_raw::ErrCode;

use crate::platform::model::assumptions::Assumption;
use crate::platform::model::refusal::Refusal;
use crate::platform::model::retention::KEPT;
use crate::platform::model::saved;
use crate::platform::{MediaKind, Platform};

rule!(media_lasts_3_days);
/// A temporary `media_id` is valid for 3 days.
pub(crate) const LIFETIME: Duration = KEPT;
rule!(megabyte_is_1024_squared);
pub(crate) const MEGABYTE: usize = 1024 * 1024;
/// The most bytes that all temporary files of a corp may have together. The oldest files are removed to make room. This
/// limit belongs to the simulator, which keeps the files in memory.
const MAX_FILES_BYTES: usize = 256 * MEGABYTE;
/// A file of each kind, for tests that do not care about its content.
const PICTURE: &[u8] = include_bytes!("media/picture.png");
/// A second of AMR frames without data.
const SILENCE: &[u8] = b"#!AMR\n||||||||||||||||||||||||||||||||||||||||||||||||||";
/// The first box of an MP4 file, which says that it is one.
const NO_FILM: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2";
const A_FILE: &[u8] = "微信客服\n".as_bytes();

/// The kind, the name and the content of a temporary file.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Contents {
    pub(crate) kind: MediaKind,
    pub(crate) file_name: String,
    #[serde(with = "saved::bytes")]
    pub(crate) bytes: Bytes,
}

// `Debug` leaves out the name and the bytes, because they belong to a customer.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// A temporary file.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Stored {
    pub(crate) media: Contents,
    fits: Fits,
}

/// Where a file may be used.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
enum Fits {
    ItsKind,
    EveryKind,
}

impl MediaKind {
    /// Larger ones do not reach the API: a text comes instead.
    fn max_bytes_of_customers(self) -> usize {
        rule!(large_customer_files_become_text);
        match self {
            Self::Image | Self::Voice => 2 * MEGABYTE,
            Self::Video => 10 * MEGABYTE,
            Self::File => 20 * MEGABYTE,
        }
    }
}

impl Platform {
    /// Stores a temporary picture that may be used wherever a file belongs. Returns its `media_id`.
    pub(crate) fn media_id(&mut self, now: Duration) -> String {
        self.keep(now, Stored { media: made_up(MediaKind::Image), fits: Fits::EveryKind })
    }

    /// Stores a temporary file of this kind with any content. Returns its `media_id`.
    pub(crate) fn made_up_media(&mut self, now: Duration, kind: MediaKind) -> String {
        self.keep(now, Stored { media: made_up(kind), fits: Fits::ItsKind })
    }

    /// Stores a temporary file. Returns its `media_id`.
    pub(crate) fn store(&mut self, now: Duration, kind: MediaKind, file_name: &str, bytes: Bytes) -> String {
        let media = Contents { kind, file_name: file_name.to_owned(), bytes };
        self.keep(now, Stored { media, fits: Fits::ItsKind })
    }

    pub(crate) fn media(&self, now: Duration, media_id: &str) -> Option<Contents> {
        self.stored(media_id, now).ok().map(|stored| stored.media.clone())
    }

    /// Returns the text that the bot reads in place of a customer's file that is too large.
    pub(crate) fn too_large(&self, now: Duration, msgtype: &str, body: &Value) -> Option<String> {
        rule!(large_customer_files_become_text);
        let kind = MediaKind::of(msgtype)?;
        let stored = self.stored(body["media_id"].as_str()?, now).ok()?;
        rule!(words_of_too_large_notice);
        let notice = || format!("[{kind}: too large, look at it in the WeCom client]");
        (stored.media.bytes.len() > kind.max_bytes_of_customers()).then(notice)
    }

    /// Checks whether a message or an account may use this file.
    pub(crate) fn check_media(&self, media_id: &str, wanted: MediaKind, now: Duration) -> Result<(), Refusal> {
        let stored = self.stored(media_id, now)?;
        match stored.fits {
            Fits::ItsKind if stored.media.kind != wanted && self.assumptions.hold(Assumption::FilesFitTheirKind) => {
                let why = format!("it was uploaded as {}, not as {wanted}", stored.media.kind);
                Err(Refusal::because(ErrCode::INVALID_MEDIA_ID, why))
            }
            _ => Ok(()),
        }
    }

    /// Returns the name that the file was uploaded with.
    pub(crate) fn file_name(&self, media_id: &str, now: Duration) -> Result<&str, Refusal> {
        Ok(&self.stored(media_id, now)?.media.file_name)
    }

    pub(crate) fn stored(&self, media_id: &str, now: Duration) -> Result<&Stored, Refusal> {
        rule!(old_and_unknown_media_look_alike);
        self.files.get(now, media_id).ok_or(ErrCode::INVALID_MEDIA_ID.into())
    }

    fn keep(&mut self, now: Duration, stored: Stored) -> String {
        let media_id = self.ids.next("media", "3", 64);
        self.files.insert(now, media_id.clone(), stored);
        let mut bytes: usize = self.files.iter().map(|(_, stored)| stored.media.bytes.len()).sum();
        while bytes > MAX_FILES_BYTES
            && let Some(oldest) = self.files.remove_oldest()
        {
            bytes -= oldest.media.bytes.len();
            tracing::warn!("the temporary files have more than 256 MiB together: the oldest is gone");
        }
        media_id
    }
}

fn made_up(kind: MediaKind) -> Contents {
    let (file_name, bytes) = match kind {
        MediaKind::Image => ("picture.png", PICTURE),
        MediaKind::Voice => ("voice.amr", SILENCE),
        MediaKind::Video => ("video.mp4", NO_FILM),
        MediaKind::File => ("file.txt", A_FILE),
    };
    Contents { kind, file_name: file_name.to_owned(), bytes: Bytes::from_static(bytes) }
}
