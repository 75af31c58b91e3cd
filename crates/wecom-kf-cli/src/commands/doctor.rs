//! `wecom-kf doctor`: checks a deployment step by step, and prints each finding with its remedy as soon as it is known.

mod access;
mod finding;
mod network;
mod variables;

use wecom_kf::{Bilingual, Settings, Variable};

use self::finding::{Check, Findings};
use crate::app::App;
use crate::failure::{Exit, Failure};

/// The flags of `wecom-kf doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Counts what cannot be checked as a problem, for the monitoring of a finished deployment
    #[arg(long)]
    complete: bool,
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    (
        "doctor",
        "逐项检查部署，每项都给出处理办法。\n\n检查配置、到企业微信的网络、token（只请求一次）、应用权限、回调和存储。\
         只设置了一部分配置也能运行：还无法检查的会说明，不算问题。发现问题时退出码为 3，凭证有误也是如此；否则为 0。",
    ),
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
        let settings = Settings::from_vars(&vars);
        variables::check(&vars, &settings, &mut findings)?;
        // An invalid base URL was reported with the variables.
        let is_reachable = match settings.base_url() {
            Ok(base_url) => network::check(&base_url, &mut findings).await?,
            Err(_) => false,
        };
        let is_ready = settings.require(&[Variable::CorpId, Variable::Secret]).is_ok();
        if is_reachable && is_ready {
            access::check(&settings, &mut findings).await?;
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
        Ok(findings.sum_up())
    }
}
