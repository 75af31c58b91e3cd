//! `wecom-kf docs`: prints the document's description of an operation, without any call.

use serde::Serialize;
use wecom_kf::raw::document::{self, schema};
use wecom_kf::raw::{Operation, Repeat};
use wecom_kf::{Bilingual, Lang};

use crate::app::App;
use crate::commands::errcode::unknown_operation;
use crate::failure::Failure;
use crate::out::{Column, column, yes_or_no};

#[derive(Debug, clap::Args)]
pub(crate) struct Docs {
    /// The operation, such as send_msg; `wecom-kf call --list` lists them
    operation: String,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("docs", "说明一个接口：官方文档、路径、用途、字段及限制"),
    ("docs.operation", "接口名，例如 send_msg；用 wecom-kf call --list 列出"),
];

/// What is known of an operation, in the reader's language.
#[derive(Serialize)]
struct Shown {
    operation: &'static str,
    method: &'static str,
    path: &'static str,
    url: Option<String>,
    summary: &'static str,
    description: &'static str,
    repeat: &'static str,
    changes_something: bool,
    fields: Vec<Field>,
}

#[derive(Clone, Serialize)]
struct Field {
    field: String,
    r#type: &'static str,
    required: bool,
    limits: Vec<String>,
}

impl Docs {
    pub(crate) fn run(self, app: &App) -> Result<(), Failure> {
        let operation = Operation::named(&self.operation).ok_or_else(|| unknown_operation(&self.operation))?;
        let shown = Shown::of(operation, app.lang());
        app.out.record(&columns(), &shown)?;
        if !app.out.is_table() {
            return Ok(());
        }
        app.out.line("")?;
        app.out.list(&columns_of_fields(), &shown.fields, &without_fields(operation))
    }
}

impl Shown {
    fn of(operation: Operation, lang: Lang) -> Self {
        let arguments = document::arguments(operation);
        let fields = arguments.iter().flat_map(schema::Schema::fields).map(|field| {
            let (r#type, limits) = field.schema.described_in(lang);
            Field { field: field.path, r#type, required: field.is_required, limits }
        });
        Self {
            operation: operation.id,
            method: operation.method,
            path: operation.path,
            url: operation.official_url(),
            summary: operation.summary_in(lang),
            description: operation.description_in(lang),
            repeat: match operation.repeat {
                Repeat::Safe => "safe",
                Repeat::Keyed => "keyed",
                Repeat::Never => "never",
            },
            changes_something: operation.changes_something(),
            fields: fields.collect(),
        }
    }
}

fn columns() -> [Column<Shown>; 6] {
    [
        column("OPERATION", "接口", |shown, _| shown.operation.to_owned()),
        column("REQUEST", "请求", |shown, _| format!("{} {}", shown.method, shown.path)),
        column("PAGE", "官方文档", |shown, _| shown.url.clone().unwrap_or_else(|| "-".to_owned())),
        column("SUMMARY", "用途", |shown, _| shown.summary.to_owned()),
        column("DETAILS", "说明", |shown, _| match shown.description {
            "" => "-".to_owned(),
            description => description.to_owned(),
        }),
        column("REPEAT", "重试", |shown, lang| {
            match shown.repeat {
                "safe" => lang.pick("safe", "可以重试"),
                "keyed" => lang.pick("safe under the same msgid", "同一 msgid 可以重试"),
                _ => lang.pick("never, except if nothing was sent", "不可重试，除非确定没有发出"),
            }
            .to_owned()
        }),
    ]
}

fn columns_of_fields() -> [Column<Field>; 4] {
    [
        column("FIELD", "字段", |field, _| field.field.clone()),
        column("TYPE", "类型", |field, _| field.r#type.to_owned()),
        column("REQUIRED", "必填", |field, lang| yes_or_no(field.required, lang)),
        column("LIMITS", "限制", |field, lang| match field.limits.as_slice() {
            [] => "-".to_owned(),
            limits => limits.join(lang.pick("; ", "；")),
        }),
    ]
}

fn without_fields(operation: Operation) -> Bilingual {
    match document::arguments(operation) {
        Some(_) => Bilingual::fixed("it has no arguments", "没有参数"),
        None => Bilingual::fixed(
            "it moves a file: use wecom-kf media upload or wecom-kf media download",
            "传输文件：请用 wecom-kf media upload 或 wecom-kf media download",
        ),
    }
}
