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

use anstyle::{AnsiColor, Style};
use tokio::sync::watch;
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
use super::signals::interrupted;
use super::start::{Calls, start};
use super::terminal::{Terminal, printable};
use bot::Bot;
use control::Control;
use player::{Failure, Player};
use stage::{Simulator, Stage};

const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default();

/// What `play` is told.
pub(super) struct Play {
    pub(super) files: Vec<PathBuf>,
    /// The bot; none if one runs already.
    pub(super) command: Vec<OsString>,
    pub(super) junit: Option<PathBuf>,
    pub(super) wait_for_callback: Option<Duration>,
}

impl Play {
    /// Plays all scenarios of all files in their order. Ctrl-C ends the one that is played, and its bot.
    pub(super) async fn run(&self, terminal: &Terminal, options: Options) -> Result<ExitCode, String> {
        let lang = reader_lang();
        let mut scenarios = Vec::new();
        for file in &self.files {
            scenarios.extend(Scenario::read(file).map_err(|error| error.to_string())?);
        }
        if options.state.is_some() {
            return Err("`play` starts a simulator for each scenario: leave --state out".to_owned());
        }
        let allowed = Config::read(options.clone())?.allowed();
        let stages = Stages::of(self, terminal, options, lang).await?;
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            interrupted().await;
            let _ = stop.send(true);
        });
        let show = Show { command: &self.command, terminal, stages, allowed, lang, stopped };
        let mut cases = Vec::new();
        for scenario in &scenarios {
            if !*show.stopped.borrow() {
                cases.push(show.one(scenario).await);
            }
        }
        if let Some(file) = &self.junit {
            junit::write(file, "wecom-kf-sim play", &cases)?;
        }
        let failed = cases.iter().filter(|case| case.failure.is_some()).count();
        let style = if failed == 0 { GOOD } else { BAD };
        terminal.say(&format!("{style}{}{style:#}", summary(cases.len(), failed, lang)));
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What all scenarios of a run have in common.
struct Show<'a> {
    command: &'a [OsString],
    terminal: &'a Terminal,
    stages: Stages<'a>,
    allowed: Vec<FindingName>,
    lang: Lang,
    /// Whether somebody wants it to end.
    stopped: watch::Receiver<bool>,
}

impl Show<'_> {
    async fn one(&self, scenario: &Scenario) -> Case {
        let started = Instant::now();
        let mut script = Script { terminal: self.terminal, lines: Vec::new() };
        let title = format!("{}:{}  {}", scenario.file.display(), scenario.line, scenario.name);
        script.say(Style::new().bold(), &title);
        let outcome = self.play(&mut script, scenario).await;
        let took = started.elapsed();
        match &outcome {
            Ok(()) => script.say(GOOD, &format!("  ✓ {:.1} s", took.as_secs_f64())),
            Err(failure) => {
                script.say(BAD, &format!("  ✗ {}:{}: {}", scenario.file.display(), failure.line, failure.problem));
                for line in &failure.detail {
                    script.say(style_of(line), &format!("        {line}"));
                }
            }
        }
        script.say(Style::new(), "");
        let suite = scenario.file.display().to_string();
        let failure = outcome.err().map(|failure| junit::Failure {
            message: format!("line {}: {}", failure.line, failure.problem),
            detail: failure.detail.join("\n"),
        });
        Case { suite, name: scenario.name.clone(), took, failure, output: script.lines.join("\n") }
    }

    async fn play(&self, script: &mut Script<'_>, scenario: &Scenario) -> Result<(), Failure> {
        let at_head = |problem| Failure { line: scenario.line, problem, detail: Vec::new() };
        let place = self.stages.next(scenario).await.map_err(at_head)?;
        let control = Control::of(&place.base_url).map_err(at_head)?;
        let mut stage = Stage::prepare(control, scenario, place.kind).await.map_err(at_head)?;
        let mut bot = match self.command {
            [] => None,
            command => Some(Bot::start(command, &place.vars).map_err(at_head)?),
        };
        let allowed = [&self.allowed[..], &scenario.allow[..]].concat();
        let mut player = Player { stage: &mut stage, scenario, allowed: &allowed, lang: self.lang };
        let played = async {
            if let Some(patience) = place.callback_patience {
                player.wait_for_callback(patience).await?;
            }
            player.play(script).await
        };
        let fails = async {
            match &mut bot {
                Some(bot) => bot.fails().await,
                None => std::future::pending().await,
            }
        };
        let mut stopped = self.stopped.clone();
        let outcome = tokio::select! {
            outcome = played => outcome,
            problem = fails => Err(at_head(problem)),
            _ = stopped.wait_for(|stopped| *stopped) => Err(at_head(self.lang.pick("interrupted", "已中断").to_owned())),
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
    /// Prints a text, each line of it in this style.
    pub(super) fn say(&mut self, style: Style, text: &str) {
        for line in text.split('\n') {
            let line = printable(line);
            self.terminal.say(&if style == Style::new() { line.clone() } else { format!("{style}{line}{style:#}") });
            self.lines.push(line);
        }
    }
}

/// The colour of a line below a failure: of a difference what was expected and what came.
fn style_of(line: &str) -> Style {
    match line.as_bytes().first() {
        Some(b'-') => GOOD,
        Some(b'+') => BAD,
        Some(b'!') => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
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
        (Lang::Zh, 0) => format!("{played} 个剧本全部通过"),
        (Lang::Zh, _) => format!("{played} 个剧本中有 {failed} 个失败"),
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
