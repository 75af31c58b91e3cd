//! `play`: plays scenarios against a bot, and says whether it did what it must.

mod bot;
mod control;
mod expect;
mod player;
mod stage;
mod transcript;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::Instant;
use wecom_kf_sim::FindingName;
use wecom_kf_text::{Lang, reader_lang};

use super::PORT;
use super::config::Config;
use super::junit::{self, Case};
use super::knock;
use super::options::Options;
use super::port;
use super::scenario::Scenario;
use super::start::{Calls, start};
use super::terminal::{Terminal, printable};
use bot::Bot;
use control::Control;
use player::{Failure, Player};
use stage::{Simulator, Stage};

/// What `play` is told.
pub(super) struct Play {
    pub(super) files: Vec<PathBuf>,
    /// The bot; none if one runs already.
    pub(super) command: Vec<OsString>,
    pub(super) junit: Option<PathBuf>,
    pub(super) wait_for_callback: Option<Duration>,
}

impl Play {
    /// Plays all scenarios of all files in their order.
    pub(super) async fn run(&self, terminal: &Terminal, options: Options) -> Result<ExitCode, String> {
        let lang = reader_lang();
        let mut scenarios = Vec::new();
        for file in &self.files {
            scenarios.extend(Scenario::read(file).map_err(|error| error.to_string())?);
        }
        let allowed = Config::read(options.clone())?.allowed();
        let stages = Stages::of(self, terminal, options, lang).await?;
        let mut cases = Vec::new();
        for scenario in &scenarios {
            let case = self.one(terminal, &stages, scenario, &allowed, lang).await;
            cases.push(case);
        }
        if let Some(file) = &self.junit {
            junit::write(file, "wecom-kf-sim play", &cases)?;
        }
        let failed = cases.iter().filter(|case| case.failure.is_some()).count();
        terminal.say(&summary(cases.len(), failed, lang));
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn one(
        &self,
        terminal: &Terminal,
        stages: &Stages<'_>,
        scenario: &Scenario,
        allowed: &[FindingName],
        lang: Lang,
    ) -> Case {
        let started = Instant::now();
        let mut script = Script { terminal, lines: Vec::new() };
        script.say(&format!("{}:{}  {}", scenario.file.display(), scenario.line, scenario.name));
        let outcome = self.play(&mut script, stages, scenario, allowed, lang).await;
        let took = started.elapsed();
        let end = match &outcome {
            Ok(()) => format!("  ✓ {:.1} s", took.as_secs_f64()),
            Err(failure) => {
                let place = format!("{}:{}", scenario.file.display(), failure.line);
                let detail = failure.detail.iter().map(|line| format!("\n        {line}")).collect::<String>();
                format!("  ✗ {place}: {}{detail}", failure.problem)
            }
        };
        script.say(&format!("{end}\n"));
        let suite = scenario.file.display().to_string();
        let failure = outcome.err().map(|failure| junit::Failure {
            message: format!("line {}: {}", failure.line, failure.problem),
            detail: failure.detail.join("\n"),
        });
        Case { suite, name: scenario.name.clone(), took, failure, output: script.lines.join("\n") }
    }

    async fn play(
        &self,
        script: &mut Script<'_>,
        stages: &Stages<'_>,
        scenario: &Scenario,
        allowed: &[FindingName],
        lang: Lang,
    ) -> Result<(), Failure> {
        let at_head = |problem| Failure { line: scenario.line, problem, detail: Vec::new() };
        let place = stages.next(scenario).await.map_err(at_head)?;
        let control = Control::of(&place.base_url).map_err(at_head)?;
        let mut stage = Stage::prepare(control, scenario, place.kind).await.map_err(at_head)?;
        let mut bot = match &self.command[..] {
            [] => None,
            command => Some(Bot::start(command, &place.vars).map_err(at_head)?),
        };
        let allowed = [allowed, &scenario.allow[..]].concat();
        let mut player = Player { stage: &mut stage, scenario, allowed: &allowed, lang };
        let played = async {
            if let Some(patience) = place.callback_patience {
                player.wait_for_callback(patience).await?;
            }
            player.play(script).await
        };
        let outcome = match &mut bot {
            None => played.await,
            Some(bot) => tokio::select! {
                outcome = played => outcome,
                problem = bot.fails() => Err(at_head(problem)),
            },
        };
        let cleared = stage.clear().await;
        if let Some(bot) = bot {
            bot.end().await;
        }
        outcome.and(cleared.map_err(at_head))
    }
}

/// Prints the transcript, and keeps it for the report.
pub(super) struct Script<'a> {
    terminal: &'a Terminal,
    lines: Vec<String>,
}

