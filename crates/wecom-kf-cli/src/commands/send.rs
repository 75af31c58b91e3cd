//! `wecom-kf send`: sends one message to one customer, after a look at the session.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wecom_kf::media::{MediaType, Upload};
use wecom_kf::messages::outgoing::{File, Image, Text, Video, Voice};
use wecom_kf::messages::{Msgmenu, Outgoing};
use wecom_kf::raw::types::SendRequestMsgmenu;
use wecom_kf::raw::{document, op};
use wecom_kf::{Bilingual, Client, Error, ExternalUserId, Lang, MsgId};

use crate::app::App;
use crate::commands::call::parsed;
use crate::commands::sessions::{described, may_send};
use crate::failure::{Exit, Failure, Problem};
use crate::file::unreadable;
use crate::out::column;

#[derive(Debug, clap::Args)]
pub(crate) struct Send {
    /// The customer
    #[arg(long, value_name = "EXTERNAL_USERID")]
    to: ExternalUserId,
    #[command(flatten)]
    content: Content,
    /// A msgid of your own, under which WeCom accepts the message only once: 1 to 32 bytes of A-Z, a-z, 0-9, _ and -
    #[arg(long)]
    msgid: Option<MsgId>,
}

/// The content of the message, of which there is exactly one.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Content {
    /// A text of up to 2048 bytes; - reads it from standard input
    text: Option<String>,
    /// A picture: JPG or PNG
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// A voice message: AMR, at most 60 seconds
    #[arg(long, value_name = "FILE")]
    voice: Option<PathBuf>,
    /// A video: MP4
    #[arg(long, value_name = "FILE")]
    video: Option<PathBuf>,
    /// Any file; the customer sees its name
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A menu in WeCom's JSON: {"head_content": …, "list": [{"type": "click", "click": {"id": …, "content": …}}]}
    #[arg(long, value_name = "FILE")]
    menu: Option<PathBuf>,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("send", "向一个客户发送一条消息，发送前先查询会话状态"),
    ("send.to", "客户（external_userid）"),
    ("send.text", "文字，最多 2048 字节；- 表示从标准输入读取"),
    ("send.image", "图片：JPG 或 PNG"),
    ("send.voice", "语音：AMR，最长 60 秒"),
    ("send.video", "视频：MP4"),
    ("send.file", "任意文件，客户会看到文件名"),
    (
        "send.menu",
        r#"菜单，企业微信的 JSON 格式：{"head_content": …, "list": [{"type": "click", "click": {"id": …, "content": …}}]}"#,
    ),
    ("send.msgid", "自定义的 msgid，企业微信对同一 msgid 只接受一次：1 至 32 字节，限字母、数字、_ 和 -"),
];

/// A message that is complete except for its upload.
enum Draft {
    Ready(Outgoing, Bilingual),
    File(MediaType, Upload),
}

#[derive(Serialize)]
struct Sent {
    msgid: MsgId,
}

impl Send {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let (client, account) = (app.client()?, app.account()?);
        self.msgid.as_ref().map_or(Ok(()), MsgId::check)?;
        let draft = self.content.draft().await?;
        let session = client.sessions().get(&account, &self.to).await?;
        let to = &self.to;
        app.out.note(&Bilingual::new(
            format!("the session of {to} is in state {}", described(&session, Lang::En)),
            format!("{to} 的会话状态：{}", described(&session, Lang::Zh)),
        ));
        if !may_send(session.state) {
            return Err(Error::SessionForbidsSending(session).into());
        }
        let what = draft.described();
        let what = Bilingual::new(
            format!("Sends {what} to {to} from {account}"),
            format!("由 {account} 向 {to} 发送{}", what.in_lang(Lang::Zh)),
        );
        if !app.agree(&what)? {
            return Ok(());
        }
        let request = client.messages().send(&account, to, draft.uploaded(&client).await?);
        let msgid = match self.msgid {
            Some(msgid) => request.msgid(msgid).await?,
            None => request.await?,
        };
        app.out.row(&[column("MSGID", "MSGID", |sent: &Sent, _| sent.msgid.to_string())], &Sent { msgid })
    }
}

