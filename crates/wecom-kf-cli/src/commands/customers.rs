//! `wecom-kf customers`: the profiles of customers. A name and an avatar are a person's data, which the command is asked for.

use clap::Subcommand;
use wecom_kf::customers::{Customer, Gender};
use wecom_kf::raw::limits::customer_batchget as limits;
use wecom_kf::{Bilingual, ExternalUserId};

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::out::{Column, column};

#[derive(Debug, Subcommand)]
pub(crate) enum Customers {
    /// Shows the profiles of customers: name, gender, unionid, avatar
    Get {
        /// The customers
        #[arg(required = true)]
        external_userid: Vec<ExternalUserId>,
        /// Also shows how each customer last came into the chat, if that was within 48 hours
        #[arg(long)]
        context: bool,
    },
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("customers", "客户：查询资料"),
    ("customers get", "查询客户资料：昵称、性别、unionid、头像"),
    ("customers get.external_userid", "客户，可给出多个"),
    ("customers get.context", "同时显示客户 48 小时内最近一次进入会话的来源"),
];

impl Customers {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let Self::Get { external_userid: ids, context } = self;
        let client = app.client()?;
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for ids in ids.chunks(limits::EXTERNAL_USERID_LIST_MAX_ITEMS) {
            let request = client.customers().get_many(ids);
            let batch = if context { request.with_session_context().await? } else { request.await? };
            known.extend(batch.customers);
            unknown.extend(batch.invalid);
        }
        if !known.is_empty() {
            app.out.list(&columns(context), &known, &Bilingual::fixed("no profiles", "没有客户资料"))?;
        }
        if unknown.is_empty() { Ok(()) } else { Err(without_profile(&unknown)) }
    }
}

fn columns(context: bool) -> Vec<Column<Customer>> {
    let mut columns = vec![
        column("EXTERNAL_USERID", "EXTERNAL_USERID", |customer: &Customer, _| customer.external_userid.to_string()),
        column("NICKNAME", "昵称", |customer: &Customer, _| shown(customer.nickname.as_deref())),
        column("GENDER", "性别", |customer: &Customer, lang| match customer.gender {
            Some(Gender::MALE) => lang.pick("male", "男").to_owned(),
            Some(Gender::FEMALE) => lang.pick("female", "女").to_owned(),
            _ => "-".to_owned(),
        }),
        column("UNIONID", "UNIONID", |customer: &Customer, _| shown(customer.unionid.as_deref())),
    ];
    if context {
        columns.push(column("SCENE", "场景值", |customer: &Customer, _| {
            shown(customer.enter_session_context.as_ref().and_then(|context| context.scene.as_deref()))
        }));
        columns.push(column("SCENE_PARAM", "场景参数", |customer: &Customer, _| {
            shown(customer.enter_session_context.as_ref().and_then(|context| context.scene_param.as_deref()))
        }));
    }
    columns.push(column("AVATAR", "头像", |customer: &Customer, _| shown(customer.avatar.as_deref())));
    columns
}

fn shown(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn without_profile(ids: &[ExternalUserId]) -> Failure {
    let ids: Vec<&str> = ids.iter().map(ExternalUserId::as_str).collect();
    Problem::new(
        Bilingual::new(
            format!("WeCom has no profile of {}", ids.join(", ")),
            format!("企业微信没有以下客户的资料：{}", ids.join("、")),
        ),
        (
            "The id belongs to another corp or was modified, or the customer had no contact within 48 hours.",
            "该 id 属于其他企业或被改动过，或客户在 48 小时内没有往来。",
        ),
    )
    .into()
}
