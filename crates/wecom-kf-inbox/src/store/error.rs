use std::error::Error as StdError;
use std::sync::Arc;

use wecom_kf::Lang;

/// Why a store did not do what it was asked.
///
/// Keep secrets and customers' words out of the sources: they are printed and logged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It could not be reached, or did not answer in time. Whether something was written is unknown. It may pass: the
    /// inbox keeps its place, waits and asks again.
    #[error("the store is down: {}  do: {}", in_one_line(&**.0), self.remedy(Lang::En))]
    Down(#[source] Arc<dyn StdError + Send + Sync>),

    /// The lease is over or somebody else's; nothing was written. The inbox drops what is at work and asks for the
    /// lease again.
    #[error("the lease is no longer ours, so nothing was written  do: {}", self.remedy(Lang::En))]
    StaleLease,

    /// What is stored cannot have been written by a store, or not by this version. No repeat helps: a person must look.
    #[error("the store holds what cannot be: {what}  do: {}", self.remedy(Lang::En), what = .0)]
    Corrupt(String),

    /// It is in use by another process and can serve one only.
    #[error("the store is in use: {what}  do: {}", self.remedy(Lang::En), what = .0)]
    InUse(String),

    /// The store cannot be opened with these settings.
    #[error("bad settings of the store: {what}  do: {}", self.remedy(Lang::En), what = .0)]
    Settings(String),
}

impl StoreError {
    /// For what may pass.
    pub fn down(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Down(Arc::from(source.into()))
    }

    /// For content that cannot be.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }

    /// What the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Down(_) => {
                ("bring it back; the inbox goes on by itself from where it is", "恢复存储；收件箱会自行从原处继续")
            }
            Self::StaleLease => (
                "nothing, whoever has it reads on; if this recurs, the store or this process is too slow for the time of the lease",
                "无需处理，由持有租约的进程继续读取；若反复出现，说明存储或本进程过慢，租约时间不够",
            ),
            Self::Corrupt(_) => (
                "look at it, restore it, or begin with an empty one, for which the cold start holds",
                "查看、恢复该存储，或换用空的存储（按 cold_start 重新开始）",
            ),
            Self::InUse(_) => (
                "stop the other process, give each a store of its own, or use a store that serves many",
                "停止另一个进程，或让各进程使用各自的存储，或改用可共享的存储",
            ),
            Self::Settings(_) => ("mend them and start again", "修正配置后重新启动"),
        };
        match lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// The whole of it in one line, in the reader's language; in English, what Display shows.
    pub fn in_lang(&self, lang: Lang) -> String {
        let what = match (lang, self) {
            (Lang::En, _) => return self.to_string(),
            (Lang::Zh, Self::Down(source)) => format!("存储不可用：{}", in_one_line(&**source)),
            (Lang::Zh, Self::StaleLease) => "租约已失效，未写入".to_owned(),
            (Lang::Zh, Self::Corrupt(what)) => format!("存储内容有误：{what}"),
            (Lang::Zh, Self::InUse(what)) => format!("存储正被占用：{what}"),
            (Lang::Zh, Self::Settings(what)) => format!("存储配置有误：{what}"),
        };
        format!("{what}。处理：{}", self.remedy(lang))
    }

    /// Whether asking again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Down(_) => true,
            Self::StaleLease | Self::Corrupt(_) | Self::InUse(_) | Self::Settings(_) => false,
        }
    }
}

/// An error and its sources.
pub(crate) fn in_one_line(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
