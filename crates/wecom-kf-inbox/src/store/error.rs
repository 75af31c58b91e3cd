//! The errors of stores.

use std::error::Error as StdError;
use std::sync::Arc;

use wecom_kf::Lang;

/// An error of a store.
///
/// Keep secrets and customers' words out of the sources: they are printed and logged.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store could not be reached, or did not answer in time. It is unknown whether it wrote something. The error may
    /// pass: the inbox keeps its place, waits and asks again.
    #[error("the store is down: {}  do: {}", in_one_line(&**.0), self.remedy(Lang::En))]
    Down(#[source] Arc<dyn StdError + Send + Sync>),

    /// The lease has ended, or another holder has it; nothing was written. The inbox drops its window and asks for the
    /// lease again.
    #[error("the lease is no longer ours, so nothing was written  do: {}", self.remedy(Lang::En))]
    StaleLease,

    /// The stored state is not the one that the commit builds on; nothing was written. The inbox loads what is stored and
    /// continues from there.
    #[error("the stored state is not the one that this commit builds on, so nothing was written  do: {}", self.remedy(Lang::En))]
    OutOfStep,

    /// The stored data is damaged, of another program, or of another version. Repeating does not help: a person must
    /// look at it. The store has not changed it.
    #[error("the data of the store cannot be used: {what}  do: {}", self.remedy(Lang::En), what = .0)]
    Corrupt(String),

    /// The store is in use by another process, and can serve only one.
    #[error("the store is in use: {what}  do: {}", self.remedy(Lang::En), what = .0)]
    InUse(String),

    /// The store cannot be opened with these settings.
    #[error("bad settings of the store: {what}  do: {}", self.remedy(Lang::En), what = .0)]
    Settings(String),
}

impl StoreError {
    /// Returns a [`Down`](Self::Down) error, for failures that may pass.
    pub fn down(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Down(Arc::from(source.into()))
    }

    /// Returns a [`Corrupt`](Self::Corrupt) error, for data that cannot be used.
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }

    /// Returns what the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Down(_) => {
                ("bring it back; the inbox continues by itself from its place", "恢复存储；收件箱会自行从原处继续")
            }
            Self::StaleLease => (
                "nothing, the new holder continues; if this recurs, the store or this process is too slow for the lease",
                "无需处理，由持有租约的进程继续读取；若反复出现，说明存储或本进程过慢，租约时间不够",
            ),
            Self::OutOfStep => (
                "nothing, the inbox loads the stored state again; if this recurs, check whether the store loses writes",
                "无需处理，收件箱会重新加载存储的状态；若反复出现，请检查存储是否丢失写入",
            ),
            Self::Corrupt(_) => (
                "look at it, restore a copy, or begin with an empty store, which means a cold start",
                "查看、恢复该存储，或换用空的存储（按 cold_start 重新开始）",
            ),
            Self::InUse(_) => (
                "stop the other process, give each a store of its own, or use a store that serves many",
                "停止另一个进程，或让各进程使用各自的存储，或改用可共享的存储",
            ),
            Self::Settings(_) => ("correct them and start again", "修正配置后重新启动"),
        };
        match lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// Returns the error with its remedy in one line, in the reader's language. In English it is the same as `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        let what = match (lang, self) {
            (Lang::En, _) => return self.to_string(),
            (Lang::Zh, Self::Down(source)) => format!("存储不可用：{}", in_one_line(&**source)),
            (Lang::Zh, Self::StaleLease) => "租约已失效，未写入".to_owned(),
            (Lang::Zh, Self::OutOfStep) => "存储的状态与本次提交不衔接，未写入".to_owned(),
            (Lang::Zh, Self::Corrupt(what)) => format!("存储内容有误：{what}"),
            (Lang::Zh, Self::InUse(what)) => format!("存储正被占用：{what}"),
            (Lang::Zh, Self::Settings(what)) => format!("存储配置有误：{what}"),
        };
        format!("{what}。处理：{}", self.remedy(lang))
    }

    /// Returns whether asking again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Down(_) => true,
            Self::StaleLease | Self::OutOfStep | Self::Corrupt(_) | Self::InUse(_) | Self::Settings(_) => false,
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
