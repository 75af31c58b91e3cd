//! The three settings of the console: their forms, and the mistakes that pasting makes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use wecom_kf_text::{Flaw, checked};

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
    /// A setting has white space or an invisible character in it, or quotes around it.
    #[error("{setting}: {flaw}")]
    #[non_exhaustive]
    Character {
        /// Its name in the console; `receiver id` has none there.
        setting: &'static str,
        /// The character and its place.
        flaw: Flaw,
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

impl SettingsError {
    /// What is wrong and what to do, in Chinese.
    pub fn zh(&self) -> String {
        match self {
            Self::Character { setting, flaw } => {
                let setting = if *setting == RECEIVER_ID { "receiveid" } else { setting };
                format!("{setting}：{}", flaw.zh())
            }
            Self::TokenLength { actual } => format!("Token 有 {actual} 个字符，后台的为 1 到 {MAX_TOKEN} 个"),
            Self::TokenAlphabet { position } => format!("Token 的第 {position} 个字符不是字母 A-Z、a-z 或数字"),
            Self::KeyPadded => format!("EncodingAESKey 有 44 个字符且以“=”结尾，请去掉“=”，后台的为 {KEY_LENGTH} 个"),
            Self::KeyLength { actual } => format!("EncodingAESKey 有 {actual} 个字符，后台的为 {KEY_LENGTH} 个"),
            Self::KeyAlphabet { position } => {
                format!("EncodingAESKey 的第 {position} 个字符不属于 A-Z、a-z、0-9、“+”和“/”")
            }
        }
    }
}

/// Checks a `Token` by itself, as [`Callback::new`](crate::Callback::new) does.
///
/// # Errors
///
/// Says what is wrong with it and does not show it.
pub fn check_token(token: &str) -> Result<(), SettingsError> {
    self::token(token).map(drop)
}

/// Checks an `EncodingAESKey` by itself, as [`Callback::new`](crate::Callback::new) does.
///
/// # Errors
///
/// Says what is wrong with it and does not show it.
pub fn check_encoding_aes_key(encoding_aes_key: &str) -> Result<(), SettingsError> {
    parse_key(encoding_aes_key).map(drop)
}

/// The `Token`, trimmed.
pub(crate) fn token(token: &str) -> Result<&str, SettingsError> {
    let token = pasted("Token", token)?;
    if let Some(position) = position(token, |char| !char.is_ascii_alphanumeric()) {
        return Err(SettingsError::TokenAlphabet { position });
    }
    if !(1..=MAX_TOKEN).contains(&token.len()) {
        return Err(SettingsError::TokenLength { actual: token.len() });
    }
    Ok(token)
}

pub(crate) fn parse_key(encoding_aes_key: &str) -> Result<Key, SettingsError> {
    let encoding_aes_key = pasted("EncodingAESKey", encoding_aes_key)?;
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

/// The receiver id, trimmed. Any text may be one, the empty one too.
pub(crate) fn receiver_id(receiver_id: &str) -> Result<&str, SettingsError> {
    pasted(RECEIVER_ID, receiver_id)
}

const RECEIVER_ID: &str = "receiver id";

fn pasted<'a>(setting: &'static str, text: &'a str) -> Result<&'a str, SettingsError> {
    checked(text).map_err(|flaw| SettingsError::Character { setting, flaw })
}

fn position(text: &str, refused: impl Fn(char) -> bool) -> Option<usize> {
    text.chars().position(refused).map(|index| index + 1)
}
