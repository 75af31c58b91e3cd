//! The platform in a box, as a program.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use wecom_kf_sim::{Builder, Call, Simulator, StartError};

/// A simulator of the WeCom customer service API on loopback.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 9500)]
    port: u16,
    /// Makes ids, tokens and cursors the same each time
    #[arg(long)]
    seed: Option<u64>,
    /// Name of an account; repeatable, 小店 if there is none
    #[arg(long = "account", value_name = "NAME", num_args = 1..)]
    accounts: Vec<String>,
    /// Member who serves every account; repeatable
    #[arg(long = "servicer", value_name = "USERID", num_args = 1..)]
    servicers: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match args.builder().start().await {
        Ok(simulator) => run(&simulator).await,
        Err(error) => fail(&error),
    }
}

impl Args {
    fn builder(self) -> Builder {
        let builder = Simulator::builder().port(self.port).on_call(|call| say(&line(call)));
        let builder = self.seed.into_iter().fold(builder, Builder::seed);
        let builder = self.accounts.into_iter().fold(builder, Builder::account);
        self.servicers.into_iter().fold(builder, Builder::servicer)
    }
}

async fn run(simulator: &Simulator) -> ExitCode {
    say(&welcome(simulator));
    match tokio::signal::ctrl_c().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("cannot wait for Ctrl-C: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn welcome(simulator: &Simulator) -> String {
    // The secret is invented, and opens nothing else.
    let (corp_id, secret) = (simulator.corp_id(), simulator.secret());
    let accounts: String = simulator.open_kfids().iter().map(|id| format!("account  {id}\n")).collect();
    let exports: String = simulator.vars().iter().map(|(name, value)| format!("export {name}={value}\n")).collect();
    format!(
        "wecom-kf-sim {version} on {base_url}, Ctrl-C ends it\n\
         corp id  {corp_id}\n\
         secret   {secret}\n\
         {accounts}\n\
         {exports}\n\
         curl \"$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET\"\n",
        version = env!("CARGO_PKG_VERSION"),
        base_url = simulator.base_url(),
    )
}

fn fail(error: &StartError) -> ExitCode {
    complain(&format!("{error}: {}", error.source));
    if error.port != 0 {
        complain("another program may have the port; `--port 0` takes a free one");
    }
    ExitCode::FAILURE
}

/// Prints a line. Whoever read it may be gone: no reason to stop.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "wecom-kf-sim: {line}");
}

/// A call on one line: time (UTC), operation, outcome, duration.
fn line(call: &Call) -> String {
    let (hours, minutes, seconds) = (call.at / 3600 % 24, call.at / 60 % 60, call.at % 60);
    let outcome = call.errcode.map_or_else(|| format!("HTTP {}", call.status), |code| code.to_string());
    let fault = call.fault.as_ref().map(|fault| format!("  fault: {fault}")).unwrap_or_default();
    // Where no operation fits, the path is all there is to help.
    let path = if call.status == 404 { format!("  {}", call.request) } else { String::new() };
    let took = call.took.as_millis();
    let line =
        format!("{hours:02}:{minutes:02}:{seconds:02}  {:<20} {outcome:>8} {took:>5} ms{fault}{path}", call.operation);
    printable(&line)
}

/// What a client sent must not steer the terminal: only printable ASCII stays as it is.
fn printable(text: &str) -> String {
    text.chars().map(|character| if matches!(character, ' '..='~') { character } else { '?' }).collect()
}
