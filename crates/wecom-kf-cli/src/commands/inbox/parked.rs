//! `wecom-kf inbox parked`: lists parked messages, asks for their replay, deletes and exports them.

mod export;

use clap::Subcommand;
use serde::Serialize;
use wecom_kf::messages::{Content, Message};
use wecom_kf::{Bilingual, ExternalUserId, Lang, OpenKfid};
use wecom_kf_inbox::store::{InboxKey, Parked, ParkedKind, ParkedQuery};

use super::choice::{accounts, chosen};
use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::out::{Column, column};
use crate::store::Store;
use crate::time::{self, Moment};

/// How many parked messages are read at a time.
const AT_ONCE: usize = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum ParkedMessages {
    /// Lists parked messages
    List {
        #[command(flatten)]
        filter: Filter,
        /// Shows the reasons, and what customers wrote
        #[arg(long)]
        show_text: bool,
    },
    /// Shows a parked message
    Show {
        /// The id of the message
        id: String,
        /// Shows the reason, and what the customer wrote
        #[arg(long)]
        show_text: bool,
    },
    /// Asks for the replay of parked messages, which the process that reads the account does
    Replay(Choice),
    /// Deletes parked messages
    Drop(Choice),
    /// Writes parked messages as JSON, one in each line
    Export(export::Export),
}

/// Which parked messages are meant, besides `--account`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Filter {
    /// Only those whose reason contains this text
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only those that were parked before, such as 3h or 2026-11-20
    #[arg(long, value_name = "TIME", value_parser = time::moment)]
    before: Option<Moment>,
}

/// Some parked messages, or all that a filter lets through.
#[derive(Debug, clap::Args)]
pub(crate) struct Choice {
    /// The ids of messages
    #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "ID")]
    ids: Vec<String>,
    /// All messages; --account, --reason and --before make them fewer
    #[arg(long)]
    all: bool,
    /// Only those whose reason contains this text
    #[arg(long, value_name = "TEXT", conflicts_with = "ids")]
    reason: Option<String>,
    /// Only those that were parked before, such as 3h or 2026-11-20
    #[arg(long, value_name = "TIME", value_parser = time::moment, conflicts_with = "ids")]
    before: Option<Moment>,
}

/// A parked message as it is shown. It has what the customer wrote only if that was asked for.
#[derive(Serialize)]
struct Row {
    id: String,
    open_kfid: OpenKfid,
    kind: ParkedKind,
    external_userid: Option<ExternalUserId>,
    parked_at: i64,
    keep_until: i64,
    tries: u32,
    is_wished: bool,
    /// Why it is parked, without what a customer wrote.
    shown_reason: String,
    #[serde(flatten)]
    text: Option<Text>,
}

#[derive(Serialize)]
struct Text {
    reason: String,
    messages: Vec<Message>,
    /// What came, if this version cannot decode it.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

/// Whether reasons and what customers wrote are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    Shown,
    Hidden,
}

impl From<bool> for Texts {
    fn from(is_shown: bool) -> Self {
        if is_shown { Self::Shown } else { Self::Hidden }
    }
}

impl ParkedMessages {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        match self {
            Self::List { filter, show_text } => list(app, &filter, show_text.into()).await,
            Self::Show { id, show_text } => show(app, &id, show_text.into()).await,
            Self::Replay(choice) => replay(app, &choice).await,
            Self::Drop(choice) => drop_all(app, &choice).await,
            Self::Export(command) => command.run(app).await,
        }
    }
}

async fn list(app: &App, filter: &Filter, texts: Texts) -> Result<(), Failure> {
    let store = app.store().await?;
    let mut rows = Vec::new();
    for key in chosen(app, &store).await? {
        each(&store, &key, filter, |parked| {
            rows.push(Row::new(&key, parked, texts));
            Ok(())
        })
        .await?;
    }
    app.out.list(&columns(texts), &rows, &Bilingual::fixed("nothing is parked", "没有暂存的消息"))?;
    if texts == Texts::Hidden && !rows.is_empty() && app.out.is_table() {
        app.out.note(&hidden());
    }
    Ok(())
}

