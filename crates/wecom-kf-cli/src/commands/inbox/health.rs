//! `wecom-kf inbox status --health URL`: asks a running bot, whose store may be a file that only the bot can use.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wecom_kf::{Bilingual, Lang, raw, reqwest};

use crate::app::App;
use crate::failure::{Failure, Problem};
use crate::out::{column, yes_or_no};
use crate::time;

const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const MOST: usize = 1 << 20;

/// What the endpoint answers, as far as it is shown to people.
#[derive(Deserialize, Serialize)]
struct Health {
    alive: bool,
    ready: bool,
    reasons: Vec<Reason>,
    accounts: Accounts,
    members: u64,
    last_error: Option<LastError>,
    /// What later versions add, for `--json`.
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize, Serialize)]
struct Reason {
    text: String,
    text_zh: String,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize, Serialize)]
struct Accounts {
    found: u64,
    here: u64,
    read: u64,
}

#[derive(Deserialize, Serialize)]
struct LastError {
    text: String,
    at: i64,
}

pub(super) async fn show(app: &App, url: &str) -> Result<(), Failure> {
    let health: Health = serde_json::from_slice(&answer(url).await?).map_err(|_| no_health(url))?;
    app.out.record(
        &[
            column("ALIVE", "存活", |health: &Health, lang| yes_or_no(health.alive, lang)),
            column("READY", "就绪", |health, lang| yes_or_no(health.ready, lang)),
            column("REASONS", "原因", |health, lang| {
                let texts: Vec<&str> = health
                    .reasons
                    .iter()
                    .map(|reason| lang.pick(&reason.text, &reason.text_zh))
                    .map(String::as_str)
                    .collect();
                if texts.is_empty() { "-".to_owned() } else { texts.join(lang.pick("; ", "；")) }
            }),
            column("ACCOUNTS", "账号", |health, lang| {
                let Accounts { found, here, read } = health.accounts;
                match lang {
                    Lang::En => format!("{found}, {here} of them here, {read} read here"),
                    Lang::Zh => format!("共 {found} 个，本进程 {here} 个，正在读取 {read} 个"),
                }
            }),
            column("PROCESSES", "进程数", |health, _| health.members.to_string()),
            column("LAST ERROR", "最近的错误", |health, _| match &health.last_error {
                Some(error) => format!("{}  {}", time::shown(error.at), error.text),
                None => "-".to_owned(),
            }),
        ],
        &health,
    )
}

async fn answer(url: &str) -> Result<Vec<u8>, Failure> {
    let base = url.trim_end_matches('/');
    let url = if base.contains("/health/") { base.to_owned() } else { format!("{base}/health/ready") };
    let client = raw::http_client(reqwest::ClientBuilder::new().timeout(PATIENCE))?;
    let mut response = client.get(&url).send().await.map_err(|error| no_answer(&url, &error))?;
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| no_answer(&url, &error))? {
        body.extend_from_slice(&part);
        if body.len() > MOST {
            return Err(no_health(&url).into());
        }
    }
    Ok(body)
}

fn no_answer(url: &str, error: &reqwest::Error) -> Problem {
    let problem = Problem::new(
        Bilingual::new(format!("nobody answers at {url}"), format!("{url} 没有应答")),
        (
            "Check the address, and whether the bot runs and serves health_routes. If it does not run, leave out --health.",
            "检查地址，以及机器人是否在运行、是否提供 health_routes。若未运行，请去掉 --health。",
        ),
    );
    // Of the chain of causes only the last one tells a person something.
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    let of_system = causes.filter_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error()).last();
    match of_system {
        Some(code) => problem.because(io::Error::from_raw_os_error(code)),
        None if error.is_timeout() => problem.because(io::Error::from(io::ErrorKind::TimedOut)),
        None => problem,
    }
}

fn no_health(url: &str) -> Problem {
    Problem::new(
        Bilingual::new(format!("{url} is no health endpoint of a bot"), format!("{url} 不是机器人的健康检查地址")),
        (
            "Write the address at which the bot serves health_routes, such as http://127.0.0.1:8081.",
            "写机器人提供 health_routes 的地址，例如 http://127.0.0.1:8081。",
        ),
    )
}
