//! Temporary files, and pictures that stay [90253, 90254, 90256].

mod format;

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use wecom_kf_raw::ErrCode;

use super::{Chat, KEPT, Platform, text};
use crate::media::{Media, MediaKind};
use crate::multipart::Part;
use crate::refusal::Refusal;

/// A temporary media_id is valid for 3 days [90253].
const LIFETIME: Duration = KEPT;
/// unverified: that a megabyte is that of computers.
const MEGABYTE: usize = 1024 * 1024;
/// A file has more than 5 bytes [90253].
const MIN_BYTES: usize = 6;
/// A picture of `uploadimg` has at least 5 bytes, and at most 2 MB [90256].
const IMG_BYTES: std::ops::RangeInclusive<usize> = 5..=2 * MEGABYTE;
/// unverified: what is larger is read in ranges of at most 20 MB (830002), by one source.
const MAX_RANGE_BYTES: usize = 20 * MEGABYTE;
/// The part is named so [90253].
const PART_NAME: &str = "media";
/// The smallest PNG: one transparent pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\x0b\
    IDATx\x9cc`\0\x02\0\0\x05\0\x01z^\xab?\0\0\0\0IEND\xaeB`\x82";

#[derive(Debug)]
pub(crate) struct Files {
    by_media_id: HashMap<String, Stored>,
    refusal_content_type: &'static str,
    names: Names,
}

impl Default for Files {
    fn default() -> Self {
        Self { by_media_id: HashMap::new(), refusal_content_type: "text/plain", names: Names::Raw }
    }
}

/// How `media/get` writes file names; both are seen in practice.
#[derive(Clone, Copy, Debug)]
enum Names {
    Raw,
    PercentEncoded,
}

#[derive(Debug)]
struct Stored {
    uploaded: Duration,
    kind: MediaKind,
    file_name: String,
    bytes: Bytes,
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
    fn max_bytes(self) -> usize {
        match self {
            Self::Voice => 2 * MEGABYTE,
            Self::Image | Self::Video => 10 * MEGABYTE,
            Self::File => 20 * MEGABYTE,
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
        self.keep(Stored {
            uploaded: now,
            kind: MediaKind::Image,
            file_name: "pixel.png".to_owned(),
            bytes: Bytes::from_static(PIXEL),
            fits: Fits::EveryKind,
        })
    }

    /// A temporary file, as if uploaded now.
    pub(crate) fn store(&mut self, now: Duration, kind: MediaKind, file_name: &str, bytes: Bytes) -> String {
        self.keep(Stored { uploaded: now, kind, file_name: file_name.to_owned(), bytes, fits: Fits::ItsKind })
    }

    pub(crate) fn media(&self, now: Duration, media_id: &str) -> Option<Media> {
        let Stored { kind, file_name, bytes, .. } = self.stored(media_id, now).ok()?;
        Some(Media { kind: *kind, file_name: file_name.clone(), bytes: bytes.to_vec() })
    }

    pub(crate) fn set_media_refusal_content_type(&mut self, content_type: &'static str) {
        self.files.refusal_content_type = content_type;
    }

    pub(crate) fn media_refusal_content_type(&self) -> &'static str {
        self.files.refusal_content_type
    }

    pub(crate) fn percent_encode_file_names(&mut self) {
        self.files.names = Names::PercentEncoded;
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
        if bytes.len() > kind.max_bytes_of_customers() {
            // unverified: the words; that a text with a notice comes is documented [94670].
            let notice = json!({ "content": format!("[{kind}: too large, look at it in the WeCom client]") });
            return self.customer_writes(now, chat, "text", notice);
        }
        let media_id = self.store(now, kind, file_name, bytes);
        self.customer_writes(now, chat, kind.as_str(), json!({ "media_id": media_id }))
    }

