//! `cargo xtask`: the chores of this workspace.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks")]
#![allow(unreachable_pub, reason = "a program has no public API; `pub` marks what a module offers to the others")]

mod adapt;
mod check;
mod client;
mod codegen;
mod diff;
mod dist;
mod docs;
mod document;
mod errcodes;
mod grammar;
mod json_schema;
mod limits;
mod lower;
mod names;
mod normal;
mod operations;
mod problems;
mod render;
mod requests;
mod rust_types;
mod schema;
mod strict;
#[cfg(test)]
mod tests;
mod unknown;

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
    /// Says what changed in the documents of spec/ since a commit, and what each change means for users.
    Diff {
        /// The commit to compare the working tree with, such as HEAD^ or a tag.
        reference: String,
        /// Fail if a change is breaking.
        #[arg(long)]
        fail_on_breaking: bool,
    },
}

fn main() -> ExitCode {
    let result = match Task::parse() {
        Task::Codegen { check: true } => codegen::check(&codegen::workspace_root()),
        Task::Codegen { check: false } => codegen::write(&codegen::workspace_root()),
        Task::Diff { reference, fail_on_breaking } => diff(&reference, fail_on_breaking),
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

fn diff(reference: &str, fail_on_breaking: bool) -> anyhow::Result<String> {
    let report = diff::diff(&codegen::workspace_root(), reference)?;
    if fail_on_breaking && report.is_breaking {
        println!("{}", report.text);
        anyhow::bail!("a change is breaking");
    }
    Ok(report.text)
}
