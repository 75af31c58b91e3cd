//! Converts texts of the document to documentation of Rust.

/// Languages of a code block that make rustdoc compile it as a test.
const TESTED: [&str; 7] = ["rust", "ignore", "no_run", "should_panic", "compile_fail", "edition", "test_harness"];

/// Returns the lines of `text` in a form in which rustdoc takes no code block for a test: blocks are marked as text, and no
/// line is indented.
pub fn lines(text: &str) -> impl Iterator<Item = String> + '_ {
    // The fence that opened the current code block, if the line is inside one.
    let mut inside: Option<String> = None;
    text.lines().map(move |line| {
        let line = line.trim();
        let marks = line.strip_prefix("```").map(|_| '`').or_else(|| line.strip_prefix("~~~").map(|_| '~'));
        let Some(mark) = marks else { return line.to_owned() };
        let language = line.trim_start_matches(mark);
        let marks = &line[..line.len() - language.len()];
        match &inside {
            Some(opening) if marks.starts_with(opening.as_str()) => inside = None,
            Some(_) => {}
            None => {
                inside = Some(marks.to_owned());
                let language = language.trim();
                if language.is_empty() || TESTED.iter().any(|word| language.starts_with(word)) {
                    return format!("{marks}text");
                }
            }
        }
        line.to_owned()
    })
}

/// Like [`lines`], but returns one text.
pub fn text(text: &str) -> String {
    lines(text).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn code_blocks_never_become_tests() {
        for (given, expected) in [
            ("A text.\n\n    indented\n", "A text.\n\nindented"),
            ("```\n{}\n```\nmore", "```text\n{}\n```\nmore"),
            ("```rust,no_run\nx\n```\n~~~\ny\n~~~", "```text\nx\n```\n~~~text\ny\n~~~"),
            ("```json\n{}\n```", "```json\n{}\n```"),
            ("````\n```\n````", "````text\n```\n````"),
        ] {
            assert_eq!(text(given), expected);
        }
    }
}