    /// `POST /cgi-bin/media/upload` [90253].
    pub(crate) fn media_upload(&mut self, now: Duration, request: &Value, part: Part) -> Result<Value, Refusal> {
        let kind = MediaKind::ALL.into_iter().find(|kind| request["type"] == kind.as_str());
        let kind = kind.ok_or(ErrCode::INVALID_TYPE_PARAMETER)?;
        if part.name != PART_NAME {
            return Err(Refusal::because(ErrCode::EMPTY_MEDIA_DATA, "there is no part named `media`"));
        }
        check_size(kind, part.bytes.len())?;
        format::check(kind, &part.bytes)?;
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
            size if size < *IMG_BYTES.start() => return Err(ErrCode::INVALID_FILE_SIZE.into()),
            size if size > *IMG_BYTES.end() => return Err(ErrCode::INVALID_IMAGE_SIZE.into()),
            _ => format::check(MediaKind::Image, &part.bytes)?,
        }
        // Leads nowhere: `.example` is reserved for that.
        let url = format!("https://picture.example/{}/0", self.ids.next("picture", "", 48));
        Ok(json!({ "errmsg": "", "url": url }))
    }

    /// `GET /cgi-bin/media/get` [90254]. 45033 for the same file too often at once is not simulated: no figure is known.
    pub(crate) fn media_get(&mut self, now: Duration, request: &Value) -> Result<Served, Refusal> {
        let media_id = text(request, "media_id").ok_or(ErrCode::MEDIA_ID_MISSING)?;
        let stored = self.stored(media_id, now)?;
        let total = stored.bytes.len();
        let (extent, range) = match text(request, "Range").and_then(|range| parse_range(range, total)) {
            None => (Extent::Whole, 0..total),
            Some(range) if range.is_empty() => (Extent::Nothing { total }, range),
            Some(range) => (Extent::Part { first: range.start, last: range.end - 1, total }, range),
        };
        if range.len() > MAX_RANGE_BYTES {
            return Err(ErrCode::DOWNLOAD_RANGE_TOO_LARGE.into());
        }
        let (content_type, file_name) = (stored.kind.content_type(), self.shown(&stored.file_name));
        Ok(Served { content_type, file_name, extent, bytes: stored.bytes.slice(range) })
    }

    /// Whether a message or an account may use this file.
    pub(super) fn check_media(&self, media_id: &str, wanted: MediaKind, now: Duration) -> Result<(), Refusal> {
        let stored = self.stored(media_id, now)?;
        match stored.fits {
            Fits::ItsKind if stored.kind != wanted => {
                // unverified: that a file of another kind is refused so.
                let why = format!("it was uploaded as {}, not as {wanted}", stored.kind);
                Err(Refusal::because(ErrCode::INVALID_MEDIA_ID, why))
            }
            _ => Ok(()),
        }
    }

    /// The name it was uploaded under.
    pub(super) fn file_name(&self, media_id: &str, now: Duration) -> Result<&str, Refusal> {
        Ok(&self.stored(media_id, now)?.file_name)
    }

    fn stored(&self, media_id: &str, now: Duration) -> Result<&Stored, Refusal> {
        let stored = self.files.by_media_id.get(media_id).filter(|stored| now <= stored.uploaded + LIFETIME);
        // Unknown and older than 3 days look alike [errcodes 40007].
        stored.ok_or(ErrCode::INVALID_MEDIA_ID.into())
    }

    fn keep(&mut self, stored: Stored) -> String {
        let now = stored.uploaded;
        self.files.by_media_id.retain(|_, stored| now <= stored.uploaded + LIFETIME);
        let media_id = self.ids.next("media", "3", 64);
        self.files.by_media_id.insert(media_id.clone(), stored);
        media_id
    }

    /// A file name as the header has it. Raw, it may be anything but what would end the header or the quotation.
    fn shown(&self, file_name: &str) -> String {
        let must_go = |byte: u8| byte.is_ascii_control() || byte == b'"' || byte == b'\\';
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let mut shown = Vec::with_capacity(file_name.len());
        for byte in file_name.bytes() {
            let encoded = match self.files.names {
                Names::Raw => must_go(byte),
                Names::PercentEncoded => !is_plain(byte),
            };
            if encoded { shown.extend(format!("%{byte:02X}").bytes()) } else { shown.push(byte) }
        }
        String::from_utf8(shown).expect("characters stay whole, or are encoded whole")
    }
}

/// unverified: which of the codes for sizes is whose; the document names them without saying so.
fn check_size(kind: MediaKind, size: usize) -> Result<(), Refusal> {
    if size == 0 {
        return Err(ErrCode::EMPTY_MEDIA_DATA.into());
    }
    if size < MIN_BYTES {
        return Err(Refusal::because(ErrCode::INVALID_FILE_SIZE, "more than 5 bytes are needed"));
    }
    if size <= kind.max_bytes() {
        return Ok(());
    }
    let code = match kind {
        MediaKind::Image => ErrCode::INVALID_IMAGE_SIZE,
        MediaKind::Video => ErrCode::INVALID_VIDEO_SIZE,
        MediaKind::Voice | MediaKind::File => ErrCode::MEDIA_TOO_LARGE,
    };
    Err(Refusal::because(code, format!("a {kind} has at most {} bytes", kind.max_bytes())))
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
pub(super) fn kind_of_msgtype(msgtype: &str) -> MediaKind {
    // What else has a file has a cover, which is a picture.
    MediaKind::ALL.into_iter().find(|kind| kind.as_str() == msgtype).unwrap_or(MediaKind::Image)
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
