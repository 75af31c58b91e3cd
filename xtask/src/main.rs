//! `cargo xtask`: the maintenance tasks of this workspace.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints to the terminal")]
#![allow(unreachable_pub, reason = "a program has no public API; `pub` marks the items that other modules may use")]

mod adapt;
mod check;
mod client;
mod codegen;
mod control;
mod diff;
mod dist;
mod docs;
mod document;
mod errcodes;
mod generated_types;
mod grammar;
mod json_schema;
mod limits;
mod lower;
mod names;
mod normal;
mod operations;
mod packages;
mod problems;
mod render;
mod requests;
mod schema;
mod simulator;
mod strict;
#[cfg(test)]
mod tests;
mod unknown;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about = "Maintenance tasks of this workspace.")]
enum Task {
    /// Generates the code of crates/wecom-kf-raw, the table of operations of crates/wecom-kf, files for the tests, and
    /// spec/dist from the documents in spec/, the simulator's closed lists, and clients in Python and TypeScript from crates/wecom-kf-sim/control.yaml.
    Codegen {
        /// Write nothing, and fail if a generated file is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Builds the simulator, and from it a Python wheel and an npm package, below target/dist. Publishes nothing.
    Dist {
        /// Profile of cargo to build with.
        #[arg(long, default_value = "release")]
        profile: String,
        /// Target triple to build for [default: the host].
        #[arg(long)]
        target: Option<String>,
    },
    /// Lists what changed in the documents of spec/ since a commit, and what each change means for users.
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
        Task::Dist { profile, target } => {
            packages::build(&codegen::workspace_root(), &packages::Options { profile, target })
        }
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
        anyhow::bail!("a change is breaking, which --fail-on-breaking forbids");
    }
    Ok(report.text)
}