async fn show(app: &App, id: &str, texts: Texts) -> Result<(), Failure> {
    let store = app.store().await?;
    for key in chosen(app, &store).await? {
        if let Some(parked) = store.inboxes.parked(&key, &ParkedQuery::id(id)).await?.items.pop() {
            app.out.record(&columns(texts), &Row::new(&key, parked, texts))?;
            if texts == Texts::Hidden && app.out.is_table() {
                app.out.note(&hidden());
            }
            return Ok(());
        }
    }
    Err(not_parked(id).into())
}

async fn replay(app: &App, choice: &Choice) -> Result<(), Failure> {
    let store = app.store().await?;
    let Some(found) = choice.find(app, &store).await? else { return Ok(()) };
    let what = Bilingual::new(
        format!("Asks for the replay of {}", found.shown(Lang::En)),
        format!("请求重放{}", found.shown(Lang::Zh)),
    );
    if !app.agree(&what)? {
        return Ok(());
    }
    for (key, ids) in &found.0 {
        store.inboxes.wish_replays(key, ids).await?;
    }
    app.out.note(&Bilingual::fixed(
        "the wish is stored. A message stays parked until its handler succeeds",
        "请求已保存。处理成功之前，消息一直暂存",
    ));
    for (key, _) in &found.0 {
        app.out.note(&who_replays(&store, key).await?);
    }
    Ok(())
}

/// Says who fulfils the wishes, and when.
async fn who_replays(store: &Store, key: &InboxKey) -> Result<Bilingual, Failure> {
    let account = key.open_kfid();
    Ok(match store.inboxes.lease_of(key).await? {
        Some(held) => Bilingual::new(
            format!("{account}: {} delivers them now, 8 at a time, after new messages", held.holder),
            format!("{account}：{} 现在开始投递，同时最多 8 条，排在新消息之后", held.holder),
        ),
        None => Bilingual::new(
            format!("{account}: no process reads now, so they are delivered when a bot starts"),
            format!("{account}：现在没有进程在读取，机器人启动后才会投递"),
        ),
    })
}

async fn drop_all(app: &App, choice: &Choice) -> Result<(), Failure> {
    let store = app.store().await?;
    let Some(found) = choice.find(app, &store).await? else { return Ok(()) };
    let what = Bilingual::new(
        format!("Deletes {} for ever", found.shown(Lang::En)),
        format!("永久删除{}", found.shown(Lang::Zh)),
    );
    if !app.agree(&what)? {
        return Ok(());
    }
    let mut count = 0;
    for (key, ids) in &found.0 {
        for id in ids {
            count += usize::from(store.inboxes.drop_parked(key, id).await?);
        }
    }
    app.out.note(&Bilingual::new(format!("deleted: {count}"), format!("已删除 {count} 条")));
    Ok(())
}

/// The ids of parked messages, by inbox. No list is empty.
struct Found(Vec<(InboxKey, Vec<String>)>);

impl Found {
    /// Names them, such as "2 parked messages of wk1".
    fn shown(&self, lang: Lang) -> String {
        let count: usize = self.0.iter().map(|(_, ids)| ids.len()).sum();
        let keys: Vec<InboxKey> = self.0.iter().map(|(key, _)| key.clone()).collect();
        let accounts = accounts(&keys, lang);
        match (lang, count) {
            (Lang::En, 1) => format!("1 parked message of {accounts}"),
            (Lang::En, _) => format!("{count} parked messages of {accounts}"),
            (Lang::Zh, _) => format!(" {accounts} 的 {count} 条暂存消息"),
        }
    }
}

impl Choice {
    /// Finds the messages, or says that there are none.
    ///
    /// # Errors
    ///
    /// One of the ids is not parked.
    async fn find(&self, app: &App, store: &Store) -> Result<Option<Found>, Failure> {
        let keys = chosen(app, store).await?;
        let mut found = Vec::new();
        if self.all {
            let filter = Filter { reason: self.reason.clone(), before: self.before };
            for key in keys {
                let mut ids = Vec::new();
                each(store, &key, &filter, |parked| {
                    ids.push(parked.id);
                    Ok(())
                })
                .await?;
                found.push((key, ids));
            }
        } else {
            let mut missing: Vec<&String> = self.ids.iter().collect();
            for key in keys {
                let mut ids = Vec::new();
                for id in &self.ids {
                    if !store.inboxes.parked(&key, &ParkedQuery::id(id)).await?.items.is_empty() {
                        missing.retain(|missing| *missing != id);
                        ids.push(id.clone());
                    }
                }
                found.push((key, ids));
            }
            if let Some(id) = missing.first() {
                return Err(not_parked(id).into());
            }
        }
        found.retain(|(_, ids)| !ids.is_empty());
        if found.is_empty() {
            app.out.note(&Bilingual::fixed("nothing like that is parked", "没有符合条件的暂存消息"));
            return Ok(None);
        }
        Ok(Some(Found(found)))
    }
}

