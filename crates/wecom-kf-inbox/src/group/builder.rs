//! Settings of a group, and opening it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wecom_kf::{Client, OpenKfid};

use super::{GroupHandle, InboxGroup};
use crate::batch::Quiet;
use crate::builder::{InboxBuilder, LONGEST, may_read};
use crate::clock::unix_seconds;
use crate::inbox::Inbox;
use crate::report::in_one_line;
use crate::store::{InboxStore, Memory};
use crate::{ColdStart, Error, HealthLimits, defaults};

/// Settings of a group: [`InboxGroup::builder`].
#[derive(Clone)]
#[must_use = "nothing is opened before `open`"]
pub struct InboxGroupBuilder {
    client: Client,
    pub(super) store: Arc<dyn InboxStore>,
    pub(super) cold_start: ColdStart,
    pub(super) concurrency: usize,
    pub(super) look_every: Duration,
    pub(super) quiet: Option<Quiet>,
    each: Arc<dyn Fn(InboxBuilder) -> InboxBuilder + Send + Sync>,
    pub(super) member: String,
    health: HealthLimits,
}

impl InboxGroupBuilder {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            store: Arc::new(Memory::new()),
            cold_start: ColdStart::FromNow,
            concurrency: defaults::CONCURRENCY,
            look_every: defaults::LOOK_FOR_ACCOUNTS,
            quiet: None,
            each: Arc::new(|builder| builder),
            member: format!("{}-{:08x}", std::process::id(), fastrand::u32(..)),
            health: HealthLimits::default(),
        }
    }

    /// Sets the store of all inboxes. Without one they keep their place in memory.
    pub fn store(mut self, store: impl InboxStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Sets where to begin with an account of which nothing is stored; [`ColdStart::FromNow`] by default.
    pub fn cold_start(mut self, cold_start: ColdStart) -> Self {
        self.cold_start = cold_start;
        self
    }

    /// Sets how many messages of all accounts together are handled at the same time; 16 by default
    /// ([`defaults::CONCURRENCY`]).
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets how often the group searches for new accounts; every 10 minutes by default
    /// ([`defaults::LOOK_FOR_ACCOUNTS`]). A callback that announces an account starts a search at once.
    pub fn look_every(mut self, interval: Duration) -> Self {
        self.look_every = interval.min(LONGEST);
        self
    }

    /// Sets the name under which other processes see this one, such as the name of the host. A random number is added, since
    /// each member of a fleet has a name of its own.
    pub fn member(mut self, name: impl fmt::Display) -> Self {
        self.member = format!("{name}-{:08x}", fastrand::u32(..));
        self
    }

    /// Sets from when on [`health`](GroupHandle::health) has a reason not to be ready, for the group and its inboxes.
    pub fn health_limits(mut self, limits: HealthLimits) -> Self {
        self.health = limits;
        self
    }

    /// Sets a function that adds other settings to each inbox.
    pub fn each(mut self, settings: impl Fn(InboxBuilder) -> InboxBuilder + Send + Sync + 'static) -> Self {
        self.each = Arc::new(settings);
        self
    }

    /// Lists the accounts. Invalid settings are an error that says what to do. A network that is down is not an error:
    /// the running group lists the accounts as soon as it can. Nothing is read yet.
    ///
    /// # Errors
    ///
    /// [`Error::Read`]: WeCom refuses the credentials, or the app may not list its accounts. [`Error::Settings`]: a
    /// limit is 0.
    pub async fn open(self) -> Result<InboxGroup, Error> {
        if self.concurrency == 0 || self.look_every.is_zero() {
            return Err(Error::Settings("concurrency and the interval of looking are more than 0"));
        }
        let one = (self.each)(Inbox::builder(self.client.clone(), ""));
        one.check_settings()?;
        let handle = GroupHandle::new(self.store.clone(), one.scope_in_use(), self.health);
        let looked_at = unix_seconds();
        let found = match self.look().await {
            Err(Error::Read(error)) if error.is_retryable() => {
                let error = in_one_line(&error);
                tracing::warn!(%error, "opening the group although its accounts cannot be listed now");
                handle.watch().cannot_list(error);
                None
            }
            found => {
                let found = found?;
                handle.watch().listed();
                Some(found)
            }
        };
        Ok(InboxGroup { builder: self, found, looked_at, handle })
    }

    pub(super) async fn look(&self) -> Result<BTreeSet<OpenKfid>, Error> {
        let accounts = self.client.accounts().list().await.map_err(Error::Read)?;
        Ok(accounts.into_iter().filter(may_read).map(|account| account.open_kfid).collect())
    }

    pub(super) async fn open_one(
        &self,
        open_kfid: &OpenKfid,
        start: ColdStart,
        slots: Arc<Semaphore>,
    ) -> Result<Inbox, Error> {
        let builder = Inbox::builder(self.client.clone(), open_kfid.clone()).store(self.store.clone());
        let builder = builder.cold_start(start).health_limits(self.health);
        let inbox = (self.each)(builder).slots(slots).open_unchecked().await?;
        if let Some(quiet) = self.quiet {
            let _ = inbox.shared().quiet.set(quiet);
        }
        Ok(inbox)
    }
}

impl fmt::Debug for InboxGroupBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxGroupBuilder").field("cold_start", &self.cold_start).finish_non_exhaustive()
    }
}
