//! Temporary files, and pictures that stay [90253, 90254, 90256].

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use wecom_kf_raw::ErrCode;
use wecom_kf_raw::limits::{media_upload, media_uploadimg};

use crate::platform::MediaKind;
use crate::platform::Part;
use crate::platform::model::assumptions::{Assumption, Assumptions};
use crate::platform::model::media_format;
use crate::platform::model::refusal::Refusal;
use crate::platform::{Chat, KEPT, Platform, text};

/// A temporary `media_id` is valid for 3 days [90253].
pub(crate) const LIFETIME: Duration = KEPT;
/// unverified: that a megabyte is that of computers.
const MEGABYTE: usize = 1024 * 1024;
/// unverified: what is larger is read in ranges of at most 20 MB (830002), by one source.
const MAX_RANGE_BYTES: usize = 20 * MEGABYTE;
/// What older editions and the stand-alone one allow for pictures [90253].
const OLD_MAX_IMAGE_BYTES: usize = 2 * MEGABYTE;
/// All temporary files of a corp together have at most this many bytes; the oldest make room. This limit is the
/// simulator's own: it keeps them in memory.
const MAX_FILES_BYTES: usize = 256 * MEGABYTE;
/// The part is named so [90253].
const PART_NAME: &str = "media";
/// A file of each kind, for who needs one and does not care which.
const PICTURE: &[u8] = include_bytes!("../model/media/picture.png");
/// A second of AMR frames without data.
const SILENCE: &[u8] = b"#!AMR\n||||||||||||||||||||||||||||||||||||||||||||||||||";
/// The first box of an MP4 file, which says that it is one.
const NO_FILM: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2";
const A_FILE: &[u8] = "微信客服\n".as_bytes();

/// What a temporary file is.
#[derive(Clone)]
pub(crate) struct Contents {
    pub(crate) kind: MediaKind,
    pub(crate) file_name: String,
    pub(crate) bytes: Bytes,
}

// Without the name and the bytes: they are a customer's.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Contents({}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// A temporary file.
#[derive(Debug)]
pub(crate) struct Stored {
    media: Contents,
    fits: Fits,
}

/// Where a file may be used.
#[derive(Clone, Copy, Debug)]
enum Fits {
    ItsKind,
    EveryKind,
}

/// What `media/get` gives.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) content_type: &'static str,
    /// As the Content-disposition has it.
    pub(crate) file_name: String,
    pub(crate) extent: Extent,
    pub(crate) bytes: Bytes,
}

/// How much of a file of `total` bytes it is.
#[derive(Debug)]
pub(crate) enum Extent {
    Whole,
    Part {
        first: usize,
        last: usize,
        total: usize,
    },
    /// The range has none of its bytes.
    Nothing {
        total: usize,
    },
}

impl MediaKind {
    /// unverified: 10 MB for pictures; older editions and the stand-alone one say 2 MB [90253].
    fn max_bytes(self, assumptions: &Assumptions) -> usize {
        match self {
            Self::Image if assumptions.hold(Assumption::ImagesHave10Mb) => media_upload::MEDIA_IMAGE_MAX_BYTES,
            Self::Image => OLD_MAX_IMAGE_BYTES,
            Self::Voice => media_upload::MEDIA_VOICE_MAX_BYTES,
            Self::Video => media_upload::MEDIA_VIDEO_MAX_BYTES,
            Self::File => media_upload::MEDIA_FILE_MAX_BYTES,
        }
    }

    /// Larger ones do not reach the API: a text comes instead [94670].
    fn max_bytes_of_customers(self) -> usize {
        match self {
            Self::Image | Self::Voice => 2 * MEGABYTE,
            Self::Video => 10 * MEGABYTE,
            Self::File => 20 * MEGABYTE,
        }
    }

    /// Not reliable on the platform; here at least of the right family.
    fn content_type(self) -> &'static str {
        match self {
            Self::Image => "image/jpg",
            Self::Voice => "voice/amr",
            Self::Video => "video/mp4",
            Self::File => "application/octet-stream",
        }
    }
}

impl Platform {
    /// A temporary picture that fits everywhere.
    pub(crate) fn media_id(&mut self, now: Duration) -> String {
        self.keep(now, Stored { media: made_up(MediaKind::Image), fits: Fits::EveryKind })
    }

    /// A temporary file of this kind, as if uploaded now by somebody who does not care what is in it.
    pub(crate) fn made_up_media(&mut self, now: Duration, kind: MediaKind) -> String {
        self.keep(now, Stored { media: made_up(kind), fits: Fits::ItsKind })
    }

