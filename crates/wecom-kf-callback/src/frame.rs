//! The encrypted frame of a message. It contains 16 random bytes, the length of the message in 4 bytes, the message, the
//! receiver id, and padding. The limits of a request are in `callback.rs` and `query.rs`.

use aes::Aes256;
use cbc::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

use crate::Reason;

pub(crate) type Key = [u8; 32];

const IV_LENGTH: usize = 16;
const RANDOM_LENGTH: usize = 16;
const LENGTH_LENGTH: usize = 4;
/// WeCom pads to twice the block size of AES, so there are 1 to 32 bytes of padding. A library's PKCS#7 only supports 1 to
/// 16.
const PADDED_TO: usize = 32;

/// Encrypts a message.
pub(crate) fn seal(key: &Key, random: [u8; RANDOM_LENGTH], message: &[u8], receiver_id: &[u8]) -> Vec<u8> {
    // The length of a message of 4 GiB or more does not fit. The receiver refuses such a frame because of its length.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = [&random, &length.to_be_bytes()[..], message, receiver_id].concat();
    let padding = padding(frame.len());
    frame.resize(frame.len() + padding, padding as u8);
    encrypt(key, &mut frame);
    frame
}

/// Returns the length of the ciphertext for these lengths.
pub(crate) fn ciphertext_length(message: usize, receiver_id: usize) -> usize {
    let frame = RANDOM_LENGTH + LENGTH_LENGTH + message + receiver_id;
    frame + padding(frame)
}

fn padding(length: usize) -> usize {
    PADDED_TO - length % PADDED_TO
}

/// Decrypts a message. The checks are in the order of WeCom's documentation.
pub(crate) fn open(key: &Key, mut ciphertext: Vec<u8>, receiver_id: &[u8]) -> Result<String, Reason> {
    decrypt(key, &mut ciphertext)?;
    let length = message_length(without_padding(&ciphertext)?, receiver_id)?;
    let mut message = ciphertext;
    message.truncate(RANDOM_LENGTH + LENGTH_LENGTH + length);
    message.drain(..RANDOM_LENGTH + LENGTH_LENGTH);
    String::from_utf8(message).map_err(|_| Reason::MessageNotUtf8)
}

/// Encrypts the whole blocks of `frame`. The bytes of an incomplete last block stay as they are.
fn encrypt(key: &Key, frame: &mut [u8]) {
    let (blocks, _) = Array::slice_as_chunks_mut(frame);
    cbc::Encryptor::<Aes256>::new(key.into(), &iv(key).into()).encrypt_blocks(blocks);
}

fn decrypt(key: &Key, ciphertext: &mut [u8]) -> Result<(), Reason> {
    let bytes = ciphertext.len();
    let (blocks, rest) = Array::slice_as_chunks_mut(ciphertext);
    if blocks.is_empty() || !rest.is_empty() {
        return Err(Reason::CiphertextLength { bytes });
    }
    cbc::Decryptor::<Aes256>::new(key.into(), &iv(key).into()).decrypt_blocks(blocks);
    Ok(())
}

/// Returns the initialisation vector: WeCom uses the first 16 bytes of the key.
fn iv(key: &Key) -> [u8; IV_LENGTH] {
    let mut iv = [0; IV_LENGTH];
    iv.copy_from_slice(&key[..IV_LENGTH]);
    iv
}

fn without_padding(frame: &[u8]) -> Result<&[u8], Reason> {
    let &last = frame.last().ok_or(Reason::Padding)?;
    let count = usize::from(last);
    if !(1..=PADDED_TO).contains(&count) {
        return Err(Reason::Padding);
    }
    let start = frame.len().checked_sub(count).ok_or(Reason::Padding)?;
    let (frame, padding) = frame.split_at_checked(start).ok_or(Reason::Padding)?;
    if padding.iter().any(|&byte| byte != last) {
        return Err(Reason::Padding);
    }
    Ok(frame)
}

