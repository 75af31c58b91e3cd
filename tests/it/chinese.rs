//! Checks that the Chinese text of an error contains no English.

use wecom_kf::{Error, Lang, Report};

/// Names that are the same in Chinese. Words with a digit, a sign or only capitals are names, too, and so are fields.
const NAMES: [&str; 6] = ["cursor", "gettoken", "msgid", "offset", "secret", "url"];

/// Asserts that the Chinese text of an error contains no English words except names.
pub(crate) fn assert_chinese(error: &Error) {
    let text = Report::line(error, Lang::Zh);
    let field = match error {
        Error::InvalidInput { what, .. } if what.in_lang(Lang::Zh) == what.in_lang(Lang::En) => what.in_lang(Lang::Zh),
        _ => "",
    };
    assert!(!field.contains(' '), "the name of the field contains a space: {text}");
    let english: Vec<_> = words(&text).filter(|word| !is_name(word) && *word != field).collect();
    assert_eq!(english, [""; 0], "{text}");
    assert!(text.contains("处理："), "{text}");
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "_-:/.+".contains(char);
    text.split(move |char| !is_part(char)).map(|word| word.trim_end_matches(['.', ':'])).filter(|word| !word.is_empty())
}

fn is_name(word: &str) -> bool {
    let has_a_sign = word.contains(|char: char| !char.is_ascii_alphabetic());
    has_a_sign || word.chars().all(|char| char.is_ascii_uppercase()) || NAMES.contains(&word)
}

#[test]
fn english_in_a_chinese_text_is_found() {
    let found = |text| words(text).filter(|word| !is_name(word)).collect::<Vec<_>>();
    assert_eq!(found("参数有误，未发送：name has 17 characters"), ["name", "has", "characters"]);
    assert_eq!(found("media_id 有 129 字节，最多 128 字节：URL、U+200B"), [""; 0]);
}
