//! The inbox as a stream, and its handle.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use wecom_kf::{Client, ExternalUserId, OpenKfid};
use wecom_kf_callback::Event;

use crate::builder::InboxBuilder;
use crate::delivery::Delivery;
use crate::engine;
use crate::metrics::Metrics;
use crate::shared::Shared;
use crate::store::{
    ConversationPage, ConversationQuery, InboxKey, Parked, ParkedPage, ParkedQuery, StoreError, Wake, wish_all,
};
use crate::{Error, Health, HealthLimits};

/// The messages of an account, each at least once: a stream of [`Delivery`]s, and of errors after which it continues.
///
/// Poll it, or give it a handler: [`run`](Self::run), [`run_until`](Self::run_until). It ends after
/// [`stop`](InboxHandle::stop), and after an error that [is final](Error::is_final).
///
/// The deliveries of one customer come one after the other: the next one comes when the one before has been answered.
/// So a caller that collects deliveries without answering them waits for ever.
pub struct Inbox {
    engine: Running,
    handle: InboxHandle,
    /// A permit to handle one more message, and the future that waits for it.
    permit: Option<OwnedSemaphorePermit>,
    permit_wait: Option<BoxFuture<'static, Option<OwnedSemaphorePermit>>>,
    /// The deliveries whose conversations are being loaded, since transcripts are kept.
    loading: FuturesUnordered<BoxFuture<'static, Option<Delivery>>>,
}

/// The engine's task.
enum Running {
    NotYet,
    Runs(JoinHandle<()>),
    Ended,
}

type Item = Result<Delivery, Error>;

