//! The program `wecom-kf-sim`: its flags and commands.

mod config;
mod junit;
mod play;
mod port;
mod scenario;
mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use tokio::process::Command;
use tokio::time::Instant;
use wecom_kf_sim::{FindingName, Simulator, assumptions_page, duration};

use config::Config;
use terminal::{Corps, Terminal};

const PORT: u16 = 9500;
/// `point` asks a simulator of this machine.
const POINT_PATIENCE: Duration = Duration::from_secs(2);

/// A simulator of the WeCom customer service API on loopback.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
struct Args {
    #[command(flatten)]
    options: Options,
    /// For a program that starts this one: prints one line of JSON when it is ready, writes calls to standard error, and
    /// ends when its standard input is closed
    #[arg(long)]
    child: bool,
    #[command(subcommand)]
    command: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Starts a command with the variables of this simulator, of several corps those of the first, and ends with it
    Run {
        /// Exit with 1 if anything was found, in whichever corp, also if the command did well
        #[arg(long)]
        check: bool,
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Plays scenarios against a bot, and exits with 1 if one failed: see docs/scenarios.md
    ///
    /// With a command behind `--`, each scenario has a simulator and a bot of its own. Without one, a bot already runs: then
    /// all are played in the simulator on --port, which is started if there is none.
    Play {
        /// Files with scenarios
        #[arg(required = true, value_name = "FILE", value_parser = play::existing)]
        files: Vec<PathBuf>,
        /// Writes the outcome as JUnit XML to this file
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// Finding that does not fail a scenario; repeatable
        #[arg(long, value_name = "FINDING", value_parser = finding)]
        allow: Vec<FindingName>,
        /// How long the bot may take until it answers the verification of its callback's URL, such as 10s [default: 60s with a command]
        #[arg(long, value_name = "TIME", value_parser = time)]
        wait_for_callback: Option<Duration>,
        /// The bot's command and its arguments
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Prints what to paste to point a bot at the simulator that runs on --port, with the values of its first corp
    Point {
        /// What the bot is written with
        client: PointClient,
    },
    /// Prints the page "What the simulator assumes"
    Assumptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PointClient {
    Run,
    Rust,
    Curl,
    Wechatpy,
    Wxjava,
    Skit,
}

/// What a simulator is started with. A flag goes before what the file says.
#[derive(Clone, Debug, Default, clap::Args)]
struct Options {
    /// TOML file with settings
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Port; 0 takes a free one [default: 9500, or the next that is free]
    #[arg(long, global = true)]
    port: Option<u16>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", global = true, value_parser = config::address)]
    listen: Option<std::net::IpAddr>,
    /// Makes ids, tokens and cursors the same each time
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// Corp id, with --secret; invented without
    #[arg(long, requires = "secret", global = true)]
    corp_id: Option<String>,
    /// Secret of the app, with --corp-id
    #[arg(long, requires = "corp_id", global = true)]
    secret: Option<String>,
    /// Name of an account; repeatable, 小店 if there is none
    #[arg(long = "account", value_name = "NAME", global = true)]
    accounts: Vec<String>,
    /// Member who serves every account; repeatable
    #[arg(long = "servicer", value_name = "USERID", global = true)]
    servicers: Vec<String>,
    /// URL to send callbacks to
    #[arg(long, value_name = "URL", global = true)]
    callback: Option<String>,
    /// Token of the callback, with --callback-aes-key; both follow from the seed without
    #[arg(long, value_name = "TOKEN", requires = "callback_aes_key", global = true)]
    callback_token: Option<String>,
    /// EncodingAESKey of the callback
    #[arg(long, value_name = "KEY", requires = "callback_token", global = true)]
    callback_aes_key: Option<String>,
    /// real: it runs; manual: it stands still but for steps, from now or from a Unix time [default: real]
    #[arg(long, value_name = "real|manual|UNIX_TIME", global = true)]
    clock: Option<config::ClockStart>,
    /// Whether fields that the document does not know are refused, or only reported
    #[arg(long, global = true)]
    strictness: Option<config::StrictnessKind>,
    /// Id of an assumption that does not hold, see `assumptions`; repeatable
    #[arg(long, value_name = "ID", global = true)]
    disable_assumption: Vec<String>,
    /// URL by which bots in other containers reach it: a host and a port; the host is allowed too
    #[arg(long, value_name = "URL", global = true)]
    public_url: Option<String>,
    /// Host name that is answered besides those of loopback, and callbacks may go to; repeatable
    #[arg(long, value_name = "NAME", global = true)]
    allow_host: Vec<String>,
}

pub(crate) async fn run() -> ExitCode {
    let started = Instant::now();
    let args = Args::parse();
    let terminal = match args.command {
        // The command's own output stays alone on stdout.
        Some(Task::Run { .. }) => Terminal::on_stderr(),
        // The parent reads stdout.
        None if args.child => Terminal::on_stderr(),
        _ => Terminal::on_stdout(),
    };
    let outcome = match args.command {
        Some(_) if args.child => Err("--child starts the simulator alone: leave the command out".to_owned()),
        None if args.child => serve_parent(&terminal, args.options).await,
        Some(Task::Assumptions) => {
            terminal.say(assumptions_page().trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Point { client }) => point(&terminal, args.options, client).await,
        Some(Task::Play { files, junit, allow, wait_for_callback, command }) => {
            let play = play::Play { files, command, junit, allow, wait_for_callback };
            play.run(&terminal, args.options).await
        }
        Some(Task::Run { check, command }) => run_command(&terminal, args.options, &command, check).await,
        None => serve(&terminal, args.options, started).await,
    };
    outcome.unwrap_or_else(|complaint| {
        terminal::complain(&complaint);
        ExitCode::FAILURE
    })
}

async fn serve(terminal: &Terminal, options: Options, started: Instant) -> Result<ExitCode, String> {
    let simulator = start(Calls::Shown, terminal, options).await?;
    terminal.say(&terminal::greeting(&simulator, started.elapsed()));
    terminal::until_told_to_stop(&simulator).await.map_err(|error| format!("cannot wait for Ctrl-C: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Serves until the parent closes standard input, which its end does too, however it comes.
async fn serve_parent(terminal: &Terminal, options: Options) -> Result<ExitCode, String> {
    let started = start(Calls::Shown, terminal, options).await;
    Terminal::on_stdout().say(&terminal::ready_line(started.as_ref()));
    let _simulator = started?;
    terminal::until_input_ends().await;
    Ok(ExitCode::SUCCESS)
}

async fn run_command(
    terminal: &Terminal,
    options: Options,
    command: &[OsString],
    check: bool,
) -> Result<ExitCode, String> {
    let simulator = start(Calls::Shown, terminal, options).await?;
    terminal.say(&terminal::short_greeting(&simulator));
    let (program, arguments) = command.split_first().ok_or("there is no command to run")?;
    let mut child = Command::new(program);
    child.args(arguments).envs(simulator.vars()).kill_on_drop(true);
    let mut child = child.spawn().map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let told_to_end = told_to_end();
    tokio::pin!(told_to_end);
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
        }
    };
    let status = status.map_err(|error| format!("cannot wait for {}: {error}", program.display()))?;
    let is_clean = report(terminal, &simulator);
    if check && !is_clean {
        return Ok(ExitCode::FAILURE);
    }
    // Ended by a signal it has none.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}

/// When the system tells the program to end.
#[cfg(unix)]
async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        terminate.recv().await;
    } else {
        std::future::pending::<()>().await;
    }
}

/// Elsewhere it is not told, but ended.
#[cfg(not(unix))]
async fn told_to_end() {
    std::future::pending::<()>().await;
}

/// Says what was found in each corp. Gives whether that is nothing.
fn report(terminal: &Terminal, simulator: &Simulator) -> bool {
    let reports: Vec<_> = simulator.corps().iter().map(|corp| (corp.corp_id(), corp.report())).collect();
    let corps = Corps::of(reports.len());
    reports.iter().for_each(|(corp_id, report)| terminal.say(&terminal::report(report, corp_id, corps)));
    reports.iter().all(|(_, report)| report.is_clean())
}

/// Whether each call and callback is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calls {
    Shown,
    Hidden,
}

/// The value of `--allow`.
fn finding(name: &str) -> Result<FindingName, String> {
    FindingName::from_name(name).ok_or_else(|| {
        format!("there is none of this name: they are {}", FindingName::ALL.map(FindingName::as_str).join(", "))
    })
}

/// The value of a flag that takes a duration.
fn time(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number and a unit, such as 500ms, 10s or 2m".to_owned())
}

/// Starts a simulator, on the next port if the usual one is taken.
async fn start(calls: Calls, terminal: &Terminal, options: Options) -> Result<Simulator, String> {
    let config = Config::read(options)?;
    let faults = config.faults();
    let wanted = config.port;
    let simulator = match wanted {
        Some(port) => {
            config.builder(calls, *terminal, port)?.start().await.map_err(|error| port::explain(&error, port))?
        }
        None => {
            let mut port = PORT;
            loop {
                match config.builder(calls, *terminal, port)?.start().await {
                    Ok(simulator) => break simulator,
                    Err(error) if port::is_taken(&error) && port < PORT + port::TRIED => {
                        let by = port::taken_by(port).await;
                        terminal::complain(&format!("port {port} is taken{by}; trying {}", port + 1));
                        port += 1;
                    }
                    Err(error) => return Err(port::explain(&error, port)),
                }
            }
        }
    };
    if let Some(faults) = faults {
        for corp in simulator.corps() {
            corp.script(faults.clone()).map_err(|error| format!("the faults of the file: {error}"))?;
        }
    }
    Ok(simulator)
}

/// Asks the simulator that runs on this port what to paste.
async fn point(terminal: &Terminal, options: Options, client: PointClient) -> Result<ExitCode, String> {
    let port = Config::read(options)?.port.unwrap_or(PORT);
    let name = client.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let info = port::info(port, POINT_PATIENCE).await;
    let info = info
        .ok_or_else(|| format!("no simulator answers on port {port}: start one with `wecom-kf-sim`, or give --port"))?;
    let points = info["point"].as_array().into_iter().flatten();
    let text = points.filter(|point| point["name"] == name).find_map(|point| point["text"].as_str());
    terminal.say(text.ok_or("the simulator there is of another version")?.trim_end());
    Ok(ExitCode::SUCCESS)
}
