//! `wecom-kf tail`: shows messages and events as they come. What people write is shown only with `--show-text`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::Instant;
use wecom_kf::messages::event::{ChangeType, FailType};
use wecom_kf::messages::{Content, Event, Message, Origin};
use wecom_kf::{Bilingual, Error, ExternalUserId, Lang, MediaId, MsgId, OpenKfid, UserId};

use crate::app::App;
use crate::failure::Failure;
use crate::out::{Column, column};
use crate::reading::{Reading, Selection};
use crate::time::{self, Moment};

/// Shows messages and events as they come
///
/// This only reads and has a cursor of its own, so it takes nothing from a bot. A row has the time, the origin, the kind, the
/// customer, the msgid, and details of an event or the media_id of a file; with --show-text also what was written. With
/// --json each message is one object without its text; with --show-text its member raw is the JSON as WeCom sent it.
///
/// WeCom always begins with the oldest message. A read returns at most 1,000, and without a callback's token WeCom allows
/// 10 reads a minute for an app, those of a polling bot included.
#[derive(Debug, clap::Args)]
pub(crate) struct Tail {
    /// Shows what came since then: 90s, 3h or 2d ago, or a time. WeCom keeps three days
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time::moment)]
    since: Moment,
    /// Continues with new messages until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// The time between two looks for new messages with --follow, at least 6s
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time::duration, requires = "follow")]
    every: Duration,
    /// Shows only this customer
    #[arg(long, value_name = "EXTERNAL_USERID")]
    customer: Option<ExternalUserId>,
    /// Shows what people wrote
    #[arg(long)]
    show_text: bool,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    (
        "tail",
        "持续显示收到的消息和事件\n\n只读，不影响机器人的 cursor。每行依次为：时间、来源、类型、客户、msgid、事件的详情或素材的 media_id，\
         以及（仅当带 --show-text）内容。带 --json 时，每条消息一个对象，不含内容；带 --show-text 时，raw 为企业微信返回的原始 JSON。\n\n\
         企业微信总是从最早的消息开始返回，每次读取最多一千条，且每分钟只允许每个应用不带回调 token 读取 10 次，机器人的轮询也计算在内。",
    ),
    ("tail.since", "显示此后的消息：多久以前（90s、3h、2d）或时间。企业微信保留三天"),
    ("tail.follow", "继续显示新消息，直到按 Ctrl-C"),
    ("tail.every", "带 --follow 时两次读取的间隔，至少 6s"),
    ("tail.customer", "只显示这个客户"),
    ("tail.show_text", "显示消息内容"),
];

/// A message, under WeCom's names, without what people wrote unless `raw` is there.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    msgid: Option<&'a MsgId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_kfid: Option<&'a OpenKfid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_userid: Option<&'a ExternalUserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    send_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    servicer_userid: Option<&'a UserId>,
    msgtype: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    event: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_id: Option<&'a MediaId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a Message>,
}

/// The members of events that nobody wrote and that are no codes for sending.
const EVENT: [&str; 12] = [
    "event_type",
    "scene",
    "fail_msgid",
    "fail_type",
    "servicer_userid",
    "status",
    "stop_type",
    "change_type",
    "old_servicer_userid",
    "new_servicer_userid",
    "recall_msgid",
    "reject_switch",
];

impl Tail {
    pub(crate) fn is_endless(&self) -> bool {
        self.follow
    }

    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let client = app.client()?;
        let mut reading = Reading::new(&client, app.account()?);
        let selection = Selection { since: self.since.at(time::now()), customer: self.customer.clone() };
        let (mut earliest, mut shown) = (Instant::now(), 0_usize);
        let mut spinner = Some(app.out.progress(None, &Bilingual::fixed("messages read:", "已读取消息：")));
        loop {
            let page = match reading.next(app, earliest).await {
                // `spinner` is there until everything has been read once.
                Err(failure) if spinner.is_none() && is_passing(&failure) => {
                    earliest = Instant::now() + reading.interval(self.every);
                    note_failure(app, &failure);
                    continue;
                }
                page => page?,
            };
            earliest = Instant::now();
            for message in page.messages() {
                spinner.iter().for_each(|spinner| spinner.inc(1));
                if selection.has(message) {
                    shown += 1;
                    self.show(app, message, spinner.as_ref())?;
                }
            }
            if page.has_more() {
                continue;
            }
            if spinner.take().is_some() && shown == 0 {
                let since = time::shown(selection.since.as_second());
                app.out.note(&Bilingual::new(format!("no messages since {since}"), format!("{since} 以来没有消息")));
            }
            if !self.follow {
                return Ok(());
            }
            earliest += reading.interval(self.every);
        }
    }

    fn show(&self, app: &App, message: &Message, spinner: Option<&indicatif::ProgressBar>) -> Result<(), Failure> {
        let shown = Shown {
            msgid: message.msgid(),
            open_kfid: message.open_kfid(),
            external_userid: message.external_userid(),
            send_time: message.send_time(),
            origin: message.origin(),
            servicer_userid: message.servicer_userid(),
            msgtype: message.msgtype(),
            event: event(message.content())?,
            media_id: message.content().media().map(|media| &media.media_id),
            raw: self.show_text.then_some(message),
        };
        let print = || app.out.row(&columns(self.show_text), &shown);
        match spinner {
            // The spinner is not in the way of the row.
            Some(spinner) => spinner.suspend(print),
            None => print(),
        }
    }
}

