//! A bot that repeats what customers write, and loses no message.
//!
//! ```text
//! cargo run --example echo_bot                     on a simulator of its own, with a customer who plays a scene
//! cargo run --example echo_bot -- <open_kfid>      against WeCom, with WECOM_CORP_ID and WECOM_KF_SECRET set
//! ```
//!
//! With WeCom it answers what is written after its start, and keeps its place in `echo.redb` (or the second argument).
//! It receives callbacks if `WECOM_KF_LISTEN`, `WECOM_KF_CALLBACK_TOKEN` and `WECOM_KF_CALLBACK_AES_KEY` are set.
//! Without them it only polls, every 30 s.
#![allow(clippy::print_stdout, reason = "a program talks")]

mod stage;

use std::future::Future;
use std::path::Path;

use tokio::net::TcpListener;
use wecom_kf_inbox::messages::Content;
use wecom_kf_inbox::store::Redb;
use wecom_kf_inbox::{
    ColdStart, Delivery, Failure, Inbox, InboxHandle, OpenKfid, Report, Settings, Summary, Variable, callback,
};

#[tokio::main]
async fn main() -> Result<(), Report> {
    let settings = Settings::from_env();
    let mut arguments = std::env::args().skip(1);
    let account = arguments.next().map(OpenKfid::from);
    if settings.is_empty() && account.is_none() {
        return stage::play().await;
    }
    let account = match account {
        Some(account) => account,
        None if settings.has(Variable::OpenKfid) => settings.open_kfid()?,
        None => return list_accounts(&settings).await,
    };
    println!("Answering what customers write to {account} from now on, one account only. Ctrl-C ends it.");
    let store = arguments.next().unwrap_or_else(|| "echo.redb".to_owned());
    println!("{}", run(&settings, account, store.as_ref(), tokio::signal::ctrl_c()).await?);
    Ok(())
}

/// Runs the bot until `stop` ends.
async fn run(
    settings: &Settings,
    account: OpenKfid,
    store: &Path,
    stop: impl Future + Send,
) -> Result<Summary, Report> {
    let inbox = Inbox::builder(settings.client()?, account)
        .store(Redb::open(store)?)
        .cold_start(ColdStart::FromNow) // skips older messages, but answers those that come while it is down
        .open()
        .await?;
    if settings.wants_callbacks() {
        listen(settings, &inbox.handle()).await?;
    }
    Ok(inbox.run_until(stop, echo).await?)
}

async fn echo(delivery: Delivery) -> Result<(), Failure> {
    if let Content::Text(text) = delivery.content() {
        delivery.reply(&text.content).await?; // its msgid is derived from the customer's, so it is sent once
    }
    Ok(()) // acknowledged; after an error it is tried again, then parked
}

/// Answers WeCom at once, and wakes the inbox.
async fn listen(settings: &Settings, inbox: &InboxHandle) -> Result<(), Report> {
    let app = callback::Router::new().route("/callback", inbox.service(settings.callback()?));
    tokio::spawn(callback::serve(TcpListener::bind(settings.listen()?).await?, app));
    Ok(())
}

async fn list_accounts(settings: &Settings) -> Result<(), Report> {
    let accounts = settings.client()?.accounts().list().await?;
    println!("Which account? cargo run --example echo_bot -- <open_kfid>");
    for account in accounts {
        println!("  {}  {}", account.open_kfid, account.name);
    }
    Ok(())
}
