use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use wecom_kf::message::VoiceFormat;
use wecom_kf::raw::limits::sync_msg as limits;
use wecom_kf::{Account, Client, OpenKfid};

use crate::inbox::Inbox;
use crate::shared::{Settings, Shared};
use crate::source::{ClientSource, PageSource};
use crate::store::{InboxKey, InboxStore, Memory};
use crate::{Error, defaults};

/// For whoever says "never" by the longest time there is, which leaves the range of clocks.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Where to begin when the store holds nothing of the account. WeCom keeps messages for three days.
///
/// Once something is stored, this is not looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColdStart {
    /// With what is sent from now on: at or after the opening, or the first callback if it tells of something older;
    /// less 60 seconds, so that the message that woke a new bot is not passed over.
    FromNow,
    /// With what was sent at that time or after it.
    Since(SystemTime),
    /// With the oldest message that WeCom keeps.
    Everything,
}

/// Settings of an inbox: [`Inbox::builder`].
#[derive(Clone)]
#[must_use = "nothing is opened before `open`"]
pub struct InboxBuilder {
    client: Client,
    open_kfid: OpenKfid,
    store: Option<Arc<dyn InboxStore>>,
    source: Option<Arc<dyn PageSource>>,
    voice_format: Option<VoiceFormat>,
    scope: Option<String>,
    slots: Option<Arc<Semaphore>>,
    settings: Settings,
}

impl InboxBuilder {
    pub(crate) fn new(client: Client, open_kfid: OpenKfid) -> Self {
        Self {
            client,
            open_kfid,
            store: None,
            source: None,
            voice_format: None,
            scope: None,
            slots: None,
            settings: Settings {
                cold_start: ColdStart::FromNow,
                holder: format!("{}-{:08x}", std::process::id(), fastrand::u32(..)),
                concurrency: defaults::CONCURRENCY,
                max_tries: defaults::MAX_TRIES,
                retry_for: defaults::RETRY_FOR,
                keep_parked: defaults::KEEP_PARKED,
                page_size: None,
                poll: defaults::POLL,
                lease: defaults::LEASE,
                stop_within: defaults::STOP_WITHIN,
                jitter: fastrand::f64,
            },
        }
    }

    /// Where it keeps its place. Without one it keeps it in memory: after a restart the
    /// [cold start](Self::cold_start) holds again.
    pub fn store(mut self, store: impl InboxStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Where to begin when the store holds nothing of the account; [`ColdStart::FromNow`] unless said.
    pub fn cold_start(mut self, cold_start: ColdStart) -> Self {
        self.settings.cold_start = cold_start;
        self
    }

    /// How many messages [`run`](Inbox::run) handles at once, each of another customer; 16
    /// ([`defaults::CONCURRENCY`]).
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency;
        self
    }

    /// A message is parked when it was tried so often, 8 times ([`defaults::MAX_TRIES`]); or when its first try failed
    /// so long ago, 60 s ([`defaults::RETRY_FOR`]).
    pub fn tries(mut self, most: u32, within: Duration) -> Self {
        self.settings.max_tries = most;
        self.settings.retry_for = within;
        self
    }

    /// How long a parked message is kept; 30 days ([`defaults::KEEP_PARKED`]).
    pub fn keep_parked(mut self, keep: Duration) -> Self {
        self.settings.keep_parked = keep;
        self
    }

    /// How many messages a page has at most, 1 to 1000; 1000 unless said. After a crash a page is repeated at most, so
    /// smaller ones repeat less, and cost a call and a commit each.
    pub fn page_size(mut self, messages: u32) -> Self {
        self.settings.page_size = Some(messages.clamp(1, limits::LIMIT_MAX));
        self
    }

