//! Batches: messages of one customer in a row that are handled as one. Which messages form a batch, and when it is
//! complete, is decided in `engine/window/batches.rs`.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use wecom_kf::messages::{Content, Message};

use crate::delivery::Delivery;
use crate::group::{GroupHandle, InboxGroup};
use crate::inbox::{Inbox, InboxHandle};
use crate::run::Summary;
use crate::{Error, Failure, defaults};

/// When the messages of a customer are handed out as a [`Batch`]: [`Inbox::batch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    pub(crate) quiet: Duration,
    pub(crate) at_most: Duration,
    pub(crate) messages: usize,
}

impl Quiet {
    /// Waits until the customer has written nothing for this long; in all at most 10 seconds
    /// ([`defaults::BATCH_WAIT`]) and for at most 20 messages ([`defaults::BATCH_MESSAGES`]).
    pub const fn of(quiet: Duration) -> Self {
        Self { quiet, at_most: defaults::BATCH_WAIT, messages: defaults::BATCH_MESSAGES }
    }

    /// Sets how long the first message of a batch waits at most.
    #[must_use]
    pub const fn at_most(mut self, wait: Duration) -> Self {
        self.at_most = wait;
        self
    }

    /// Sets how many messages a batch has at most, at least 1.
    #[must_use]
    pub const fn messages(mut self, most: usize) -> Self {
        self.messages = if most == 0 { 1 } else { most };
        self
    }
}

/// Messages of one customer in a row, oldest first, at least one. It is acknowledged, tried again and parked as one.
///
/// A batch is a [`Delivery`] of several messages, and has all its methods: [`reply`](Delivery::reply),
/// [`conversation`](Delivery::conversation), … Those that concern a single message, such as
/// [`message`](Delivery::message) and [`id`](Delivery::id), concern the first one.
///
/// The msgid of a reply is derived from the ids of all messages of the batch. So a batch that is tried again is not
/// answered again. After a crash, the messages may be in other batches, for example together with a newer message; then
/// the new batch is answered, too.
#[derive(Debug)]
pub struct Batch(Delivery);

impl Batch {
    /// Returns the messages, oldest first.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.0.messages()
    }

    /// Returns the texts of the text messages, a line for each.
    pub fn text(&self) -> String {
        let texts = self.messages().filter_map(|message| match message.content() {
            Content::Text(text) => Some(text.content.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// Acknowledges all messages: they are handled.
    pub fn ack(self) {
        self.0.ack();
    }

    /// Tries the batch again after a while: see [`Delivery::retry_later`].
    pub fn retry_later(self) {
        self.0.retry_later();
    }

    /// Parks the batch: see [`Delivery::park`].
    pub fn park(self, reason: impl Into<String>) {
        self.0.park(reason);
    }
}

impl Deref for Batch {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.0
    }
}

/// An inbox that hands out batches: [`Inbox::batch`].
#[derive(Debug)]
#[must_use = "nothing is read before `run`"]
pub struct Batches(Inbox);

impl Inbox {
    /// Hands out the messages of a customer as one [`Batch`] when the customer pauses, since many write three short
    /// messages in a row.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use wecom_kf_inbox::{Batch, Error, Failure, Inbox, Quiet, Summary};
    ///
    /// async fn run(inbox: Inbox) -> Result<Summary, Error> {
    ///     let quiet = Quiet::of(Duration::from_secs(2)).at_most(Duration::from_secs(10)).messages(20);
    ///     inbox.batch(quiet).run(answer).await
    /// }
    ///
    /// async fn answer(batch: Batch) -> Result<(), Failure> {
    ///     batch.reply(format!("您说：{}", batch.text())).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// A batch is acknowledged, tried again and parked as one. Messages that arrive while it is handled form the next
    /// one. Each message is handled at least once, in order, as without batches.
    ///
    /// An event, and what a servicer wrote, is a batch of its own. It is handed out without a wait, and so are the
    /// messages before it. While the inbox looks for a message that kills its process, each message is a batch of its
    /// own, too.
    pub fn batch(self, quiet: Quiet) -> Batches {
        let _ = self.shared().quiet.set(quiet);
        Batches(self)
    }
}

impl Batches {
    /// Returns a handle, to wake, watch and stop the inbox while it runs.
    pub fn handle(&self) -> InboxHandle {
        self.0.handle()
    }

    /// Handles batches until the inbox is [stopped](InboxHandle::stop): see [`Inbox::run_until`].
    ///
    /// # Errors
    ///
    /// One that [is final](Error::is_final).
    pub async fn run<H, F>(self, handler: H) -> Result<Summary, Error>
    where
        H: Fn(Batch) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.0.run(move |delivery| handler(Batch(delivery))).await
    }

    /// Handles batches until `stop` ends: see [`Inbox::run_until`].
    ///
    /// # Errors
    ///
    /// One that [is final](Error::is_final).
    pub async fn run_until<S, H, F>(self, stop: S, handler: H) -> Result<Summary, Error>
    where
        S: Future,
        H: Fn(Batch) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.0.run_until(stop, move |delivery| handler(Batch(delivery))).await
    }

    /// Handles batches with a shared state until the inbox is [stopped](InboxHandle::stop): see [`Inbox::run_with`].
    ///
    /// # Errors
    ///
    /// One that [is final](Error::is_final).
    pub async fn run_with<T, H, F>(self, state: Arc<T>, handler: H) -> Result<Summary, Error>
    where
        T: Send + Sync + 'static,
        H: Fn(Arc<T>, Batch) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.run(move |batch| handler(state.clone(), batch)).await
    }
}

/// A group of inboxes that hand out batches: [`InboxGroup::batch`].
#[derive(Debug)]
#[must_use = "nothing is read before `run`"]
pub struct GroupBatches(InboxGroup);

impl InboxGroup {
    /// Hands out the messages of each customer as one [`Batch`] when the customer pauses: see [`Inbox::batch`].
    pub fn batch(self, quiet: Quiet) -> GroupBatches {
        GroupBatches(self.with_quiet(quiet))
    }
}

impl GroupBatches {
    /// Returns a handle, to wake, watch and stop the group while it runs.
    pub fn handle(&self) -> GroupHandle {
        self.0.handle()
    }

    /// Handles the batches of all accounts until the group is stopped: see [`InboxGroup::run_until`].
    pub async fn run<H, F>(self, handler: H) -> Summary
    where
        H: Fn(Batch) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.0.run(move |delivery| handler(Batch(delivery))).await
    }

    /// Handles the batches of all accounts until `stop` ends: see [`InboxGroup::run_until`].
    pub async fn run_until<S, H, F>(self, stop: S, handler: H) -> Summary
    where
        S: Future,
        H: Fn(Batch) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.0.run_until(stop, move |delivery| handler(Batch(delivery))).await
    }

    /// Handles the batches of all accounts with a shared state until the group is stopped.
    pub async fn run_with<T, H, F>(self, state: Arc<T>, handler: H) -> Summary
    where
        T: Send + Sync + 'static,
        H: Fn(Arc<T>, Batch) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.run(move |batch| handler(state.clone(), batch)).await
    }
}
