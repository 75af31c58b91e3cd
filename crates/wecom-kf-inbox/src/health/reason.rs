//! The reasons why an inbox or a group is not healthy, and their texts in both languages.

use std::fmt;
use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};
use wecom_kf::{Lang, OpenKfid};

/// Why a process is not ready, or not alive.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reason {
    /// What it is.
    pub kind: ReasonKind,
    /// For how long it has been so: the longest time, if it concerns several accounts.
    pub lasts: Duration,
    /// How many accounts it concerns; 0 if it concerns the process.
    pub accounts: usize,
    /// The account that it concerns, or the one for which it has lasted longest.
    pub account: Option<OpenKfid>,
}

/// What is wrong. In JSON the names are those of [`name`](Self::name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ReasonKind {
    /// The inbox or group has ended, in order or not. Not alive.
    Stopped,
    /// The task of an inbox does not run, for example because handlers block all threads. Not alive.
    Stuck,
    /// Nobody runs the inbox or polls its stream yet.
    NotStarted,
    /// A stop was asked for.
    Stopping,
    /// It is [paused](crate::InboxHandle::pause).
    Paused,
    /// The store does not answer, or refuses.
    StoreDown,
    /// This process has no lease, and has not learned of another process that has it.
    NoLease,
    /// An account of this process has no inbox, since it could not be opened or has failed.
    NotOpened,
    /// The accounts of the app cannot be listed.
    NotListed,
    /// WeCom cannot be read.
    ReadsFail,
    /// The oldest message that is not settled is too old.
    Lag,
}

impl ReasonKind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Stopped,
        Self::Stuck,
        Self::NotStarted,
        Self::Stopping,
        Self::Paused,
        Self::StoreDown,
        Self::NoLease,
        Self::NotOpened,
        Self::NotListed,
        Self::ReadsFail,
        Self::Lag,
    ];

    /// Returns the name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Stuck => "stuck",
            Self::NotStarted => "not_started",
            Self::Stopping => "stopping",
            Self::Paused => "paused",
            Self::StoreDown => "store_down",
            Self::NoLease => "no_lease",
            Self::NotOpened => "not_opened",
            Self::NotListed => "not_listed",
            Self::ReadsFail => "reads_fail",
            Self::Lag => "lag",
        }
    }

    /// Returns whether a restart of the process may help, and nothing else.
    pub const fn needs_restart(self) -> bool {
        matches!(self, Self::Stopped | Self::Stuck)
    }

    /// Returns the text around the time, in one language.
    fn around(self, lang: Lang) -> (&'static str, &'static str) {
        let (en, zh) = match self {
            Self::Stopped => (("it ended ", " ago"), ("已结束 ", "")),
            Self::Stuck => (("the task of the inbox has not run for ", ""), ("收件箱的任务已 ", "没有运行")),
            Self::NotStarted => (("nothing has been read since the start ", " ago"), ("启动 ", "以来尚未开始读取")),
            Self::Stopping => (("it has been stopping for ", ""), ("正在停止，已 ", "")),
            Self::Paused => (("paused for ", ""), ("已暂停 ", "")),
            Self::StoreDown => (("the store has been down for ", ""), ("存储不可用已 ", "")),
            Self::NoLease => (("no lease for ", ""), ("没有租约已 ", "")),
            Self::NotOpened => (("no inbox for ", ""), ("没有收件箱已 ", "")),
            Self::NotListed => (("the accounts could not be listed for ", ""), ("无法列出客服账号已 ", "")),
            Self::ReadsFail => (("reading has failed for ", ""), ("读取失败已 ", "")),
            Self::Lag => (("lag ", ""), ("积压 ", "")),
        };
        lang.pick(en, zh)
    }
}

impl fmt::Display for ReasonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ReasonKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Reason {
    /// Creates a reason that concerns one account.
    pub(crate) fn of(kind: ReasonKind, lasts: Duration, account: &OpenKfid) -> Self {
        Self { kind, lasts, accounts: 1, account: Some(account.clone()) }
    }

    /// Creates a reason that concerns the process.
    pub(crate) fn of_process(kind: ReasonKind, lasts: Duration) -> Self {
        Self { kind, lasts, accounts: 0, account: None }
    }

