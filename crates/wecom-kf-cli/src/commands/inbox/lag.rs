//! How far a reader is behind: what WeCom has after the stored cursor and the store does not know as settled. Reading with a
//! cursor of one's own changes nothing for anybody, but it counts for WeCom's rate limit.

use std::collections::HashSet;

use serde::Serialize;
use wecom_kf::messages::{Message, Origin};
use wecom_kf::{Client, ErrCode, Error};
use wecom_kf_inbox::store::{Committed, InboxKey};

/// How many pages of 1,000 messages are read at most. WeCom allows 10 calls a minute, which the bot needs, too.
const PAGES: usize = 5;

/// What is not settled.
#[derive(Debug, Default, Serialize)]
pub(in crate::commands) struct Lag {
    /// How many messages there are.
    pub(in crate::commands) messages: usize,
    /// Whether there may be more, which were not read.
    pub(in crate::commands) has_more: bool,
    /// When the oldest of them was sent, in Unix seconds.
    pub(in crate::commands) oldest_send_time: Option<i64>,
    /// Whether WeCom knows the stored cursor.
    pub(in crate::commands) is_cursor_known: bool,
}

impl Lag {
    /// Asks WeCom. Returns `None` if the client is one of another corp or another address.
    pub(in crate::commands) async fn of(
        client: &Client,
        key: &InboxKey,
        stored: &Committed,
    ) -> Result<Option<Self>, Error> {
        if *key != InboxKey::of_client(client, key.open_kfid().clone()) {
            return Ok(None);
        }
        let settled: HashSet<&str> = stored.settled.iter().map(String::as_str).collect();
        let is_unsettled = |message: &&Message| {
            // What servicers wrote is not delivered to the bot.
            let is_servicers = message.origin() == Some(Origin::SERVICER);
            let is_new = message.msgid().is_none_or(|msgid| !settled.contains(msgid.as_str()));
            let is_meant = stored.since.is_none_or(|since| message.send_time().is_none_or(|sent| sent >= since));
            is_new && is_meant && !is_servicers
        };
        let (mut lag, mut cursor) = (Self { is_cursor_known: true, ..Self::default() }, stored.cursor.clone());
        for _ in 0..PAGES {
            let mut page = client.messages().page(key.open_kfid().clone());
            if let Some(cursor) = cursor {
                page = page.cursor(cursor);
            }
            let page = match page.await {
                Ok(page) => page,
                Err(error) if error.code() == Some(ErrCode::INVALID_PARAMETER) => {
                    return Ok(Some(Self { is_cursor_known: false, ..lag }));
                }
                Err(error) => return Err(error),
            };
            for message in page.messages().iter().filter(is_unsettled) {
                lag.messages += 1;
                lag.oldest_send_time = lag.oldest_send_time.into_iter().chain(message.send_time()).min();
            }
            lag.has_more = page.has_more();
            if !lag.has_more {
                break;
            }
            cursor = page.next_cursor().map(ToString::to_string);
        }
        Ok(Some(lag))
    }
}
