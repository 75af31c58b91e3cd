//! What people see: where lines go, keys, and the summary.

mod greeting;
mod lines;
mod width;

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};

use anstyle::{AnsiColor, Style};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use wecom_kf_sim::{Report, Simulator};
use wecom_kf_text::Lang;

use super::signals::interrupted;

pub(super) use greeting::{greeting, short_greeting};
pub(super) use lines::Lines;
pub(super) use width::printable;

/// Where lines go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal(Stream);

#[derive(Clone, Copy, Debug)]
enum Stream {
    Stdout,
    Stderr,
}

impl Terminal {
    pub(super) fn on_stdout() -> Self {
        Self(Stream::Stdout)
    }

    pub(super) fn on_stderr() -> Self {
        Self(Stream::Stderr)
    }

    /// Prints a line, with its colours on a terminal only. Whoever read it may be gone: no reason to stop.
    pub(super) fn say(&self, line: &str) {
        let _ = match self.0 {
            Stream::Stdout => writeln!(anstream::stdout().lock(), "{line}"),
            Stream::Stderr => writeln!(anstream::stderr().lock(), "{line}"),
        };
    }

    /// The columns of the terminal, if it is one.
    pub(super) fn width(&self) -> Option<usize> {
        let size = match self.0 {
            Stream::Stdout => terminal_size::terminal_size_of(io::stdout()),
            Stream::Stderr => terminal_size::terminal_size_of(io::stderr()),
        };
        size.map(|(width, _)| usize::from(width.0))
    }
}

pub(super) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "wecom-kf-sim: {line}");
}

/// Returns what the parent reads: where the simulator listens, or why it did not start.
pub(super) fn ready_line(started: Result<&Simulator, &String>) -> String {
    let line = match started {
        Ok(simulator) => json!({ "base_url": simulator.base_url(), "version": env!("CARGO_PKG_VERSION") }),
        Err(error) => json!({ "error": error }),
    };
    line.to_string()
}

/// Waits until standard input is closed.
pub(super) async fn until_input_ends() {
    let (sender, ended) = oneshot::channel();
    // A thread of its own, which ends with the process: nothing else can interrupt a read.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = sender.send(());
    });
    let _ = ended.await;
}

/// Until Ctrl-C or the system's signal, or `q` on a terminal.
pub(super) async fn until_told_to_stop(simulator: &Simulator) {
    let mut keys = keys();
    let interrupted = interrupted();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            () = &mut interrupted => return,
            Some(key) = keys.recv() => match key.as_str() {
                "q" => return,
                "o" => open(&format!("{}/", simulator.base_url())),
                _ => {}
            }
        }
    }
}

/// The lines that somebody types; none without a terminal.
fn keys() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    if io::stdin().is_terminal() {
        // A thread of its own, which ends with the process: nothing else can interrupt a read of the terminal.
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines().map_while(Result::ok) {
                if sender.blocking_send(line.trim().to_ascii_lowercase()).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

/// Opens the console in the browser.
fn open(url: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    let opened =
        Command::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = opened {
        complain(&format!("cannot open a browser ({error}): go to {url}"));
    }
}

/// Whether lines say which corp they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Corps {
    /// There is but one.
    Unnamed,
    Named,
}

impl Corps {
    pub(super) fn of(count: usize) -> Self {
        if count > 1 { Self::Named } else { Self::Unnamed }
    }

    fn prefix(self, corp_id: &str) -> String {
        match self {
            Self::Unnamed => String::new(),
            Self::Named => format!("{corp_id:<18}  "),
        }
    }
}

/// What was found in a corp, as a table.
pub(super) fn report(report: &Report, corp_id: &str, corps: Corps, lang: Lang) -> String {
    let style: Style = if report.is_clean() { AnsiColor::Green } else { AnsiColor::Yellow }.on_default();
    let text = format!("{}{}", corps.prefix(corp_id), report.in_lang(lang));
    let mut lines: Vec<_> = text.lines().map(printable).collect();
    if let Some(first) = lines.first_mut() {
        *first = format!("{style}{first}{style:#}");
    }
    lines.join("\n")
}
