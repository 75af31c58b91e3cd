//! `wecom-kf upgrades`: recommends members and customer groups to customers (升级服务).

use clap::Subcommand;
use serde::Serialize;
use wecom_kf::upgrades::{Recommend, UpgradeConfig};
use wecom_kf::{Bilingual, ChatId, Client, ExternalUserId, OpenKfid, UserId};

use crate::app::App;
use crate::failure::Failure;
use crate::out::{Column, column};

#[derive(Debug, Subcommand)]
pub(crate) enum Upgrades {
    /// Lists the members, departments and customer groups that may be recommended
    Config,
    /// Recommends a member to a customer
    Member {
        /// The customer
        external_userid: ExternalUserId,
        /// The member, one of those that `config` lists
        userid: UserId,
        /// The text of the recommendation, instead of WeCom's
        #[arg(long, value_name = "TEXT")]
        wording: Option<String>,
    },
    /// Recommends a customer group to a customer
    Group {
        /// The customer
        external_userid: ExternalUserId,
        /// The group, one of those that `config` lists
        chat_id: ChatId,
        /// The text of the recommendation, instead of WeCom's
        #[arg(long, value_name = "TEXT")]
        wording: Option<String>,
    },
    /// Cancels the recommendation to a customer
    Cancel {
        /// The customer
        external_userid: ExternalUserId,
    },
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("upgrades", "升级服务：查询配置、推荐专员或客户群、取消推荐"),
    ("upgrades config", "列出可推荐的成员、部门和客户群"),
    ("upgrades member", "向客户推荐专员"),
    ("upgrades member.external_userid", "客户"),
    ("upgrades member.userid", "专员，须在 config 列出的范围内"),
    ("upgrades member.wording", "推荐语，替换默认文字"),
    ("upgrades group", "向客户推荐客户群"),
    ("upgrades group.external_userid", "客户"),
    ("upgrades group.chat_id", "客户群，须在 config 列出的范围内"),
    ("upgrades group.wording", "推荐语，替换默认文字"),
    ("upgrades cancel", "取消对客户的推荐"),
    ("upgrades cancel.external_userid", "客户"),
];

/// A row of `config`.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Target {
    Userid(UserId),
    DepartmentId(u32),
    ChatId(ChatId),
}

impl Upgrades {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let client = app.client()?;
        if let Self::Config = self {
            return config(app, client.upgrades().config().await?);
        }
        let account = app.account()?;
        match self {
            Self::Config => Ok(()),
            Self::Member { external_userid, userid, wording } => {
                let what = recommends(&format!("the member {userid}"), &format!("专员 {userid}"), &external_userid);
                let request = client.upgrades().recommend_member(&account, external_userid, userid);
                recommend(app, &what, request, wording).await
            }
            Self::Group { external_userid, chat_id, wording } => {
                let what = recommends(
                    &format!("the customer group {chat_id}"),
                    &format!("客户群 {chat_id}"),
                    &external_userid,
                );
                let request = client.upgrades().recommend_group(&account, external_userid, chat_id);
                recommend(app, &what, request, wording).await
            }
            Self::Cancel { external_userid } => cancel(app, &client, &account, &external_userid).await,
        }
    }
}

fn config(app: &App, config: UpgradeConfig) -> Result<(), Failure> {
    let members = config.members.into_iter().map(Target::Userid);
    let departments = config.departments.into_iter().map(Target::DepartmentId);
    let groups = config.groups.into_iter().map(Target::ChatId);
    let rows: Vec<Target> = members.chain(departments).chain(groups).collect();
    let none = Bilingual::fixed(
        "nobody may be recommended: the admin console has the settings",
        "没有可推荐的专员和客户群，请在管理后台配置",
    );
    app.out.list(&columns(), &rows, &none)
}

fn columns() -> [Column<Target>; 2] {
    [
        column("KIND", "类型", |target, lang| {
            match target {
                Target::Userid(_) => lang.pick("member", "成员"),
                Target::DepartmentId(_) => lang.pick("department", "部门"),
                Target::ChatId(_) => lang.pick("group", "客户群"),
            }
            .to_owned()
        }),
        column("ID", "ID", |target, _| match target {
            Target::Userid(userid) => userid.to_string(),
            Target::DepartmentId(number) => number.to_string(),
            Target::ChatId(chat_id) => chat_id.to_string(),
        }),
    ]
}

fn recommends(en: &str, zh: &str, customer: &ExternalUserId) -> Bilingual {
    Bilingual::new(format!("Recommends {en} to {customer}"), format!("向 {customer} 推荐{zh}"))
}

async fn recommend(
    app: &App,
    what: &Bilingual,
    request: Recommend<'_>,
    wording: Option<String>,
) -> Result<(), Failure> {
    request.check()?;
    if !app.agree(what)? {
        return Ok(());
    }
    match wording {
        Some(wording) => request.wording(wording).await?,
        None => request.await?,
    }
    app.out.note(&Bilingual::fixed("recommended", "已推荐"));
    Ok(())
}

async fn cancel(app: &App, client: &Client, account: &OpenKfid, customer: &ExternalUserId) -> Result<(), Failure> {
    let what = Bilingual::new(format!("Cancels the recommendation to {customer}"), format!("取消对 {customer} 的推荐"));
    if app.agree(&what)? {
        client.upgrades().cancel(account, customer).await?;
        app.out.note(&Bilingual::fixed("cancelled", "已取消"));
    }
    Ok(())
}
