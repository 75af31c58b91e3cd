//! `wecom-kf doctor`: checks a deployment step by step, and prints each finding with its remedy as soon as it is known.

mod access;
mod answer;
mod callback;
mod cause;
mod finding;
mod network;
mod store;
mod variables;

use std::time::Duration;

use wecom_kf::{Bilingual, Settings, Variable};

use self::callback::Limits;
use self::finding::{Check, Findings};
use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::time;

/// The flags of `wecom-kf doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Plays WeCom at this URL of the callback: verifies it, and sends a signed event, which makes the bot read its messages
    /// once more
    #[arg(long, value_name = "URL")]
    callback: Option<String>,
    /// Counts what cannot be checked as a problem, for the monitoring of a finished deployment
    #[arg(long)]
    complete: bool,
    /// How long WeCom waits for the answer to its verification of the URL; for tests on slow machines
    #[arg(long, hide = true, value_name = "SPAN", default_value = "1s", value_parser = time::duration)]
    verification_limit: Duration,
    /// How long WeCom waits for the answer to an event; for tests on slow machines
    #[arg(long, hide = true, value_name = "SPAN", default_value = "5s", value_parser = time::duration)]
    event_limit: Duration,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    (
        "doctor",
        "逐项检查部署，每项都给出处理办法。\n\n检查配置、到企业微信的网络、token（只请求一次）、应用权限、回调和存储。\
         只设置了一部分配置也能运行：还无法检查的会说明，不算问题。发现问题时退出码为 3，凭证有误也是如此；否则为 0。",
    ),
    ("doctor.callback", "在这个回调 URL 上扮演企业微信：验证 URL，并发送一个签名的事件（机器人会因此多读一次消息）"),
    ("doctor.verification_limit", "企业微信等待 URL 验证应答的时间，仅用于较慢机器上的测试"),
    ("doctor.event_limit", "企业微信等待事件应答的时间，仅用于较慢机器上的测试"),
    ("doctor.complete", "无法检查的也算问题，用于监控已完成的部署"),
];

impl Doctor {
    pub(crate) async fn run(self, app: &App) -> Result<Exit, Failure> {
        let mut findings = Findings::new(app, self.complete);
        let vars = match app.variables() {
            Ok(vars) => vars,
            Err(failure) => {
                findings.add(Check::start("profile").failed(&failure))?;
                return Ok(findings.sum_up());
            }
        };
        let settings = Settings::from_vars(vars);
        variables::check(vars, &settings, &mut findings)?;
        // An invalid base URL was reported with the variables.
        let is_reachable = match settings.base_url() {
            Ok(base_url) => network::check(&base_url, &mut findings).await?,
            Err(_) => false,
        };
        let is_ready = settings.require(&[Variable::CorpId, Variable::Secret]).is_ok();
        let mut client = None;
        if is_reachable && is_ready {
            client = access::check(&settings, &mut findings).await?;
        } else {
            let why = match is_reachable {
                true => Bilingual::new(
                    format!(
                        "token, accounts and rights need {} and {}",
                        Variable::CorpId.name(),
                        Variable::Secret.name()
                    ),
                    format!("检查 token、账号和权限需要 {} 和 {}", Variable::CorpId.name(), Variable::Secret.name()),
                ),
                false => Bilingual::fixed(
                    "token, accounts and rights need a connection to WeCom",
                    "检查 token、账号和权限需要先能连接企业微信",
                ),
            };
            let remedy = Bilingual::fixed("Do what the lines above say.", "请先按上文处理。");
            findings.add(Check::start("token").not_checked(why, remedy))?;
        }
        let limits = Limits { verification: self.verification_limit, event: self.event_limit };
        match &self.callback {
            Some(url) => callback::check(url, vars, &settings, limits, &mut findings).await?,
            None => callback::not_asked(&settings, &mut findings)?,
        }
        store::check(app, vars, client.as_ref(), &mut findings).await?;
        Ok(findings.sum_up())
    }
}