impl Content {
    /// Reads and checks the content. Nothing is sent for what WeCom would refuse.
    async fn draft(self) -> Result<Draft, Failure> {
        let Self { text, image, voice, video, file, menu } = self;
        if let Some(menu) = menu {
            return draft_of_menu(&menu);
        }
        let files =
            [(MediaType::Image, image), (MediaType::Voice, voice), (MediaType::Video, video), (MediaType::File, file)];
        let file = files.into_iter().find_map(|(media_type, path)| Some((media_type, path?)));
        match file {
            Some((media_type, path)) => draft_of_file(media_type, &path).await,
            None => draft_of_text(text.unwrap_or_default()),
        }
    }
}

async fn draft_of_file(media_type: MediaType, path: &Path) -> Result<Draft, Failure> {
    let upload = Upload::from_file(path).await?;
    upload.check(media_type)?;
    Ok(Draft::File(media_type, upload))
}

fn draft_of_text(text: String) -> Result<Draft, Failure> {
    let text = if text == "-" { piped_text()? } else { text };
    let characters = text.chars().count();
    let message = Text::new(text);
    message.check()?;
    let unit = if characters == 1 { "character" } else { "characters" };
    let what = Bilingual::new(format!("a text of {characters} {unit}"), format!("一段文字（{characters} 个字符）"));
    Ok(Draft::Ready(message.into(), what))
}

fn draft_of_menu(path: &Path) -> Result<Draft, Failure> {
    const REMEDY: (&str, &str) = (
        "Nothing was sent. All fields and their limits: wecom-kf docs send_msg",
        "没有发送。用 wecom-kf docs send_msg 查看全部字段及限制。",
    );
    let json = std::fs::read_to_string(path).map_err(|error| unreadable(path).because(error))?;
    let menu = parsed(&json, ("the menu is", "菜单"), REMEDY)?;
    let arguments = document::arguments(op::SEND_MSG);
    let schema = arguments.as_ref().and_then(|arguments| arguments.property("msgmenu"));
    let mistakes = schema.map(|schema| schema.mistakes(&menu)).unwrap_or_default();
    if !mistakes.is_empty() {
        let said = |lang| mistakes.iter().map(|mistake| mistake.in_lang(lang)).collect::<Vec<_>>();
        let what = Bilingual::new(
            format!("the menu is invalid: {}", said(Lang::En).join("; ")),
            format!("菜单无效：{}", said(Lang::Zh).join("；")),
        );
        return Err(Problem::new(what, REMEDY).exit(Exit::Usage).into());
    }
    let menu: SendRequestMsgmenu = serde_json::from_value(menu)?;
    let items = menu.list.len();
    let menu = Msgmenu::from(menu);
    menu.check()?;
    let what = Bilingual::new(format!("a menu ({items} items)"), format!("菜单（{items} 项）"));
    Ok(Draft::Ready(menu.into(), what))
}

/// Reads a text from standard input, without the line end that most programs write after it.
fn piped_text() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    let end = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).len());
    text.truncate(end.unwrap_or(text.len()));
    Ok(text)
}

impl Draft {
    fn described(&self) -> Bilingual {
        match self {
            Self::Ready(_, what) => what.clone(),
            Self::File(media_type, upload) => {
                let (name, length) = (upload.file_name(), upload.length());
                let (en, zh) = match media_type {
                    MediaType::Image => ("the image", "图片"),
                    MediaType::Voice => ("the voice message", "语音"),
                    MediaType::Video => ("the video", "视频"),
                    MediaType::File => ("the file", "文件"),
                };
                Bilingual::new(format!("{en} {name} ({length} bytes)"), format!("{zh} {name}（{length} 字节）"))
            }
        }
    }

    async fn uploaded(self, client: &Client) -> Result<Outgoing, Failure> {
        let (media_type, upload) = match self {
            Self::Ready(message, _) => return Ok(message),
            Self::File(media_type, upload) => (media_type, upload),
        };
        let media_id = client.media().upload(media_type, upload).await?.media_id;
        Ok(match media_type {
            MediaType::Image => Image::new(media_id).into(),
            MediaType::Voice => Voice::new(media_id).into(),
            MediaType::Video => Video::new(media_id).into(),
            MediaType::File => File::new(media_id).into(),
        })
    }
}
