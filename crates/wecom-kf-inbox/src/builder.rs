//! Settings of an inbox, and opening it. Where a cold start begins is decided in `engine/start.rs`.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use wecom_kf::messages::VoiceFormat;
use wecom_kf::raw::limits::sync_msg as limits;
use wecom_kf::{Account, Client, OpenKfid};

use crate::conversation::ConversationSettings;
use crate::delivery::Delivery;
use crate::engine::{reaching_back, unix};
use crate::failure::Retries;
use crate::inbox::Inbox;
use crate::page_source::PageSource;
use crate::report::in_one_line;
use crate::shared::{Settings, Shared};
use crate::store::{InboxKey, InboxStore, Memory, scope_of};
use crate::{Error, Failure, FailureClass, HealthLimits, RetryPolicy, defaults};

/// The longest time that a setting may have: `Duration::MAX`, which means "never", is beyond the range of clocks.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Where an inbox begins to read when the store holds nothing of its account. WeCom keeps messages for three days.
///
/// Once something is stored, this setting is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColdStart {
    /// Begins with the messages sent since the inbox was opened or since the first callback was created, whichever is
    /// earlier, less 60 seconds. So the message that started a new bot is not skipped.
    FromNow,
    /// Begins with the messages sent at that time or later.
    Since(SystemTime),
    /// Begins with the oldest message that WeCom keeps.
    Everything,
}