impl Script<'_> {
    pub(super) fn say(&mut self, text: &str) {
        for line in text.split('\n') {
            let line = printable(line);
            self.terminal.say(&line);
            self.lines.push(line);
        }
    }
}

/// Where scenarios are played.
enum Stages<'a> {
    /// A simulator of its own for each scenario: the bot is started anew too.
    OneEach { options: Box<Options>, terminal: &'a Terminal, callback_patience: Duration },
    /// One simulator for all of them, because the bot runs on.
    One { base_url: String, _own: Option<wecom_kf_sim::Simulator>, callback_patience: Option<Duration> },
}

/// Where one scenario is played.
struct Place {
    base_url: String,
    vars: Vec<(String, String)>,
    kind: Simulator,
    /// How long the bot may take to answer the verification of its callback's URL, if it has one.
    callback_patience: Option<Duration>,
    _own: Option<wecom_kf_sim::Simulator>,
}

impl<'a> Stages<'a> {
    async fn of(play: &Play, terminal: &'a Terminal, options: Options, lang: Lang) -> Result<Self, String> {
        if !play.command.is_empty() {
            let callback_patience = play.wait_for_callback.unwrap_or(super::scenario::PATIENCE);
            return Ok(Self::OneEach { options: Box::new(options), terminal, callback_patience });
        }
        let port = Config::read(options.clone())?.port.unwrap_or(PORT);
        let callback_patience = play.wait_for_callback;
        if let Some(info) = port::info(port, super::POINT_PATIENCE).await {
            let base_url = format!("http://127.0.0.1:{port}");
            let version = info["version"].as_str().unwrap_or_default();
            terminal.say(&match lang {
                Lang::En => format!("plays in wecom-kf-sim {version}, which runs at {base_url}\n"),
                Lang::Zh => format!("在正运行的 wecom-kf-sim {version} 中执行：{base_url}\n"),
            });
            return Ok(Self::One { base_url, _own: None, callback_patience });
        }
        let simulator = start(Calls::Hidden, terminal, options).await?;
        let public = simulator.base_url();
        terminal.say(&match lang {
            Lang::En => format!("started a simulator at {public}, where the bot is expected\n"),
            Lang::Zh => format!("已启动模拟器，等待机器人连接：{public}\n"),
        });
        Ok(Self::One { base_url: simulator.local_url(), _own: Some(simulator), callback_patience })
    }

    async fn next(&self, scenario: &Scenario) -> Result<Place, String> {
        match self {
            Self::One { base_url, callback_patience, .. } => Ok(Place {
                base_url: base_url.clone(),
                vars: Vec::new(),
                kind: Simulator::Shared,
                callback_patience: *callback_patience,
                _own: None,
            }),
            Self::OneEach { options, terminal, callback_patience } => {
                let mut options = Options::clone(options);
                options.port = options.port.or(Some(0));
                if !scenario.accounts.is_empty() {
                    options.accounts.clone_from(&scenario.accounts);
                }
                let simulator = start(Calls::Hidden, terminal, options).await?;
                let vars: Vec<_> = simulator.vars().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                let has_callback = vars.iter().any(|(name, _)| name == knock::LISTEN);
                Ok(Place {
                    base_url: simulator.local_url(),
                    vars,
                    kind: Simulator::Fresh,
                    callback_patience: has_callback.then_some(*callback_patience),
                    _own: Some(simulator),
                })
            }
        }
    }
}

fn summary(played: usize, failed: usize, lang: Lang) -> String {
    match (lang, failed) {
        (Lang::En, 0) if played == 1 => "1 scenario passed".to_owned(),
        (Lang::En, 0) => format!("{played} scenarios passed"),
        (Lang::En, _) => format!("{failed} of {played} scenarios failed"),
        (Lang::Zh, 0) => format!("{played} 个场景全部通过"),
        (Lang::Zh, _) => format!("{played} 个场景中有 {failed} 个失败"),
    }
}

/// Whether a file is there to be played, before anything is started.
pub(super) fn existing(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    match path.is_file() {
        true => Ok(path.to_owned()),
        false => Err("there is no such file; a bot's command goes behind `--`".to_owned()),
    }
}