    /// The time between two polls that no callback asked for; 30 s ([`defaults::POLL`]). Below that WeCom may answer
    /// 45009.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.settings.poll = poll;
        self
    }

    /// How long the lease lasts that tells other processes to keep off; 30 s ([`defaults::LEASE`]). When a process dies,
    /// another takes over after so long at most.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How long a stop waits for what is at work; 20 s ([`defaults::STOP_WITHIN`]).
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.settings.stop_within = limit;
        self
    }

    /// What other processes are told when they ask who reads, such as a host's name. A random number is added, since no
    /// two inboxes may have the same.
    pub fn holder(mut self, name: impl fmt::Display) -> Self {
        self.settings.holder = format!("{name}-{:08x}", fastrand::u32(..));
        self
    }

    /// The format of voice messages; AMR unless said.
    pub fn voice_format(mut self, format: VoiceFormat) -> Self {
        self.voice_format = Some(format);
        self
    }

    /// Tells corps and places apart in the store; host and corp id of the client unless said. Two clients of one app
    /// that go different ways, one by a proxy, need the same.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Takes pages from `source` instead of `sync_msg`. [`open`](Self::open) then asks WeCom nothing.
    pub fn source(mut self, source: impl PageSource) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Where the random factor of waits comes from, 0.0 to 1.0; for tests.
    pub fn jitter(mut self, jitter: fn() -> f64) -> Self {
        self.settings.jitter = jitter;
        self
    }

    /// So many messages at once for several inboxes together.
    pub(crate) fn slots(mut self, slots: Arc<Semaphore>) -> Self {
        self.slots = Some(slots);
        self
    }

    /// Opens the inbox: looks whether the settings are good, so that bad ones end the program before the first customer
    /// writes. Nothing is read before its stream is polled.
    ///
    /// # Errors
    ///
    /// [`Error::Read`]: there is no access token, or the app may not list its accounts; but not what may pass, such as a
    /// network that is down. [`Error::NoSuchAccount`]: the app has no such account. [`Error::Store`]: the store cannot
    /// be read. [`Error::Settings`]: a limit of 0.
    pub async fn open(self) -> Result<Inbox, Error> {
        self.check_settings()?;
        if self.source.is_none() {
            check(&self.client, &self.open_kfid).await?;
        }
        self.open_unchecked().await
    }

    pub(crate) fn check_settings(&self) -> Result<(), Error> {
        let Settings { concurrency, max_tries, lease, poll, .. } = self.settings;
        if concurrency == 0 || max_tries == 0 || lease.is_zero() || poll.is_zero() {
            return Err(Error::Settings("concurrency, tries, lease and poll are more than 0"));
        }
        Ok(())
    }

    /// Of an account that is known to be there, with settings that are known to be good.
    pub(crate) async fn open_unchecked(mut self) -> Result<Inbox, Error> {
        let Settings { poll, lease, stop_within, .. } = &mut self.settings;
        for time in [poll, lease, stop_within] {
            *time = (*time).min(LONGEST);
        }
        let scope = self.scope.unwrap_or_else(|| scope_of(&self.client));
        let store = self.store.unwrap_or_else(|| Arc::new(Memory::new()));
        let key = InboxKey::new(scope, self.open_kfid);
        store.load(&key).await?;
        let (client, voice_format) = (self.client.clone(), self.voice_format);
        let source = self.source.unwrap_or_else(|| Arc::new(ClientSource { client, voice_format }));
        let shared = Shared::new(key, self.client, source, store, self.settings);
        if let Some(slots) = self.slots {
            let _ = shared.slots.set(slots);
        }
        Ok(Inbox::new(Arc::new(shared)))
    }
}

/// Host and corp, without what changes nothing.
pub(crate) fn scope_of(client: &Client) -> String {
    let place = client.base_url().split_once("://").map_or(client.base_url(), |(_, place)| place);
    format!("{place}/{}", client.corp_id())
}

/// Older servers do not say.
pub(crate) fn may_read(account: &Account) -> bool {
    account.manage_privilege != Some(false)
}

/// What may pass is the running inbox's to wait for; everything else is told at once.
async fn check(client: &Client, open_kfid: &OpenKfid) -> Result<(), Error> {
    match client.account().list().await {
        Ok(accounts) if accounts.iter().any(|account| account.open_kfid == *open_kfid && may_read(account)) => Ok(()),
        Ok(_) => Err(Error::NoSuchAccount { open_kfid: open_kfid.clone() }),
        Err(error) if error.is_retryable() => {
            tracing::warn!(%open_kfid, %error, "opening the inbox without a look at the accounts");
            Ok(())
        }
        Err(error) => Err(Error::Read(error)),
    }
}

impl fmt::Debug for InboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxBuilder")
            .field("open_kfid", &self.open_kfid)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
