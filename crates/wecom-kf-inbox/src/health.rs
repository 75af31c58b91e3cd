//! Health: whether a process is alive and ready, and why not. It follows from the metrics and the limits alone.

mod reason;
#[cfg(feature = "axum")]
mod routes;

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use wecom_kf::{Lang, OpenKfid};

use crate::defaults;
use crate::metrics::{LastError, Metrics, ReadBy, Status};
pub use reason::{Reason, ReasonKind};
#[cfg(feature = "axum")]
pub(crate) use routes::routes;

/// Whether an inbox or a group works, with the reasons if it does not: [`InboxHandle::health`](crate::InboxHandle::health)
/// and [`GroupHandle::health`](crate::GroupHandle::health).
///
/// - **Alive**: a restart of the process would not help. It is alive although WeCom or the store is down.
/// - **Ready**: it does its part. A standby is ready, and so is a process of a fleet that has no account, since both take
///   over at once and pass callbacks on.
///
/// As JSON, for the endpoints that Kubernetes asks and for the person on call. The keys and the names of the reasons do not
/// change:
///
/// ```
/// # use wecom_kf_inbox::{HealthLimits, Metrics, Status};
/// # use std::time::Duration;
/// # let mut metrics = Metrics::default();
/// # metrics.status = Status::StoreIsDown;
/// # metrics.read_by = wecom_kf_inbox::ReadBy::ThisProcess;
/// # metrics.store_down_for = Some(Duration::from_secs(43));
/// # let health = metrics.health(&"wkAJ2GCAAA".into(), &HealthLimits::default());
/// let json = serde_json::to_value(&health).unwrap();
/// assert_eq!(
///     json,
///     serde_json::json!({
///         "alive": true,
///         "ready": false,
///         "reasons": [{
///             "kind": "store_down",
///             "for_seconds": 43,
///             "accounts": 1,
///             "account": "wkAJ2GCAAA",
///             "text": "the store has been down for 43 s (wkAJ2GCAAA)",
///             "text_zh": "存储不可用已 43 秒（wkAJ2GCAAA）",
///         }],
///         "accounts": { "found": 1, "here": 1, "read": 1 },
///         "members": 1,
///         "last_error": null,
///     })
/// );
/// ```
///
/// `Display` shows one line, and [`in_lang`](Self::in_lang) the same in Chinese.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether a restart of the process would not help.
    pub alive: bool,
    /// Whether the process does its part: each account of this process is read, or another process reads it.
    pub ready: bool,
    /// Why it is not alive or not ready, at most one reason of each kind. Empty if it is both.
    pub reasons: Vec<Reason>,
    /// How many accounts there are.
    pub accounts: Accounts,
    /// How many processes share the accounts, this one included; 1 if the store is one of a single process.
    pub members: usize,
    /// The last error, of whichever account.
    pub last_error: Option<LastError>,
}

/// How many accounts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Accounts {
    /// How many accounts the app has, whichever process reads them.
    pub found: usize,
    /// How many of them have an inbox in this process.
    pub here: usize,
    /// How many of those this process reads. It stands by for the others.
    pub read: usize,
}

/// From when on something is a reason: [`InboxBuilder::health_limits`](crate::InboxBuilder::health_limits). A limit of
/// `Duration::MAX` means never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthLimits {
    pub(crate) store_down: Duration,
    pub(crate) no_lease: Duration,
    pub(crate) reads_fail: Duration,
    lag: Duration,
    stuck: Duration,
}

impl Default for HealthLimits {
    fn default() -> Self {
        Self {
            store_down: defaults::HEALTH_STORE_DOWN,
            no_lease: defaults::HEALTH_NO_LEASE,
            reads_fail: defaults::HEALTH_READS_FAIL,
            lag: defaults::HEALTH_LAG,
            stuck: defaults::HEALTH_STUCK,
        }
    }
}

impl HealthLimits {
    /// Sets how long the store may be down; 30 s by default ([`defaults::HEALTH_STORE_DOWN`]).
    #[must_use]
    pub const fn store_down(mut self, limit: Duration) -> Self {
        self.store_down = limit;
        self
    }

    /// Sets how long an account may be without a known reader, or without an inbox; 2 minutes by default
    /// ([`defaults::HEALTH_NO_LEASE`]).
    #[must_use]
    pub const fn no_lease(mut self, limit: Duration) -> Self {
        self.no_lease = limit;
        self
    }

