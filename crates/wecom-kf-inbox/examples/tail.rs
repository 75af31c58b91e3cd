//! Shows what customers write to an account, as it arrives. Answers nothing.
//!
//! ```text
//! cargo run -p wecom-kf-inbox --example tail -- <open_kfid> [file]
//! ```
//!
//! It needs `WECOM_CORP_ID` and `WECOM_KF_SECRET`. It keeps its place in a file, by default `tail.redb`, and continues
//! there at the next start. Another program that reads the account with a store of its own is not disturbed. Ids and
//! kinds are shown; the text is shown only with `WECOM_KF_SHOW_TEXT=1`.
#![allow(clippy::print_stdout, reason = "a program talks")]

use futures_util::StreamExt;
use wecom_kf_inbox::messages::{Content, Message};
use wecom_kf_inbox::store::Redb;
use wecom_kf_inbox::{ColdStart, Inbox, Report, Settings};

#[tokio::main]
async fn main() -> Result<(), Report> {
    let client = Settings::from_env().client()?;
    let mut arguments = std::env::args().skip(1);
    let Some(open_kfid) = arguments.next() else {
        println!("Which account? cargo run -p wecom-kf-inbox --example tail -- <open_kfid> [file]");
        for account in client.accounts().list().await? {
            println!("  {}  {}", account.open_kfid, account.name);
        }
        return Ok(());
    };
    let store = Redb::open(arguments.next().unwrap_or_else(|| "tail.redb".to_owned()))?;
    let mut inbox = Inbox::builder(client, open_kfid).store(store).cold_start(ColdStart::Everything).open().await?;
    while let Some(item) = inbox.next().await {
        match item {
            Ok(delivery) => {
                println!("{}", line(delivery.message()));
                delivery.ack();
            }
            Err(error) if error.is_final() => return Err(error.into()),
            Err(error) => println!("-- {}", Report::from(error)),
        }
    }
    Ok(())
}

fn line(message: &Message) -> String {
    let customer = message.external_userid().map_or("-", |customer| customer.as_str());
    let what = match message.content() {
        Content::Text(text) if std::env::var_os("WECOM_KF_SHOW_TEXT").is_some() => {
            text.content.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
        }
        Content::Event(event) => format!("{event:?}"),
        _ => message.msgtype().to_owned(),
    };
    format!("{}  {customer}  {what}", message.send_time().unwrap_or_default())
}