/// Returns the length of the message, after checking it and the receiver id that follows the message.
fn message_length(frame: &[u8], receiver_id: &[u8]) -> Result<usize, Reason> {
    let (_random, rest) = frame.split_at_checked(RANDOM_LENGTH).ok_or(Reason::MessageLength)?;
    let (length, rest) = rest.split_first_chunk::<LENGTH_LENGTH>().ok_or(Reason::MessageLength)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Reason::MessageLength)?;
    // Nothing is added to the length, so 0xFFFFFFFF cannot overflow.
    let (_message, receiver) = rest.split_at_checked(length).ok_or(Reason::MessageLength)?;
    if receiver == receiver_id { Ok(length) } else { Err(Reason::ReceiverDiffers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = *b"an AES key of 32 bytes for tests";
    const RECEIVER: &[u8] = b"ww1";

    /// Encrypts `frame` as it is, and opens it.
    fn opened(mut frame: Vec<u8>) -> Result<String, Reason> {
        encrypt(&KEY, &mut frame);
        open(&KEY, frame, RECEIVER)
    }

    /// Creates a frame whose padding has `count` bytes.
    fn frame(count: u8) -> (String, Vec<u8>) {
        let text = "x".repeat(2 * PADDED_TO - RANDOM_LENGTH - LENGTH_LENGTH - RECEIVER.len() - usize::from(count));
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        let frame = [&[b'r'; 16], &length[..], text.as_bytes(), RECEIVER, &vec![count; count.into()]].concat();
        assert_eq!(frame.len(), 2 * PADDED_TO);
        (text, frame)
    }

    #[test]
    fn padding_of_1_to_32_bytes_is_taken_off() {
        for count in 1..=32 {
            let (text, frame) = frame(count);
            assert_eq!(opened(frame), Ok(text), "{count}");
        }
    }

    #[test]
    fn padding_of_0_33_or_255_bytes_is_refused() {
        for count in [0, 33, 34, 64, 65, 128, 255] {
            let (_, mut frame) = frame(32);
            frame.pop();
            frame.push(count);
            assert_eq!(opened(frame), Err(Reason::Padding), "{count}");
        }
        assert_eq!(opened(vec![33; 64]), Err(Reason::Padding));
    }

    #[test]
    fn every_byte_of_the_padding_counts() {
        for count in 2..=32_u8 {
            for index in 1..usize::from(count) {
                let (_, mut frame) = frame(count);
                let at = frame.len() - 1 - index;
                frame[at] ^= 1;
                assert_eq!(opened(frame), Err(Reason::Padding), "byte {index} from the end of {count}");
            }
        }
    }

    #[test]
    fn padding_longer_than_the_frame_is_refused() {
        assert_eq!(opened(vec![32; 16]), Err(Reason::Padding));
        assert_eq!(opened(vec![17; 16]), Err(Reason::Padding));
        // Padding alone is not a frame either.
        assert_eq!(opened(vec![16; 16]), Err(Reason::MessageLength));
        assert_eq!(opened(vec![32; 32]), Err(Reason::MessageLength));
    }

    #[test]
    fn a_frame_needs_20_bytes() {
        for left in 0..20_u8 {
            let mut frame = vec![0; left.into()];
            frame.resize(32, 32 - left);
            assert_eq!(opened(frame), Err(Reason::MessageLength), "{left}");
        }
        let mut frame = vec![0; 20];
        frame.resize(32, 12);
        // An empty message for an empty receiver id: the frame is complete, but the receiver id is not ours.
        assert_eq!(opened(frame), Err(Reason::ReceiverDiffers));
    }

    #[test]
    fn a_length_beyond_the_frame_is_refused() {
        let (text, frame) = frame(5);
        let rest = u32::try_from(text.len() + RECEIVER.len()).unwrap();
        for length in [rest + 1, rest + 2, 1 << 16, 1 << 31, u32::MAX - 20, u32::MAX - 1, u32::MAX] {
            let mut frame = frame.clone();
            frame[16..20].copy_from_slice(&length.to_be_bytes());
            assert_eq!(opened(frame), Err(Reason::MessageLength), "{length}");
        }
        // These lengths fit, but the rest is not the receiver id.
        for length in [0, rest - 4, rest - 2, rest] {
            let mut frame = frame.clone();
            frame[16..20].copy_from_slice(&length.to_be_bytes());
            assert_eq!(opened(frame), Err(Reason::ReceiverDiffers), "{length}");
        }
    }

    #[test]
    fn whole_blocks_are_needed() {
        for bytes in (0..=65).filter(|bytes| *bytes == 0 || bytes % 16 != 0) {
            assert_eq!(open(&KEY, vec![7; bytes], RECEIVER), Err(Reason::CiphertextLength { bytes }));
        }
    }

    #[test]
    fn a_message_that_is_not_utf8_is_refused() {
        let ciphertext = seal(&KEY, [0; 16], b"\xFF\xFE", RECEIVER);
        assert_eq!(open(&KEY, ciphertext, RECEIVER), Err(Reason::MessageNotUtf8));
    }

    #[test]
    fn sealing_fills_up_to_32() {
        for length in 0..=96 {
            let ciphertext = seal(&KEY, [0; 16], &vec![b'x'; length], RECEIVER);
            assert_eq!(ciphertext.len(), (20 + length + RECEIVER.len()) / 32 * 32 + 32);
            assert_eq!(ciphertext.len(), ciphertext_length(length, RECEIVER.len()));
        }
    }
}