impl ColdStart {
    /// Returns the Unix second from which messages count, if the inbox begins at `now`.
    pub(crate) fn since(self, now: i64) -> Option<i64> {
        match self {
            Self::FromNow => Some(reaching_back(now)),
            Self::Since(time) => Some(unix(time)),
            Self::Everything => None,
        }
    }
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
                max_unsettled: defaults::MAX_UNSETTLED,
                retries: Retries::default(),
                handler_timeout: None,
                on_failure: None,
                shows_handler_errors: false,
                takes_servicers: false,
                checks_session: false,
                keep_parked: defaults::KEEP_PARKED,
                conversations: ConversationSettings::default(),
                page_size: None,
                poll: defaults::POLL,
                lease: defaults::LEASE,
                stop_within: defaults::STOP_WITHIN,
                health: HealthLimits::default(),
                jitter: fastrand::f64,
            },
        }
    }

    /// Sets the store. Without one the inbox keeps its place in memory, and after a restart the
    /// [cold start](Self::cold_start) applies again.
    pub fn store(mut self, store: impl InboxStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets where to begin when the store holds nothing of the account; [`ColdStart::FromNow`] by default.
    pub fn cold_start(mut self, cold_start: ColdStart) -> Self {
        self.settings.cold_start = cold_start;
        self
    }

    /// Sets how many messages [`run`](Inbox::run) handles at the same time, each of another customer; 16 by default
    /// ([`defaults::CONCURRENCY`]).
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = concurrency;
        self
    }

    /// Sets up to how many unsettled messages the inbox reads ahead; 1,000 by default ([`defaults::MAX_UNSETTLED`]).
    /// One page more may be read. When the window is full and WeCom has more, the oldest message that waits for a retry
    /// is parked.
    pub fn max_unsettled(mut self, messages: usize) -> Self {
        self.settings.max_unsettled = messages;
        self
    }

    /// Sets how long messages are tried again after failures of a class. By default it is 10 minutes, an hour if WeCom
    /// is [unavailable](FailureClass::Unavailable), and not at all if it [rejected](FailureClass::Rejected) the call.
    pub fn retry(mut self, class: FailureClass, policy: RetryPolicy) -> Self {
        self.settings.retries.set(class, policy);
        self
    }

    /// Sets how long messages are tried again after failures of all classes except
    /// [`Rejected`](FailureClass::Rejected), which are parked at once.
    pub fn retries(mut self, policy: RetryPolicy) -> Self {
        for class in FailureClass::ALL.into_iter().filter(|class| *class != FailureClass::Rejected) {
            self.settings.retries.set(class, policy);
        }
        self
    }

    /// Sets how long a handler of [`run`](Inbox::run) may take; no limit by default. After that time the handler is
    /// dropped, and the attempt counts as failed.
    pub fn handler_timeout(mut self, limit: Duration) -> Self {
        self.settings.handler_timeout = Some(limit.min(LONGEST));
        self
    }

    /// Sets a function that is called with each failure of a handler of [`run`](Inbox::run), for example to count
    /// failures or to raise an alert. The error may hold what customers wrote.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::InboxBuilder;
    /// # fn example(builder: InboxBuilder) -> InboxBuilder {
    /// builder.on_failure(|delivery, failure| eprintln!("{} try {}: {}", delivery.id(), delivery.tries(), failure.class()))
    /// # }
    /// ```
    pub fn on_failure(mut self, hook: impl Fn(&Delivery, &Failure) + Send + Sync + 'static) -> Self {
        self.settings.on_failure = Some(Arc::new(hook));
        self
    }

    /// Shows the text of handlers' own errors in logs and metrics. By default only their type is shown, since the text
    /// may hold what customers wrote.
    pub fn show_handler_errors(mut self) -> Self {
        self.settings.shows_handler_errors = true;
        self
    }

    /// Reads the session before a reply, unless it allowed one to the same customer within the last 5 seconds. An untreated
    /// session is moved to the bot first. If a servicer has the session, or it waits in the queue, the reply is not sent and
    /// its outcome is [`Replied::Silent`](crate::Replied::Silent). Without this setting, WeCom refuses such a reply with 95018,
    /// which is an error.
    pub fn check_session(mut self) -> Self {
        self.settings.checks_session = true;
        self
    }

    /// Also delivers what servicers wrote. By default those messages are settled without being delivered, so that a bot
    /// does not take them for a customer's words.
    pub fn deliver_servicer_messages(mut self) -> Self {
        self.settings.takes_servicers = true;
        self
    }

    /// Sets how long a parked message is kept; 30 days by default ([`defaults::KEEP_PARKED`]).
    pub fn keep_parked(mut self, keep: Duration) -> Self {
        self.settings.keep_parked = keep;
        self
    }

    /// Sets how long a [conversation](Delivery::conversation) is kept after its last change, with its transcript; 30 days
    /// by default ([`defaults::KEEP_CONVERSATIONS`]).
    pub fn keep_conversations(mut self, keep: Duration) -> Self {
        self.settings.conversations.keep = keep;
        self
    }

    /// Sets how many bytes the state of a [conversation](Delivery::conversation) may have as JSON; 64 KiB by default
    /// ([`defaults::CONVERSATION_LIMIT`]). A larger one is not kept, and [`save`](crate::Conversation::save) returns an
    /// error.
    pub fn conversation_limit(mut self, bytes: usize) -> Self {
        self.settings.conversations.limit = bytes;
        self
    }

    /// Sets the version in which the state of a [conversation](Delivery::conversation) is written, 1 by default, and the
    /// function that turns the JSON of an older version into that of this one. Its arguments are the older version and
    /// the JSON. Its result is stored when the handler saves the state.
    ///
    /// A state of a newer version, for example after the bot was rolled back, is an error and stays as it is.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::InboxBuilder;
    /// # #[derive(serde::Deserialize)] struct OldVisits { number: u32 }
    /// # #[derive(serde::Serialize)] struct Visits { count: u32 }
    /// # fn example(builder: InboxBuilder) -> InboxBuilder {
    /// builder.conversation_version(2, |_version, json| {
    ///     let old: OldVisits = serde_json::from_str(json)?;
    ///     Ok(serde_json::to_string(&Visits { count: old.number })?)
    /// })
    /// # }
    /// ```
    pub fn conversation_version(
        mut self,
        version: u32,
        migrate: impl Fn(u32, &str) -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync + 'static,
    ) -> Self {
        self.settings.conversations.version = version;
        self.settings.conversations.migrate = Some(Arc::new(migrate));
        self
    }

    /// Keeps a [transcript](Delivery::transcript) of each customer: the last `messages` that customer, bot and servicers
    /// said, with texts of at most 32 KiB together ([`defaults::TRANSCRIPT_BYTES`]). By default none is kept.
    ///
    /// Stored are: who said it, the text of a text message or the kind of another one, and when. A message of the
    /// customer is stored with its acknowledgement, with the replies and the welcome that the delivery sent. So what was
    /// parked is not part of it until it is replayed. A message of a servicer is stored when it is read, whether it is
    /// delivered or not. What the bot sends in other ways is not stored. Everything is kept as long as the
    /// [conversation](Self::keep_conversations), 30 days after the last message by default, or until the
    /// [customer is forgotten](crate::InboxHandle::forget_customer).
    ///
    /// The conversation of each message is then loaded before the message is handed out.
    pub fn transcript(mut self, messages: usize) -> Self {
        self.settings.conversations.transcript = messages;
        self
    }

    /// Sets how many messages a page has at most, 1 to 1000; 1000 by default.
    pub fn page_size(mut self, messages: u32) -> Self {
        self.settings.page_size = Some(messages.clamp(1, limits::LIMIT_MAX));
        self
    }

    /// Sets the time from the end of a reading to the next poll, a read that no callback announced; 30 s by default
    /// ([`defaults::POLL`]). Up to a tenth is added at random.
    ///
    /// WeCom answers 45009 to an app that reads without a callback's token more than 10 times a minute. So the accounts
    /// that share a client take turns. With many accounts, the time between two polls is at least 6 s for each of them,
    /// whatever is set here: see [`Pacing`](wecom_kf::Pacing). A read for a callback never waits for its turn.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.settings.poll = poll;
        self
    }

    /// Sets from when on [`health`](crate::InboxHandle::health) has a reason not to be ready, such as a store that is down.
    pub fn health_limits(mut self, limits: HealthLimits) -> Self {
        self.settings.health = limits;
        self
    }

    /// Sets how long a lease lasts. While a process holds it, no other process reads the account; 30 s by default
    /// ([`defaults::LEASE`]). When a process dies, another one takes over within that time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets how long a stop waits for the handlers in progress; 20 s by default ([`defaults::STOP_WITHIN`]).
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.settings.stop_within = limit;
        self
    }

    /// Sets the name under which other processes see the holder of the lease, such as the name of the host. A random
    /// number is added, since no two inboxes may have the same name.
    pub fn holder(mut self, name: impl fmt::Display) -> Self {
        self.settings.holder = format!("{name}-{:08x}", fastrand::u32(..));
        self
    }

    /// Sets the format of voice messages; AMR by default.
    pub fn voice_format(mut self, format: VoiceFormat) -> Self {
        self.voice_format = Some(format);
        self
    }

    /// Sets the scope, which tells corps and addresses apart in the store; by default the host and the corp id of the
    /// client. Two clients of one app that use different addresses, such as a proxy, need the same scope.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Takes pages from `source` instead of `sync_msg`. [`open`](Self::open) then does not call WeCom. Polls are paced
    /// as usual, but pages that follow one another are read without a wait. A test that wants no pacing at all builds
    /// its client with [`Pacing::unlimited`](wecom_kf::Pacing::unlimited).
    pub fn source(mut self, source: impl PageSource) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Sets the function that returns the random part of each wait, 0.0 to 1.0. It is meant for tests.
    #[cfg(feature = "test-util")]
    #[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
    pub fn jitter(mut self, jitter: fn() -> f64) -> Self {
        self.settings.jitter = jitter;
        self
    }

    /// Shares the number of messages that are handled at the same time among several inboxes.
    pub(crate) fn slots(mut self, slots: Arc<Semaphore>) -> Self {
        self.slots = Some(slots);
        self
    }

    /// Opens the inbox. Invalid settings are an error that says what to do. A network or a store that is down is not an
    /// error: the running inbox waits for it, and its [status](crate::Status) says so. Nothing is read before the
    /// stream is polled.
    ///
    /// # Errors
    ///
    /// [`Error::Read`]: WeCom refuses the credentials, or the app may not list its accounts. [`Error::NoSuchAccount`]:
    /// the app has no such account. [`Error::Store`]: the stored data is damaged, or belongs to another program or
    /// version. [`Error::Settings`]: a limit is 0.
    pub async fn open(self) -> Result<Inbox, Error> {
        self.check_settings()?;
        if self.source.is_none() {
            check(&self.client, &self.open_kfid).await?;
        }
        self.open_unchecked().await
    }

    pub(crate) fn scope_in_use(&self) -> String {
        self.scope.clone().unwrap_or_else(|| scope_of(&self.client))
    }

    pub(crate) fn check_settings(&self) -> Result<(), Error> {
        let Settings { concurrency, max_unsettled, lease, poll, retries, .. } = &self.settings;
        let is_valid = *concurrency > 0 && *max_unsettled > 0 && !lease.is_zero() && !poll.is_zero();
        if !is_valid || !retries.are_valid() {
            return Err(Error::Settings("concurrency, max_unsettled, tries, lease and poll must be more than 0"));
        }
        Ok(())
    }

    /// Opens the inbox of an account that is known to exist, with settings that are known to be valid.
    pub(crate) async fn open_unchecked(mut self) -> Result<Inbox, Error> {
        let Settings { poll, lease, stop_within, .. } = &mut self.settings;
        for time in [poll, lease, stop_within] {
            *time = (*time).min(LONGEST);
        }
        let scope = self.scope_in_use();
        let store = self.store.unwrap_or_else(|| Arc::new(Memory::new()));
        let key = InboxKey::new(scope, self.open_kfid);
        match store.load(&key).await {
            Err(error) if error.is_retryable() => {
                tracing::warn!(inbox = %key, error = %in_one_line(&error), "opening the inbox although its store is down");
            }
            loaded => drop(loaded?),
        }
        let shared = Shared::new(key, self.client, self.source, self.voice_format, store, self.settings);
        if let Some(slots) = self.slots {
            let _ = shared.slots.set(slots);
        }
        Ok(Inbox::new(Arc::new(shared)))
    }
}

/// Returns whether the app may read the account. Older servers do not say, which counts as yes.
pub(crate) fn may_read(account: &Account) -> bool {
    account.manage_privilege != Some(false)
}

/// Checks that the account can be read. Errors that may pass are left to the running inbox, which waits.
async fn check(client: &Client, open_kfid: &OpenKfid) -> Result<(), Error> {
    match client.accounts().list().await {
        Ok(accounts) if accounts.iter().any(|account| account.open_kfid == *open_kfid && may_read(account)) => Ok(()),
        Ok(_) => Err(Error::NoSuchAccount { open_kfid: open_kfid.clone() }),
        Err(error) if error.is_retryable() => {
            tracing::warn!(%open_kfid, error = %in_one_line(&error), "opening the inbox although its account cannot be checked now");
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
