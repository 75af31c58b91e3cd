//! The formats of files: which ones the platform recognises by their content.

use wecom_kf_raw::ErrCode;

use crate::platform::MediaKind;
use crate::platform::model::refusal::Refusal;

const JPG: &[u8] = b"\xff\xd8\xff";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const AMR: &[u8] = b"#!AMR\n";
/// An MP4 file begins with a box of this type, after the 4 bytes of its length.
const MP4_BOX: &[u8] = b"ftyp";
/// How many bytes an AMR frame of each type has, including the byte of the type. Each frame is 20 ms long.
const AMR_FRAME_BYTES: [usize; 9] = [13, 14, 16, 18, 20, 21, 27, 32, 6];
rule!(voices_up_to_60_seconds);
/// At most 60 seconds.
const MAX_AMR_FRAMES: usize = 60 * 50;

/// Refuses what is not of its kind: JPG or PNG, AMR, MP4, or any file.
pub(crate) fn check(kind: MediaKind, bytes: &[u8]) -> Result<(), Refusal> {
    rule!(formats_of_media);
    rule!(other_voices_are_40004);
    match kind {
        MediaKind::Image if !bytes.starts_with(JPG) && !bytes.starts_with(PNG) => {
            Err(Refusal::because(ErrCode::INVALID_IMAGE_DATA, "neither JPG nor PNG"))
        }
        MediaKind::Voice if !bytes.starts_with(AMR) => Err(Refusal::because(ErrCode::INVALID_MEDIA_TYPE, "not AMR")),
        MediaKind::Voice if frames(bytes) > MAX_AMR_FRAMES => Err(ErrCode::VOICE_TOO_LONG.into()),
        MediaKind::Video if bytes.get(4..8) != Some(MP4_BOX) => Err(ErrCode::INVALID_MP4.into()),
        _ => Ok(()),
    }
}

fn frames(amr: &[u8]) -> usize {
    let mut rest = amr.get(AMR.len()..).unwrap_or_default();
    let mut frames = 0;
    while let Some(header) = rest.first() {
        let kind = usize::from(header >> 3 & 0x0f);
        // The other types have no length. Only "no data" is common among them, and it consists of the header.
        let bytes = AMR_FRAME_BYTES.get(kind).copied().unwrap_or(1);
        rest = rest.get(bytes..).unwrap_or_default();
        frames += 1;
    }
    frames
}
