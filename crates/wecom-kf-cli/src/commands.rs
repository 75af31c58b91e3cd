//! The list of commands.

mod accounts;
mod completions;
mod errcode;
mod man;
mod sim;

use clap::Subcommand;

use crate::app::App;
use crate::failure::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists and changes the accounts of customer service
    #[command(subcommand)]
    Accounts(accounts::Accounts),
    /// Explains an errcode: meaning, class, remedy, operations
    Errcode(errcode::Errcode),
    /// Prints a script that completes commands in a shell
    Completions(completions::Completions),
    /// Writes the manual pages
    Man(man::Man),
    /// Starts a simulator, and a shell that uses it
    Sim(sim::Sim),
}

/// The Chinese texts of all commands.
pub(crate) const CHINESE: &[&[(&str, &str)]] =
    &[accounts::CHINESE, errcode::CHINESE, completions::CHINESE, man::CHINESE, sim::CHINESE];

impl Command {
    /// Returns whether Ctrl-C is the usual end of the command, and no failure.
    pub(crate) fn is_endless(&self) -> bool {
        false
    }

    /// Returns whether the command itself decides what Ctrl-C does.
    pub(crate) fn handles_ctrl_c(&self) -> bool {
        matches!(self, Self::Sim(_))
    }
}

pub(crate) async fn run(app: &App, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Accounts(command) => command.run(app).await?,
        Command::Errcode(command) => command.run(app)?,
        Command::Completions(command) => command.run(app)?,
        Command::Man(command) => command.run(app)?,
        Command::Sim(command) => return command.run(app).await,
    }
    Ok(Exit::Ok)
}
