//! What people see.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use wecom_kf_sim::{Call, Delivery, FindingName, Report, Simulator};

use super::PORT;

/// WeCom's days are those of China.
const CHINA: u64 = 8 * 60 * 60;

/// More of a path does not help.
const SHOWN_PATH_CHARS: usize = 120;

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

    /// Prints a line. Whoever read it may be gone: no reason to stop.
    pub(super) fn say(&self, line: &str) {
        let _ = match self.0 {
            Stream::Stdout => writeln!(io::stdout(), "{line}"),
            Stream::Stderr => writeln!(io::stderr(), "{line}"),
        };
    }
}

pub(super) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "wecom-kf-sim: {line}");
}

/// What is printed when it is ready.
pub(super) fn greeting(simulator: &Simulator, took: Duration) -> String {
    let (base_url, corps) = (simulator.base_url(), simulator.corps());
    let shown: String = corps.iter().map(corp).collect();
    let whose = match Corps::of(corps.len()) {
        Corps::Unnamed => String::new(),
        Corps::Named => {
            let corp_id = simulator.corp_id();
            format!("  below    the variables of {corp_id}; of another corp: {base_url}/sim/v1/info?corp_id=…\n")
        }
    };
    let exports = simulator.point("run").unwrap_or_default();
    let seed = simulator.seed().map_or_else(|| "none".to_owned(), |seed| seed.to_string());
    let clock = if simulator.has_manual_clock() { "manual" } else { "real" };
    let keys = if io::stdin().is_terminal() { "o Enter opens it, q Enter quits" } else { "Ctrl-C ends it" };
    // `point` looks at the usual one.
    let port = base_url.rsplit(':').next().filter(|port| port.parse().is_ok_and(|port: u16| port != PORT));
    let port = port.map(|port| format!(" --port {port}")).unwrap_or_default();
    format!(
        "wecom-kf-sim {version}  ready in {took} ms   state in memory   clock {clock}   seed {seed}\n  \
         console  {base_url}/   {keys}\n  \
         bot      set the variables below\n  \
         at once  wecom-kf-sim run -- cargo run   starts a simulator and the bot\n  \
         others   wecom-kf-sim point rust|curl|wechatpy|wxjava|skit{port}\n\
         {shown}\
         {whose}\n\
         {exports}\n\
         curl \"$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET\"\n",
        version = env!("CARGO_PKG_VERSION"),
        took = took.as_millis(),
    )
}

/// What is printed before a command is started: the rest is in its variables.
pub(super) fn short_greeting(simulator: &Simulator) -> String {
    let seed = simulator.seed().map(|seed| format!("   seed {seed}")).unwrap_or_default();
    format!("wecom-kf-sim {}  console  {}/{seed}", env!("CARGO_PKG_VERSION"), simulator.base_url())
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

/// A corp, as the greeting lists it.
fn corp(corp: &Simulator) -> String {
    // The secret is invented or the simulator's alone, and opens nothing else.
    let (corp_id, secret) = (corp.corp_id(), corp.secret());
    let account = |id: &String| format!("  account  {id}  {}\n", printable(&corp.account_name(id).unwrap_or_default()));
    let accounts: String = corp.open_kfids().iter().map(account).collect();
    format!("  corp id  {corp_id}\n  secret   {secret}\n{accounts}")
}

/// Until Ctrl-C, or `q` on a terminal.
pub(super) async fn until_told_to_stop(simulator: &Simulator) -> io::Result<()> {
    let mut keys = keys();
    loop {
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => return pressed,
            Some(key) = keys.recv() => match key.as_str() {
                "q" => return Ok(()),
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

/// A call on one line: time, operation, outcome, duration, and what is to be said of it.
pub(super) fn call(call: &Call, corps: Corps) -> String {
    let outcome = call.errcode.map_or_else(|| format!("HTTP {}", call.status), |code| code.to_string());
    let fault = call.fault.as_ref().map(|fault| format!("  fault: {fault}")).unwrap_or_default();
    // Where no operation fits, the path is all there is to help.
    let path: String = call.path.chars().take(SHOWN_PATH_CHARS).collect();
    let path = if call.status == 404 { format!("  {path}") } else { String::new() };
    // Up to where WeCom's own hints begin.
    let reply = call.errcode.filter(|code| *code != 0).map(|_| call.reply());
    let errmsg = reply.as_ref().and_then(|reply| reply["errmsg"].as_str());
    let why =
        errmsg.and_then(|errmsg| errmsg.split(", hint: ").next()).map(|why| format!("  {why}")).unwrap_or_default();
    let took = call.took.as_millis();
    let findings = names(&call.findings);
    let (time, corp, operation) = (time(call.at), corps.prefix(&call.corp_id), call.operation);
    printable(&format!("{time} <-- {corp}{operation:<20} {outcome:>8} {took:>5} ms{why}{fault}{path}{findings}"))
}

/// An attempt of a callback on one line.
pub(super) fn delivery(delivery: &Delivery, corps: Corps) -> String {
    let outcome = if delivery.status == 0 { "-".to_owned() } else { delivery.status.to_string() };
    let attempt = if delivery.attempt > 1 { format!("  attempt {}", delivery.attempt) } else { String::new() };
    let problem = delivery.problem.map(|problem| format!("  {problem}")).unwrap_or_default();
    let fault = delivery.fault.as_ref().map(|fault| format!("  fault: {fault}")).unwrap_or_default();
    let account = delivery.open_kfid.as_ref().map(|id| format!("  {id}")).unwrap_or_default();
    let took = delivery.took.as_millis();
    let findings = names(&delivery.findings);
    let (time, corp, event) = (time(delivery.at), corps.prefix(&delivery.corp_id), delivery.event);
    let line = format!("{time} --> {corp}{event:<20} {outcome:>8} {took:>5} ms");
    printable(&format!("{line}{account}{attempt}{problem}{fault}{findings}"))
}

/// What was found in a corp, as a table.
pub(super) fn report(report: &Report, corp_id: &str, corps: Corps) -> String {
    let report = format!("{}{report}", corps.prefix(corp_id));
    report.lines().map(printable).collect::<Vec<_>>().join("\n")
}

fn names(findings: &[FindingName]) -> String {
    findings.iter().map(|name| format!("  ! {name}")).collect()
}

fn time(unix: u64) -> String {
    let china = unix + CHINA;
    format!("{:02}:{:02}:{:02}", china / 3600 % 24, china / 60 % 60, china % 60)
}

/// What a client sent must not steer the terminal: neither by control characters nor by those that turn the text around.
pub(super) fn printable(text: &str) -> String {
    let steers = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|character| if steers(character) { '?' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_not_printed() {
        assert_eq!(printable("客服\u{1b}[31m \u{202e}x\r\n"), "客服?[31m ?x??");
    }

    #[test]
    fn times_are_those_of_china() {
        assert_eq!(time(1_767_196_800), "00:00:00");
    }
}
