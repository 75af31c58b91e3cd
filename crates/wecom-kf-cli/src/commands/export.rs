//! `wecom-kf export`: writes messages to a file as JSON lines, and their media into a folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::time::Instant;
use wecom_kf::messages::Message;
use wecom_kf::{Bilingual, Client, Error, ExternalUserId, Lang, MediaId, MsgId};
use wecom_kf_text::safe_file_name;

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::file::{Existing, NewFile, create_folder};
use crate::out::{Column, column, escaped_json};
use crate::reading::{Reading, Selection};
use crate::time::{self, Moment};

/// Writes messages and events to a file, one JSON object in each line as WeCom sent it
///
/// This only reads and has a cursor of its own, so it takes nothing from a bot. Only its owner may read the file, which
/// appears when it is complete. Media follow after the messages; those of an earlier run are not downloaded again, so a run
/// that was interrupted can be repeated.
///
/// A read returns at most 1,000 messages, and without a callback's token WeCom allows 10 reads a minute for an app, those
/// of a polling bot included.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Takes what came since then: 90s, 3h or 2d ago, or a time. WeCom keeps three days
    #[arg(long, value_name = "TIME", default_value = "3d", value_parser = time::moment)]
    since: Moment,
    /// The file to write; it contains what people wrote
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Downloads pictures, voice messages, videos and files, each into a folder in this one that has its msgid as name
    #[arg(long, value_name = "FOLDER")]
    media: Option<PathBuf>,
    /// Takes only this customer
    #[arg(long, value_name = "EXTERNAL_USERID")]
    customer: Option<ExternalUserId>,
    /// Replaces FILE if it exists
    #[arg(long)]
    force: bool,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    (
        "export",
        "把消息和事件导出到文件，每行一个 JSON，内容与企业微信返回的一致\n\n只读，不影响机器人的 cursor。文件只有所有者可以读取，\
         全部写完才出现；已有的文件只在带 --force 时覆盖。素材在消息之后下载，已下载的不再下载，因此中断后可以重新运行。\n\n\
         每次读取最多一千条，且每分钟只允许每个应用不带回调 token 读取 10 次，机器人的轮询也计算在内。",
    ),
    ("export.since", "导出此后的消息：多久以前（90s、3h、2d）或时间。企业微信保留三天"),
    ("export.out", "要写入的文件，其中包含消息内容"),
    ("export.media", "下载图片、语音、视频和文件，每条消息一个以 msgid 命名的子文件夹"),
    ("export.customer", "只导出这个客户"),
    ("export.force", "覆盖已有的文件"),
];

/// What was exported.
#[derive(Default, Serialize)]
struct Summary {
    out: PathBuf,
    messages: u64,
    /// The time of the first and of the last message, in Unix seconds.
    first_time: Option<i64>,
    last_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<MediaSummary>,
}

#[derive(Default, Serialize)]
struct MediaSummary {
    downloaded: u64,
    /// Was downloaded by an earlier run.
    present: u64,
    failed: u64,
}

/// A file of a message.
struct File {
    msgid: MsgId,
    media_id: MediaId,
}

impl Export {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let client = app.client()?;
        let mut summary = Summary { out: self.out.clone(), ..Summary::default() };
        let files = self.messages(app, &client, &mut summary).await?;
        if let Some(folder) = &self.media {
            let media = summary.media.insert(MediaSummary::default());
            download_all(app, &client, folder, &files, media).await?;
        }
        app.out.record(&columns(), &summary)?;
        match summary.media.map_or(0, |media| media.failed) {
            0 => Ok(()),
            failed => Err(incomplete(failed)),
        }
    }

    /// Writes the messages, and returns their files.
    async fn messages(&self, app: &App, client: &Client, summary: &mut Summary) -> Result<Vec<File>, Failure> {
        let mut reading = Reading::new(client, app.account()?);
        let mut out = NewFile::create(&self.out, Existing::forced(self.force))?;
        let selection = Selection { since: self.since.at(time::now()), customer: self.customer.clone() };
        let spinner = app.out.progress(None, &Bilingual::fixed("messages read:", "已读取消息："));
        let mut files = Vec::new();
        loop {
            let page = reading.next(app, Instant::now()).await?;
            for message in page.messages() {
                spinner.inc(1);
                if selection.has(message) {
                    out.write(&escaped_json(message.raw()))?;
                    out.write("\n")?;
                    summary.count(message);
                    files.extend(file(message));
                }
            }
            if !page.has_more() {
                break;
            }
        }
        out.keep()?;
        Ok(files)
    }
}

