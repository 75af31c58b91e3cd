//! A bot that repeats what customers write.
//!
//! ```text
//! cargo run --example echo_bot                     on a simulator of its own, with a customer who plays a scene
//! cargo run --example echo_bot -- <open_kfid>      against WeCom, with WECOM_CORP_ID and WECOM_KF_SECRET set
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

mod stage;

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::sleep;
use wecom_kf::message::{Content, Message, Origin, Page, SyncRequest, Text};
use wecom_kf::{Client, Error, OpenKfid, Report, Settings, Trans};

#[tokio::main]
async fn main() -> Result<(), Report> {
    let mut arguments = std::env::args().skip(1);
    if stage::is_wanted() && arguments.len() == 0 {
        return stage::play().await;
    }
    let client = Settings::from_env().client()?;
    let Some(kf) = arguments.next().map(OpenKfid::from) else {
        println!("Which account? cargo run --example echo_bot -- <open_kfid>");
        for account in client.account().list().await? {
            println!("  {}  {}", account.open_kfid, account.name);
        }
        return Ok(());
    };
    // Without callbacks WeCom tolerates a poll every 30 s or so.
    let pause = Duration::from_secs(arguments.next().map_or(Ok(30), |seconds| seconds.parse())?.max(1));
    Ok(Bot { client, kf, pause, hand_over_to: None }.run().await?)
}

struct Bot {
    client: Client,
    kf: OpenKfid,
    pause: Duration,
    /// The servicer for customers who ask for a human (人工); nobody when talking to real people.
    hand_over_to: Option<String>,
}

impl Bot {
    async fn run(&self) -> Result<(), Error> {
        let cursor = self.skip_history().await?;
        self.answer_from(cursor).await
    }

    /// Reads what was written before, up to three days of it. None of it is answered.
    async fn skip_history(&self) -> Result<Option<String>, Error> {
        let mut cursor = None;
        loop {
            let page = self.read(&mut cursor).await?;
            // Without a cursor the next reading would begin with the history again.
            if !page.has_more() && (cursor.is_some() || page.messages().is_empty()) {
                break;
            }
        }
        println!("Answering what customers write to {} from now on, one account only. Ctrl-C ends it.", self.kf);
        Ok(cursor)
    }

    async fn answer_from(&self, mut cursor: Option<String>) -> Result<(), Error> {
        let mut seen = HashSet::new();
        loop {
            let page = self.read(&mut cursor).await?;
            // A message may come more than once.
            for message in
                page.messages().iter().filter(|message| message.msgid().is_none_or(|msgid| seen.insert(msgid.clone())))
            {
                if let Err(error) = self.answer(message).await {
                    eprintln!("{error}");
                }
            }
            if !page.has_more() {
                sleep(self.pause).await;
            }
        }
    }

    /// The next page; waits out what will pass.
    async fn read(&self, cursor: &mut Option<String>) -> Result<Page, Error> {
        loop {
            let request = SyncRequest::new(&self.kf);
            let request = cursor.iter().fold(request, |request, cursor| request.cursor(cursor));
            match self.client.message().sync(request).await {
                Ok(page) => {
                    match page.next_cursor() {
                        Some(next) if Some(next) != cursor.as_deref() => *cursor = Some(next.to_owned()),
                        // It stands still although there is something: there is time.
                        _ if page.has_more() || !page.messages().is_empty() => sleep(self.pause).await,
                        _ => {}
                    }
                    return Ok(page);
                }
                Err(error) if error.is_retryable() => eprintln!("{error}"),
                Err(error) => return Err(error),
            }
            sleep(self.pause).await;
        }
    }

    async fn answer(&self, message: &Message) -> Result<(), Error> {
        let (Some(customer), Some(Origin::CUSTOMER)) = (message.external_userid(), message.origin()) else {
            return Ok(());
        };
        let Content::Text(text) = message.content() else { return Ok(()) };
        match &self.hand_over_to {
            Some(servicer) if text.content.contains("人工") => {
                self.client.message().send(&self.kf, customer, Text::new("正在为您转接人工，请稍候。")?).await?;
                self.client.service_state().trans(&self.kf, customer, Trans::to_servicer(servicer)).await?;
            }
            _ => {
                self.client.message().send(&self.kf, customer, Text::new(&text.content)?).await?;
            }
        }
        Ok(())
    }
}
