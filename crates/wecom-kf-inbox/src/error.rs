//! What went wrong with an inbox.

use wecom_kf::Lang;

use crate::store::StoreError;

/// What went wrong with an inbox, for the person on call. The stream goes on after it, but for one that
/// [is final](Self::is_final).
///
/// Nothing here holds a secret or a customer's words.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// WeCom could not be asked for messages. The same page is asked for again after a while.
    #[error("the inbox cannot read: {0}")]
    Read(#[source] wecom_kf::Error),

    /// The store did not do what it was asked. While it is down the inbox waits and keeps its place.
    #[error("the inbox cannot keep its place: {0}")]
    Store(#[from] StoreError),

    /// WeCom answered what is whole and cannot be decoded.
    #[error(
        "sync_msg answered {bytes} bytes that are no page ({tries} times), {}",
        then.in_lang(Lang::En)
    )]
    #[non_exhaustive]
    Unreadable {
        /// The length of the answer.
        bytes: usize,
        /// How often it came.
        tries: u32,
        /// What the inbox does about it.
        then: UnreadableThen,
    },

    /// The cursors of pages without a new message go round in a circle. The inbox polls at its usual pace and says this once.
    #[error("sync_msg returns pages without a new message whose cursors repeat  do: {}", CURSOR_CIRCLE.0)]
    CursorCircle,

    /// The app has no such account.
    #[error("the app has no account {open_kfid}  do: {}", NO_ACCOUNT.0)]
    #[non_exhaustive]
    NoSuchAccount {
        /// The account that was asked for.
        open_kfid: wecom_kf::OpenKfid,
    },

    /// An inbox of settings that cannot be.
    #[error("bad settings of the inbox: {0}")]
    Settings(&'static str),
}

const CURSOR_CIRCLE: (&str, &str) = (
    "check what lies between here and WeCom; messages that exist are still read at the next poll",
    "检查途中的代理；若仍有消息，下次轮询时会读取",
);

/// All of these settings have one rule.
const SETTINGS_ZH: &str = "并发数、未完成消息的上限、次数、租约和轮询间隔、查看账号的间隔都必须大于 0";

const NO_ACCOUNT: (&str, &str) = (
    "put the account under the app's API management (微信客服 › 通过API管理微信客服账号), or use an id that account/list shows",
    "在「微信客服 › 通过API管理微信客服账号」中把该账号交给本应用，或改用 account/list 列出的账号",
);

/// What the inbox does about a page that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnreadableThen {
    /// It asks again, for fewer messages at a time.
    AsksAgain,
    /// It parked the answer whole and went on behind it.
    Parked,
    /// It asks again, and gets no further: where the next page begins cannot be told.
    Stuck,
}

impl UnreadableThen {
    fn in_lang(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::AsksAgain, Lang::En) => "asking again for fewer messages",
            (Self::AsksAgain, Lang::Zh) => "减少条数后重试",
            (Self::Parked, Lang::En) => {
                "parked it whole and went on behind it  do: look at the parked page, it holds customers' messages"
            }
            (Self::Parked, Lang::Zh) => "已整页暂存并继续。处理：查看暂存的页，其中有客户消息",
            (Self::Stuck, Lang::En) => {
                "and where the next page begins cannot be told  do: look at what lies between here and WeCom; the inbox stands still and asks on"
            }
            (Self::Stuck, Lang::Zh) => "且无法得知下一页的位置。处理：检查途中的代理；收件箱停在原处并继续重试",
        }
    }
}

impl Error {
    /// Whether nothing comes after it: a person must look first.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Store(error) => match error {
                StoreError::Corrupt(_) | StoreError::InUse(_) | StoreError::Settings(_) => true,
                StoreError::Down(_) | StoreError::StaleLease | StoreError::OutOfStep => false,
            },
            Self::NoSuchAccount { .. } | Self::Settings(_) => true,
            Self::Read(_) | Self::Unreadable { .. } | Self::CursorCircle => false,
        }
    }

    /// The whole of it in one line, in the reader's language; in English, what Display shows.
    pub fn in_lang(&self, lang: Lang) -> String {
        match (lang, self) {
            (Lang::En, _) => self.to_string(),
            (Lang::Zh, Self::Read(error)) => format!("收件箱无法读取：{}", error.in_lang(lang)),
            (Lang::Zh, Self::Store(error)) => format!("收件箱无法保存进度：{}", error.in_lang(lang)),
            (Lang::Zh, Self::Unreadable { bytes, tries, then }) => {
                format!("sync_msg 返回的 {bytes} 字节不是一页消息（{tries} 次），{}", then.in_lang(lang))
            }
            (Lang::Zh, Self::CursorCircle) => {
                format!("sync_msg 返回的页没有新消息，游标循环往复。处理：{}", CURSOR_CIRCLE.1)
            }
            (Lang::Zh, Self::NoSuchAccount { open_kfid }) => {
                format!("本应用没有客服账号 {open_kfid}。处理：{}", NO_ACCOUNT.1)
            }
            (Lang::Zh, Self::Settings(_)) => format!("收件箱配置有误：{SETTINGS_ZH}"),
        }
    }
}