    /// A temporary file, as if uploaded now.
    pub(crate) fn store(&mut self, now: Duration, kind: MediaKind, file_name: &str, bytes: Bytes) -> String {
        let media = Contents { kind, file_name: file_name.to_owned(), bytes };
        self.keep(now, Stored { media, fits: Fits::ItsKind })
    }

    pub(crate) fn media(&self, now: Duration, media_id: &str) -> Option<Contents> {
        self.stored(media_id, now).ok().map(|stored| stored.media.clone())
    }

    /// A customer's picture, voice, video or file.
    pub(crate) fn customer_sends_media(
        &mut self,
        now: Duration,
        chat: Chat<'_>,
        kind: MediaKind,
        file_name: &str,
        bytes: Bytes,
    ) -> String {
        let media_id = self.store(now, kind, file_name, bytes);
        self.customer_writes(now, chat, kind.as_str(), json!({ "media_id": media_id }))
    }

    /// The text that comes in the place of a customer's file that is too large [94670].
    pub(crate) fn too_large(&self, now: Duration, msgtype: &str, body: &Value) -> Option<Value> {
        let kind = MediaKind::of(msgtype)?;
        let stored = self.stored(text(body, "media_id")?, now).ok()?;
        // unverified: the words; that a text with a notice comes is documented [94670].
        let notice = || json!({ "content": format!("[{kind}: too large, look at it in the WeCom client]") });
        (stored.media.bytes.len() > kind.max_bytes_of_customers()).then(notice)
    }

    /// `POST /cgi-bin/media/upload` [90253].
    pub(crate) fn media_upload(&mut self, now: Duration, request: &Value, part: Part) -> Result<Value, Refusal> {
        let kind = text(request, "type").and_then(MediaKind::of).ok_or(ErrCode::INVALID_TYPE_PARAMETER)?;
        if part.name != PART_NAME {
            return Err(Refusal::because(ErrCode::EMPTY_MEDIA_DATA, "there is no part named `media`"));
        }
        check_size(kind, part.bytes.len(), &self.assumptions)?;
        media_format::check(kind, &part.bytes)?;
        let media_id = self.store(now, kind, &part.file_name, part.bytes);
        // The document shows created_at as digits in a string, and errmsg empty [90253].
        let created_at = now.as_secs().to_string();
        Ok(json!({ "errmsg": "", "type": kind.as_str(), "media_id": media_id, "created_at": created_at }))
    }

    /// `POST /cgi-bin/media/uploadimg` [90256]. The name of the part is free: the document's sample names it after the
    /// field, SDKs say `media`.
    ///
    /// unverified: 3,000 a month and 1,000 a day, or 100 a day; as sources disagree, nothing is counted here.
    pub(crate) fn media_uploadimg(&mut self, _now: Duration, _request: &Value, part: Part) -> Result<Value, Refusal> {
        match part.bytes.len() {
            0 => return Err(ErrCode::EMPTY_MEDIA_DATA.into()),
            size if size < media_uploadimg::MEDIA_MIN_BYTES => return Err(ErrCode::INVALID_FILE_SIZE.into()),
            size if size > media_uploadimg::MEDIA_MAX_BYTES => return Err(ErrCode::INVALID_IMAGE_SIZE.into()),
            _ => media_format::check(MediaKind::Image, &part.bytes)?,
        }
        // Leads nowhere: `.example` is reserved for that.
        let url = format!("https://picture.example/{}/0", self.ids.next("picture", "", 48));
        Ok(json!({ "errmsg": "", "url": url }))
    }

    /// `GET /cgi-bin/media/get` [90254]. 45033 for the same file too often at once is not simulated: no figure is known.
    pub(crate) fn media_get(&mut self, now: Duration, request: &Value) -> Result<Served, Refusal> {
        let media_id = text(request, "media_id").ok_or(ErrCode::MEDIA_ID_MISSING)?;
        let media = &self.stored(media_id, now)?.media;
        let total = media.bytes.len();
        let (extent, range) = match text(request, "Range").and_then(|range| parse_range(range, total)) {
            None => (Extent::Whole, 0..total),
            Some(range) if range.is_empty() => (Extent::Nothing { total }, range),
            Some(range) => (Extent::Part { first: range.start, last: range.end - 1, total }, range),
        };
        if range.len() > MAX_RANGE_BYTES {
            return Err(ErrCode::DOWNLOAD_RANGE_TOO_LARGE.into());
        }
        let (content_type, file_name) = (media.kind.content_type(), self.shown(&media.file_name));
        Ok(Served { content_type, file_name, extent, bytes: media.bytes.slice(range) })
    }