    /// Adds a reason of the same kind.
    pub(super) fn merge(&mut self, other: Self) {
        self.accounts += other.accounts;
        if self.account.is_none() || (other.account.is_some() && other.lasts > self.lasts) {
            self.account = other.account;
        }
        self.lasts = self.lasts.max(other.lasts);
    }

    /// Describes the reason in one language.
    pub fn in_lang(&self, lang: Lang) -> String {
        let (before, after) = self.kind.around(lang);
        let account = self.account.as_ref().map_or("", |account| account.as_str());
        let which = match (self.accounts, lang) {
            (0, _) => String::new(),
            (1, Lang::En) => format!(" ({account})"),
            (1, Lang::Zh) => format!("（{account}）"),
            (accounts, Lang::En) => format!(" ({accounts} accounts, longest {account})"),
            (accounts, Lang::Zh) => format!("（{accounts} 个账号，最久的是 {account}）"),
        };
        format!("{before}{}{after}{which}", in_words(self.lasts, lang))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(Lang::En))
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Reason", 6)?;
        object.serialize_field("kind", &self.kind)?;
        object.serialize_field("for_seconds", &self.lasts.as_secs())?;
        object.serialize_field("accounts", &self.accounts)?;
        object.serialize_field("account", &self.account)?;
        object.serialize_field("text", &self.in_lang(Lang::En))?;
        object.serialize_field("text_zh", &self.in_lang(Lang::Zh))?;
        object.end()
    }
}

/// Returns a time in the largest unit of which there are at least two, rounded down.
fn in_words(time: Duration, lang: Lang) -> String {
    let (count, en, zh) = match time.as_secs() {
        seconds @ ..120 => (seconds, "s", "秒"),
        seconds @ ..7200 => (seconds / 60, "min", "分钟"),
        seconds => (seconds / 3600, "h", "小时"),
    };
    format!("{count} {}", lang.pick(en, zh))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_well_in_both_languages() {
        let shown: String = ReasonKind::ALL
            .into_iter()
            .map(|kind| Reason::of_process(kind, Duration::from_secs(150)))
            .map(|reason| format!("{}: {reason} | {}\n", reason.kind, reason.in_lang(Lang::Zh)))
            .collect();
        let expected = "\
stopped: it ended 2 min ago | 已结束 2 分钟
stuck: the task of the inbox has not run for 2 min | 收件箱的任务已 2 分钟没有运行
not_started: nothing has been read since the start 2 min ago | 启动 2 分钟以来尚未开始读取
stopping: it has been stopping for 2 min | 正在停止，已 2 分钟
paused: paused for 2 min | 已暂停 2 分钟
store_down: the store has been down for 2 min | 存储不可用已 2 分钟
no_lease: no lease for 2 min | 没有租约已 2 分钟
not_opened: no inbox for 2 min | 没有收件箱已 2 分钟
not_listed: the accounts could not be listed for 2 min | 无法列出客服账号已 2 分钟
reads_fail: reading has failed for 2 min | 读取失败已 2 分钟
lag: lag 2 min | 积压 2 分钟
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn times_are_shown_in_the_unit_that_people_use() {
        for (seconds, shown) in [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h")] {
            assert_eq!(in_words(Duration::from_secs(seconds), Lang::En), shown);
        }
    }

    #[test]
    fn reasons_of_several_accounts_name_the_longest() {
        let lag = |seconds, account: &str| Reason::of(ReasonKind::Lag, Duration::from_secs(seconds), &account.into());
        let mut reason = lag(400, "wk1");
        reason.merge(lag(700, "wk2"));
        reason.merge(lag(500, "wk3"));
        assert_eq!(reason.to_string(), "lag 11 min (3 accounts, longest wk2)");
        assert_eq!(reason.in_lang(Lang::Zh), "积压 11 分钟（3 个账号，最久的是 wk2）");
        let mut of_process = Reason::of_process(ReasonKind::StoreDown, Duration::from_secs(90));
        of_process.merge(Reason::of(ReasonKind::StoreDown, Duration::from_secs(60), &"wk1".into()));
        assert_eq!(of_process.to_string(), "the store has been down for 90 s (wk1)");
    }
}
