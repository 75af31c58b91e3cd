//! The list of commands.

mod accounts;
mod call;
mod callback;
mod completions;
mod corp;
mod customers;
mod docs;
mod doctor;
mod errcode;
mod export;
mod inbox;
mod knowledge;
mod man;
mod media;
mod recall;
mod send;
mod servicers;
mod sessions;
mod sim;
mod statistics;
mod tail;
mod token;
mod upgrades;

use clap::Subcommand;

use crate::app::App;
use crate::failure::{Exit, Failure};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists and changes the accounts of customer service
    #[command(subcommand)]
    Accounts(accounts::Accounts),
    /// Decrypts, makes and receives the requests that WeCom sends to a bot
    #[command(subcommand)]
    Callback(callback::Callback),
    /// Calls any operation with JSON, which is checked against the document first
    Call(call::Call),
    /// Shows whether the corp has bound a 视频号, on which the number of customers depends
    Corp(corp::Corp),
    /// Shows the profiles of customers
    #[command(subcommand)]
    Customers(customers::Customers),
    /// Explains an operation: official page, path, fields and limits
    Docs(docs::Docs),
    /// Checks a deployment step by step, with a remedy for each problem
    ///
    /// Checks the settings, the network to WeCom, the token (one attempt only), the rights of the app, the callback and the
    /// store. It works with only part of the settings: what cannot be checked yet is said, and is no problem. The exit code
    /// is 3 if there are problems, also if only the credentials are wrong, and 0 otherwise.
    Doctor(doctor::Doctor),
    /// Explains an errcode: meaning, class, remedy, operations
    Errcode(errcode::Errcode),
    Export(export::Export),
    /// Looks at what a bot has stored, replays parked messages, and sets where reading begins again
    #[command(subcommand)]
    Inbox(inbox::Inbox),
    #[command(subcommand)]
    Knowledge(knowledge::Knowledge),
    /// Uploads and downloads temporary files
    #[command(subcommand)]
    Media(media::MediaFiles),
    /// Recalls a message that was sent within the last two minutes
    Recall(recall::Recall),
    /// Sends a message to a customer
    Send(send::Send),
    /// Lists and changes the servicers of an account
    #[command(subcommand)]
    Servicers(servicers::Servicers),
    /// Shows and changes who serves a customer
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    #[command(subcommand)]
    Statistics(statistics::Statistics),
    Tail(tail::Tail),
    /// Shows whether WeCom issues an access token, and its fingerprint
    #[command(subcommand)]
    Token(token::Token),
    /// Recommends members and customer groups to customers
    #[command(subcommand)]
    Upgrades(upgrades::Upgrades),
    /// Prints a script that completes commands in a shell
    Completions(completions::Completions),
    /// Writes the manual pages
    Man(man::Man),
    /// Starts a simulator, and a shell that uses it
    Sim(sim::Sim),
}

/// The Chinese texts of all commands.
pub(crate) const CHINESE: &[&[(&str, &str)]] = &[
    accounts::CHINESE,
    callback::CHINESE,
    call::CHINESE,
    corp::CHINESE,
    customers::CHINESE,
    docs::CHINESE,
    doctor::CHINESE,
    errcode::CHINESE,
    export::CHINESE,
    inbox::CHINESE,
    knowledge::CHINESE,
    media::CHINESE,
    recall::CHINESE,
    send::CHINESE,
    servicers::CHINESE,
    sessions::CHINESE,
    sim::CHINESE,
    statistics::CHINESE,
    tail::CHINESE,
    token::CHINESE,
    upgrades::CHINESE,
    completions::CHINESE,
    man::CHINESE,
];

impl Command {
    /// Returns whether Ctrl-C is the usual end of the command, and no failure.
    pub(crate) fn is_endless(&self) -> bool {
        match self {
            Self::Callback(callback) => callback.is_endless(),
            Self::Tail(tail) => tail.is_endless(),
            _ => false,
        }
    }

    /// Returns whether the command itself decides what Ctrl-C does.
    pub(crate) fn handles_ctrl_c(&self) -> bool {
        matches!(self, Self::Sim(_))
    }
}

pub(crate) async fn run(app: &App, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Accounts(command) => command.run(app).await?,
        Command::Callback(command) => command.run(app).await?,
        Command::Call(command) => command.run(app).await?,
        Command::Corp(command) => command.run(app).await?,
        Command::Customers(command) => command.run(app).await?,
        Command::Docs(command) => command.run(app)?,
        Command::Doctor(command) => return command.run(app).await,
        Command::Errcode(command) => command.run(app)?,
        Command::Export(command) => command.run(app).await?,
        Command::Inbox(command) => command.run(app).await?,
        Command::Knowledge(command) => command.run(app).await?,
        Command::Media(command) => command.run(app).await?,
        Command::Recall(command) => command.run(app).await?,
        Command::Send(command) => command.run(app).await?,
        Command::Servicers(command) => command.run(app).await?,
        Command::Sessions(command) => command.run(app).await?,
        Command::Statistics(command) => command.run(app).await?,
        Command::Tail(command) => command.run(app).await?,
        Command::Token(command) => command.run(app).await?,
        Command::Upgrades(command) => command.run(app).await?,
        Command::Completions(command) => command.run(app)?,
        Command::Man(command) => command.run(app)?,
        Command::Sim(command) => return command.run(app).await,
    }
    Ok(Exit::Ok)
}
