//! Pasted values: the characters that are removed or refused, and their names in errors.

use proptest::prelude::*;
use unicode_general_category::{GeneralCategory, get_general_category};
use wecom_kf_text::{FlawKind, Lang, checked, is_invisible, shortened, trimmed};

const AROUND: [&str; 12] = [
    " ",
    "\n",
    "\r\n",
    "\t",
    "\u{a0}",
    "\u{3000}",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "\u{b}",
    "\u{feff} \n",
    "\n\u{feff}",
];

#[test]
fn white_space_and_byte_order_marks_around_a_value_are_removed() {
    for around in AROUND {
        for text in [format!("{around}ww0"), format!("ww0{around}"), format!("{around}ww0{around}")] {
            assert_eq!(checked(&text), Ok("ww0"), "{text:?}");
        }
        assert_eq!(checked(around), Ok(""), "{around:?}");
    }
}

#[test]
fn an_error_names_the_character_but_not_the_value() {
    let cases = [
        ("ab\u{200b}cd", 3, "U+200B ZERO WIDTH SPACE", "U+200B（零宽空格）"),
        ("ab\u{200b}", 3, "U+200B ZERO WIDTH SPACE", "U+200B（零宽空格）"),
        ("\u{200b}ab", 1, "U+200B ZERO WIDTH SPACE", "U+200B（零宽空格）"),
        (" \u{feff}a\u{feff}b", 2, "U+FEFF ZERO WIDTH NO-BREAK SPACE", "U+FEFF（零宽不换行空格（字节顺序标记））"),
        ("a b", 2, "U+0020 SPACE", "U+0020（空格）"),
        ("密钥\u{a0}b", 3, "U+00A0 NO-BREAK SPACE", "U+00A0（不换行空格）"),
        ("a\nb", 2, "U+000A LINE FEED", "U+000A（换行符）"),
        ("a\0b", 2, "U+0000 NULL", "U+0000（空字符）"),
        ("a\u{7f}", 2, "U+007F DELETE", "U+007F（删除控制符）"),
        ("a\u{202e}b", 2, "U+202E RIGHT-TO-LEFT OVERRIDE", "U+202E（从右到左强制符）"),
        ("a\u{ad}b", 2, "U+00AD SOFT HYPHEN", "U+00AD（软连字符）"),
        ("a\u{fe0f}b", 2, "U+FE0F VARIATION SELECTOR", "U+FE0F（变体选择符）"),
        ("a\u{e0041}b", 2, "U+E0041 TAG CHARACTER", "U+E0041（标签字符）"),
        ("a\u{115f}b", 2, "U+115F HANGUL CHOSEONG FILLER", "U+115F（韩文初声填充符）"),
        ("a\u{3164}b", 2, "U+3164 HANGUL FILLER", "U+3164（韩文填充符）"),
        ("a\u{ffa0}b", 2, "U+FFA0 HALFWIDTH HANGUL FILLER", "U+FFA0（半角韩文填充符）"),
        ("a\u{2028}b", 2, "U+2028 LINE SEPARATOR", "U+2028（行分隔符）"),
        // A byte order mark with swapped bytes.
        ("\u{fffe}ab", 1, "U+FFFE NONCHARACTER", "U+FFFE（非字符）"),
        ("a\u{fdd0}b", 2, "U+FDD0 NONCHARACTER", "U+FDD0（非字符）"),
    ];
    for (text, position, en, zh) in cases {
        let flaw = checked(text).unwrap_err();
        assert_eq!((flaw.position, flaw.kind), (position, FlawKind::Invisible), "{text:?}");
        assert_eq!(flaw.to_string(), format!("character {position} is {en}; remove it"));
        assert_eq!(flaw.in_lang(Lang::Zh), format!("第 {position} 个字符是 {zh}，请删除"));
    }
}

