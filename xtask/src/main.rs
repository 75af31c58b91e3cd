//! `cargo xtask`: the chores of this workspace.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]
#![allow(unreachable_pub, reason = "a program has no public API; `pub` marks what a module offers to the others")]

mod adapt;
mod check;
mod codegen;
mod dist;
mod document;
mod errcodes;
mod lower;
mod operations;
mod render;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "The chores of this workspace.")]
enum Task {
    /// Makes crates/wecom-kf-raw/src/generated, what the tests compare it with, and spec/dist, from the documents in spec/.
    Codegen {
        /// Write nothing; fail when a generated file is not what the documents make.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Codegen { check: true } => codegen::check(&codegen::workspace_root()),
        Task::Codegen { check: false } => codegen::write(&codegen::workspace_root()),
    };
    match result {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
