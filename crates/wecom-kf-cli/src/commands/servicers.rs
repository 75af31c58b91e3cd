//! `wecom-kf servicers`: lists, adds and removes the people who answer the customers of an account.

use clap::Subcommand;
use serde::Serialize;
use wecom_kf::messages::event::StopType;
use wecom_kf::raw::{Operation, op};
use wecom_kf::servicers::{ReceptionStatus, Servicer, ServicerId, ServicerResult};
use wecom_kf::{Bilingual, Client, Lang, OpenKfid, UserId};

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::out::{Column, column};

#[derive(Debug, Subcommand)]
pub(crate) enum Servicers {
    /// Lists the servicers of the account, and whether they receive customers
    List,
    /// Adds members and departments to the servicers of the account
    Add(Who),
    /// Removes members and departments from the servicers of the account
    Delete(Who),
}

/// Members and departments.
#[derive(Debug, clap::Args)]
pub(crate) struct Who {
    /// Members of the corp, up to 100
    #[arg(value_name = "USERID", required_unless_present = "departments")]
    members: Vec<UserId>,
    /// A department whose members are all meant, by its number; can be given up to 100 times
    #[arg(long = "department", value_name = "NUMBER")]
    departments: Vec<u32>,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("servicers", "接待人员：列出、添加、移除"),
    ("servicers list", "列出客服账号的接待人员，以及是否正在接待"),
    ("servicers add", "为客服账号添加接待人员或部门"),
    ("servicers add.members", "企业成员，最多 100 个"),
    ("servicers add.departments", "部门编号，代表该部门的全部成员；可多次给出，最多 100 个"),
    ("servicers delete", "移除客服账号的接待人员或部门"),
    ("servicers delete.members", "企业成员，最多 100 个"),
    ("servicers delete.departments", "部门编号，代表该部门的全部成员；可多次给出，最多 100 个"),
];

/// A row of `list`.
#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    Member(Servicer),
    Department { department_id: u32 },
}

impl Servicers {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let (client, account) = (app.client()?, app.account()?);
        match self {
            Self::List => list(app, &client, &account).await,
            Self::Add(who) => add(app, &client, &account, who).await,
            Self::Delete(who) => delete(app, &client, &account, who).await,
        }
    }
}

async fn list(app: &App, client: &Client, account: &OpenKfid) -> Result<(), Failure> {
    let servicers = client.servicers().list(account).await?;
    let departments = servicers.departments.into_iter().map(|department_id| Row::Department { department_id });
    let rows: Vec<Row> = servicers.members.into_iter().map(Row::Member).chain(departments).collect();
    let none = Bilingual::new(format!("{account} has no servicers"), format!("{account} 没有接待人员"));
    app.out.list(&columns(), &rows, &none)
}

fn columns() -> [Column<Row>; 3] {
    [
        column("KIND", "类型", |row, lang| match row {
            Row::Member(_) => member(lang).to_owned(),
            Row::Department { .. } => department(lang).to_owned(),
        }),
        column("ID", "ID", |row, _| match row {
            Row::Member(servicer) => servicer.userid.to_string(),
            Row::Department { department_id } => department_id.to_string(),
        }),
        column("STATUS", "状态", |row, lang| match row {
            Row::Member(servicer) => status(servicer, lang),
            Row::Department { .. } => "-".to_owned(),
        }),
    ]
}

fn member(lang: Lang) -> &'static str {
    lang.pick("member", "成员")
}

fn department(lang: Lang) -> &'static str {
    lang.pick("department", "部门")
}

fn status(servicer: &Servicer, lang: Lang) -> String {
    match (servicer.status, servicer.stop_type) {
        (Some(ReceptionStatus::RECEIVING), _) => lang.pick("receiving", "接待中").to_owned(),
        (Some(ReceptionStatus::STOPPED), Some(StopType::SUSPENDED)) => lang.pick("suspended", "暂时挂起").to_owned(),
        (Some(ReceptionStatus::STOPPED), _) => lang.pick("stopped", "停止接待").to_owned(),
        (Some(other), _) => other.to_string(),
        // WeCom tells it only to apps that may manage the account.
        (None, _) => "-".to_owned(),
    }
}

async fn add(app: &App, client: &Client, account: &OpenKfid, who: Who) -> Result<(), Failure> {
    let what = Bilingual::new(
        format!("Adds {} to the servicers of {account}", who.named(Lang::En)),
        format!("为 {account} 添加接待人员：{}", who.named(Lang::Zh)),
    );
    let request = client.servicers().add(account).members(who.members).departments(who.departments);
    request.check()?;
    if !app.agree(&what)? {
        return Ok(());
    }
    show(app, op::SERVICER_ADD, &request.await?)
}

async fn delete(app: &App, client: &Client, account: &OpenKfid, who: Who) -> Result<(), Failure> {
    let what = Bilingual::new(
        format!("Removes {} from the servicers of {account}", who.named(Lang::En)),
        format!("移除 {account} 的接待人员：{}", who.named(Lang::Zh)),
    );
    let request = client.servicers().delete(account).members(who.members).departments(who.departments);
    request.check()?;
    if !app.agree(&what)? {
        return Ok(());
    }
    show(app, op::SERVICER_DEL, &request.await?)
}

impl Who {
    fn named(&self, lang: Lang) -> String {
        let members = self.members.iter().map(UserId::to_string);
        let departments = self.departments.iter().map(|number| format!("{} {number}", department(lang)));
        members.chain(departments).collect::<Vec<_>>().join(lang.pick(", ", "、"))
    }
}

/// Prints the result of each entry. WeCom does what it can: an entry that fails does not stop the others.
fn show(app: &App, operation: Operation, results: &[ServicerResult]) -> Result<(), Failure> {
    let outcome: fn(&ServicerResult, Lang) -> String = match operation {
        op::SERVICER_ADD => |result, lang| meaning(op::SERVICER_ADD, result, lang),
        _ => |result, lang| meaning(op::SERVICER_DEL, result, lang),
    };
    let columns = [
        column("KIND", "类型", |result: &ServicerResult, lang| match &result.id {
            Some(ServicerId::Member(_)) => member(lang).to_owned(),
            Some(ServicerId::Department(_)) => department(lang).to_owned(),
            None => "-".to_owned(),
        }),
        column("ID", "ID", |result: &ServicerResult, _| match &result.id {
            Some(ServicerId::Member(userid)) => userid.to_string(),
            Some(ServicerId::Department(number)) => number.to_string(),
            None => "-".to_owned(),
        }),
        column("ERRCODE", "错误码", |result: &ServicerResult, _| result.code.0.to_string()),
        column("RESULT", "结果", outcome),
    ];
    let none = Bilingual::fixed("WeCom returned no results", "企业微信没有返回结果");
    app.out.list(&columns, results, &none)?;
    let failed = results.iter().filter(|result| !result.is_ok()).count();
    if failed == 0 {
        return Ok(());
    }
    let total = results.len();
    Err(Problem::new(
        Bilingual::new(format!("{failed} of {total} failed"), format!("{total} 项中有 {failed} 项失败")),
        (
            "What is ok took effect. Explain each code with: wecom-kf errcode CODE",
            "成功的各项已生效。用 wecom-kf errcode <错误码> 查看每个错误码的处理办法。",
        ),
    )
    .into())
}

fn meaning(operation: Operation, result: &ServicerResult, lang: Lang) -> String {
    match (result.is_ok(), result.code.meaning_at(operation.id, lang)) {
        (true, _) => lang.pick("ok", "成功").to_owned(),
        (false, "") => result.errmsg.clone(),
        (false, meaning) => meaning.to_owned(),
    }
}
