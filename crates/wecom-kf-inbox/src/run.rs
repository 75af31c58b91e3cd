//! Calls the handler for each message: how many at once, the time limit, panics, and what becomes of a failure.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Instrument;

use crate::delivery::{Delivery, Verdict};
use crate::inbox::Inbox;
use crate::{Error, Failure};

/// What an inbox did until it ended. Display shows it in one line: `handled 812, parked 1, left 3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How many messages were acknowledged.
    pub handled: u64,
    /// How many messages and pages were parked.
    pub parked: u64,
    /// How many tries failed and were followed by another.
    pub retries: u64,
    /// How many of the messages that were read come again at the next start. They are not settled, or this could not be
    /// stored.
    pub left: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handled {}, parked {}, left {}", self.handled, self.parked, self.left)
    }
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.handled += other.handled;
        self.parked += other.parked;
        self.retries += other.retries;
        self.left += other.left;
    }
}

impl Inbox {
    /// Handles messages until it is [stopped](crate::InboxHandle::stop): see [`run_until`](Self::run_until).
    ///
    /// # Errors
    ///
    /// One that [is final](Error::is_final), such as that of a corrupt store. All other errors pass; they go to
    /// `tracing` and [`metrics`](Self::metrics).
    pub async fn run<H, F>(self, handler: H) -> Result<Summary, Error>
    where
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.run_until(std::future::pending::<()>(), handler).await
    }

    /// Handles messages with a state that all handlers share, such as a connection pool, until the inbox is
    /// [stopped](crate::InboxHandle::stop): see [`run_until`](Self::run_until). A bot that ends with a signal gives its state
    /// to `run_until` in a closure: `inbox.run_until(signal, move |delivery| answer(shop.clone(), delivery))`.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use wecom_kf_inbox::{Delivery, Error, Failure, Inbox, Summary};
    ///
    /// struct Shop {
    ///     hours: String,
    /// }
    ///
    /// async fn run(inbox: Inbox) -> Result<Summary, Error> {
    ///     let shop = Arc::new(Shop { hours: "9:00–18:00".to_owned() });
    ///     let handle = inbox.handle();
    ///     tokio::spawn(async move {
    ///         std::future::pending::<()>().await; // a signal
    ///         handle.stop();
    ///     });
    ///     inbox.run_with(shop, answer).await
    /// }
    ///
    /// async fn answer(shop: Arc<Shop>, delivery: Delivery) -> Result<(), Failure> {
    ///     delivery.reply(&shop.hours).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// One that [is final](Error::is_final).
    pub async fn run_with<T, H, F>(self, state: Arc<T>, handler: H) -> Result<Summary, Error>
    where
        T: Send + Sync + 'static,
        H: Fn(Arc<T>, Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.run(move |delivery| handler(state.clone(), delivery)).await
    }

    /// Handles messages until the future `stop` ends, such as a signal. Then it hands out nothing more, lets the
    /// handlers in progress end, stores their answers, and returns.
    ///
    /// Messages of different customers are handled at the same time, [16](crate::defaults::CONCURRENCY) unless set
    /// otherwise; those of one customer one after the other. A handler that returns `Ok` acknowledges its message; after
    /// an error, a panic or the [time limit](crate::InboxBuilder::handler_timeout) the message is tried again or parked:
    /// see [`Failure`]. A handler may also answer the delivery itself; then its result does not count.
    ///
    /// # Errors
    ///
    /// One that [is final](Error::is_final).
    pub async fn run_until<S, H, F>(self, stop: S, handler: H) -> Result<Summary, Error>
    where
        S: Future,
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let concurrency = self.shared().settings.concurrency.min(Semaphore::MAX_PERMITS);
        // A group sets the permits before it runs its inboxes.
        self.shared().slots.get_or_init(|| Arc::new(Semaphore::new(concurrency)));
        let handle = self.handle();
        // The dispatcher has a task of its own, beside those of the handlers. So a thread that waits elsewhere, such as
        // that of `main`, is not woken for each message. Dropping the `JoinSet` aborts the dispatcher, which aborts its
        // handlers.
        let mut dispatcher = JoinSet::new();
        dispatcher.spawn(self.dispatch(handler));
        let mut stop = pin!(stop.fuse());
        loop {
            tokio::select! {
                biased;
                _ = &mut stop => handle.stop(),
                Some(ended) = dispatcher.join_next() => return match ended {
                    Ok(summary) => summary,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                },
            }
        }
    }

    /// Spawns the handler on each message, until the inbox ends.
    async fn dispatch<H, F>(mut self, handler: H) -> Result<Summary, Error>
    where
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        // Handlers that are still running when this returns are aborted.
        let mut running = JoinSet::new();
        let mut ended_by = None;
        loop {
            tokio::select! {
                biased;
                Some(_) = running.join_next() => {}
                item = self.next() => match item {
                    Some(Ok(delivery)) => {
                        let span = delivery.span().clone();
                        running.spawn(handle_one(handler.clone(), delivery).instrument(span));
                    }
                    Some(Err(error)) if error.is_final() => ended_by = Some(error),
                    Some(Err(_)) => {}
                    None => break,
                },
            }
        }
        match ended_by {
            Some(error) => Err(error),
            None => Ok(self.summary()),
        }
    }

    fn summary(&self) -> Summary {
        let metrics = self.metrics();
        let summary = Summary {
            handled: metrics.acked,
            parked: metrics.parked,
            retries: metrics.retries,
            left: metrics.lag_messages as u64,
        };
        tracing::info!(inbox = %self.handle().key(), %summary, "the inbox has ended");
        summary
    }
}

async fn handle_one<H, F>(handler: Arc<H>, mut delivery: Delivery)
where
    H: Fn(Delivery) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let (answering, _permit) = delivery.answered_elsewhere();
    let settings = &answering.shared().settings;
    let kept = delivery.for_hook();
    // The call that creates the future may panic too.
    let handling = AssertUnwindSafe(async { handler(delivery).await }).catch_unwind();
    let outcome = match settings.handler_timeout {
        None => handling.await,
        Some(limit) => timeout(limit, handling).await.unwrap_or_else(|_| Ok(Err(Failure::of_time_limit(limit)))),
    };
    let failure = match outcome {
        Ok(Ok(())) => return answering.answer(Verdict::Ack),
        Ok(Err(failure)) => failure,
        // The text of a panic may hold a customer's words. The panic hook has already printed it.
        Err(_) => Failure::of_panic(),
    };
    let shown = failure.shown(settings.shows_handler_errors);
    tracing::warn!(msgid = %kept.id(), class = %failure.class(), tries = kept.tries(), error = %shown, "the handler failed");
    if let Some(hook) = &settings.on_failure
        && std::panic::catch_unwind(AssertUnwindSafe(|| hook(&kept, &failure))).is_err()
    {
        tracing::error!("the failure hook panicked");
    }
    answering.answer(failure.into_verdict(settings.shows_handler_errors));
}
