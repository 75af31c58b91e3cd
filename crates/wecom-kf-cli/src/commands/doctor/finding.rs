//! The finding of a check of `doctor`. It is printed as soon as it is known.

use serde::Serialize;
use tokio::time::Instant;
use wecom_kf::{Bilingual, Lang};

use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::out::{Mark, Out, column};
use crate::text::escaped;

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Problem,
    NotChecked,
    Note,
}

impl Status {
    /// The word in JSON and in tab-separated lines.
    fn id(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Problem => "problem",
            Self::NotChecked => "not_checked",
            Self::Note => "note",
        }
    }

    /// The word for people, filled up to the width of the longest one.
    fn shown(self, lang: Lang) -> &'static str {
        match self {
            Self::Ok => lang.pick("ok         ", "正常  "),
            Self::Problem => lang.pick("problem    ", "问题  "),
            Self::NotChecked => lang.pick("not checked", "未检查"),
            Self::Note => lang.pick("note       ", "提示  "),
        }
    }

    fn mark(self) -> Mark {
        match self {
            Self::Ok => Mark::Good,
            Self::Problem => Mark::Bad,
            Self::NotChecked | Self::Note => Mark::Weak,
        }
    }
}

/// A check in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    id: &'static str,
    started: Instant,
}

impl Check {
    /// Begins the check with this id, which is a stable name for programs.
    pub(super) fn start(id: &'static str) -> Self {
        Self { id, started: Instant::now() }
    }

    pub(super) fn ok(self, message: Bilingual) -> Finding {
        self.ended(Status::Ok, message, None)
    }

    pub(super) fn problem(self, message: Bilingual, remedy: Bilingual) -> Finding {
        self.ended(Status::Problem, message, Some(remedy))
    }

    /// The check was not possible. The remedy says how to make it possible.
    pub(super) fn not_checked(self, message: Bilingual, remedy: Bilingual) -> Finding {
        self.ended(Status::NotChecked, message, Some(remedy))
    }

    /// Nothing is wrong, but a person should know it.
    pub(super) fn note(self, message: Bilingual, remedy: Bilingual) -> Finding {
        self.ended(Status::Note, message, Some(remedy))
    }

    /// The problem that an error of a library or of this program describes.
    pub(super) fn failed(self, failure: &Failure) -> Finding {
        self.described(Status::Problem, failure)
    }

    /// An error that is no problem for `doctor`, but that a person should know.
    pub(super) fn noted(self, failure: &Failure) -> Finding {
        self.described(Status::Note, failure)
    }

    /// An error because of which something could not be checked.
    pub(super) fn unclear(self, failure: &Failure) -> Finding {
        self.described(Status::NotChecked, failure)
    }

    fn described(self, status: Status, failure: &Failure) -> Finding {
        let (en, remedy_en) = failure.parts(Lang::En);
        let (zh, remedy_zh) = failure.parts(Lang::Zh);
        let remedy = remedy_en.zip(remedy_zh).map(|(en, zh)| Bilingual::new(en, zh));
        self.ended(status, Bilingual::new(en, zh), remedy)
    }

    fn ended(self, status: Status, message: Bilingual, remedy: Option<Bilingual>) -> Finding {
        let milliseconds = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Finding { id: self.id, status, message, remedy, milliseconds }
    }
}

/// The outcome of one check.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    id: &'static str,
    status: Status,
    message: Bilingual,
    remedy: Option<Bilingual>,
    milliseconds: u64,
}

impl Finding {
    pub(super) fn is_problem(&self) -> bool {
        self.status == Status::Problem
    }
}

/// A finding in the language of the reader.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'static str,
    status: Status,
    message: &'a str,
    remedy: Option<&'a str>,
    milliseconds: u64,
}

/// Prints findings and counts them.
pub(super) struct Findings<'a> {
    out: &'a Out,
    /// Whether what cannot be checked counts as a problem.
    is_strict: bool,
    ok: usize,
    problems: usize,
    not_checked: usize,
    notes: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(app: &'a App, is_strict: bool) -> Self {
        Self { out: &app.out, is_strict, ok: 0, problems: 0, not_checked: 0, notes: 0 }
    }

    /// Prints the finding.
    pub(super) fn add(&mut self, finding: Finding) -> Result<(), Failure> {
        *match finding.status {
            Status::Ok => &mut self.ok,
            Status::Problem => &mut self.problems,
            Status::NotChecked => &mut self.not_checked,
            Status::Note => &mut self.notes,
        } += 1;
        let lang = self.out.lang();
        let shown = Shown {
            id: finding.id,
            status: finding.status,
            message: finding.message.in_lang(lang),
            remedy: finding.remedy.as_ref().map(|remedy| remedy.in_lang(lang)),
            milliseconds: finding.milliseconds,
        };
        if !self.out.is_table() {
            let columns = [
                column("STATUS", "状态", |shown: &Shown<'_>, _| shown.status.id().to_owned()),
                column("CHECK", "检查项", |shown, _| shown.id.to_owned()),
                column("MESSAGE", "说明", |shown, _| shown.message.to_owned()),
                column("REMEDY", "处理", |shown, _| shown.remedy.unwrap_or_default().to_owned()),
            ];
            return self.out.row(&columns, &shown);
        }
        let word = finding.status.shown(lang);
        self.out.marked(finding.status.mark(), word, &format!(" {}", escaped(shown.message)))?;
        if let Some(remedy) = shown.remedy {
            let indent = lang.pick("             do: ", "        处理：");
            self.out.line(&format!("{indent}{}", escaped(remedy)))?;
        }
        Ok(())
    }

    /// Prints how many findings there were, and returns the exit code.
    pub(super) fn sum_up(self) -> Exit {
        let Self { ok, problems, not_checked, notes, .. } = self;
        let s = if problems == 1 { "" } else { "s" };
        let notes_s = if notes == 1 { "" } else { "s" };
        self.out.note(&Bilingual::new(
            format!("{problems} problem{s}, {not_checked} not checked, {notes} note{notes_s}, {ok} ok"),
            format!("问题 {problems} 个，未检查 {not_checked} 项，提示 {notes} 条，正常 {ok} 项"),
        ));
        match problems > 0 || (self.is_strict && not_checked > 0) {
            true => Exit::Problems,
            false => Exit::Ok,
        }
    }
}
