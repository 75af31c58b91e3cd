//! `wecom-kf corp`: what the corp may do.

use wecom_kf::Qualification;

use crate::app::App;
use crate::failure::Failure;
use crate::out::{column, yes_or_no};

/// The command has no arguments of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Corp {}

pub(crate) const CHINESE: &[(&str, &str)] = &[("corp", "查询企业是否绑定了视频号，它决定可接待的客户数")];

impl Corp {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let qualification = app.client()?.corp().qualification().await?;
        let columns = [
            column("WECHAT_CHANNELS_BINDING", "已绑定视频号", |corp: &Qualification, lang| {
                corp.wechat_channels_binding.map_or_else(|| "-".to_owned(), |is_bound| yes_or_no(is_bound, lang))
            }),
            column("CUSTOMERS", "可接待客户数", |corp: &Qualification, lang| {
                match corp.wechat_channels_binding {
                    Some(true) => lang.pick("unlimited", "不限").to_owned(),
                    Some(false) => lang.pick("100, or 10,000 if verified", "100，已认证企业 10,000").to_owned(),
                    None => "-".to_owned(),
                }
            }),
        ];
        app.out.record(&columns, &qualification)
    }
}
