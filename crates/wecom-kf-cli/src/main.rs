//! The program `wecom-kf`: reads the command line, runs one command, and turns its outcome into an exit code.

// Comments of flags and commands are their help, which terminals show as it is.
#![allow(clippy::doc_markdown)]

mod app;
mod args;
mod ask;
mod commands;
mod failure;
mod file;
mod help;
mod out;
mod profile;
mod reading;
mod request;
mod store;
mod text;
mod time;

use std::process::ExitCode;

use app::App;
use failure::Exit;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = help::parse(help::lang());
    let app = App::new(args.options);
    let (is_endless, handles_ctrl_c) = (args.command.is_endless(), args.command.handles_ctrl_c());
    let outcome = tokio::select! {
        outcome = commands::run(&app, args.command) => outcome,
        // Everything that a command holds is released when its future is dropped.
        Ok(()) = tokio::signal::ctrl_c(), if !handles_ctrl_c => Ok(if is_endless { Exit::Ok } else { Exit::Interrupted }),
    };
    match outcome {
        Ok(exit) => exit.into(),
        // For example `wecom-kf tail | head`.
        Err(failure) if failure.is_broken_pipe() => Exit::Ok.into(),
        Err(failure) => {
            app.out.error(&failure);
            failure.exit().into()
        }
    }
}