impl Summary {
    fn count(&mut self, message: &Message) {
        self.messages += 1;
        let Some(time) = message.send_time() else { return };
        self.first_time = Some(self.first_time.map_or(time, |first| first.min(time)));
        self.last_time = Some(self.last_time.map_or(time, |last| last.max(time)));
    }
}

fn file(message: &Message) -> Option<File> {
    let media_id = message.content().media()?.media_id.clone();
    Some(File { msgid: message.msgid()?.clone(), media_id })
}

/// Downloads the files of messages. One that WeCom refuses is noted, and the others follow. Any other error ends the command:
/// the next run continues.
async fn download_all(
    app: &App,
    client: &Client,
    folder: &Path,
    files: &[File],
    summary: &mut MediaSummary,
) -> Result<(), Failure> {
    create_folder(folder)?;
    if files.is_empty() {
        return Ok(());
    }
    let bar = app.out.progress(Some(files.len() as u64), &Bilingual::fixed("media", "素材"));
    for File { msgid, media_id } in files {
        let folder = folder.join(safe_file_name(msgid.as_str()).unwrap_or_else(|| "-".to_owned()));
        if has_file(&folder) {
            summary.present += 1;
        } else {
            create_folder(&folder)?;
            match client.media().download_into(media_id, &folder).await {
                Ok(_) => summary.downloaded += 1,
                Err(error) if error.refusal().is_some() && !error.is_retryable() => {
                    summary.failed += 1;
                    // An empty folder would look as if it were complete.
                    let _ = fs::remove_dir(&folder);
                    bar.suspend(|| note_failed(app, msgid, &error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        bar.inc(1);
    }
    Ok(())
}

/// Returns whether a folder has a complete file. A file in progress begins with a dot.
fn has_file(folder: &Path) -> bool {
    let Ok(mut entries) = fs::read_dir(folder) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| !entry.file_name().to_string_lossy().starts_with('.')))
}

fn note_failed(app: &App, msgid: &MsgId, error: &Error) {
    app.out.always(&Bilingual::new(
        format!("the file of {msgid} was not downloaded: {}", wecom_kf::Report::line(error, Lang::En)),
        format!("{msgid} 的素材未下载：{}", wecom_kf::Report::line(error, Lang::Zh)),
    ));
}

fn incomplete(failed: u64) -> Failure {
    let were = if failed == 1 { "file was" } else { "files were" };
    Problem::new(
        Bilingual::new(format!("{failed} {were} not downloaded"), format!("{failed} 个素材未下载")),
        (
            "All messages are in the file. If WeCom no longer has a file, which it keeps for three days, nobody can get it; for other causes run it again with --force.",
            "消息都已写入文件。企业微信只保留素材三天，过期的无法取得；其他原因可加上 --force 重新运行。",
        ),
    )
    .into()
}

fn columns() -> [Column<Summary>; 7] {
    [
        column("FILE", "文件", |summary, _| summary.out.display().to_string()),
        column("MESSAGES", "消息", |summary, _| summary.messages.to_string()),
        column("FIRST", "最早", |summary, _| moment(summary.first_time)),
        column("LAST", "最晚", |summary, _| moment(summary.last_time)),
        column("MEDIA", "素材", |summary, _| count(summary, |media| media.downloaded)),
        column("MEDIA THERE BEFORE", "原有素材", |summary, _| count(summary, |media| media.present)),
        column("MEDIA FAILED", "失败素材", |summary, _| count(summary, |media| media.failed)),
    ]
}

fn moment(time: Option<i64>) -> String {
    time.map_or_else(|| "-".to_owned(), time::shown)
}

fn count(summary: &Summary, count: fn(&MediaSummary) -> u64) -> String {
    summary.media.as_ref().map_or_else(|| "-".to_owned(), |media| count(media).to_string())
}
