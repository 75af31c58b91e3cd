//! Checks of the three settings: `Token`, `EncodingAESKey` and receiver id, and of mistakes made in pasting them.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use wecom_kf_text::{Flaw, Lang, checked};

use crate::frame::Key;

/// The admin console accepts no longer `Token`.
const MAX_TOKEN: usize = 32;
const KEY_LENGTH: usize = 43;

/// The admin console creates 43 random characters: 258 bits for a key of 256. The two extra bits are zero in only one of
/// four keys, and a decoder that requires zeros would refuse the other three.
const KEY_ENCODING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// An invalid setting of a [`Callback`](crate::Callback). It never shows the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A setting contains white space or an invisible character, or has quotes around it.
    #[error("{setting}: {flaw}")]
    #[non_exhaustive]
    Character {
        /// The name of the setting in the admin console, or `receiver id`.
        setting: &'static str,
        /// The character and its position.
        flaw: Flaw,
    },

    /// The `Token` is empty or too long.
    #[error("Token has {actual} characters: the one in the admin console has 1 to {MAX_TOKEN}")]
    #[non_exhaustive]
    TokenLength {
        /// Its length in characters.
        actual: usize,
    },

    /// The `Token` contains something other than letters and digits.
    #[error("character {position} of Token is neither a letter A-Z, a-z nor a digit")]
    #[non_exhaustive]
    TokenAlphabet {
        /// The position of the first such character, counted from 1.
        position: usize,
    },

    /// The `EncodingAESKey` ends in `=`, which only some libraries need.
    #[error(
        "EncodingAESKey has 44 characters and ends in '=': remove the '=', the one in the admin console has {KEY_LENGTH}"
    )]
    KeyPadded,

    /// The `EncodingAESKey` is too short or too long.
    #[error("EncodingAESKey has {actual} characters: the one in the admin console has {KEY_LENGTH}")]
    #[non_exhaustive]
    KeyLength {
        /// Its length in characters.
        actual: usize,
    },

    /// The `EncodingAESKey` is not base64.
    #[error("character {position} of EncodingAESKey is none of A-Z, a-z, 0-9, '+' and '/'")]
    #[non_exhaustive]
    KeyAlphabet {
        /// The position of the first such character, counted from 1.
        position: usize,
    },
}

impl SettingsError {
    /// Describes the problem in one language. In English it is the text of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.to_string(),
            Lang::Zh => self.in_chinese(),
        }
    }

    /// Returns the remedy: what the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        lang.pick("copy the setting again from the admin console", "从管理后台重新复制该配置项")
    }

    fn in_chinese(&self) -> String {
        match self {
            Self::Character { setting, flaw } => {
                let setting = if *setting == RECEIVER_ID { "receiveid" } else { setting };
                format!("{setting}：{}", flaw.in_lang(Lang::Zh))
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

/// Checks a `Token` in the same way as [`Callback::new`](crate::Callback::new).
///
/// # Errors
///
/// The `Token` is invalid. The error does not show it.
pub fn check_token(token: &str) -> Result<(), SettingsError> {
    self::token(token).map(drop)
}

/// Checks an `EncodingAESKey` in the same way as [`Callback::new`](crate::Callback::new).
///
/// # Errors
///
/// The key is invalid. The error does not show it.
pub fn check_encoding_aes_key(encoding_aes_key: &str) -> Result<(), SettingsError> {
    parse_key(encoding_aes_key).map(drop)
}

/// Returns the trimmed and checked `Token`.
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
        // Unreachable: 43 characters of this alphabet always decode to 32 bytes.
        _ => Err(SettingsError::KeyLength { actual }),
    }
}

/// Returns the trimmed and checked receiver id. It may have any form, and may be empty.
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
