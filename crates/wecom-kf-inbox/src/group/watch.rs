//! What a group notes for people who watch it, and its health.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use wecom_kf::OpenKfid;

use super::GroupHandle;
use crate::health::{Accounts, Health, HealthLimits, Reason, ReasonKind};
use crate::metrics::{LastError, ReadBy};

/// What a group does, and since when things are so.
#[derive(Debug)]
pub(super) struct Watch {
    phase: Phase,
    since: Instant,
    listing: Listing,
    /// Since when the store has not let this process meet the others.
    store_is_down: Option<Instant>,
    /// The accounts of this process that have no inbox, since it could not be opened or has failed.
    not_opened: BTreeMap<OpenKfid, Instant>,
    members: usize,
    last_error: Option<LastError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    NotStarted,
    Runs,
    Stopping,
    Stopped,
}

/// Whether the accounts could be listed.
#[derive(Clone, Copy, Debug)]
enum Listing {
    NotYet { since: Instant },
    Succeeds,
    Fails { since: Instant },
}

impl Watch {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            phase: Phase::NotStarted,
            since: now,
            listing: Listing::NotYet { since: now },
            store_is_down: None,
            not_opened: BTreeMap::new(),
            members: 1,
            last_error: None,
        }
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }

    pub(super) fn listed(&mut self) {
        self.listing = Listing::Succeeds;
    }

    pub(super) fn cannot_list(&mut self, error: String) {
        if let Listing::Succeeds = self.listing {
            self.listing = Listing::Fails { since: Instant::now() };
        }
        self.last_error = Some(LastError::now(error));
    }

    pub(super) fn opened(&mut self, open_kfid: &OpenKfid) {
        self.not_opened.remove(open_kfid);
    }

    pub(super) fn not_opened(&mut self, open_kfid: OpenKfid, error: String) {
        self.not_opened.entry(open_kfid).or_insert_with(Instant::now);
        self.last_error = Some(LastError::now(error));
    }

    /// Forgets the accounts that are no longer those of this process.
    pub(super) fn keep(&mut self, is_ours: impl Fn(&OpenKfid) -> bool) {
        self.not_opened.retain(|open_kfid, _| is_ours(open_kfid));
    }

    pub(super) fn met(&mut self, members: usize) {
        self.members = members;
        self.store_is_down = None;
    }

    pub(super) fn cannot_meet(&mut self, error: String) {
        self.store_is_down.get_or_insert_with(Instant::now);
        self.last_error = Some(LastError::now(error));
    }

    fn reasons(&self, limits: &HealthLimits) -> Vec<Reason> {
        let of_phase = match self.phase {
            Phase::NotStarted => Some(ReasonKind::NotStarted),
            Phase::Runs => None,
            Phase::Stopping => Some(ReasonKind::Stopping),
            // Nothing else matters any more.
            Phase::Stopped => return vec![Reason::of_process(ReasonKind::Stopped, self.since.elapsed())],
        };
        let (not_listed_since, limit) = match self.listing {
            Listing::NotYet { since } => (Some(since), Duration::ZERO),
            Listing::Succeeds => (None, limits.reads_fail),
            Listing::Fails { since } => (Some(since), limits.reads_fail),
        };
        let beyond = |kind, since: Option<Instant>, limit| {
            let lasts = since?.elapsed();
            (lasts >= limit).then(|| Reason::of_process(kind, lasts))
        };
        let of_process = [
            of_phase.and_then(|kind| beyond(kind, Some(self.since), Duration::ZERO)),
            beyond(ReasonKind::StoreDown, self.store_is_down, limits.store_down),
            beyond(ReasonKind::NotListed, not_listed_since, limit),
        ];
        let not_opened = self
            .not_opened
            .iter()
            .map(|(open_kfid, since)| (open_kfid, since.elapsed()))
            .filter(|(_, lasts)| *lasts >= limits.no_lease)
            .map(|(open_kfid, lasts)| Reason::of(ReasonKind::NotOpened, lasts, open_kfid));
        of_process.into_iter().flatten().chain(not_opened).collect()
    }
}

impl GroupHandle {
    /// Returns whether this process is alive and ready, and why not. Standing by for an account that another process reads is
    /// no reason, nor is having no account.
    pub fn health(&self) -> Health {
        let limits = self.0.health;
        let found = self.known().len();
        let inboxes = self.each();
        let mut accounts = Accounts { found, here: inboxes.len(), read: 0 };
        let watch = self.watch();
        let mut reasons = watch.reasons(&limits);
        let (members, mut last_error) = (watch.members, watch.last_error.clone());
        drop(watch);
        for (open_kfid, inbox) in &inboxes {
            let metrics = inbox.metrics();
            accounts.read += usize::from(metrics.read_by == ReadBy::ThisProcess);
            let health = metrics.health(open_kfid, inbox.health_limits());
            // An inbox starts, stops and ends as accounts move between processes.
            reasons.extend(health.reasons.into_iter().filter(|reason| {
                !matches!(reason.kind, ReasonKind::NotStarted | ReasonKind::Stopping | ReasonKind::Stopped)
            }));
            if let Some(error) = health.last_error
                && last_error.as_ref().is_none_or(|last| last.at < error.at)
            {
                last_error = Some(error);
            }
        }
        Health::new(reasons, accounts, members, last_error)
    }

    /// Returns the endpoints `/health/live` and `/health/ready`. They answer 200 or 503, with the [`health`](Self::health)
    /// as JSON. They do not keep the store open.
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn health_routes(&self) -> wecom_kf::callback::Router {
        let group = std::sync::Arc::downgrade(&self.0);
        crate::health::routes(move || match group.upgrade() {
            Some(group) => Self(group).health(),
            None => Health::of_ended(None),
        })
    }
}
