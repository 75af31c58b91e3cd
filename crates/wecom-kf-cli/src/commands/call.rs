//! `wecom-kf call`: any operation with JSON, checked against the document before it is sent.

use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use wecom_kf::raw::document::{InvalidArguments, JsonReply, JsonRequest};
use wecom_kf::raw::{Operation, op};
use wecom_kf::{Bilingual, Client, Lang, Settings};

use crate::app::App;
use crate::commands::errcode::unknown_operation;
use crate::failure::{Exit, Failure, Problem};
use crate::file::unreadable;
use crate::out::{Column, column, escaped_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Call {
    /// The operation, such as account_list
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    operation: Option<String>,
    /// The arguments as a JSON object: the body, with the query parameters as further members; - reads standard input
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "list")]
    data: Option<String>,
    /// Lists all operations
    #[arg(long)]
    list: bool,
    /// Prints what customers write, which is in the reply of sync_msg
    #[arg(long)]
    show_text: bool,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("call", "用 JSON 调用任意接口：发送前按接口文档检查参数"),
    ("call.operation", "接口名，例如 account_list"),
    ("call.data", "参数，一个 JSON 对象：请求体，查询参数也写在其中；@FILE 从文件读取，- 从标准输入读取"),
    ("call.list", "列出所有接口"),
    ("call.show_text", "输出客户发送的内容（sync_msg 的应答中包含）"),
];

/// A row of `--list`.
#[derive(Serialize)]
struct Row {
    operation: &'static str,
    method: &'static str,
    path: &'static str,
    changes_something: bool,
    summary: &'static str,
    summary_zh: &'static str,
    url: Option<String>,
}

impl Call {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let Some(name) = self.operation else { return list(app) };
        let operation = Operation::named(&name).ok_or_else(|| unknown_operation(&name))?;
        refuse_other_commands(operation, self.show_text)?;
        let request = JsonRequest::new(operation, arguments(self.data.as_deref())?).map_err(|invalid| {
            let remedy = match invalid {
                InvalidArguments::MovesFile(_) => (
                    "Use wecom-kf media upload or wecom-kf media download.",
                    "请用 wecom-kf media upload 或 wecom-kf media download。",
                ),
                _ => (
                    "Nothing was sent. All fields and their limits: wecom-kf docs OPERATION",
                    "没有发送。用 wecom-kf docs <接口名> 查看全部字段及限制。",
                ),
            };
            let what = Bilingual::new(invalid.in_lang(Lang::En), invalid.in_lang(Lang::Zh));
            Problem::new(what, remedy).exit(Exit::Usage)
        })?;
        let (settings, client) = (app.settings()?, app.client()?);
        if operation.changes_something() && !app.agree(&described(operation))? {
            return Ok(());
        }
        let reply = client.call(&request).await?;
        print(app, &reply, &secrets(&settings, &client).await?)
    }
}

fn list(app: &App) -> Result<(), Failure> {
    let rows = op::ALL.map(|operation| Row {
        operation: operation.id,
        method: operation.method,
        path: operation.path,
        changes_something: operation.changes_something(),
        summary: operation.summary_in(Lang::En),
        summary_zh: operation.summary_in(Lang::Zh),
        url: operation.official_url(),
    });
    app.out.list(&columns(), &rows, &Bilingual::fixed("no operations", "没有接口"))
}

fn columns() -> [Column<Row>; 5] {
    [
        column("OPERATION", "接口", |row, _| row.operation.to_owned()),
        column("METHOD", "方法", |row, _| row.method.to_owned()),
        column("PATH", "路径", |row, _| row.path.to_owned()),
        column("PAGE", "官方文档", |row, _| row.url.clone().unwrap_or_else(|| "-".to_owned())),
        column("SUMMARY", "说明", |row, lang| lang.pick(row.summary, row.summary_zh).to_owned()),
    ]
}

/// Refuses the operations whose replies must not be printed just like that.
fn refuse_other_commands(operation: Operation, show_text: bool) -> Result<(), Failure> {
    let (what, remedy) = match operation {
        op::GETTOKEN => (
            Bilingual::fixed("the reply of gettoken is a secret", "gettoken 的应答是密钥"),
            ("Use wecom-kf token show.", "请用 wecom-kf token show。"),
        ),
        op::SYNC_MSG if !show_text => (
            Bilingual::fixed("the reply of sync_msg has what customers write", "sync_msg 的应答中有客户发送的内容"),
            (
                "Add --show-text to print it, or use wecom-kf tail, which leaves it out.",
                "加上 --show-text 以输出，或改用 wecom-kf tail，它不显示内容。",
            ),
        ),
        _ => return Ok(()),
    };
    Err(Problem::new(what, remedy).exit(Exit::Usage).into())
}

/// Reads the arguments. Without any, there are none.
fn arguments(data: Option<&str>) -> Result<Value, Failure> {
    let json = match data {
        None => return Ok(Value::Null),
        Some("-") => {
            let mut json = String::new();
            std::io::stdin().lock().read_to_string(&mut json)?;
            json
        }
        Some(data) => match data.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(Path::new(path)).because(error))?,
            None => data.to_owned(),
        },
    };
    let remedy = (
        "Write an object such as '{\"open_kfid\": \"wk1\"}', in single quotes for the shell, or put it into a file.",
        "参数写成对象，例如 '{\"open_kfid\": \"wk1\"}'；在 shell 中用单引号括起，或写入文件。",
    );
    parsed(&json, ("the arguments are", "参数"), remedy)
}

/// Parses JSON that a person wrote. The error says where it is invalid, and not what is there.
pub(super) fn parsed(
    json: &str,
    what: (&'static str, &'static str),
    remedy: (&'static str, &'static str),
) -> Result<Value, Failure> {
    serde_json::from_str(json.trim_start_matches('\u{feff}')).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = Bilingual::new(
            format!("{} not JSON: mistake at line {line} column {column}", what.0),
            format!("{}不是有效的 JSON：第 {line} 行第 {column} 列有误", what.1),
        );
        Problem::new(what, remedy).exit(Exit::Usage).into()
    })
}

fn described(operation: Operation) -> Bilingual {
    let (id, en, zh) = (operation.id, operation.summary_in(Lang::En), operation.summary_in(Lang::Zh));
    Bilingual::new(
        format!("Calls {id}: {}", en.trim_end_matches('.')),
        format!("调用 {id}：{}", zh.trim_end_matches('。')),
    )
}

/// Returns the secrets that a reply must not show.
async fn secrets(settings: &Settings, client: &Client) -> Result<[String; 2], Failure> {
    let token = client.token().get().await?;
    Ok([settings.credentials()?.secret().expose().to_owned(), token.expose().to_owned()])
}

/// Prints a reply as WeCom sent it: indented for a person, otherwise in one line.
fn print(app: &App, reply: &JsonReply, secrets: &[String]) -> Result<(), Failure> {
    let mut printed = Vec::new();
    let mut read = serde_json::Deserializer::from_str(reply.json().get());
    match app.out.is_table() {
        true => serde_transcode::transcode(&mut read, &mut serde_json::Serializer::pretty(&mut printed))?,
        false => serde_transcode::transcode(&mut read, &mut serde_json::Serializer::new(&mut printed))?,
    }
    let mut printed = String::from_utf8_lossy(&printed).into_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        printed = printed.replace(secret, "***");
    }
    printed.lines().try_for_each(|line| app.out.line(&escaped_json(line)))
}
