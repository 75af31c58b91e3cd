//! `wecom-kf inbox status`: who reads each account, where reading continues, and what is parked.

use serde::Serialize;
use wecom_kf::{Bilingual, Lang, OpenKfid};
use wecom_kf_inbox::store::{Committed, ConversationQuery, InboxKey, ParkedQuery};

use super::choice::chosen;
use super::health;
use super::lag::Lag;
use crate::app::App;
use crate::failure::Failure;
use crate::out::{Column, column};
use crate::store::Store;
use crate::time;

/// How many parked messages or conversations are read at a time.
const AT_ONCE: usize = 100;

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Asks WeCom how many messages are not settled, and since when: one call for 1,000 messages, at most 5 calls
    #[arg(long)]
    lag: bool,
    /// Counts the conversations
    #[arg(long)]
    conversations: bool,
    /// Asks a running bot instead: the address of its health endpoint, such as http://127.0.0.1:8081
    #[arg(long, value_name = "URL", conflicts_with_all = ["lag", "conversations"])]
    health: Option<String>,
}

/// What the store knows of an account.
#[derive(Serialize)]
pub(in crate::commands) struct Row {
    pub(in crate::commands) open_kfid: OpenKfid,
    /// Host and corp id.
    scope: String,
    /// The holder of the lease.
    pub(in crate::commands) reader: Option<String>,
    /// How long the lease lasts unless it is renewed.
    pub(in crate::commands) lease_seconds: Option<u64>,
    has_cursor: bool,
    /// Messages sent before are passed over.
    since: Option<i64>,
    /// How many starts in a row ended before a message was settled.
    pub(in crate::commands) starts: u32,
    /// The message that ended the process.
    pub(in crate::commands) in_progress: Option<String>,
    pub(in crate::commands) parked: usize,
    replays_wished: usize,
    oldest_parked_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversations: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<Lag>,
}

impl Status {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        if let Some(url) = &self.health {
            return health::show(app, url).await;
        }
        let store = app.store().await?;
        let keys = chosen(app, &store).await?;
        // A client is needed only to ask WeCom.
        let client = if self.lag { Some(app.client()?) } else { None };
        let mut rows = Vec::new();
        for key in &keys {
            let stored = store.inboxes.load(key).await?;
            let mut row = row(&store, key, stored.as_ref()).await?;
            if self.conversations {
                row.conversations = Some(conversations(&store, key).await?);
            }
            if let (Some(client), Some(stored)) = (&client, &stored) {
                row.lag = Lag::of(client, key, stored).await?;
            }
            rows.push(row);
        }
        let none = Bilingual::fixed("no bot has stored anything yet", "还没有机器人在此保存过内容");
        app.out.list(&self.columns(app, &rows), &rows, &none)?;
        if !store.is_shared && !rows.is_empty() {
            app.out.note(&Bilingual::fixed(
                "no bot has the file open, so nobody reads: start the bot",
                "没有机器人打开该文件，所以无人读取：请启动机器人",
            ));
        }
        rows.iter().for_each(|row| remark(app, &store, row));
        Ok(())
    }

    fn columns(&self, app: &App, rows: &[Row]) -> Vec<Column<Row>> {
        let mut columns = vec![
            column("OPEN_KFID", "OPEN_KFID", |row: &Row, _| row.open_kfid.to_string()),
            column("READER", "读取者", |row, lang| {
                row.reader.clone().unwrap_or(lang.pick("nobody", "无").to_owned())
            }),
            column("LEASE", "租约", |row: &Row, _| {
                row.lease_seconds.map_or("-".to_owned(), |left| format!("{left}s"))
            })
            .number(),
            column("CONTINUES", "继续位置", |row, lang| row.place(lang)),
            column("PARKED", "暂存", |row: &Row, _| row.parked.to_string()).number(),
            column("REPLAYS", "待重放", |row: &Row, _| row.replays_wished.to_string()).number(),
        ];
        if self.conversations {
            columns.push(column("CONVERSATIONS", "对话", |row: &Row, _| shown(row.conversations)).number());
        }
        if self.lag {
            columns.push(column("UNSETTLED", "未处理", |row: &Row, _| row.unsettled()).number());
            columns.push(column("OLDEST", "最早", |row, _| {
                shown(row.lag.as_ref().and_then(|lag| lag.oldest_send_time).map(time::shown))
            }));
        }
        // People need the scope only to tell several apart. Lines for programs always have the same columns.
        let is_one = rows.windows(2).all(|rows| rows[0].scope == rows[1].scope);
        if !app.out.is_table() || !is_one {
            columns.push(column("SCOPE", "范围", |row, _| row.scope.clone()));
        }
        columns
    }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

