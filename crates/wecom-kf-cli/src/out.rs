//! Output: data on standard output as table, tab-separated lines or JSON, everything else on standard error.

use std::io::{self, IsTerminal, Write};

use anstyle::Style;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use serde::Serialize;
use wecom_kf::{Bilingual, Lang};

use crate::failure::Failure;
use crate::text::escaped;

/// A column of a list: its title for people, and its value. Values are escaped when they are printed, and never cut.
pub(crate) struct Column<T> {
    title: (&'static str, &'static str),
    value: fn(&T, Lang) -> String,
    is_number: bool,
}

/// Creates a column with its title in English and Chinese.
pub(crate) fn column<T>(en: &'static str, zh: &'static str, value: fn(&T, Lang) -> String) -> Column<T> {
    Column { title: (en, zh), value, is_number: false }
}

impl<T> Column<T> {
    /// Aligns the values at the right.
    pub(crate) fn number(self) -> Self {
        Self { is_number: true, ..self }
    }

    /// Returns the value of a row, escaped.
    pub(crate) fn cell(&self, row: &T, lang: Lang) -> String {
        escaped(&(self.value)(row, lang))
    }
}

/// Returns the value of a cell that answers a question.
pub(crate) fn yes_or_no(is_so: bool, lang: Lang) -> String {
    if is_so { lang.pick("yes", "是") } else { lang.pick("no", "否") }.to_owned()
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// For people: aligned, with titles.
    Table,
    /// For programs that read lines: tab-separated, without titles.
    Lines,
    /// One JSON object in each line.
    Json,
}

/// Where a command prints.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    format: Format,
    lang: Lang,
    quiet: bool,
}

/// How a line is marked on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Good,
    Bad,
    Weak,
}

impl Mark {
    fn style(self) -> Style {
        let color = match self {
            Self::Good => anstyle::AnsiColor::Green,
            Self::Bad => anstyle::AnsiColor::Red,
            Self::Weak => return Style::new().dimmed(),
        };
        color.on_default()
    }
}

impl Out {
    pub(crate) fn new(lang: Lang, json: bool, quiet: bool) -> Self {
        let format = match (json, io::stdout().is_terminal()) {
            (true, _) => Format::Json,
            (false, true) => Format::Table,
            (false, false) => Format::Lines,
        };
        Self { format, lang, quiet }
    }

