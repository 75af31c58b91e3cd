//! Receives callbacks with axum, and reads the messages that they announce.
//!
//! ```text
//! cargo run --features axum --example callback
//! ```
//!
//! To verify the URL it needs `WECOM_CORP_ID`, `WECOM_KF_CALLBACK_TOKEN`, `WECOM_KF_CALLBACK_AES_KEY` and
//! `WECOM_KF_LISTEN`. WeCom issues the secret afterwards. With `WECOM_KF_SECRET` it also reads messages.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

use std::collections::HashMap;

use axum::Router;
use tokio::net::TcpListener;
use wecom_kf::callback::{self, Event, KfMsgOrEvent};
use wecom_kf::messages::Content;
use wecom_kf::{Client, Cursor, ErrCode, Error, OpenKfid, Report, Settings, Variable};

#[tokio::main]
async fn main() -> Result<(), Report> {
    let settings = Settings::from_env();
    settings.require(&[Variable::CorpId, Variable::CallbackToken, Variable::CallbackAesKey, Variable::Listen])?;
    let (service, mut events) = callback::service(settings.callback()?);
    let listener = TcpListener::bind(settings.listen()?).await?;
    println!("waiting at http://{}/callback", listener.local_addr()?);
    let server = tokio::spawn(callback::serve(listener, Router::new().route("/callback", service)));

    let client = match settings.client() {
        Ok(client) => Some(client),
        Err(error) => {
            println!("no reading yet: {}", Report::from(error));
            None
        }
    };
    let mut cursors = HashMap::new(); // a real bot keeps them in a store
    while let Some(event) = events.recv().await {
        let (Event::KfMsgOrEvent(news), Some(client)) = (event, &client) else {
            println!("an event");
            continue;
        };
        if let Err(error) = read(client, news, &mut cursors).await {
            eprintln!("{}", Report::from(error));
        }
    }
    server.abort();
    Ok(())
}

async fn read(client: &Client, news: KfMsgOrEvent, cursors: &mut HashMap<OpenKfid, Cursor>) -> Result<(), Error> {
    let Some(kf) = news.open_kfid.map(OpenKfid::from) else {
        println!("news, but not for which account: read them all");
        return Ok(());
    };
    // The token of the callback is valid for all pages that are read because of it.
    let mut token = Some(news.token.expose().to_owned());
    loop {
        let mut request = client.messages().page(&kf);
        if let Some(cursor) = cursors.get(&kf) {
            request = request.cursor(cursor);
        }
        if let Some(token) = &token {
            request = request.token(token.as_str());
        }
        let page = match request.await {
            Ok(page) => page,
            // The token is older than ten minutes, so read the same page without it.
            Err(error) if error.code() == Some(ErrCode::INVALID_SYNC_TOKEN) && token.take().is_some() => continue,
            Err(error) => return Err(error),
        };
        for message in page.messages() {
            // Customers' texts do not belong in a log, so print only the kind of the message.
            let kind = if matches!(message.content(), Content::Event(_)) { "event" } else { message.msgtype() };
            println!("{}  {kind}", message.msgid().map_or("–", |msgid| msgid.as_str()));
        }
        if let Some(cursor) = page.next_cursor() {
            cursors.insert(kf.clone(), cursor.clone());
        }
        if !page.has_more() {
            return Ok(());
        }
    }
}