impl Filter {
    fn lets_through(&self, parked: &Parked) -> bool {
        let is_meant = |text: &String| parked.reason.contains(text.as_str());
        let is_before = |before: Moment| parked.parked_at < before.at(time::now()).as_second();
        self.reason.as_ref().is_none_or(is_meant) && self.before.is_none_or(is_before)
    }
}

/// Calls a function with each parked message that a filter lets through, oldest first.
async fn each(
    store: &Store,
    key: &InboxKey,
    filter: &Filter,
    mut act: impl FnMut(Parked) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut query = ParkedQuery::first(AT_ONCE);
    loop {
        let page = store.inboxes.parked(key, &query).await?;
        page.items.into_iter().filter(|parked| filter.lets_through(parked)).try_for_each(&mut act)?;
        let Some(next) = page.next else { return Ok(()) };
        query = query.after(Some(next));
    }
}

impl Row {
    fn new(key: &InboxKey, parked: Parked, texts: Texts) -> Self {
        let messages = parked.messages().unwrap_or_default();
        Self {
            open_kfid: key.open_kfid().clone(),
            kind: parked.kind,
            external_userid: messages.first().and_then(|message| message.external_userid().cloned()),
            parked_at: parked.parked_at,
            keep_until: parked.keep_until,
            tries: parked.tries,
            is_wished: parked.is_wished,
            shown_reason: parked.shown,
            text: (texts == Texts::Shown).then(|| Text {
                reason: parked.reason,
                body: messages.is_empty().then_some(parked.body),
                messages,
            }),
            id: parked.id,
        }
    }
}

fn columns(texts: Texts) -> Vec<Column<Row>> {
    let mut columns = vec![
        column("ID", "ID", |row: &Row, _| row.id.clone()),
        column("OPEN_KFID", "OPEN_KFID", |row, _| row.open_kfid.to_string()),
        column("CUSTOMER", "客户", |row, _| row.external_userid.as_ref().map_or("-".to_owned(), ToString::to_string)),
        column("KIND", "类型", |row, lang| kind(row.kind, lang).to_owned()),
        column("PARKED", "暂存时间", |row, _| time::shown(row.parked_at)),
        column("TRIES", "尝试", |row: &Row, _| row.tries.to_string()).number(),
        column("REPLAY", "重放", |row, lang| {
            if row.is_wished { lang.pick("asked", "已请求") } else { "-" }.to_owned()
        }),
    ];
    if texts == Texts::Hidden {
        columns.push(column("REASON", "原因", |row, _| row.shown_reason.clone()));
    } else {
        columns.push(column("REASON", "原因", |row, _| row.text.as_ref().map_or("", |text| &text.reason).to_owned()));
        columns.push(column("TEXT", "内容", |row, _| row.text.as_ref().map_or(String::new(), Text::contents)));
    }
    columns
}

fn kind(kind: ParkedKind, lang: Lang) -> &'static str {
    match kind {
        ParkedKind::Message => lang.pick("message", "消息"),
        ParkedKind::Batch => lang.pick("batch", "批次"),
        ParkedKind::Page => lang.pick("page", "页"),
        _ => "-",
    }
}

impl Text {
    fn contents(&self) -> String {
        let contents = self.messages.iter().map(|message| match message.content() {
            Content::Text(text) => text.content.clone(),
            other => format!("[{}]", other.msgtype()),
        });
        contents.collect::<Vec<_>>().join(" / ")
    }
}

fn hidden() -> Bilingual {
    Bilingual::fixed(
        "add --show-text for the texts of the messages, and for whole reasons, which may repeat them",
        "加上 --show-text 显示消息内容和完整的原因，原因中可能重复客户的话",
    )
}

fn not_parked(id: &str) -> Problem {
    Problem::new(
        Bilingual::new(format!("{id} is not parked"), format!("{id} 不在暂存的消息中")),
        ("See what is parked with wecom-kf inbox parked list.", "用 wecom-kf inbox parked list 查看暂存的消息。"),
    )
}
