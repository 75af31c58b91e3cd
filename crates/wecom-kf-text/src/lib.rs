#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod characters;
#[cfg(feature = "clap")]
mod chinese_help;
mod file_name;
mod flaw;
mod lang;

#[cfg(feature = "clap")]
#[cfg_attr(docsrs, doc(cfg(feature = "clap")))]
pub use chinese_help::{chinese_help, chinese_usage_error, without_chinese_help};
pub use file_name::safe_file_name;
pub use flaw::{Flaw, FlawKind, checked, trimmed};
pub use lang::{Lang, reader_lang};

/// The maximum length of a text from outside that is kept, shown or logged, in bytes. WeCom's longest errmsg is far
/// shorter.
pub const MAX_OUTSIDE: usize = 2 * 1024;

/// Returns the beginning of `text`, at most `max_bytes` bytes, without splitting a character.
///
/// ```
/// assert_eq!(wecom_kf_text::shortened("您好", 4), "您");
/// ```
pub fn shortened(text: &str, max_bytes: usize) -> &str {
    let mut end = max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Returns whether a character is invisible: white space, control characters, format characters such as those that change
/// the direction of writing, fillers and variation selectors.
pub fn is_invisible(character: char) -> bool {
    characters::invisible(character).is_some()
}
