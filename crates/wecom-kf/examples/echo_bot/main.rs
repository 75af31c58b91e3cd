//! A bot that repeats what customers write.
//!
//! ```text
//! cargo run --example echo_bot                     on a simulator of its own, with a customer who plays a scene
//! cargo run --example echo_bot -- <open_kfid>      against WeCom, with WECOM_CORP_ID and WECOM_KF_SECRET set
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

mod stage;

use std::time::Duration;

use tokio::time::sleep;
use wecom_kf::message::{Content, Message, Origin, SyncRequest, Text};
use wecom_kf::{Client, Credentials, Error, OpenKfid, Report, Trans};

#[tokio::main]
async fn main() -> Result<(), Report> {
    let mut arguments = std::env::args().skip(1);
    if stage::is_wanted() && arguments.len() == 0 {
        return stage::play().await;
    }
    let client = Client::builder(Credentials::from_env()?).base_url_from_env().build()?;
    let Some(kf) = arguments.next().map(OpenKfid::from) else {
        println!("Which account? cargo run --example echo_bot -- <open_kfid>");
        for account in client.account().list().await? {
            println!("  {}  {}", account.open_kfid, account.name);
        }
        return Ok(());
    };
    // Without callbacks WeCom tolerates a poll every 30 s or so.
    let pause = Duration::from_secs(arguments.next().map_or(Ok(30), |seconds| seconds.parse())?);
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
        // The first reading is of what was written before: up to three days of it, and none of it is answered.
        let mut history = true;
        let mut cursor = None;
        loop {
            let mut request = SyncRequest::new(&self.kf);
            if let Some(cursor) = &cursor {
                request = request.cursor(cursor);
            }
            let page = match self.client.message().sync(request).await {
                Ok(page) => page,
                Err(error) if error.is_retryable() => {
                    eprintln!("{error}");
                    sleep(self.pause).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            for message in page.messages().iter().filter(|_| !history) {
                if let Err(error) = self.answer(message).await {
                    eprintln!("{error}");
                }
            }
            let moved = page.next_cursor().is_some() && page.next_cursor() != cursor.as_deref();
            cursor = page.next_cursor().map(str::to_owned).or(cursor);
            if history && !page.has_more() {
                history = false;
                println!(
                    "Answering what customers write to {} from now on, one account only. Ctrl-C ends it.",
                    self.kf
                );
            }
            // A page may be empty although there is more. With a cursor that stands still there is time.
            if !(page.has_more() && moved) {
                sleep(self.pause).await;
            }
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
