//! `run`: starts a command with the variables of a simulator, and says what was found.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;
use wecom_kf_sim::{FindingName, Report, Simulator};
use wecom_kf_text::reader_lang;

use super::config::Config;
use super::junit::{self, Case};
use super::knock;
use super::options::Options;
use super::signals::told_to_end;
use super::start::{Calls, start};
use super::state::StateFile;
use super::terminal::{self, Corps, Terminal};

/// What `run` is told.
pub(super) struct Run {
    pub(super) command: Vec<OsString>,
    /// Whether the exit code says if anything was found.
    pub(super) check: Check,
    /// Pairs of kind and file.
    pub(super) report: Vec<String>,
    pub(super) wait_for_callback: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Findings,
    CommandOnly,
}

/// A file that a report is written to.
enum ReportFile {
    Junit(PathBuf),
    Json(PathBuf),
}

impl Run {
    pub(super) async fn run(&self, terminal: &Terminal, options: Options) -> Result<ExitCode, String> {
        let files = self.report_files()?;
        let allowed = Config::read(options.clone())?.allowed();
        let state = StateFile::new(options.state.clone());
        let simulator = start(Calls::Shown, terminal, options).await?;
        let outcome = self.with(&simulator, terminal, &files, &allowed).await;
        // However it went, the state is as it is.
        state.save(&simulator)?;
        outcome
    }

    async fn with(
        &self,
        simulator: &Simulator,
        terminal: &Terminal,
        files: &[ReportFile],
        allowed: &[FindingName],
    ) -> Result<ExitCode, String> {
        if self.wait_for_callback.is_some() && !simulator.vars().iter().any(|(name, _)| *name == knock::LISTEN) {
            return Err("--wait-for-callback needs the URL of the callback: add --callback".to_owned());
        }
        terminal.say(&terminal::short_greeting(simulator, reader_lang()));
        let (program, arguments) = self.command.split_first().ok_or("there is no command to run")?;
        let mut child = Command::new(program);
        child.args(arguments).envs(simulator.vars()).kill_on_drop(true);
        let told_to_end = told_to_end();
        let mut child = child.spawn().map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let verified = self.verified(simulator);
        tokio::pin!(told_to_end, verified);
        let mut is_verified = self.wait_for_callback.is_none();
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                // The command has it from the terminal too, and ends in its own way.
                _ = tokio::signal::ctrl_c() => {}
                // Nobody tells the command, which would go on without a simulator.
                () = &mut told_to_end => {
                    let _ = child.kill().await;
                    return Err(format!("told to end (SIGTERM), and {} with it", program.display()));
                }
                outcome = &mut verified, if !is_verified => match outcome {
                    Ok(()) => is_verified = true,
                    Err(problem) => {
                        let _ = child.kill().await;
                        return Err(problem);
                    }
                }
            }
        };
        let status = status.map_err(|error| format!("cannot wait for {}: {error}", program.display()))?;
        let is_clean = report(terminal, simulator, allowed);
        files.iter().try_for_each(|file| file.write(simulator, allowed))?;
        if self.check == Check::Findings && !is_clean {
            return Ok(ExitCode::FAILURE);
        }
        // Ended by a signal it has none.
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(ExitCode::from(code))
    }

    fn report_files(&self) -> Result<Vec<ReportFile>, String> {
        let files = self.report.chunks(2).map(|pair| match pair {
            [kind, file] if kind == "junit" => Ok(ReportFile::Junit(file.into())),
            [kind, file] if kind == "json" => Ok(ReportFile::Json(file.into())),
            _ => Err("--report takes `junit` or `json` and a file, such as `--report junit report.xml`".to_owned()),
        });
        files.collect()
    }

    /// Waits until the bot listens for callbacks, and has the URL verified as the admin console does.
    async fn verified(&self, simulator: &Simulator) -> Result<(), String> {
        let patience = self.wait_for_callback.unwrap_or_default();
        let vars = simulator.vars();
        let address = vars.iter().find(|(name, _)| *name == knock::LISTEN).map(|(_, address)| address.as_str());
        knock::until_listening(address.unwrap_or_default(), patience).await;
        match simulator.verify_callback().await.and_then(|outcome| outcome.problem) {
            None => Ok(()),
            Some(problem) => Err(format!("the verification of the callback's URL failed: {problem}")),
        }
    }
}

impl ReportFile {
    fn write(&self, simulator: &Simulator, allowed: &[FindingName]) -> Result<(), String> {
        let reports = reports(simulator, allowed);
        match self {
            Self::Junit(file) => {
                let several = reports.len() > 1;
                let cases = reports.iter().flat_map(|(corp_id, report)| {
                    let suite = if several { corp_id.as_str() } else { "findings" };
                    FindingName::ALL.into_iter().map(move |name| case(suite, name, report))
                });
                junit::write(file, "wecom-kf-sim run", &cases.collect::<Vec<_>>())
            }
            Self::Json(file) => {
                // Of one corp what the control API's `report` returns.
                let json = match &reports[..] {
                    [(_, report)] => json!(report),
                    several => several.iter().map(|(corp_id, report)| (corp_id.clone(), json!(report))).collect(),
                };
                std::fs::write(file, format!("{json:#}\n"))
                    .map_err(|error| format!("cannot write {}: {error}", file.display()))
            }
        }
    }
}

/// Each kind of finding is a test, so that a service of CI shows what was looked for.
fn case(suite: &str, name: FindingName, report: &Report) -> Case {
    let mut only = report.clone();
    only.findings.retain(|finding| finding.name == name);
    let message = name.title(reader_lang()).to_owned();
    let failure = (!only.is_clean()).then(|| junit::Failure { message, detail: only.to_string() });
    Case {
        suite: suite.to_owned(),
        name: name.as_str().to_owned(),
        took: Duration::ZERO,
        failure,
        output: String::new(),
    }
}

/// Says what was found in each corp. Returns whether that is nothing.
pub(super) fn report(terminal: &Terminal, simulator: &Simulator, allowed: &[FindingName]) -> bool {
    let reports = reports(simulator, allowed);
    let corps = Corps::of(reports.len());
    reports.iter().for_each(|(corp_id, report)| terminal.say(&terminal::report(report, corp_id, corps, reader_lang())));
    reports.iter().all(|(_, report)| report.is_clean())
}

fn reports(simulator: &Simulator, allowed: &[FindingName]) -> Vec<(String, Report)> {
    simulator.corps().iter().map(|corp| (corp.corp_id(), corp.report().allowing(allowed))).collect()
}