    /// Whether a message or an account may use this file.
    pub(crate) fn check_media(&self, media_id: &str, wanted: MediaKind, now: Duration) -> Result<(), Refusal> {
        let stored = self.stored(media_id, now)?;
        match stored.fits {
            // unverified: that WeCom looks at what kind of file it is, and that it is refused so.
            Fits::ItsKind if stored.media.kind != wanted && self.assumptions.hold(Assumption::FilesFitTheirKind) => {
                let why = format!("it was uploaded as {}, not as {wanted}", stored.media.kind);
                Err(Refusal::because(ErrCode::INVALID_MEDIA_ID, why))
            }
            _ => Ok(()),
        }
    }

    /// The name it was uploaded under.
    pub(crate) fn file_name(&self, media_id: &str, now: Duration) -> Result<&str, Refusal> {
        Ok(&self.stored(media_id, now)?.media.file_name)
    }

    fn stored(&self, media_id: &str, now: Duration) -> Result<&Stored, Refusal> {
        // Unknown and older than 3 days look alike [errcodes 40007].
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

    /// A file name as the header has it. Raw, it may be anything but what would end the header or the quotation.
    /// unverified: raw as well as percent-encoded ones are seen in practice.
    fn shown(&self, file_name: &str) -> String {
        let must_go = |byte: u8| byte.is_ascii_control() || byte == b'"' || byte == b'\\';
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let is_raw = self.assumptions.hold(Assumption::FileNamesAreRaw);
        let mut shown = Vec::with_capacity(file_name.len());
        for byte in file_name.bytes() {
            let encoded = if is_raw { must_go(byte) } else { !is_plain(byte) };
            if encoded { shown.extend(format!("%{byte:02X}").bytes()) } else { shown.push(byte) }
        }
        String::from_utf8(shown).expect("characters stay whole, or are encoded whole")
    }
}

/// unverified: which of the codes for sizes is whose; the document names them without saying so.
fn check_size(kind: MediaKind, size: usize, assumptions: &Assumptions) -> Result<(), Refusal> {
    if size == 0 {
        return Err(ErrCode::EMPTY_MEDIA_DATA.into());
    }
    if size < media_upload::MEDIA_MIN_BYTES {
        return Err(Refusal::because(ErrCode::INVALID_FILE_SIZE, "more than 5 bytes are needed"));
    }
    let max_bytes = kind.max_bytes(assumptions);
    if size <= max_bytes {
        return Ok(());
    }
    let code = match kind {
        MediaKind::Image => ErrCode::INVALID_IMAGE_SIZE,
        MediaKind::Video => ErrCode::INVALID_VIDEO_SIZE,
        MediaKind::Voice | MediaKind::File => ErrCode::MEDIA_TOO_LARGE,
    };
    Err(Refusal::because(code, format!("a {kind} has at most {max_bytes} bytes")))
}

/// The bytes of `bytes=a-b`, `bytes=a-` or `bytes=-n`; empty if the file has none of them. None if it is no such thing:
/// HTTP ignores it then. unverified: what the platform makes of the latter two, and of a range beyond the end.
fn parse_range(range: &str, total: usize) -> Option<Range<usize>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |digits: &str| digits.parse::<usize>().ok();
    let range = match (first, last) {
        ("", suffix) => total.saturating_sub(number(suffix)?)..total,
        (first, "") => number(first)?..total,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(total)
        }
    };
    Some(if range.start < range.end { range } else { 0..0 })
}

/// The kind of file that a message of this kind is made of.
pub(crate) fn kind_of_msgtype(msgtype: &str) -> MediaKind {
    // What else has a file has a cover, which is a picture.
    MediaKind::of(msgtype).unwrap_or(MediaKind::Image)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_has_them() {
        let cases = [
            ("bytes=0-4", Some(0..5)),
            ("bytes=5-", Some(5..10)),
            ("bytes=8-100", Some(8..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=10-", Some(0..0)),
            ("bytes=-0", Some(0..0)),
            ("bytes=5-4", None),
            ("bytes 0-4", None),
            ("bytes=a-b", None),
            ("bytes=0-18446744073709551615", Some(0..10)),
            ("bytes=0-1,2-3", None),
        ];
        for (range, expected) in cases {
            assert_eq!(parse_range(range, 10), expected, "{range}");
        }
    }
}
