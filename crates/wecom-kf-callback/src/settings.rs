//! The three settings of the console: their forms, and the mistakes that pasting makes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::frame::Key;

/// The console takes no longer `Token`.
const MAX_TOKEN: usize = 32;
const KEY_LENGTH: usize = 43;

/// The console makes 43 random characters, 258 bits for a key of 256. The two bits too many are zero in one key of four
/// only, and a decoder that insists on zeros refuses the other three.
const KEY_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Why a [`Callback`](crate::Callback) cannot be made of these settings. It never shows what they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// There is white space in a setting or around it; a line end, where it was read from a file.
    #[error("{setting} has white space in it or around it: paste it without")]
    #[non_exhaustive]
    WhiteSpace {
        /// Its name in the console; `receiver id` has none there.
        setting: &'static str,
    },

    /// The `Token` is empty or too long.
    #[error("Token has {actual} characters: the console's has 1 to {MAX_TOKEN}")]
    #[non_exhaustive]
    TokenLength {
        /// Its length in characters.
        actual: usize,
    },

    /// The `Token` is not letters and digits.
    #[error("character {position} of Token is neither a letter A-Z, a-z nor a digit")]
    #[non_exhaustive]
    TokenAlphabet {
        /// The first such character, counted from 1.
        position: usize,
    },

    /// The `EncodingAESKey` ends in `=`, which only some libraries want.
    #[error("EncodingAESKey has 44 characters with '=' at the end: leave the '=' out, the console's has {KEY_LENGTH}")]
    KeyPadded,

    /// The `EncodingAESKey` is too short or too long.
    #[error("EncodingAESKey has {actual} characters: the console's has {KEY_LENGTH}")]
    #[non_exhaustive]
    KeyLength {
        /// Its length in characters.
        actual: usize,
    },

    /// The `EncodingAESKey` is not base64.
    #[error("character {position} of EncodingAESKey is none of A-Z, a-z, 0-9, '+' and '/'")]
    #[non_exhaustive]
    KeyAlphabet {
        /// The first such character, counted from 1.
        position: usize,
    },
}

pub(crate) fn check_token(token: &str) -> Result<(), SettingsError> {
    no_white_space("Token", token)?;
    if let Some(position) = position(token, |char| !char.is_ascii_alphanumeric()) {
        return Err(SettingsError::TokenAlphabet { position });
    }
    if !(1..=MAX_TOKEN).contains(&token.len()) {
        return Err(SettingsError::TokenLength { actual: token.len() });
    }
    Ok(())
}

pub(crate) fn parse_key(encoding_aes_key: &str) -> Result<Key, SettingsError> {
    no_white_space("EncodingAESKey", encoding_aes_key)?;
    let actual = encoding_aes_key.chars().count();
    if actual == KEY_LENGTH + 1 && encoding_aes_key.ends_with('=') {
        return Err(SettingsError::KeyPadded);
    }
    if actual != KEY_LENGTH {
        return Err(SettingsError::KeyLength { actual });
    }
    if let Some(position) =
        position(encoding_aes_key, |char| !matches!(char, 'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/'))
    {
        return Err(SettingsError::KeyAlphabet { position });
    }
    let mut key = Key::default();
    match KEY_ENCODING.decode_slice(encoding_aes_key, &mut key) {
        Ok(length) if length == key.len() => Ok(key),
        // Not reached: 43 characters of the alphabet are 32 bytes.
        _ => Err(SettingsError::KeyLength { actual }),
    }
}

/// Any text may be a receiver id, the empty one too.
pub(crate) fn check_receiver_id(receiver_id: &str) -> Result<(), SettingsError> {
    no_white_space("receiver id", receiver_id)
}

fn no_white_space(setting: &'static str, text: &str) -> Result<(), SettingsError> {
    if text.contains(char::is_whitespace) { Err(SettingsError::WhiteSpace { setting }) } else { Ok(()) }
}

fn position(text: &str, refused: impl Fn(char) -> bool) -> Option<usize> {
    text.chars().position(refused).map(|index| index + 1)
}
