//! Reads the messages of one account for commands: without a callback's token, within WeCom's limit, and with a cursor of
//! their own, so that no bot misses anything.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};
use wecom_kf::messages::{Message, Page};
use wecom_kf::polls::Poller;
use wecom_kf::{Bilingual, Client, Cursor, ErrCode, Error, ExternalUserId, OpenKfid, defaults};

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::time;

/// The shortest wait for WeCom's limit that a person is told about.
const LONG_WAIT: Duration = Duration::from_secs(2);

/// After a refusal for too many reads, WeCom refuses all of them for a minute. The second is for the clocks.
const OVER: Duration = Duration::from_secs(defaults::TOKENLESS_WINDOW.as_secs() + 1);

/// How many refusals in a row are waited for.
const MOST_WAITS: u32 = 2;

/// The messages of an account, from the oldest that WeCom keeps.
pub(crate) struct Reading<'a> {
    client: &'a Client,
    open_kfid: OpenKfid,
    poller: Poller,
    cursor: Option<Cursor>,
    /// The cursors since the last time that everything was read.
    seen: HashSet<Cursor>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(client: &'a Client, open_kfid: OpenKfid) -> Self {
        let poller = client.poll_schedule().join();
        Self { client, open_kfid, poller, cursor: None, seen: HashSet::new() }
    }

    /// Reads the next page at `earliest`, or later if WeCom's limit demands it. If others have used it up, which WeCom only says
    /// by refusing, it waits until they have not.
    pub(crate) async fn next(&mut self, app: &App, mut earliest: Instant) -> Result<Page, Failure> {
        let mut waits = 0;
        loop {
            match self.read(app, earliest).await {
                Err(error) if error.code() == Some(ErrCode::RATE_LIMIT_EXCEEDED) && waits < MOST_WAITS => {
                    waits += 1;
                    note_wait(app, OVER);
                    earliest = Instant::now() + OVER;
                }
                page => {
                    let page = page?;
                    self.advance(&page)?;
                    return Ok(page);
                }
            }
        }
    }

    async fn read(&mut self, app: &App, earliest: Instant) -> Result<Page, Error> {
        let time = self.poller.reserve(Instant::now(), earliest);
        let wait = time.saturating_duration_since(earliest.max(Instant::now()));
        if wait >= LONG_WAIT {
            note_wait(app, wait);
        }
        sleep_until(time).await;
        let request = self.client.messages().page(&self.open_kfid);
        match &self.cursor {
            Some(cursor) => request.cursor(cursor.clone()).await,
            None => request.await,
        }
    }

    /// Returns how long to wait for new messages: `wait`, or longer if the limit demands it.
    pub(crate) fn interval(&self, wait: Duration) -> Duration {
        self.poller.interval(wait, 0.0)
    }

    fn advance(&mut self, page: &Page) -> Result<(), Failure> {
        match page.next_cursor() {
            Some(next) if !page.has_more() => {
                self.seen.clear();
                self.cursor = Some(next.clone());
            }
            Some(next) if self.seen.insert(next.clone()) => self.cursor = Some(next.clone()),
            None if !page.has_more() => {}
            // The same pages would come for ever.
            _ => return Err(no_new_cursor()),
        }
        Ok(())
    }
}

fn note_wait(app: &App, wait: Duration) {
    let wait = time::span(wait);
    app.out.note(&Bilingual::new(
        format!("WeCom allows 10 reads a minute for an app, those of a bot included; continuing in {wait}"),
        format!("企业微信每分钟只允许每个应用读取 10 次（包括机器人），{wait} 后继续"),
    ));
}

fn no_new_cursor() -> Failure {
    Problem::new(
        Bilingual::fixed(
            "sync_msg returned an invalid reply: there are more messages, but no new cursor",
            "sync_msg 的应答有误：还有后续消息，却没有新的 cursor",
        ),
        (
            "Run it again later. If this recurs, look for a proxy between here and WeCom that changes the answers.",
            "稍后再运行；若反复出现，说明途中有设备改动了应答。",
        ),
    )
    .into()
}

/// Which messages a command wants.
pub(crate) struct Selection {
    pub(crate) since: Timestamp,
    pub(crate) customer: Option<ExternalUserId>,
}

impl Selection {
    /// Returns whether the message is wanted. One without a time is.
    pub(crate) fn has(&self, message: &Message) -> bool {
        let is_in_time = message.send_time().is_none_or(|time| time >= self.since.as_second());
        is_in_time && self.customer.as_ref().is_none_or(|customer| message.external_userid() == Some(customer))
    }
}