#[test]
fn quotes_around_a_value_are_named() {
    let pairs = [
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("“", "”"),
        ("‘", "’"),
        ("„", "“"),
        ("«", "»"),
        ("‹", "›"),
        ("「", "」"),
        ("『", "』"),
        ("《", "》"),
        ("〈", "〉"),
        ("〝", "〞"),
        ("﹁", "﹂"),
        ("＂", "＂"),
        ("＇", "＇"),
        ("｢", "｣"),
    ];
    for (open, close) in pairs {
        for (text, position) in
            [(format!("{open}ww0{close}"), 1), (format!(" {open}ww0"), 1), (format!("ww0{close}\n"), 4)]
        {
            let flaw = checked(&text).unwrap_err();
            assert_eq!((flaw.position, flaw.kind), (position, FlawKind::Quote), "{text:?}");
            assert!(flaw.to_string().ends_with("leave out the quotes around the value"), "{flaw}");
            assert!(!flaw.to_string().contains("ww0") && !flaw.in_lang(Lang::Zh).contains("ww0"), "{flaw}");
        }
    }
    let flaw = checked("\"ww0\"").unwrap_err();
    assert_eq!(flaw.to_string(), "character 1 is U+0022 QUOTATION MARK; leave out the quotes around the value");
    assert_eq!(flaw.in_lang(Lang::Zh), "第 1 个字符是引号 U+0022（双引号），请去掉两端的引号");
    assert_eq!(checked("\"").unwrap_err().position, 1);
    // Quotes inside a value are accepted; the caller may refuse them.
    assert_eq!(checked("w\"w"), Ok("w\"w"));
}

/// Compares the table of this crate with that of another crate.
#[test]
fn every_invisible_character_is_refused_by_name() {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, SpaceSeparator};
    let invisible = [Control, Format, LineSeparator, ParagraphSeparator, SpaceSeparator];
    let mut seen = 0;
    for character in ('\0'..=char::MAX).filter(|character| invisible.contains(&get_general_category(*character))) {
        assert!(is_invisible(character), "{}", character.escape_unicode());
        let flaw = checked(&format!("a{character}b")).unwrap_err();
        assert_eq!((flaw.character, flaw.position), (character, 2));
        let (en, zh) = (flaw.to_string(), flaw.in_lang(Lang::Zh));
        assert!(!en.contains(" ;") && !zh.contains("（）"), "it has no name: {en} {zh}");
        seen += 1;
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn characters_that_unicode_ignores_by_default_are_refused() {
    let ranges = [
        ('\u{ad}', '\u{ad}'),
        ('\u{34f}', '\u{34f}'),
        ('\u{61c}', '\u{61c}'),
        ('\u{115f}', '\u{1160}'),
        ('\u{17b4}', '\u{17b5}'),
        ('\u{180b}', '\u{180f}'),
        ('\u{200b}', '\u{200f}'),
        ('\u{202a}', '\u{202e}'),
        ('\u{2060}', '\u{206f}'),
        ('\u{3164}', '\u{3164}'),
        ('\u{fe00}', '\u{fe0f}'),
        ('\u{feff}', '\u{feff}'),
        ('\u{ffa0}', '\u{ffa0}'),
        ('\u{fff0}', '\u{fff8}'),
        ('\u{1bca0}', '\u{1bca3}'),
        ('\u{1d173}', '\u{1d17a}'),
        ('\u{e0000}', '\u{e0fff}'),
    ];
    for (first, last) in ranges {
        (first..=last).for_each(|character| assert!(is_invisible(character), "{}", character.escape_unicode()));
    }
}

#[test]
fn letters_digits_and_marks_of_all_scripts_are_visible() {
    for character in "aZ09-_.:/+=@密é‑—…！￥😀\u{301}\u{d7ff}\u{e000}".chars() {
        assert!(!is_invisible(character), "{}", character.escape_unicode());
    }
}

#[test]
fn a_text_is_shortened_between_characters() {
    for (text, max, expected) in [("您好", 6, "您好"), ("您好", 5, "您"), ("您好", 2, ""), ("", 9, ""), ("ab", 0, "")]
    {
        assert_eq!(shortened(text, max), expected);
    }
}

proptest! {
    #[test]
    fn a_flaw_names_a_character_of_the_value(text: String) {
        match checked(&text) {
            Ok(value) => prop_assert!(!value.chars().any(is_invisible) && text.contains(value)),
            Err(flaw) => prop_assert_eq!(trimmed(&text).chars().nth(flaw.position - 1), Some(flaw.character)),
        }
    }

    #[test]
    fn a_value_of_visible_ascii_passes_unchanged(text in "[a-zA-Z0-9+/=_.:-]{0,64}") {
        prop_assert_eq!(checked(&text), Ok(text.as_str()));
    }

    #[test]
    fn one_invisible_character_inside_is_found(before in "[a-z]{1,9}", after in "[a-z]{1,9}", character in any::<char>()) {
        let flaw = checked(&format!("{before}{character}{after}")).err();
        prop_assert_eq!(flaw.map(|flaw| (flaw.character, flaw.position)), is_invisible(character).then_some((character, before.len() + 1)));
    }
}
