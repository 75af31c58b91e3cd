//! The flags and commands of the program.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use wecom_kf_sim::{FindingName, duration};

use super::journal::{self, JournalFile};
use super::{config, play};

/// A simulator of the WeCom customer service API on loopback.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = false)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) options: Options,
    /// For a program that starts this one: prints one line of JSON when it is ready, writes calls to standard error, and
    /// ends when its standard input is closed
    #[arg(long)]
    pub(super) child: bool,
    #[command(subcommand)]
    pub(super) command: Option<Task>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Starts a command with the variables of this simulator, of several corps those of the first, and ends with it
    Run {
        /// Exit with 1 if anything was found, in whichever corp, also if the command did well
        #[arg(long)]
        check: bool,
        /// Writes what was found to this file, as JUnit XML or JSON; may be given once for each kind
        #[arg(long, num_args = 2, value_names = ["junit|json", "FILE"], action = clap::ArgAction::Append)]
        report: Vec<String>,
        /// Ends with an error if the bot does not answer the verification of its callback's URL within this time, such as 10s
        #[arg(long, value_name = "TIME", value_parser = time)]
        wait_for_callback: Option<Duration>,
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
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
        /// How long the bot may take until it answers the verification of its callback's URL, such as 10s [default: 60s with a command]
        #[arg(long, value_name = "TIME", value_parser = time)]
        wait_for_callback: Option<Duration>,
        /// The bot's command and its arguments
        #[arg(last = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Prints the JSON schema of scenarios, with which editors complete and check them
    Schema,
    /// Prints what to paste to point a bot at the simulator that runs on --port, with the values of its first corp
    Point {
        /// What the bot is written with
        client: PointClient,
    },
    /// Prints the page "What the simulator assumes"
    Assumptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum PointClient {
    Run,
    Rust,
    Curl,
    Wechatpy,
    Wxjava,
    Skit,
}

/// What a simulator is started with. A flag goes before what the file says.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Options {
    /// TOML file with settings
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,
    /// Port; 0 takes a free one [default: 9500, or the next that is free]
    #[arg(long, global = true)]
    pub(super) port: Option<u16>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", global = true, value_parser = config::address)]
    pub(super) listen: Option<std::net::IpAddr>,
    /// Makes ids, tokens and cursors the same each time
    #[arg(long, global = true)]
    pub(super) seed: Option<u64>,
    /// Corp id, with --secret; invented without
    #[arg(long, requires = "secret", global = true)]
    pub(super) corp_id: Option<String>,
    /// Secret of the app, with --corp-id
    #[arg(long, requires = "corp_id", global = true)]
    pub(super) secret: Option<String>,
    /// Name of an account; repeatable, 小店 if there is none
    #[arg(long = "account", value_name = "NAME", global = true)]
    pub(super) accounts: Vec<String>,
    /// Member who serves every account; repeatable
    #[arg(long = "servicer", value_name = "USERID", global = true)]
    pub(super) servicers: Vec<String>,
    /// URL to send callbacks to
    #[arg(long, value_name = "URL", global = true)]
    pub(super) callback: Option<String>,
    /// Token of the callback, with --callback-aes-key; both follow from the seed without
    #[arg(long, value_name = "TOKEN", requires = "callback_aes_key", global = true)]
    pub(super) callback_token: Option<String>,
    /// EncodingAESKey of the callback
    #[arg(long, value_name = "KEY", requires = "callback_token", global = true)]
    pub(super) callback_aes_key: Option<String>,
    /// real: it runs; manual: it stands still but for steps, from now or from a Unix time [default: real]
    #[arg(long, value_name = "real|manual|UNIX_TIME", global = true)]
    pub(super) clock: Option<config::ClockStart>,
    /// Whether fields that the document does not know are refused, or only reported
    #[arg(long, global = true)]
    pub(super) strictness: Option<config::StrictnessKind>,
    /// Id of an assumption that does not hold, see `assumptions`; repeatable
    #[arg(long, value_name = "ID", global = true)]
    pub(super) disable_assumption: Vec<String>,
    /// URL by which bots in other containers reach it: a host and a port; the host is allowed too
    #[arg(long, value_name = "URL", global = true)]
    pub(super) public_url: Option<String>,
    /// Host name that is answered besides those of loopback, and callbacks may go to; repeatable
    #[arg(long, value_name = "NAME", global = true)]
    pub(super) allow_host: Vec<String>,
    /// Finding that `run --check`, `run --report` and `play` accept; repeatable
    #[arg(long, value_name = "FINDING", value_parser = finding, global = true)]
    pub(super) allow: Vec<FindingName>,
    /// Loads the state from this file at start, if it exists, and saves it there at the end; it has secrets
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) state: Option<PathBuf>,
    /// Writes every call and callback to this file: `.jsonl` as JSON lines, `.har` as HAR, which browsers show
    #[arg(long, value_name = "FILE", value_parser = journal::file, global = true)]
    pub(super) journal: Option<JournalFile>,
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