    /// Sets how long reading, or the search for accounts, may fail; 2 minutes by default
    /// ([`defaults::HEALTH_READS_FAIL`]).
    #[must_use]
    pub const fn reads_fail(mut self, limit: Duration) -> Self {
        self.reads_fail = limit;
        self
    }

    /// Sets how old the oldest message may be that is read and not settled; 5 minutes by default
    /// ([`defaults::HEALTH_LAG`]). A message that is tried again and again counts until it is parked.
    #[must_use]
    pub const fn lag(mut self, limit: Duration) -> Self {
        self.lag = limit;
        self
    }

    /// Sets how long the task of an inbox may be overdue before it counts as stuck; a minute by default
    /// ([`defaults::HEALTH_STUCK`]).
    #[must_use]
    pub const fn stuck(mut self, limit: Duration) -> Self {
        self.stuck = limit;
        self
    }
}

impl Metrics {
    /// Returns the health of the account that these metrics are of.
    pub fn health(&self, account: &OpenKfid, limits: &HealthLimits) -> Health {
        let reasons: Vec<Reason> =
            self.reasons(limits).into_iter().map(|(kind, lasts)| Reason::of(kind, lasts, account)).collect();
        let read = usize::from(self.read_by == ReadBy::ThisProcess);
        Health::new(reasons, Accounts { found: 1, here: 1, read }, 1, self.last_error.clone())
    }

    fn reasons(&self, limits: &HealthLimits) -> Vec<(ReasonKind, Duration)> {
        let of_status = match self.status {
            Status::Opened => Some(ReasonKind::NotStarted),
            Status::Paused => Some(ReasonKind::Paused),
            Status::Stopping => Some(ReasonKind::Stopping),
            // Nothing else matters any more.
            Status::Stopped => return vec![(ReasonKind::Stopped, self.status_for)],
            _ => None,
        };
        let unread_for = (self.read_by == ReadBy::Unknown && self.status != Status::Opened).then_some(self.read_by_for);
        let beyond = |kind, lasts: Option<Duration>, limit| Some((kind, lasts.filter(|lasts| *lasts >= limit)?));
        let reasons = [
            of_status.map(|kind| (kind, self.status_for)),
            beyond(ReasonKind::Stuck, self.overdue_for, limits.stuck),
            beyond(ReasonKind::StoreDown, self.store_down_for, limits.store_down),
            beyond(ReasonKind::NoLease, unread_for, limits.no_lease),
            beyond(ReasonKind::ReadsFail, self.reads_fail_for, limits.reads_fail),
            beyond(ReasonKind::Lag, Some(self.lag), limits.lag),
        ];
        reasons.into_iter().flatten().collect()
    }
}

impl Health {
    /// Creates the health of several accounts. Reasons of the same kind are merged.
    pub(crate) fn new(
        reasons: impl IntoIterator<Item = Reason>,
        accounts: Accounts,
        members: usize,
        last_error: Option<LastError>,
    ) -> Self {
        let mut merged: Vec<Reason> = Vec::new();
        for reason in reasons {
            match merged.iter_mut().find(|earlier| earlier.kind == reason.kind) {
                Some(earlier) => earlier.merge(reason),
                None => merged.push(reason),
            }
        }
        merged.sort_by_key(|reason| reason.kind);
        let alive = merged.iter().all(|reason| !reason.kind.needs_restart());
        Self { alive, ready: merged.is_empty(), reasons: merged, accounts, members, last_error }
    }

    /// Returns the health of an inbox or a group of which nothing is left.
    #[cfg(feature = "axum")]
    pub(crate) fn of_ended(account: Option<&OpenKfid>) -> Self {
        let reason = match account {
            Some(account) => Reason::of(ReasonKind::Stopped, Duration::ZERO, account),
            None => Reason::of_process(ReasonKind::Stopped, Duration::ZERO),
        };
        Self::new([reason], Accounts::default(), 1, None)
    }

    /// Describes the health in one line.
    pub fn in_lang(&self, lang: Lang) -> String {
        let state = match (self.alive, self.ready) {
            (_, true) => return lang.pick("ready", "就绪").to_owned(),
            (true, false) => lang.pick("not ready: ", "未就绪："),
            (false, false) => lang.pick("not alive: ", "需要重启："),
        };
        let reasons: Vec<String> = self.reasons.iter().map(|reason| reason.in_lang(lang)).collect();
        format!("{state}{}", reasons.join(lang.pick("; ", "；")))
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(Lang::En))
    }
}
