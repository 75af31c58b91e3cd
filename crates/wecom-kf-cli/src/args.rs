//! The command line: what every command understands, and the list of commands.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use wecom_kf::Lang;

use crate::commands::Command;
use crate::profile;

/// WeCom customer service (企业微信「微信客服」) on the command line, for the person on call
///
/// Settings come from the environment (WECOM_CORP_ID, WECOM_KF_SECRET, …), or from a profile. Data goes to standard
/// output, everything else to standard error. Exit codes: 0 ok, 1 failed, 2 usage, 3 doctor found problems, 4 settings or
/// credentials are missing or wrong.
#[derive(Debug, Parser)]
#[command(name = "wecom-kf", version, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

pub(crate) const HEADING: &str = "Options of all commands";

/// The flags of all commands.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Options {
    /// Takes the settings from this profile of ~/.config/wecom-kf/profiles.toml, and not from the environment
    #[arg(long, global = true, value_name = "NAME", env = profile::PROFILE)]
    pub(crate) profile: Option<String>,
    /// The account to work on; by default that of the settings
    #[arg(long, global = true, value_name = "OPEN_KFID")]
    pub(crate) account: Option<String>,
    /// The id of the corp
    #[arg(long, global = true, value_name = "CORP_ID")]
    pub(crate) corp_id: Option<String>,
    /// A file with the secret of the app, which nobody else may read
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// The base URL of the API, such as that of a simulator
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// The store of the bot: the path of its file, or the URL of a Redis
    #[arg(long, global = true, value_name = "PATH|URL")]
    pub(crate) store: Option<String>,
    /// Prints data as JSON, one object in each line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The language of texts for people
    #[arg(long, global = true, value_name = "en|zh")]
    pub(crate) lang: Option<LangName>,
    /// Prints no notes to standard error, only errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Shows what the client does, on standard error; twice shows more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Makes changes without asking
    #[arg(long, short, global = true)]
    pub(crate) yes: bool,
    /// Says what would be changed, and changes nothing
    #[arg(long, global = true, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LangName {
    En,
    Zh,
}

impl From<LangName> for Lang {
    fn from(name: LangName) -> Self {
        match name {
            LangName::En => Self::En,
            LangName::Zh => Self::Zh,
        }
    }
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    (
        "",
        "企业微信「微信客服」命令行工具，供值班人员使用。\n\n配置取自环境变量（WECOM_CORP_ID、WECOM_KF_SECRET 等）或配置档。数据写到标准输出，其余写到标准错误。\
         退出码：0 成功，1 失败，2 用法错误，3 doctor 发现问题，4 配置或凭证缺失或有误。",
    ),
    (HEADING, "所有命令的选项"),
    ("help", "显示本帮助，或某个命令的帮助"),
    (".help", "显示帮助"),
    (".version", "显示版本"),
    (".profile", "使用 ~/.config/wecom-kf/profiles.toml 中的这个配置档，而不用环境变量"),
    (".account", "要操作的客服账号（open_kfid）；默认取自配置"),
    (".corp_id", "企业 ID"),
    (".secret_file", "存放应用 Secret 的文件，其他用户不得有读取权限"),
    (".base_url", "接口地址，例如模拟器的地址"),
    (".store", "机器人的存储：文件路径，或 Redis 的 URL"),
    (".json", "以 JSON 输出数据，每行一个对象"),
    (".lang", "提示文字的语言：en 或 zh"),
    (".quiet", "标准错误只输出错误"),
    (".verbose", "在标准错误显示客户端的动作；给两次更详细"),
    (".yes", "不询问，直接改动"),
    (".dry_run", "只说明将会改动什么，不做改动"),
];
