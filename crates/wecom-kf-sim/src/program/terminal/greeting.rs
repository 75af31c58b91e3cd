//! What is printed when the simulator is ready.

use std::io::{self, IsTerminal};
use std::time::Duration;

use anstyle::Style;
use wecom_kf_sim::Simulator;
use wecom_kf_text::Lang;

use super::Corps;
use super::width::printable;
use crate::program::PORT;
use crate::program::state::StateFile;

const BOLD: Style = Style::new().bold();

/// What is printed when it is ready: where it is, and what a bot needs.
pub(in crate::program) fn greeting(simulator: &Simulator, state: &StateFile, took: Duration, lang: Lang) -> String {
    let (base_url, corps) = (simulator.base_url(), simulator.corps());
    let shown: String = corps.iter().map(|simulated| corp(simulated, lang)).collect();
    let whose = match Corps::of(corps.len()) {
        Corps::Unnamed => String::new(),
        Corps::Named => {
            let (corp_id, more) = (simulator.corp_id(), format!("{base_url}/sim/v1/info?corp_id=…"));
            lang.pick(
                format!("  below    the variables of {corp_id}; of another corp: {more}\n"),
                format!("  下方变量  属于 {corp_id}；其他企业见：{more}\n"),
            )
        }
    };
    let exports = simulator.point("run").unwrap_or_default();
    let is_manual = simulator.has_manual_clock();
    let has_keys = io::stdin().is_terminal();
    // `point` and `play` look at the usual one.
    let port = base_url.rsplit(':').next().filter(|port| port.parse().is_ok_and(|port: u16| port != PORT));
    let port = port.map(|port| format!(" --port {port}")).unwrap_or_default();
    let (version, took) = (env!("CARGO_PKG_VERSION"), took.as_millis());
    let state = state.shown(lang);
    let clients = "wecom-kf-sim point rust|curl|wechatpy|wxjava|skit";
    let head = match lang {
        Lang::En => {
            let seed = simulator.seed().map_or_else(|| "none".to_owned(), |seed| seed.to_string());
            let clock = if is_manual { "manual" } else { "real" };
            let keys = if has_keys { "o Enter opens it, q Enter quits" } else { "Ctrl-C ends it" };
            format!(
                "wecom-kf-sim {version}  ready in {took} ms   {state}   clock {clock}   seed {seed}\n  \
                 console  {BOLD}{base_url}/{BOLD:#}   {keys}\n  \
                 bot      set the variables below\n  \
                 at once  wecom-kf-sim run -- cargo run   starts a simulator and the bot\n  \
                 tests    wecom-kf-sim play FILE{port}   plays a scenario here\n  \
                 others   {clients}{port}\n"
            )
        }
        Lang::Zh => {
            let seed = simulator.seed().map_or_else(|| "无".to_owned(), |seed| seed.to_string());
            let clock = if is_manual { "手动" } else { "真实" };
            let keys = if has_keys { "o 回车：打开；q 回车：退出" } else { "Ctrl-C 退出" };
            format!(
                "wecom-kf-sim {version}  {took} ms 就绪   {state}   时钟 {clock}   种子 {seed}\n  \
                 控制台    {BOLD}{base_url}/{BOLD:#}   {keys}\n  \
                 机器人    使用下方的环境变量\n  \
                 一步启动  wecom-kf-sim run -- cargo run   同时启动模拟器和机器人\n  \
                 测试      wecom-kf-sim play FILE{port}   在此执行剧本\n  \
                 其他语言  {clients}{port}\n"
            )
        }
    };
    format!(
        "{head}\
         {shown}\
         {whose}\n\
         {exports}\n\
         curl \"$WECOM_KF_BASE_URL/cgi-bin/gettoken?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET\"\n"
    )
}

/// What is printed before a command is started: the rest is in its variables.
pub(in crate::program) fn short_greeting(simulator: &Simulator, lang: Lang) -> String {
    let (version, base_url) = (env!("CARGO_PKG_VERSION"), simulator.base_url());
    let (console, seed) = lang.pick(("console", "seed"), ("控制台", "种子"));
    let seed = simulator.seed().map(|number| format!("   {seed} {number}")).unwrap_or_default();
    format!("wecom-kf-sim {version}  {console}  {BOLD}{base_url}/{BOLD:#}{seed}")
}

/// A corp, as the greeting lists it.
fn corp(corp: &Simulator, lang: Lang) -> String {
    // The secret is invented or the simulator's alone, and opens nothing else.
    let (corp_id, secret) = (corp.corp_id(), corp.secret());
    let label = lang.pick("account ", "客服账号 ");
    let account = |id: &String| format!("  {label} {id}  {}\n", printable(&corp.account_name(id).unwrap_or_default()));
    let accounts: String = corp.open_kfids().iter().map(account).collect();
    match lang {
        Lang::En => format!("  corp id  {corp_id}\n  secret   {secret}\n{accounts}"),
        Lang::Zh => format!("  企业 ID   {corp_id}\n  Secret    {secret}\n{accounts}"),
    }
}
