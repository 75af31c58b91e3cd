//! The error of an inbox.

use wecom_kf::Lang;

use crate::store::StoreError;

/// An error of an inbox, for the person on call. The stream continues after it, unless the error [is
/// final](Self::is_final).
///
/// `Display` says what failed, the source is the cause, and [`remedy`](Self::remedy) says what to do. A
/// [`Report`](crate::Report) prints all three. Nothing here holds a secret or a customer's words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.in_lang(Lang::En))]
#[non_exhaustive]
pub enum Error {
    /// A request for messages failed. The same page is requested again after a while.
    Read(#[source] wecom_kf::Error),

    /// The store failed. While it is down, the inbox waits and keeps its place.
    Store(#[from] StoreError),

    /// WeCom returned a complete reply that cannot be decoded.
    #[non_exhaustive]
    Unreadable {
        /// The length of the reply.
        bytes: usize,
        /// How often the reply came.
        tries: u32,
        /// What the inbox does next.
        then: UnreadableThen,
    },

    /// The cursors of pages without a new message go round in a circle. The inbox continues at the pace of polls, and
    /// reports each circle once.
    CursorCircle,

    /// The app has no such account.
    #[non_exhaustive]
    NoSuchAccount {
        /// The account that was asked for.
        open_kfid: wecom_kf::OpenKfid,
    },

    /// The settings of the inbox are invalid.
    Settings(&'static str),
}

/// One text for all invalid settings, since they share one rule.
const SETTINGS_ZH: &str = "并发数、未完成消息的上限、次数、租约和轮询间隔、查看账号的间隔都必须大于 0";

/// What the inbox does after a page that cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnreadableThen {
    /// It requests fewer messages at a time.
    AsksAgain,
    /// It parked the whole reply and continued with the next page.
    Parked,
    /// It keeps requesting the page and cannot continue, since the reply does not say where the next page begins.
    Stuck,
}

impl UnreadableThen {
    fn in_lang(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::AsksAgain => ("asking again for fewer messages", "减少条数后重试"),
            Self::Parked => ("parked the whole answer and continued behind it", "已整页暂存并继续"),
            Self::Stuck => ("it does not tell where the next page begins", "且无法得知下一页的位置"),
        };
        lang.pick(en, zh)
    }

    fn remedy(self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::AsksAgain => (
                "nothing yet; if this recurs, check the proxies between here and WeCom",
                "暂无需处理；若反复出现，请检查途中的代理",
            ),
            Self::Parked => ("look at the parked page, it holds customers' messages", "查看暂存的页，其中有客户消息"),
            Self::Stuck => (
                "check the proxies between here and WeCom; the inbox stays at its place and keeps asking",
                "检查途中的代理；收件箱停在原处并继续重试",
            ),
        };
        lang.pick(en, zh)
    }
}

impl Error {
    /// Returns whether the stream ends with this error. A person must then find the cause.
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

    /// Describes the error in one language, without its source and its remedy. The English text is that of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Read(_), Lang::En) => "the inbox cannot read".to_owned(),
            (Self::Read(_), Lang::Zh) => "收件箱无法读取".to_owned(),
            (Self::Store(_), Lang::En) => "the inbox cannot keep its place".to_owned(),
            (Self::Store(_), Lang::Zh) => "收件箱无法保存进度".to_owned(),
            (Self::Unreadable { bytes, tries, then }, Lang::En) => {
                format!("sync_msg answered {bytes} bytes that are no page ({tries} times), {}", then.in_lang(lang))
            }
            (Self::Unreadable { bytes, tries, then }, Lang::Zh) => {
                format!("sync_msg 返回的 {bytes} 字节不是一页消息（{tries} 次），{}", then.in_lang(lang))
            }
            (Self::CursorCircle, Lang::En) => {
                "sync_msg returns pages without a new message whose cursors repeat".to_owned()
            }
            (Self::CursorCircle, Lang::Zh) => "sync_msg 返回的页没有新消息，游标循环往复".to_owned(),
            (Self::NoSuchAccount { open_kfid }, Lang::En) => format!("the app has no account {open_kfid}"),
            (Self::NoSuchAccount { open_kfid }, Lang::Zh) => format!("本应用没有客服账号 {open_kfid}"),
            (Self::Settings(problem), Lang::En) => format!("bad settings of the inbox: {problem}"),
            (Self::Settings(_), Lang::Zh) => format!("收件箱配置有误：{SETTINGS_ZH}"),
        }
    }

    /// Returns the remedy: what the person on call should do.
    pub fn remedy(&self, lang: Lang) -> &'static str {
        let (en, zh) = match self {
            Self::Read(error) => return error.remedy(lang),
            Self::Store(error) => return error.remedy(lang),
            Self::Unreadable { then, .. } => return then.remedy(lang),
            Self::CursorCircle => (
                "check the proxies between here and WeCom; messages that exist are still read at the next poll",
                "检查途中的代理；若仍有消息，下次轮询时会读取",
            ),
            Self::NoSuchAccount { .. } => (
                "put the account under the app's API management (微信客服 › 通过API管理微信客服账号), or use an id that account/list shows",
                "在「微信客服 › 通过API管理微信客服账号」中把该账号交给本应用，或改用 account/list 列出的账号",
            ),
            Self::Settings(_) => ("correct them and start again", "修正配置后重新启动"),
        };
        lang.pick(en, zh)
    }
}
