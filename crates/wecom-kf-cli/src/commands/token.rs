//! `wecom-kf token`: whether WeCom issues an access token, for how long, and which one, without showing it.

use std::time::Duration;

use clap::Subcommand;
use serde::Serialize;
use sha2::{Digest, Sha256};
use wecom_kf::raw::op;
use wecom_kf::{AccessToken, Bilingual, Lang};

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::out::column;
use crate::time;

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Asks WeCom for the access token once, and shows its fingerprint and how long it is valid
    ///
    /// WeCom returns the same token again while it is valid, at least as far as its documents say. So a token that bots use
    /// stays valid. Two machines with the same fingerprint have the same token.
    Show {
        /// Also prints the token itself, with which anybody can act as the app; asks first
        #[arg(long)]
        reveal: bool,
    },
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("token", "access_token：能否取得、有效期、指纹"),
    (
        "token show",
        "向企业微信请求一次 access_token，显示其指纹和有效期。\n\n按官方文档，有效期内重复获取会返回同一个 token，因此机器人正在使用的 token \
         仍然有效。两台机器显示的指纹相同，说明用的是同一个 token。",
    ),
    ("token show.reveal", "同时输出 token 本身；拿到它的人可以冒用该应用，因此会先询问"),
];

#[derive(Serialize)]
struct Shown {
    corp_id: String,
    fingerprint: String,
    /// The seconds that WeCom named.
    expires_in: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
}

impl Token {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        let Self::Show { reveal } = self;
        let (settings, client) = (app.settings()?, app.client()?);
        let what = Bilingual::fixed(
            "Prints the access token, with which anybody can act as the app for up to two hours",
            "输出 access_token，拿到它的人在最长两小时内可以冒用该应用",
        );
        if reveal && !app.agree(&what)? {
            return Ok(());
        }
        let credentials = settings.credentials()?;
        let request =
            op::Gettoken { corpid: credentials.corp_id().to_owned(), corpsecret: credentials.secret().clone() };
        let reply = client.call(&request).await?;
        let missing = || {
            Problem::new(
                Bilingual::fixed("gettoken returned no access_token", "gettoken 的应答中没有 access_token"),
                ("Check the base URL and the proxies in between.", "检查 base URL 以及途中的代理。"),
            )
        };
        let token = reply.access_token.filter(|token| !token.expose().is_empty()).ok_or_else(missing)?;
        let shown = Shown {
            corp_id: credentials.corp_id().to_owned(),
            fingerprint: fingerprint(&token),
            expires_in: reply.expires_in,
            access_token: reveal.then(|| token.expose().to_owned()),
        };
        let mut columns = vec![
            column("CORP_ID", "企业 ID", |shown: &Shown, _| shown.corp_id.clone()),
            column("FINGERPRINT", "指纹", |shown: &Shown, _| shown.fingerprint.clone()),
            column("VALID FOR", "剩余有效期", |shown: &Shown, lang| valid_for(shown.expires_in, lang)),
        ];
        if reveal {
            columns.push(column("ACCESS_TOKEN", "ACCESS_TOKEN", |shown: &Shown, _| {
                shown.access_token.clone().unwrap_or_default()
            }));
        }
        app.out.record(&columns, &shown)
    }
}

/// Returns 64 bits of a hash, which tell tokens apart and from which the token cannot be found.
fn fingerprint(token: &AccessToken) -> String {
    Sha256::digest(token.expose().as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn valid_for(seconds: Option<i64>, lang: Lang) -> String {
    match seconds.and_then(|seconds| u64::try_from(seconds).ok()) {
        Some(seconds) => time::span(Duration::from_secs(seconds)),
        None => lang.pick("not told", "未返回").to_owned(),
    }
}
