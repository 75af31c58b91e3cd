use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use futures_util::stream::Stream;
use wecom_kf::{Client, OpenKfid, SyncToken};
use wecom_kf_callback::Event;

use crate::Error;
use crate::builder::InboxBuilder;
use crate::delivery::Delivery;
use crate::engine::Engine;
use crate::metrics::Metrics;
use crate::shared::Shared;
use crate::store::{InboxKey, Parked, ParkedKind, StoreError};

/// The messages of an account, each at least once: a stream of [`Delivery`]s and of errors after which it goes on.
///
/// Poll it, or give it a handler: [`run`](Self::run), [`run_until`](Self::run_until). It ends after
/// [`stop`](InboxHandle::stop) and after an error that [is final](Error::is_final).
///
/// Deliveries of one customer come one after the other: the next when the one before is answered. So whoever collects
/// deliveries without answering them waits for ever.
pub struct Inbox {
    step: Step,
    handle: InboxHandle,
}

enum Step {
    Idle(Box<Engine>),
    /// Gives the engine back, and what came of the step.
    Under(BoxFuture<'static, (Box<Engine>, Option<Item>)>),
    Ended,
}

type Item = Result<Delivery, Error>;

impl Inbox {
    /// Starts an inbox of an account.
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
        let handle = InboxHandle(shared.clone());
        Self { step: Step::Idle(Box::new(Engine::new(shared))), handle }
    }

    /// A handle, to wake, watch and stop it while it runs.
    pub fn handle(&self) -> InboxHandle {
        self.handle.clone()
    }

    /// Tells it of a callback: see [`InboxHandle::wake`].
    pub fn wake(&self, event: &Event) -> bool {
        self.handle.wake(event)
    }

    /// How it does.
    pub fn metrics(&self) -> Metrics {
        self.handle.metrics()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.0
    }
}

impl Stream for Inbox {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Step::Idle(_) = self.step
            && let Step::Idle(mut engine) = std::mem::replace(&mut self.step, Step::Ended)
        {
            self.step = Step::Under(Box::pin(async move {
                let item = engine.step().await;
                (engine, item)
            }));
        }
        let Step::Under(step) = &mut self.step else { return Poll::Ready(None) };
        let Poll::Ready((engine, item)) = step.as_mut().poll(context) else { return Poll::Pending };
        self.step = if item.is_some() { Step::Idle(engine) } else { Step::Ended };
        Poll::Ready(item)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("key", self.handle.key()).finish_non_exhaustive()
    }
}

/// Wakes, watches and stops an inbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InboxHandle(Arc<Shared>);

impl InboxHandle {
    /// Which inbox it is, in the store.
    pub fn key(&self) -> &InboxKey {
        &self.0.key
    }

    /// Tells it of a callback: it reads at once, with the callback's token. However many come while it reads, it reads
    /// once more. False if the event is none of this account's. It never waits: answer WeCom right after it.
    pub fn wake(&self, event: &Event) -> bool {
        let Event::KfMsgOrEvent(news) = event else { return false };
        if news.open_kfid.as_deref().is_some_and(|open_kfid| open_kfid != self.0.key.open_kfid().as_str()) {
            return false;
        }
        self.0.wake(Some(SyncToken::from(news.token.expose())), news.create_time);
        true
    }

    /// How it does.
    pub fn metrics(&self) -> Metrics {
        self.0.metrics().clone()
    }

    /// Lets it finish the page at work, commit and end: its stream ends, and [`run`](Inbox::run) returns. What is not
    /// answered within the time for it (20 s unless said) is repeated at the next start.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// The messages and pages that were parked, in the order they were. They hold what customers wrote.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn parked(&self) -> Result<Vec<Parked>, StoreError> {
        self.0.store.parked(&self.0.key).await
    }

    /// Delivers a parked message again, to the handler of this inbox, and once this inbox reads: ask where the lease is.
    /// It stays parked until it is acknowledged; a crash before that changes nothing.
    /// False if there is none with this id, or it is a page, which cannot be delivered.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn replay(&self, id: &str) -> Result<bool, StoreError> {
        let parked = self.parked().await?.into_iter().find(|parked| parked.id == id);
        let Some(parked) = parked.filter(|parked| parked.kind == ParkedKind::Message) else { return Ok(false) };
        self.0.replay(parked);
        Ok(true)
    }

    /// Deletes what is parked under this id. False if there is nothing.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn drop_parked(&self, id: &str) -> Result<bool, StoreError> {
        self.0.store.drop_parked(&self.0.key, id).await
    }
}
