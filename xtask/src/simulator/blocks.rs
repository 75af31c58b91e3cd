//! The marked parts of files that are otherwise written by hand. A line with `generated: NAME` begins a part and a line with
//! `end of NAME` ends it, both in a comment; codegen replaces the lines between them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

#[derive(Default)]
pub struct Blocks {
    texts: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

impl Blocks {
    pub fn add(&mut self, name: &str, text: String) {
        self.texts.insert(name.to_owned(), text);
    }

    /// Returns the text of a file with its marked parts replaced. The lines of a part are indented like its first mark.
    pub fn fill(&self, file: &str, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            filled.push_str(line);
            filled.push('\n');
            let Some(name) = mark(line, "generated: ") else { continue };
            let place = format!("{file}, line {}", number + 1);
            let Some(block) = self.texts.get(name) else {
                let known: Vec<_> = self.texts.keys().map(String::as_str).collect();
                bail!("{place}: there is no generated part named {name:?}; use one of {}", known.join(", "));
            };
            self.used.borrow_mut().insert(name.to_owned());
            let indent = &line[..line.len() - line.trim_start().len()];
            for line in block.lines() {
                filled.push_str(if line.is_empty() { "" } else { indent });
                filled.push_str(line);
                filled.push('\n');
            }
            let Some((_, end)) = lines.find(|(_, line)| mark(line, "end of ") == Some(name)) else {
                bail!("{place}: the part has no end; add a comment `end of {name}` below it");
            };
            filled.push_str(end);
            filled.push('\n');
        }
        Ok(filled)
    }

    /// Fails if no file has one of the parts, because then its text is lost.
    pub fn all_used(&self) -> Result<()> {
        let used = self.used.borrow();
        let unused: Vec<_> = self.texts.keys().filter(|name| !used.contains(*name)).map(String::as_str).collect();
        if !unused.is_empty() {
            bail!("no file has a part named {}; add the comments `generated: …` and `end of …`", unused.join(", "));
        }
        Ok(())
    }
}

/// Returns the name in a comment that begins with `word`.
fn mark<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let line = line.trim();
    let comment = line.strip_prefix("# ").or_else(|| line.strip_prefix("<!-- ")?.strip_suffix(" -->"))?;
    comment.strip_prefix(word)
}

#[cfg(test)]
mod tests {
    use super::Blocks;

    fn blocks() -> Blocks {
        let mut blocks = Blocks::default();
        blocks.add("names", "a\n\nb".to_owned());
        blocks
    }

    #[test]
    fn lines_between_the_marks_are_replaced() {
        let text = "x\n  # generated: names\n  old\n  # end of names\ny\n";
        let filled = "x\n  # generated: names\n  a\n\n  b\n  # end of names\ny\n";
        assert_eq!(blocks().fill("f", text).unwrap(), filled);
        assert_eq!(blocks().fill("f", filled).unwrap(), filled);
        let page = "<!-- generated: names -->\n<!-- end of names -->\n";
        assert_eq!(blocks().fill("f", page).unwrap(), "<!-- generated: names -->\na\n\nb\n<!-- end of names -->\n");
    }

    #[test]
    fn a_wrong_mark_is_refused_with_its_place() {
        let error = blocks().fill("f", "x\n# generated: nams\n# end of nams\n").unwrap_err().to_string();
        assert_eq!(error, "f, line 2: there is no generated part named \"nams\"; use one of names");
        let error = blocks().fill("f", "# generated: names\n").unwrap_err().to_string();
        assert_eq!(error, "f, line 1: the part has no end; add a comment `end of names` below it");
        let error = blocks().all_used().unwrap_err().to_string();
        assert!(error.contains("no file has a part named names"), "{error}");
    }
}
