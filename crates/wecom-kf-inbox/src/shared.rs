//! What an inbox and its handles share.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use wecom_kf::Client;
use wecom_kf::messages::VoiceFormat;

use crate::ColdStart;
use crate::batch::Quiet;
use crate::clock::unix_seconds;
use crate::conversation::ConversationSettings;
use crate::defaults;
use crate::delivery::Delivery;
use crate::engine::Exchange;
use crate::failure::{Failure, Retries};
use crate::health::HealthLimits;
use crate::open_sessions::OpenSessions;
use crate::page_source::{ClientSource, PageSource};
use crate::store::{InboxKey, InboxStore, REMEMBERED};

pub(crate) struct Shared {
    pub(crate) key: InboxKey,
    pub(crate) client: Client,
    pub(crate) source: Arc<dyn PageSource>,
    /// Whether the source is `sync_msg` of the client and not one that the caller supplied.
    pub(crate) reads_wecom: bool,
    pub(crate) store: Arc<dyn InboxStore>,
    pub(crate) settings: Settings,
    /// When the inbox was opened, in Unix seconds.
    pub(crate) opened_at: i64,
    /// How many messages may be handled at the same time; no limit unless `run` or a group sets one.
    pub(crate) slots: OnceLock<Arc<Semaphore>>,
    /// When the messages of a customer form a batch; never unless it is set.
    pub(crate) quiet: OnceLock<Quiet>,
    pub(crate) exchange: Exchange,
    pub(crate) open_sessions: OpenSessions,
}

/// A function that is called with each failure of a handler.
pub(crate) type FailureHook = Arc<dyn Fn(&Delivery, &Failure) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) cold_start: ColdStart,
    pub(crate) holder: String,
    pub(crate) concurrency: usize,
    pub(crate) max_unsettled: usize,
    pub(crate) retries: Retries,
    pub(crate) handler_timeout: Option<Duration>,
    pub(crate) on_failure: Option<FailureHook>,
    pub(crate) shows_handler_errors: bool,
    pub(crate) takes_servicers: bool,
    pub(crate) checks_session: bool,
    pub(crate) keep_parked: Duration,
    pub(crate) conversations: ConversationSettings,
    pub(crate) page_size: Option<u32>,
    pub(crate) poll: Duration,
    pub(crate) lease: Duration,
    pub(crate) stop_within: Duration,
    pub(crate) health: HealthLimits,
    pub(crate) jitter: fn() -> f64,
}

impl Settings {
    /// Returns how many ids must be remembered so that they include every message settled beyond the cursor. While the
    /// cursor waits for one message, messages before it in the window and messages that come later may settle.
    pub(crate) fn remembered(&self) -> usize {
        let window = self.max_unsettled + defaults::SETTLED_AHEAD + defaults::MOST_PER_PAGE;
        REMEMBERED.max(2 * window)
    }

    /// Returns how many parked messages are replayed at the same time: half of what may be handled, so that there is
    /// always room for live messages.
    pub(crate) fn replays_at_once(&self) -> usize {
        (self.concurrency / 2).clamp(1, defaults::REPLAYS_AT_ONCE)
    }
}

impl Shared {
    pub(crate) fn new(
        key: InboxKey,
        client: Client,
        own_source: Option<Arc<dyn PageSource>>,
        voice_format: Option<VoiceFormat>,
        store: Arc<dyn InboxStore>,
        settings: Settings,
    ) -> Self {
        let (opened_at, exchange) = (unix_seconds(), Exchange::default());
        let reads_wecom = own_source.is_none();
        let source = own_source.unwrap_or_else(|| Arc::new(ClientSource { client: client.clone(), voice_format }));
        let (slots, quiet) = (OnceLock::new(), OnceLock::new());
        Self {
            key,
            client,
            source,
            reads_wecom,
            store,
            settings,
            opened_at,
            slots,
            quiet,
            exchange,
            open_sessions: OpenSessions::default(),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("cold_start", &self.cold_start)
            .field("holder", &self.holder)
            .field("concurrency", &self.concurrency)
            .field("max_unsettled", &self.max_unsettled)
            .field("retries", &self.retries)
            .field("poll", &self.poll)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
