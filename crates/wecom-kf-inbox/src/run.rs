use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

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
    /// How many messages were not settled when it ended: they come again at the next start.
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
    /// Handles messages until it is [stopped](crate::InboxHandle::stop).
    ///
    /// See [`run_until`](Self::run_until).
    ///
    /// # Errors
    ///
    /// One that [is final](Error::is_final): the store is corrupt. All else passes, and goes to `tracing` and
    /// [`metrics`](Self::metrics).
    pub async fn run<H, F>(self, handler: H) -> Result<Summary, Error>
    where
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.run_until(std::future::pending::<()>(), handler).await
    }

    /// Handles messages until `stop` ends, such as a signal; then finishes what is at work, commits and returns.
    ///
    /// Each message is handled on a task of its own: those of one customer one after the other, in order, those of
    /// different customers side by side, so many at once as [`concurrency`](crate::InboxBuilder::concurrency) says.
    ///
    /// `Ok` acknowledges the message. What a [`Failure`] does, it says; a panic is a failed try of that message alone.
    /// While a message waits for its next try, other customers go on.
    ///
    /// A handler that never ends holds up its customer, and after the page ahead everybody: give what may hang a limit.
    /// Dropping the future is a crash in small: at most the page at work is repeated.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn run_until<S, H, F>(mut self, stop: S, handler: H) -> Result<Summary, Error>
    where
        S: Future,
        H: Fn(Delivery) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let concurrency = self.shared().settings.concurrency.min(Semaphore::MAX_PERMITS);
        self.shared().slots.get_or_init(|| Arc::new(Semaphore::new(concurrency)));
        let (handle, handler) = (self.handle(), Arc::new(handler));
        // Those that are left when it returns are aborted.
        let mut at_work = JoinSet::new();
        let mut stop = Box::pin(stop.fuse());
        let mut ended_by = None;
        loop {
            tokio::select! {
                biased;
                _ = &mut stop => handle.stop(),
                Some(_) = at_work.join_next() => {}
                item = self.next() => match item {
                    Some(Ok(delivery)) => drop(at_work.spawn(handle_one(handler.clone(), delivery))),
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
    let id: Arc<str> = Arc::from(delivery.id());
    // The call itself may panic too.
    let handling = AssertUnwindSafe(async { handler(delivery).await });
    let verdict = match handling.catch_unwind().await {
        Ok(Ok(())) => Verdict::Ack,
        Ok(Err(failure)) => {
            tracing::warn!(msgid = %id, ?failure, "the handler failed");
            failure.into_verdict()
        }
        Err(_) => {
            // What it says may hold a customer's words; the panic hook has shown it already.
            tracing::error!(msgid = %id, "the handler panicked");
            Verdict::Retry { reason: "the handler panicked".to_owned() }
        }
    };
    answering.answer(verdict);
}
