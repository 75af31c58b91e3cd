//! The tag `media`: which files may be uploaded, and how they are downloaded [90253, 90254, 90256]. What happens to stored
//! files is in `model/media.rs`.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wecom_kf_raw::ErrCode;
use wecom_kf_raw::limits::{media_upload, media_uploadimg};

use crate::platform::model::assumptions::{Assumption, Assumptions};
use crate::platform::model::media::MEGABYTE;
use crate::platform::model::media_format;
use crate::platform::model::refusal::Refusal;
use crate::platform::ops::{Nothing, given};
use crate::platform::{MediaKind, Part, Platform};

rule!(ranges_up_to_20_mb);
const MAX_RANGE_BYTES: usize = 20 * MEGABYTE;
/// What older editions and the stand-alone one allow for pictures.
const OLD_MAX_IMAGE_BYTES: usize = 2 * MEGABYTE;
rule!(upload_part_is_named_media);
/// The part is named so.
const PART_NAME: &str = "media";

#[derive(Deserialize)]
pub(crate) struct MediaUploadRequest {
    r#type: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct MediaGetRequest {
    media_id: Option<String>,
    /// The HTTP header with this name.
    #[serde(rename = "Range")]
    range: Option<String>,
}

rule!(created_at_is_text);
/// The document shows `created_at` as digits in a string.
#[derive(Serialize)]
pub(crate) struct MediaUploaded {
    created_at: String,
    media_id: String,
    r#type: &'static str,
}

#[derive(Serialize)]
pub(crate) struct PictureUploaded {
    url: String,
}

/// What `media/get` returns.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) content_type: &'static str,
    /// As it is written in the header `Content-disposition`.
    pub(crate) file_name: String,
    pub(crate) extent: Extent,
    pub(crate) bytes: Bytes,
}

/// Which part of a file of `total` bytes is returned.
#[derive(Debug)]
pub(crate) enum Extent {
    Whole,
    Part {
        first: usize,
        last: usize,
        total: usize,
    },
    /// The range contains no byte of the file.
    Nothing {
        total: usize,
    },
}

impl MediaKind {
    fn max_bytes(self, assumptions: &Assumptions) -> usize {
        match self {
            Self::Image if assumptions.hold(Assumption::ImagesHave10Mb) => media_upload::MEDIA_IMAGE_MAX_BYTES,
            Self::Image => OLD_MAX_IMAGE_BYTES,
            Self::Voice => media_upload::MEDIA_VOICE_MAX_BYTES,
            Self::Video => media_upload::MEDIA_VIDEO_MAX_BYTES,
            Self::File => media_upload::MEDIA_FILE_MAX_BYTES,
        }
    }

    /// Returns a type of the right family. WeCom's own types are not reliable.
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
    /// `POST /cgi-bin/media/upload` [90253].
    pub(crate) fn media_upload(
        &mut self,
        now: Duration,
        request: MediaUploadRequest,
        part: Part,
    ) -> Result<MediaUploaded, Refusal> {
        let kind = given(request.r#type.as_deref()).and_then(MediaKind::of).ok_or(ErrCode::INVALID_TYPE_PARAMETER)?;
        if part.name != PART_NAME {
            return Err(Refusal::because(ErrCode::EMPTY_MEDIA_DATA, "there is no part named `media`"));
        }
        check_size(kind, part.bytes.len(), &self.assumptions)?;
        media_format::check(kind, &part.bytes)?;
        let media_id = self.store(now, kind, &part.file_name, part.bytes);
        Ok(MediaUploaded { created_at: now.as_secs().to_string(), media_id, r#type: kind.as_str() })
    }

    /// `POST /cgi-bin/media/uploadimg` [90256]. The name of the part is free: the document's sample names it after the
    /// field, SDKs say `media`.
    pub(crate) fn media_uploadimg(
        &mut self,
        _now: Duration,
        _: Nothing,
        part: Part,
    ) -> Result<PictureUploaded, Refusal> {
        rule!(part_of_uploadimg_has_any_name, uploadimg_is_not_counted);
        match part.bytes.len() {
            0 => return Err(ErrCode::EMPTY_MEDIA_DATA.into()),
            size if size < media_uploadimg::MEDIA_MIN_BYTES => return Err(ErrCode::INVALID_FILE_SIZE.into()),
            size if size > media_uploadimg::MEDIA_MAX_BYTES => return Err(ErrCode::INVALID_IMAGE_SIZE.into()),
            _ => media_format::check(MediaKind::Image, &part.bytes)?,
        }
        // No picture is there: `.example` is reserved for addresses that lead nowhere.
        let url = format!("https://picture.example/{}/0", self.ids.next("picture", "", 48));
        Ok(PictureUploaded { url })
    }

    /// `GET /cgi-bin/media/get` [90254]. 45033 for the same file too often at once is not simulated: no figure is known.
    pub(crate) fn media_get(&mut self, now: Duration, request: MediaGetRequest) -> Result<Served, Refusal> {
        rule!(media_get_is_not_limited);
        let media_id = given(request.media_id.as_deref()).ok_or(ErrCode::MEDIA_ID_MISSING)?;
        let media = &self.stored(media_id, now)?.media;
        let total = media.bytes.len();
        let (extent, range) = match given(request.range.as_deref()).and_then(|range| parse_range(range, total)) {
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

    /// Returns a file name as it is written in a header. A raw name may contain everything except the characters that
    /// would end the header or the quotation.
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

fn check_size(kind: MediaKind, size: usize, assumptions: &Assumptions) -> Result<(), Refusal> {
    rule!(codes_for_sizes);
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

/// Returns the bytes of `bytes=a-b`, `bytes=a-` or `bytes=-n`: an empty range if the file has none of them. Returns
/// `None` for any other value, which HTTP ignores.
fn parse_range(range: &str, total: usize) -> Option<Range<usize>> {
    rule!(ranges_work_as_in_http);
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