impl Inbox {
    /// Starts to build an inbox of an account.
    ///
    /// ```no_run
    /// # use wecom_kf::Client;
    /// # use wecom_kf_inbox::Report;
    /// use wecom_kf_inbox::{ColdStart, Inbox, store::Memory};
    ///
    /// # async fn example(client: Client) -> Result<(), Report> {
    /// let inbox = Inbox::builder(client, "wk…").store(Memory::new()).cold_start(ColdStart::FromNow).open().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(client: Client, open_kfid: impl Into<OpenKfid>) -> InboxBuilder {
        InboxBuilder::new(client, open_kfid.into())
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            engine: Running::NotYet,
            handle: InboxHandle(shared),
            permit: None,
            permit_wait: None,
            loading: FuturesUnordered::new(),
        }
    }

    /// Returns a handle, to wake, watch and stop the inbox while it runs.
    pub fn handle(&self) -> InboxHandle {
        self.handle.clone()
    }

    /// Passes a callback to the inbox: see [`InboxHandle::wake`].
    pub fn wake(&self, event: &Event) -> bool {
        self.handle.wake(event)
    }

    /// Returns the state of the inbox and its counters.
    pub fn metrics(&self) -> Metrics {
        self.handle.metrics()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.0
    }

    fn poll_delivery(&mut self, context: &mut Context<'_>) -> Poll<Option<Item>> {
        // Polling an empty set costs something, too.
        while !self.loading.is_empty()
            && let Poll::Ready(Some(loaded)) = self.loading.poll_next_unpin(context)
        {
            if let Some(delivery) = loaded {
                return Poll::Ready(Some(Ok(delivery)));
            }
        }
        if !self.shared().exchange.is_ready(context.waker()) {
            // Other inboxes may share the permits.
            self.permit = None;
            self.permit_wait = None;
            return Poll::Pending;
        }
        ready!(self.poll_permit(context));
        let Some((ticket, handed_out)) = self.shared().exchange.take() else {
            // The lease was lost, or the inbox was stopped, while this waited for the permit.
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        let permit = self.permit.take();
        let delivery = Delivery::new(ticket, handed_out, self.shared().clone(), permit);
        if self.shared().settings.conversations.keeps_transcripts() {
            self.loading.push(delivery.prepared().boxed());
            // Polls what was just added.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(delivery)))
    }

    /// Waits until one more message may be handled.
    fn poll_permit(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(slots) = self.shared().slots.get().filter(|_| self.permit.is_none()).cloned() else {
            return Poll::Ready(());
        };
        if self.permit_wait.is_none() {
            match slots.clone().try_acquire_owned() {
                Ok(permit) => {
                    self.permit = Some(permit);
                    return Poll::Ready(());
                }
                Err(_) => self.permit_wait = Some(slots.acquire_owned().map(Result::ok).boxed()),
            }
        }
        if let Some(wait) = &mut self.permit_wait {
            self.permit = ready!(wait.poll_unpin(context));
            self.permit_wait = None;
        }
        Poll::Ready(())
    }
}

impl Stream for Inbox {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Running::NotYet = self.engine {
            self.engine = Running::Runs(tokio::spawn(engine::run(self.shared().clone())));
        }
        loop {
            if let Some(error) = self.shared().exchange.take_error() {
                return Poll::Ready(Some(Err(error)));
            }
            let Running::Runs(task) = &mut self.engine else { return Poll::Ready(None) };
            // An engine that has ended hands out nothing more, and its last errors are in the queue.
            match task.poll_unpin(context) {
                Poll::Ready(ended) => {
                    self.engine = Running::Ended;
                    if let Err(error) = ended
                        && error.is_panic()
                    {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
                Poll::Pending => return self.poll_delivery(context),
            }
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if let Running::Runs(task) = &self.engine {
            task.abort();
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("key", self.handle.key()).finish_non_exhaustive()
    }
}

/// Wakes, watches, pauses and stops an inbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InboxHandle(Arc<Shared>);

impl InboxHandle {
    /// Returns the key of this inbox in the store.
    pub fn key(&self) -> &InboxKey {
        &self.0.key
    }

    /// Passes a callback to the inbox, which reads at once with the callback's token. However many callbacks come while
    /// it reads, it reads once more. If another process reads the account, the callback reaches it through the store, if the
    /// store is one of several processes such as `Redis`. Returns whether the event concerns this account. This never waits, so answer WeCom
    /// right after it.
    pub fn wake(&self, event: &Event) -> bool {
        let Event::KfMsgOrEvent(callback) = event else { return false };
        if callback.open_kfid.as_deref().is_some_and(|open_kfid| open_kfid != self.0.key.open_kfid().as_str()) {
            return false;
        }
        let wake = Wake::from(callback);
        if !self.0.exchange.desk().holds_lease() {
            let shared = self.0.clone();
            engine::pass_on(&self.0.store, self.0.key.clone(), wake.clone(), move |number| {
                shared.exchange.desk().last_wake = number;
            });
        }
        self.0.exchange.wake(wake);
        true
    }

    /// Passes a callback to this inbox alone.
    pub(crate) fn wake_here(&self, wake: Wake) {
        self.0.exchange.wake(wake);
    }

    /// Returns a function that passes callbacks to the inbox, as [`wake`](Self::wake) does, for a server or a simulator that
    /// lives longer than the inbox. The function does not keep the store open. It returns false once the inbox and its
    /// handles are gone.
    pub fn waker(&self) -> impl Fn(&Event) -> bool + Send + Sync + 'static {
        let shared = Arc::downgrade(&self.0);
        move |event| shared.upgrade().is_some_and(|shared| Self(shared).wake(event))
    }

    /// Returns the state of the inbox and its counters.
    pub fn metrics(&self) -> Metrics {
        self.0.exchange.desk().snapshot()
    }

    /// Returns whether the inbox is alive and ready, and why not. A standby is both.
    pub fn health(&self) -> Health {
        self.metrics().health(self.0.key.open_kfid(), self.health_limits())
    }

    pub(crate) fn health_limits(&self) -> &HealthLimits {
        &self.0.settings.health
    }

    /// Returns the endpoints `/health/live` and `/health/ready`. They answer 200 or 503, with the [`health`](Self::health)
    /// as JSON. They do not keep the store open.
    #[cfg(feature = "axum")]
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn health_routes(&self) -> wecom_kf::callback::Router {
        let (shared, account) = (Arc::downgrade(&self.0), self.0.key.open_kfid().clone());
        crate::health::routes(move || match shared.upgrade() {
            Some(shared) => Self(shared).health(),
            None => Health::of_ended(Some(&account)),
        })
    }

    /// Ends the inbox. Nothing more is handed out, handlers in progress may end (within 20 s unless set otherwise),
    /// their answers are stored, and the lease is released at once. Then the stream ends, and [`run`](Inbox::run)
    /// returns. Messages that are not answered, or wait for a retry, are delivered at the next start.
    pub fn stop(&self) {
        self.0.exchange.stop();
    }

    /// Pauses the inbox until [`resume`](Self::resume): it reads nothing and hands out nothing. Handlers in progress
    /// continue, and the lease is kept. WeCom keeps messages for only three days.
    pub fn pause(&self) {
        self.0.exchange.pause(true);
    }

    /// Continues after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.0.exchange.pause(false);
    }

    /// Lists parked messages and pages, oldest first. They hold what customers wrote.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::{InboxHandle, store::{ParkedQuery, StoreError}};
    /// # async fn example(handle: InboxHandle) -> Result<(), StoreError> {
    /// let mut query = ParkedQuery::first(100);
    /// loop {
    ///     let page = handle.parked(&query).await?;
    ///     for parked in &page.items {
    ///         println!("{} {}", parked.id, parked.reason);
    ///     }
    ///     let Some(next) = page.next else { break };
    ///     query = query.after(Some(next));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn parked(&self, query: &ParkedQuery) -> Result<ParkedPage, StoreError> {
        self.0.store.parked(&self.0.key, query).await
    }

    /// Asks for a parked message or page to be delivered again. Returns whether there is one with this id.
    ///
    /// The wish is kept in the store. Whichever process reads the account fulfils it, at a bounded rate and after
    /// live messages. A message that is dropped before that is not delivered. A replayed message stays parked until it
    /// is acknowledged. If the process is killed while it handles the message, the message stays parked and the wish
    /// has ended. The messages of a page are delivered if this version can decode the page.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn replay(&self, id: &str) -> Result<bool, StoreError> {
        let count = self.0.store.wish_replays(&self.0.key, &[id.to_owned()]).await?;
        self.0.exchange.look_for_wishes();
        Ok(count > 0)
    }

    /// Asks for all parked messages and pages for which `is_meant` returns true to be delivered again: see
    /// [`replay`](Self::replay). Returns the number of these.
    ///
    /// # Errors
    ///
    /// Those of the store. Some of the wishes may have been stored by then.
    pub async fn replay_all(&self, is_meant: impl Fn(&Parked) -> bool + Send) -> Result<usize, StoreError> {
        let wished = wish_all(&*self.0.store, &self.0.key, is_meant).await;
        self.0.exchange.look_for_wishes();
        wished
    }

    /// Lists the [conversations](Delivery::conversation) of the account, in the order of their customers' ids. They may
    /// hold what customers wrote. Those of the last half second may not be stored yet.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn conversations(&self, query: &ConversationQuery) -> Result<ConversationPage, StoreError> {
        self.0.store.conversations(&self.0.key, query).await
    }

    /// Deletes what the account keeps of a customer: the [conversation](Delivery::conversation) and the transcript.
    /// Returns whether something was stored. Any process may call it.
    ///
    /// A handler that loaded the conversation before does not restore it. A message that comes later, or is handled at
    /// that moment and is the first of its customer, begins a new one. Parked messages of the customer stay: look for
    /// them by [`parked`](Self::parked).
    ///
    /// # Errors
    ///
    /// Those of the store. The conversation may then be deleted or not.
    pub async fn forget_customer(&self, customer: &ExternalUserId) -> Result<bool, StoreError> {
        self.0.exchange.forget_customer(customer);
        self.0.store.forget_customer(&self.0.key, customer).await
    }

    /// Deletes what is parked under this id. Returns whether there was something.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn drop_parked(&self, id: &str) -> Result<bool, StoreError> {
        let was_there = self.0.store.drop_parked(&self.0.key, id).await?;
        self.0.exchange.withdraw(id);
        Ok(was_there)
    }
}