/// Returns whether an error of a command that follows is worth another try.
fn is_passing(failure: &Failure) -> bool {
    failure.client_error().is_some_and(Error::is_retryable)
}

fn note_failure(app: &App, failure: &Failure) {
    app.out.note(&Bilingual::new(
        format!("trying again after: {}", failure.line(Lang::En)),
        format!("稍后重试，原因：{}", failure.line(Lang::Zh)),
    ));
}

/// Returns what is shown of an event.
fn event(content: &Content) -> Result<Map<String, Value>, Failure> {
    let Content::Event(event) = content else { return Ok(Map::new()) };
    let Value::Object(members) = serde_json::to_value(event)? else { return Ok(Map::new()) };
    Ok(EVENT.iter().filter_map(|name| Some(((*name).to_owned(), members.get(*name)?.clone()))).collect())
}

fn columns<'a>(show_text: bool) -> Vec<Column<Shown<'a>>> {
    let mut columns: Vec<Column<Shown<'a>>> = vec![
        column("TIME", "时间", |shown, _| shown.send_time.map_or_else(none, time::shown)),
        column("ORIGIN", "来源", |shown, lang| origin(shown.origin, lang)),
        column("KIND", "类型", |shown, _| match shown.event.get("event_type").and_then(Value::as_str) {
            Some(event_type) => event_type.to_owned(),
            None if shown.msgtype.is_empty() => none(),
            None => shown.msgtype.to_owned(),
        }),
        column("CUSTOMER", "客户", |shown, _| shown.external_userid.map_or_else(none, ToString::to_string)),
        column("MSGID", "MSGID", |shown, _| shown.msgid.map_or_else(none, ToString::to_string)),
        column("DETAIL", "详情", |shown, _| detail(shown)),
    ];
    if show_text {
        columns.push(column("TEXT", "内容", |shown, _| shown.raw.map_or_else(none, text)));
    }
    columns
}

fn none() -> String {
    "-".to_owned()
}

fn origin(origin: Option<Origin>, lang: Lang) -> String {
    match origin {
        Some(Origin::CUSTOMER) => lang.pick("customer", "客户").to_owned(),
        Some(Origin::SYSTEM) => lang.pick("system", "系统").to_owned(),
        Some(Origin::SERVICER) => lang.pick("servicer", "接待人员").to_owned(),
        Some(other) => other.to_string(),
        None => none(),
    }
}

/// Returns the members of an event besides its kind, the file of a message, and the servicer who wrote it.
fn detail(shown: &Shown<'_>) -> String {
    let mut parts: Vec<String> = shown
        .event
        .iter()
        .filter(|(name, _)| *name != "event_type")
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={value}{}", meaning(name, &value))
        })
        .collect();
    parts.extend(shown.media_id.map(|media_id| format!("media_id={media_id}")));
    parts.extend(shown.servicer_userid.map(|userid| format!("servicer_userid={userid}")));
    if parts.is_empty() { none() } else { parts.join(" ") }
}

/// Names the numbers that are hard to remember.
fn meaning(name: &str, value: &str) -> String {
    let Ok(number) = value.parse::<i64>() else { return String::new() };
    let meaning = match name {
        "fail_type" => FailType(number).to_string(),
        "change_type" => ChangeType(number).to_string(),
        _ => return String::new(),
    };
    format!("({meaning})")
}

/// Returns what somebody wrote: a text, otherwise the body as JSON. Of media and events there is no text.
fn text(message: &Message) -> String {
    match message.content() {
        Content::Text(text) => text.content.clone(),
        Content::Image(_) | Content::Voice(_) | Content::Video(_) | Content::File(_) => none(),
        Content::Event(Event::EnterSession(enter)) => enter.scene_param.clone().unwrap_or_else(none),
        Content::Event(_) => none(),
        _ => body(message).unwrap_or_else(none),
    }
}

fn body(message: &Message) -> Option<String> {
    let members: BTreeMap<String, Value> = serde_json::from_str(message.raw()).ok()?;
    members.get(message.msgtype()).map(Value::to_string)
}
