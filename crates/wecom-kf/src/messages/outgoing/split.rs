//! Where a long text is split: at a paragraph, a line, a sentence or a word, never inside a grapheme or a link.

use unicode_segmentation::UnicodeSegmentation;

/// Punctuation that must not begin a piece.
const CLOSING: &str = "，、；：。！？…）】》」』”’,;:.!?)]}";

/// Divides a text into a piece of at most `limit` bytes and the rest. White space around the break belongs to neither.
///
/// A piece is at least half full, so that a text has few of them. Among the places that are left, the end of a paragraph
/// is preferred to the end of a line, then of a sentence, then of a word.
pub(super) fn first_piece(text: &str, limit: usize) -> (&str, &str) {
    if text.len() <= limit {
        return (text, "");
    }
    let at = place(text, limit);
    let (piece, rest) = text.split_at(at);
    // The indentation of a line, as in a program, is kept.
    let rest = match piece.ends_with('\n') || rest.starts_with('\n') {
        true => rest.trim_start_matches(['\n', '\r']),
        false => rest.trim_start(),
    };
    (piece.trim_end(), rest)
}

/// Returns the place of the break, in bytes: greater than 0, at most `limit`, and between two characters. A limit is at least
/// four bytes, the length of the longest character.
fn place(text: &str, limit: usize) -> usize {
    let window = &text[..char_before(text, limit)];
    let may_break = |at: &usize| (limit / 2..=window.len()).contains(at) && !is_inside_link(text, *at);
    let ends_of = |pattern: &'static str| window.rmatch_indices(pattern).map(move |(at, _)| at + pattern.len());
    // The end of the window ends no sentence and no word by itself, so what follows it is looked at, too.
    let beyond = &text[..char_before(text, limit + LOOK_AHEAD)];
    let sentences = || beyond.split_sentence_bound_indices().map(|(at, _)| at).filter(may_break).last();
    let words = || {
        let bounds = beyond.split_word_bound_indices().filter(|(_, word)| !word.starts_with(|c| CLOSING.contains(c)));
        bounds.map(|(at, _)| at).rfind(may_break)
    };
    let graphemes = |may_break: &dyn Fn(&usize) -> bool| {
        beyond.grapheme_indices(true).map(|(at, _)| at).take_while(|at| *at <= window.len()).filter(may_break).last()
    };
    ends_of("\n\n")
        .find(may_break)
        .or_else(|| ends_of("\n").find(may_break))
        .or_else(sentences)
        .or_else(words)
        .or_else(|| graphemes(&may_break))
        // A link or a grapheme that is longer than half a piece.
        .or_else(|| graphemes(&|at| *at > 0 && !is_inside_link(text, *at)))
        .or_else(|| graphemes(&|at| *at > 0))
        // A grapheme that is longer than a piece.
        .unwrap_or(window.len())
}

/// So many bytes behind the limit decide whether a sentence or a word ends there.
const LOOK_AHEAD: usize = 64;

/// Returns the last place between two characters that is not behind `at`.
fn char_before(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rfind(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

const LINK_START: &str = "<a ";
const LINK_END: &str = "</a>";

/// Whether `at` lies inside a link such as a [`MenuLink`](super::MenuLink).
fn is_inside_link(text: &str, at: usize) -> bool {
    let until = char_before(text, at + LINK_START.len() - 1);
    let Some(start) = text[..until].rfind(LINK_START).filter(|start| *start < at) else { return false };
    text[start..].find(LINK_END).is_some_and(|length| start + length + LINK_END.len() > at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::messages::MenuLink;

    fn split(text: &str, limit: usize) -> Vec<&str> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, after) = first_piece(rest, limit);
            pieces.push(piece);
            rest = after;
        }
        pieces
    }

    #[test]
    fn a_break_is_at_the_best_place_of_the_second_half() {
        for (text, limit, pieces) in [
            ("first line\nsecond\n\nthird paragraph", 20, ["first line\nsecond", "third paragraph"]),
            ("first line here\n    indented and long", 22, ["first line here", "    indented and long"]),
            ("第一句话。第二句话！第三句话很长很长", 36, ["第一句话。第二句话！", "第三句话很长很长"]),
            ("他说：“好的。”然后走了，再也没有回来", 30, ["他说：“好的。”", "然后走了，再也没有回来"]),
            ("It costs 3.50 yuan. That is not much", 22, ["It costs 3.50 yuan.", "That is not much"]),
            ("no sentence ends here at all", 20, ["no sentence ends", "here at all"]),
            ("我们今天下午三点见面，好吗", 30, ["我们今天下午三点见", "面，好吗"]),
            ("家👨‍👩‍👧‍👦家", 12, ["家", "👨‍👩‍👧‍👦家"]),
        ] {
            let (piece, rest) = first_piece(text, limit);
            assert_eq!([piece, rest], pieces, "{text}");
        }
    }

    #[test]
    fn a_link_is_in_one_piece() {
        let link = MenuLink::new("申请退款", "我要退款", "refund").to_string();
        for before in 0..200 {
            let text = format!("{}{link}{}", "字".repeat(before), "尾".repeat(100));
            let pieces = split(&text, 200);
            assert!(pieces.iter().any(|piece| piece.contains(&link)), "{before}: {pieces:?}");
            assert!(pieces.iter().all(|piece| piece.len() <= 200), "{before}: {pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_but_white_space_is_lost_and_no_piece_is_too_long(text in "(?s)(\\PC|[ \n。.]|e\u{301}|👨‍👩‍👧){0,120}", limit in 8_usize..64) {
            let pieces = split(&text, limit);
            prop_assert!(pieces.iter().all(|piece| piece.len() <= limit));
            let words = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(words(&pieces.concat()), words(&text));
        }

        #[test]
        fn a_grapheme_that_fits_is_in_one_piece(text in "(a|长|e\u{301}|👨‍👩‍👧|🇨🇳){0,60}") {
            let pieces = split(&text, 64);
            let graphemes: usize = pieces.iter().map(|piece| piece.graphemes(true).count()).sum();
            prop_assert_eq!(graphemes, text.graphemes(true).count());
        }
    }
}
