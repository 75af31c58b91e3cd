//! Why a command failed, how that is shown, and which exit code it has.

use std::error::Error as StdError;
use std::io;
use std::process::ExitCode;

use wecom_kf::report::{Explain, Known, ReportOf, find_as};
use wecom_kf::{Bilingual, Error, Lang};
use wecom_kf_inbox::InboxErrors;
use wecom_kf_inbox::store::StoreError;

use crate::text::escaped;

/// The exit codes of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command did what it should.
    Ok,
    /// The command failed.
    Failed,
    /// The command line is invalid.
    Usage,
    /// `doctor` found problems.
    Problems,
    /// The settings or the credentials are missing or wrong.
    Credentials,
    /// Ctrl-C, as shells count it: 128 and the number of the signal.
    Interrupted,
    /// That of another program, which this one started.
    Other(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Problems => 3,
            Exit::Credentials => 4,
            Exit::Interrupted => 130,
            Exit::Other(code) => code,
        })
    }
}

/// A problem that this program finds by itself: what failed, and what to do.
#[derive(Debug)]
pub(crate) struct Problem {
    what: Bilingual,
    remedy: (&'static str, &'static str),
    exit: Exit,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// Creates a problem with its remedy in English and Chinese. The command exits with [`Exit::Failed`].
    pub(crate) fn new(what: Bilingual, remedy: (&'static str, &'static str)) -> Self {
        Self { what, remedy, exit: Exit::Failed, source: None }
    }

    /// Sets the exit code.
    pub(crate) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// Adds the cause.
    pub(crate) fn because(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.what.in_lang(Lang::En))
    }
}

impl StdError for Problem {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl Explain for Problem {
    fn in_lang(&self, lang: Lang) -> String {
        // It may contain what came from outside, such as an id.
        escaped(self.what.in_lang(lang))
    }

    fn remedy(&self, lang: Lang) -> Option<&'static str> {
        Some(lang.pick(self.remedy.0, self.remedy.1))
    }
}

/// The errors that the program explains in both languages.
pub(crate) enum ProgramErrors {}

impl Known for ProgramErrors {
    fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a dyn Explain> {
        find_as::<Problem>(error).or_else(|| InboxErrors::find(error))
    }
}

/// The error with which a command ends.
#[derive(Debug)]
pub(crate) struct Failure(Box<dyn StdError + Send + Sync>);

impl<E: Into<Box<dyn StdError + Send + Sync>>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl Failure {
    /// Returns the error with its causes and its remedy in one line.
    pub(crate) fn line(&self, lang: Lang) -> String {
        ReportOf::<ProgramErrors>::line(&*self.0, lang)
    }

    /// Returns the error with its causes, and its remedy, each in one line.
    pub(crate) fn parts(&self, lang: Lang) -> (String, Option<String>) {
        let line = self.line(lang);
        match line.rsplit_once(lang.pick("  do: ", "。处理：")) {
            Some((what, remedy)) => (what.to_owned(), Some(remedy.to_owned())),
            None => (line, None),
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        self.chain().find_map(exit_of).unwrap_or(Exit::Failed)
    }

    /// Returns WeCom's error, if there is one among the causes.
    pub(crate) fn client_error(&self) -> Option<&Error> {
        self.chain().find_map(|error| error.downcast_ref())
    }

    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.0.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        let first: &(dyn StdError + 'static) = &*self.0;
        std::iter::successors(Some(first), |error: &&(dyn StdError + 'static)| (*error).source())
    }
}

fn exit_of(error: &(dyn StdError + 'static)) -> Option<Exit> {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return Some(problem.exit);
    }
    if matches!(error.downcast_ref(), Some(StoreError::Settings(_))) {
        return Some(Exit::Credentials);
    }
    match error.downcast_ref::<Error>()? {
        Error::Settings(_) => Some(Exit::Credentials),
        Error::InvalidInput { .. } => Some(Exit::Usage),
        // WeCom refused to issue an access token.
        error if error.refusal().is_some_and(|refusal| refusal.operation == "gettoken") && !error.is_retryable() => {
            Some(Exit::Credentials)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use wecom_kf::raw::op;
    use wecom_kf::{Client, Credentials, ErrCode};

    use super::*;

    #[test]
    fn the_exit_code_tells_credentials_from_other_failures() {
        let exit = |error: Error| Failure::from(error).exit();
        let refused = |operation, code| exit(Error::refused(operation, ErrCode(code), ""));
        assert_eq!(refused(op::GETTOKEN, 40001), Exit::Credentials);
        assert_eq!(refused(op::GETTOKEN, -1), Exit::Failed);
        assert_eq!(refused(op::SEND_MSG, 95001), Exit::Failed);
        let missing = Client::builder(Credentials::new("", "")).build().unwrap_err();
        assert_eq!(exit(missing), Exit::Credentials);
        let problem = Problem::new(Bilingual::fixed("", ""), ("", "")).exit(Exit::Usage);
        assert_eq!(Failure::from(problem).exit(), Exit::Usage);
        assert_eq!(Failure::from(io::Error::other("full")).exit(), Exit::Failed);
    }
}
