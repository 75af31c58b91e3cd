//! `wecom-kf inbox`: looks at the store of a bot, and changes it beside the bot.

pub(super) mod choice;
mod forget;
mod health;
pub(super) mod lag;
mod parked;
mod seek;
pub(super) mod status;

use clap::Subcommand;

use crate::app::App;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Inbox {
    /// Shows who reads each account, where reading continues, and what is parked
    Status(status::Status),
    /// Lists, replays, drops and exports parked messages
    #[command(subcommand)]
    Parked(parked::ParkedMessages),
    /// Sets where an account is read next, for example if WeCom no longer knows its cursor (40058)
    Seek(seek::Seek),
    /// Deletes what a bot keeps of a customer: the state and the transcript
    ForgetCustomer(forget::ForgetCustomer),
}

pub(crate) const CHINESE: &[(&str, &str)] = &[
    ("inbox", "收件箱：状态、暂存的消息、重新开始读取、删除客户的对话"),
    ("inbox status", "每个账号由谁读取、从哪里继续、暂存了什么"),
    ("inbox status.lag", "询问企业微信还有多少消息未处理、从何时起；每 1000 条消息调用一次接口，最多 5 次"),
    ("inbox status.conversations", "统计对话数量"),
    ("inbox status.health", "改为询问运行中的机器人：它的健康检查地址，例如 http://127.0.0.1:8081"),
    ("inbox parked", "暂存的消息：列出、查看、重放、删除、导出"),
    ("inbox parked list", "列出暂存的消息"),
    ("inbox parked list.reason", "只要原因包含这段文字的"),
    ("inbox parked list.before", "只要在此之前暂存的，例如 3h 或 2026-11-20"),
    ("inbox parked list.show_text", "显示原因和客户所写的内容"),
    ("inbox parked show", "显示一条暂存的消息"),
    ("inbox parked show.id", "消息的 id"),
    ("inbox parked show.show_text", "显示原因和客户所写的内容"),
    ("inbox parked replay", "请求重放暂存的消息，由正在读取该账号的进程执行"),
    ("inbox parked replay.ids", "消息的 id"),
    ("inbox parked replay.all", "全部消息，可用 --account、--reason、--before 缩小范围"),
    ("inbox parked replay.reason", "只要原因包含这段文字的"),
    ("inbox parked replay.before", "只要在此之前暂存的，例如 3h 或 2026-11-20"),
    ("inbox parked drop", "删除暂存的消息"),
    ("inbox parked drop.ids", "消息的 id"),
    ("inbox parked drop.all", "全部消息，可用 --account、--reason、--before 缩小范围"),
    ("inbox parked drop.reason", "只要原因包含这段文字的"),
    ("inbox parked drop.before", "只要在此之前暂存的，例如 3h 或 2026-11-20"),
    ("inbox parked export", "把暂存的消息导出为 JSON，每行一条"),
    ("inbox parked export.out", "写入这个新文件，只有所有者可读；默认写到标准输出"),
    ("inbox parked export.reason", "只要原因包含这段文字的"),
    ("inbox parked export.before", "只要在此之前暂存的，例如 3h 或 2026-11-20"),
    ("inbox parked export.show_text", "包括原因和客户所写的内容"),
    ("inbox seek", "设置账号接下来从哪里读取，例如企业微信不再认识它的 cursor 时（40058）"),
    (
        "inbox seek.from",
        "now（跳过到现在为止的消息）、oldest（企业微信保存的最早消息），或一个时间，例如 3h 或 2026-11-20",
    ),
    ("inbox seek.force", "即使有进程正在读取也执行；该进程会在 10 秒内转到新的位置"),
    ("inbox forget-customer", "删除机器人为某位客户保存的状态和对话记录"),
    ("inbox forget-customer.external_userid", "客户"),
    ("inbox forget-customer.force", "即使有进程正在读取也执行"),
];

impl Inbox {
    pub(crate) async fn run(self, app: &App) -> Result<(), Failure> {
        match self {
            Self::Status(command) => command.run(app).await,
            Self::Parked(command) => command.run(app).await,
            Self::Seek(command) => command.run(app).await,
            Self::ForgetCustomer(command) => command.run(app).await,
        }
    }
}