impl Row {
    fn place(&self, lang: Lang) -> String {
        match (self.has_cursor, self.since) {
            (true, _) => lang.pick("cursor", "cursor").to_owned(),
            (false, Some(since)) => time::shown(since),
            (false, None) => lang.pick("oldest", "最早的消息").to_owned(),
        }
    }

    /// Returns the command that lets the account be read from the oldest message. It works while a process reads, too.
    pub(in crate::commands) fn seek_oldest(&self) -> String {
        let force = if self.reader.is_some() { " --force" } else { "" };
        format!("wecom-kf inbox seek --account {} --from oldest{force}", self.open_kfid)
    }

    fn unsettled(&self) -> String {
        match &self.lag {
            Some(lag) if lag.has_more => format!("{}+", lag.messages),
            Some(lag) if lag.is_cursor_known => lag.messages.to_string(),
            Some(_) => "40058".to_owned(),
            None => "-".to_owned(),
        }
    }
}

/// Returns what the store knows of an account, without its lag.
pub(in crate::commands) async fn row(
    store: &Store,
    key: &InboxKey,
    stored: Option<&Committed>,
) -> Result<Row, Failure> {
    let held = store.inboxes.lease_of(key).await?;
    let mut row = Row {
        open_kfid: key.open_kfid().clone(),
        scope: key.scope().to_owned(),
        lease_seconds: held.as_ref().map(|held| held.left.as_secs()),
        reader: held.map(|held| held.holder),
        has_cursor: stored.is_some_and(|stored| stored.cursor.is_some()),
        since: stored.and_then(|stored| stored.since),
        starts: stored.map_or(0, |stored| stored.starts),
        in_progress: stored.and_then(|stored| stored.in_progress.clone()),
        parked: 0,
        replays_wished: 0,
        oldest_parked_at: None,
        conversations: None,
        lag: None,
    };
    let mut query = ParkedQuery::first(AT_ONCE);
    loop {
        let page = store.inboxes.parked(key, &query).await?;
        for parked in &page.items {
            row.parked += 1;
            row.replays_wished += usize::from(parked.is_wished);
            row.oldest_parked_at = row.oldest_parked_at.into_iter().chain([parked.parked_at]).min();
        }
        let Some(next) = page.next else { return Ok(row) };
        query = query.after(Some(next));
    }
}

async fn conversations(store: &Store, key: &InboxKey) -> Result<usize, Failure> {
    let (mut count, mut query) = (0, ConversationQuery::first(AT_ONCE));
    loop {
        let page = store.inboxes.conversations(key, &query).await?;
        count += page.items.len();
        let Some(next) = page.next else { return Ok(count) };
        query = query.after(Some(next));
    }
}

/// Says what a person should do about an account.
fn remark(app: &App, store: &Store, row: &Row) {
    let (account, starts) = (&row.open_kfid, row.starts);
    if store.is_shared && row.reader.is_none() {
        app.out.note(&Bilingual::new(
            format!("{account}: no process reads. Start the bot; if it runs, look at its log and its /health/ready"),
            format!("{account}：没有进程在读取。请启动机器人；若它在运行，请查看日志和 /health/ready"),
        ));
    }
    if let Some(msgid) = &row.in_progress {
        app.out.note(&Bilingual::new(
            format!("{account}: the process ended while it handled {msgid}. The next start parks that message"),
            format!("{account}：进程在处理 {msgid} 时结束。下次启动会暂存该消息"),
        ));
    } else if starts > 1 {
        app.out.note(&Bilingual::new(
            format!("{account}: the bot was started {starts} times and settled nothing. Look at why it ends"),
            format!("{account}：机器人启动了 {starts} 次，一条消息也没处理完。请查明它为何结束"),
        ));
    }
    if row.parked > 0 {
        app.out.note(&Bilingual::new(
            format!("{account}: see why messages are parked with wecom-kf inbox parked list --show-text"),
            format!("{account}：用 wecom-kf inbox parked list --show-text 查看消息为何被暂存"),
        ));
    }
    if row.lag.as_ref().is_some_and(|lag| !lag.is_cursor_known) {
        app.out.note(&Bilingual::new(
            format!("{account}: WeCom no longer knows the cursor (40058). Use {}", row.seek_oldest()),
            format!("{account}：企业微信不再认识保存的 cursor（40058）。请用 {}", row.seek_oldest()),
        ));
    }
}