    pub(crate) fn lang(&self) -> Lang {
        self.lang
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Returns whether people read the output on a terminal.
    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Prints a list. `empty` is the note for a person if there is nothing.
    pub(crate) fn list<T: Serialize>(
        &self,
        columns: &[Column<T>],
        rows: &[T],
        empty: &Bilingual,
    ) -> Result<(), Failure> {
        if self.format != Format::Table {
            return rows.iter().try_for_each(|row| self.row(columns, row));
        }
        if rows.is_empty() {
            self.note(empty);
            return Ok(());
        }
        let titles = columns.iter().map(|column| self.lang.pick(column.title.0, column.title.1));
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(titles);
        for row in rows {
            table.add_row(columns.iter().map(|column| column.cell(row, self.lang)));
        }
        for (index, column) in columns.iter().enumerate() {
            if let Some(shown) = table.column_mut(index) {
                shown.set_padding((0, 2));
                if column.is_number {
                    shown.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut stdout = anstream::stdout().lock();
        for (index, line) in table.lines().enumerate() {
            let style = if index == 0 { Style::new().bold() } else { Style::new() };
            writeln!(stdout, "{style}{}{style:#}", line.trim_end())?;
        }
        Ok(())
    }

    /// Prints one row as soon as it is known: a stream has no titles and is not aligned.
    pub(crate) fn row<T: Serialize>(&self, columns: &[Column<T>], row: &T) -> Result<(), Failure> {
        if self.format == Format::Json {
            return self.json(row);
        }
        let cells: Vec<String> = columns.iter().map(|column| column.cell(row, self.lang)).collect();
        let separator = if self.format == Format::Table { "  " } else { "\t" };
        self.line(&cells.join(separator))
    }

    /// Prints one thing: on a terminal a line for each of its values, otherwise a row.
    pub(crate) fn record<T: Serialize>(&self, columns: &[Column<T>], row: &T) -> Result<(), Failure> {
        if self.format != Format::Table {
            return self.row(columns, row);
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        for column in columns {
            table.add_row([self.lang.pick(column.title.0, column.title.1).to_owned(), column.cell(row, self.lang)]);
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut stdout = io::stdout().lock();
        for line in table.lines() {
            writeln!(stdout, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Prints a JSON object in one line. JSON escapes control characters; other invisible ones are escaped here.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string(value)?;
        self.line(&escaped_json(&json))
    }

    /// Prints a line of data that is already safe to print.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{line}")?;
        Ok(stdout.flush()?)
    }

    /// Prints a line of data with a mark in colour in front of it, if this is a terminal.
    pub(crate) fn marked(&self, mark: Mark, sign: &str, line: &str) -> Result<(), Failure> {
        let style = mark.style();
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{style}{sign}{style:#} {line}")?;
        Ok(stdout.flush()?)
    }

    /// Tells a person something that is not data, unless `--quiet` was given.
    pub(crate) fn note(&self, text: &Bilingual) {
        if !self.quiet {
            self.always(text);
        }
    }

    /// Tells a person something that is not data, in any case.
    pub(crate) fn always(&self, text: &Bilingual) {
        // There is nowhere to report that standard error is closed.
        let _ = writeln!(anstream::stderr().lock(), "{}", escaped(text.in_lang(self.lang)));
    }

    /// Prints why the command failed, on a terminal with the remedy in a line of its own.
    pub(crate) fn error(&self, failure: &Failure) {
        match failure.parts(self.lang) {
            (what, Some(remedy)) if io::stderr().is_terminal() => {
                complain(&format!("{what}\n{}{remedy}", self.lang.pick("do: ", "处理：")), self.lang)
            }
            _ => complain(&failure.line(self.lang), self.lang),
        }
    }

    /// Returns a progress bar for a known number of bytes or messages, otherwise a spinner. It disappears when it is dropped.
    /// Nothing is shown unless standard error is a terminal.
    pub(crate) fn progress(&self, total: Option<u64>, what: &Bilingual) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let template =
            if total.is_some() { "{msg} {wide_bar} {human_pos}/{human_len}" } else { "{spinner} {msg} {human_pos}" };
        let bar = match total {
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::new_spinner(),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        let bar = bar.with_finish(ProgressFinish::AndClear);
        bar.set_message(what.in_lang(self.lang).to_owned());
        bar
    }
}

/// Prints an error to standard error.
pub(crate) fn complain(line: &str, lang: Lang) {
    let style = Mark::Bad.style();
    let head = lang.pick("error: ", "错误：");
    let _ = writeln!(anstream::stderr().lock(), "{style}{head}{style:#}{line}");
}

/// Returns JSON in one line, with the invisible characters that it allows escaped as JSON does.
pub(crate) fn escaped_json(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            ' ' | '\u{3000}' | '\u{200d}' | '\u{fe0f}' => line.push(character),
            // In JSON these occur between values only.
            '\n' | '\r' | '\t' => line.push(' '),
            _ if wecom_kf_text::is_invisible(character) || character.is_control() => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    line.push_str(&format!("\\u{unit:04x}"));
                }
            }
            _ => line.push(character),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_when_it_is_escaped() {
        let text = "a\u{202e}b\u{e0001}\u{9b}\n 您好";
        let json = escaped_json(&serde_json::to_string(text).unwrap());
        assert_eq!(json, r#""a\u202eb\udb40\udc01\u009b\n 您好""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        assert_eq!(escaped_json("{\r\n\t\"a\": 1\n}"), "{   \"a\": 1 }");
    }
}
