//! The program `wecom-kf-sim`: what its commands do.

mod config;
mod help;
mod journal;
mod junit;
mod knock;
mod options;
mod play;
mod port;
mod run;
mod scenario;
mod screen;
mod signals;
mod start;
mod state;
mod terminal;

use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum;
use tokio::time::Instant;
use wecom_kf_sim::assumptions_page;
use wecom_kf_text::reader_lang;

use config::Config;
use options::{Options, PointClient, Task};
use run::{Check, Run};
use start::{Calls, start};
use state::StateFile;
use terminal::Terminal;

const PORT: u16 = 9500;
/// `point` asks a simulator of this machine.
const POINT_PATIENCE: Duration = Duration::from_secs(2);

pub(crate) async fn run() -> ExitCode {
    let started = Instant::now();
    let args = help::parse(reader_lang());
    let terminal = match args.command {
        // The command's own output stays alone on stdout.
        Some(Task::Run { .. }) => Terminal::on_stderr(),
        // The parent reads stdout.
        None if args.child => Terminal::on_stderr(),
        _ => Terminal::on_stdout(),
    };
    let journal = args.options.journal.clone();
    let outcome = match args.command {
        Some(_) if args.child => Err("--child starts the simulator alone: leave the command out".to_owned()),
        None if args.child => serve_parent(&terminal, args.options).await,
        Some(Task::Assumptions) => {
            terminal.say(assumptions_page(reader_lang()).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Schema) => {
            terminal.say(&format!("{:#}", scenario::schema()));
            Ok(ExitCode::SUCCESS)
        }
        Some(Task::Point { client }) => point(&terminal, args.options, client).await,
        Some(Task::Play { files, junit, wait_for_callback, command }) => {
            let play = play::Play { files, command, junit, wait_for_callback };
            play.run(&terminal, args.options).await
        }
        Some(Task::Run { check, report, wait_for_callback, command }) => {
            let check = if check { Check::Findings } else { Check::CommandOnly };
            Run { command, check, report, wait_for_callback }.run(&terminal, args.options).await
        }
        None => serve(&terminal, args.options, started).await,
    };
    let finished = journal.map_or(Ok(()), |journal| journal.finish());
    outcome.and_then(|code| finished.map(|()| code)).unwrap_or_else(|complaint| {
        terminal::complain(&complaint);
        ExitCode::FAILURE
    })
}

async fn serve(terminal: &Terminal, options: Options, started: Instant) -> Result<ExitCode, String> {
    let allowed = Config::read(options.clone())?.allowed();
    let state = StateFile::new(options.state.clone());
    let simulator = start(Calls::Shown, terminal, options).await?;
    let lang = reader_lang();
    terminal.say(&terminal::greeting(&simulator, &state, started.elapsed(), lang));
    terminal::until_told_to_stop(&simulator).await;
    state.save(&simulator)?;
    run::report(terminal, &simulator, &allowed);
    Ok(ExitCode::SUCCESS)
}

/// Serves until the parent closes standard input, which its end does too, however it comes.
async fn serve_parent(terminal: &Terminal, options: Options) -> Result<ExitCode, String> {
    let state = StateFile::new(options.state.clone());
    let started = start(Calls::Shown, terminal, options).await;
    Terminal::on_stdout().say(&terminal::ready_line(started.as_ref()));
    let simulator = started?;
    terminal::until_input_ends().await;
    state.save(&simulator)?;
    Ok(ExitCode::SUCCESS)
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
