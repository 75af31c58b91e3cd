//! `wecom-kf errcode`: what an errcode means and what to do, without any call.

use serde::Serialize;
use wecom_kf::{Bilingual, Class, ErrCode, Lang};

use crate::app::App;
use crate::failure::{Exit, Failure, Problem};
use crate::out::{Column, column};

#[derive(Debug, clap::Args)]
pub(crate) struct Errcode {
    /// The errcode, such as 95018
    #[arg(allow_negative_numbers = true)]
    code: i32,
    /// The operation that returned it, such as send_msg: some codes mean something else there
    #[arg(long)]
    operation: Option<String>,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("errcode", "说明一个错误码：含义、类别、处理办法、相关接口"),
    ("errcode.code", "错误码，例如 95018"),
    ("errcode.operation", "返回该错误码的接口，例如 send_msg；少数错误码因接口而异"),
];

#[derive(Serialize)]
struct Explanation {
    errcode: i32,
    name: Option<&'static str>,
    class: &'static str,
    meaning: &'static str,
    remedy: &'static str,
    operations: &'static [&'static str],
}

impl Errcode {
    pub(crate) fn run(self, app: &App) -> Result<(), Failure> {
        let code = ErrCode(self.code);
        let operation = self.operation.unwrap_or_default();
        if !operation.is_empty() && !wecom_kf::raw::op::ALL.iter().any(|known| known.id == operation) {
            return Err(unknown_operation(&operation));
        }
        let lang = app.lang();
        let explanation = Explanation {
            errcode: self.code,
            name: code.name(),
            class: class_name(code.class_at(&operation)),
            meaning: code.meaning_at(&operation, lang),
            remedy: code.remedy_at(&operation, lang),
            operations: code.operations(),
        };
        app.out.record(&columns(), &explanation)
    }
}

fn columns() -> [Column<Explanation>; 6] {
    [
        column("ERRCODE", "错误码", |shown, _| shown.errcode.to_string()),
        column("NAME", "名称", |shown, _| shown.name.unwrap_or("-").to_owned()),
        column("CLASS", "类别", |shown, _| shown.class.to_owned()),
        column("MEANING", "含义", |shown, lang| match (shown.meaning, lang) {
            ("", Lang::En) => "unknown".to_owned(),
            ("", Lang::Zh) => "未知".to_owned(),
            (meaning, _) => meaning.to_owned(),
        }),
        column("REMEDY", "处理", |shown, _| shown.remedy.to_owned()),
        column("OPERATIONS", "接口", |shown, lang| match shown.operations {
            [] => lang.pick("any", "任何接口").to_owned(),
            operations => operations.join(" "),
        }),
    ]
}

/// Returns the name of a class, as `spec/errcodes.yaml` has it.
fn class_name(class: Class) -> &'static str {
    match class {
        Class::Ok => "ok",
        Class::Token => "token",
        Class::Busy => "busy",
        Class::RateLimited => "rate_limited",
        Class::Permission => "permission",
        Class::InvalidParam => "invalid_param",
        Class::NotFound => "not_found",
        Class::Quota => "quota",
        Class::StateConflict => "state_conflict",
        _ => "unknown",
    }
}

/// The error for an operation that the document does not have.
pub(crate) fn unknown_operation(name: &str) -> Failure {
    Problem::new(
        Bilingual::new(format!("there is no operation {name:?}"), format!("没有接口 {name:?}")),
        ("List the operations with: wecom-kf call --list", "用 wecom-kf call --list 列出所有接口。"),
    )
    .exit(Exit::Usage)
    .into()
}
