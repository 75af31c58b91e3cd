//! A message to handle, and the answer to it.

mod answer;
mod ending;
mod media;
mod reply;
mod session;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tracing::Span;
use wecom_kf::messages::{Content, Event, Message, Outgoing};
use wecom_kf::meters::Stopwatch;
use wecom_kf::{Client, ExternalUserId, OpenKfid};

use crate::conversation::{Draft, Said};
use crate::engine::{HandOut, Letter, Ticket, in_time};
use crate::meters;
use crate::shared::Shared;
use crate::store::{ConversationQuery, InboxStore, StoreError};
use crate::{ConversationError, Failure, FailureClass, RetryPolicy};
pub use answer::AnswerError;
pub(crate) use ending::{Ending, Why};
use reply::Numbers;
pub use reply::{Replied, Reply};
pub use session::HandOver;

/// A message to handle, with the methods to answer it.
///
/// Answer it by [`ack`](Self::ack), [`retry_later`](Self::retry_later) or [`park`](Self::park). A delivery that is dropped
/// without an answer counts as a failed try, unless it went to the handler of [`run`](crate::Inbox::run): there the
/// handler's result is the answer, unless one was given before.
///
/// The customer's next message is delivered after this one is answered.
pub struct Delivery {
    answering: Arc<Answering>,
    letter: Arc<Letter>,
    /// The other messages of the batch.
    more: Option<Arc<[Arc<Letter>]>>,
    tries: u32,
    failing_since: Option<Instant>,
    numbers: Arc<Numbers>,
    when_dropped: WhenDropped,
    /// Held while the message is handled. It limits how many messages are handled at the same time.
    permit: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenDropped {
    /// A delivery that is dropped without an answer is a failed attempt.
    CountsAsFailed,
    /// The code that runs the handler answers.
    IsAnsweredElsewhere,
}

/// The right to answer a delivery, once.
#[derive(Debug)]
pub(crate) struct Answering {
    shared: Arc<Shared>,
    ticket: Ticket,
    is_answered: AtomicBool,
    span: Span,
    handling: Stopwatch,
    /// The conversation, once it is loaded; `None` after the answer.
    draft: OnceLock<Mutex<Option<Draft>>>,
}

/// What becomes of a message.
#[derive(Debug)]
pub(crate) enum Verdict {
    Ack,
    /// The message is not meant for the handler, and its conversation notes it.
    Noted,
    /// The message was taken, and could not be handed out in time.
    PutBack,
    Park {
        reason: String,
    },
    Failed(Failed),
}

/// A failed try.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) class: FailureClass,
    /// The reason, which is stored with the message if it is parked.
    pub(crate) reason: String,
    pub(crate) then: Then,
    /// The text for logs and metrics, without anything private.
    pub(crate) shown: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    ByClass,
    Retry(RetryPolicy),
}

impl Answering {
    /// Answers the delivery. Only the first answer counts, and an inbox that has ended needs none.
    pub(crate) fn answer(&self, verdict: Verdict) {
        if !self.is_answered.swap(true, Relaxed) {
            let change = self.draft.get().and_then(|draft| {
                let draft = locked(draft).take()?;
                let is_kept = matches!(verdict, Verdict::Ack | Verdict::Noted);
                draft.into_write(&self.shared.settings.conversations).filter(|_| is_kept)
            });
            let ending = self.shared.exchange.answer(self.ticket, verdict, change, &self.shared.settings);
            self.span.record("outcome", ending.name());
            meters::ended(&self.shared.key, ending, self.handling);
        }
    }

    /// Loads the conversation with the customer, unless it is loaded. What an acknowledged message changed may not be
    /// stored yet.
    pub(crate) async fn load_draft(&self, customer: &ExternalUserId) -> Result<(), StoreError> {
        if self.draft.get().is_some() {
            return Ok(());
        }
        let shared = &self.shared;
        let record = match shared.exchange.unstored_conversation(self.ticket, customer.as_str()) {
            Some(unstored) => unstored,
            None => {
                let query = ConversationQuery::of(customer);
                in_time(shared.store.conversations(&shared.key, &query)).await?.items.pop()
            }
        };
        let draft = Draft::new(customer.clone(), record)?;
        self.draft.get_or_init(|| Mutex::new(Some(draft)));
        Ok(())
    }

    /// Reads the loaded conversation. Returns `None` after the answer.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Draft) -> T) -> Option<T> {
        self.draft.get().and_then(|draft| locked(draft).as_ref().map(read))
    }

    /// Changes the loaded conversation.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Draft) -> T) -> Result<T, ConversationError> {
        let draft = self.draft.get().filter(|_| !self.is_answered.load(Relaxed));
        draft.and_then(|draft| locked(draft).as_mut().map(change)).ok_or(ConversationError::Answered)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

fn locked(draft: &Mutex<Option<Draft>>) -> MutexGuard<'_, Option<Draft>> {
    draft.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Delivery {
    pub(crate) fn new(
        ticket: Ticket,
        handed_out: HandOut,
        shared: Arc<Shared>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let HandOut { letter, more, tries, failing_since, .. } = handed_out;
        if let (Content::Event(Event::SessionStatusChange(_)), Some(customer)) =
            (letter.message.content(), letter.message.external_userid())
        {
            shared.open_sessions.forget(customer);
        }
        let span = tracing::info_span!(
            "delivery",
            account = %shared.key.open_kfid(),
            msgid = %letter.id,
            attempt = tries,
            outcome = tracing::field::Empty,
        );
        meters::handed_out(&shared.key, letter.message.send_time(), tries);
        Self {
            answering: Arc::new(Answering {
                shared,
                ticket,
                is_answered: AtomicBool::new(false),
                span,
                handling: Stopwatch::start(),
                draft: OnceLock::new(),
            }),
            letter,
            more,
            tries,
            failing_since,
            numbers: Arc::default(),
            when_dropped: WhenDropped::CountsAsFailed,
            permit,
        }
    }

    /// Loads the conversation before the message is handed out, since transcripts are kept. Returns `None` if the
    /// message is not handed out: a servicer's message is only noted, the store is down, or the inbox is stopping.
    pub(crate) async fn prepared(self) -> Option<Self> {
        let settings = &self.answering.shared.settings;
        if let Some(customer) = self.message().external_userid() {
            if let Err(error) = self.answering.load_draft(customer).await {
                let failure = Failure::from(ConversationError::from(error));
                self.answering.answer(failure.into_verdict(settings.shows_handler_errors));
                return None;
            }
            for said in self.messages().filter_map(Said::heard) {
                let _ = self.answering.change(|draft| draft.say(said));
            }
        }
        if self.letter.is_of_servicer() && !settings.takes_servicers {
            self.answering.answer(Verdict::Noted);
            return None;
        }
        if !self.answering.shared.exchange.may_hand_out(self.answering.ticket) {
            self.answering.answer(Verdict::PutBack);
            return None;
        }
        Some(self)
    }

    /// Notes in the transcript what the bot said.
    fn note_reply(&self, said: Option<Said>) {
        if let Some(said) = said {
            // After the answer there is nothing to note it in.
            let _ = self.answering.change(|draft| draft.say(said));
        }
    }

    /// Returns what the transcript notes of a message that is about to be sent, if transcripts are kept.
    fn noted(&self, message: &Outgoing) -> Option<Said> {
        let keeps = self.answering.shared.settings.conversations.keeps_transcripts();
        keeps.then(|| Said::by_bot(message))
    }

    pub(crate) fn answering(&self) -> &Arc<Answering> {
        &self.answering
    }

    /// Returns the message, or those of the batch.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.letters().map(|letter| &letter.message)
    }

    fn letters(&self) -> impl Iterator<Item = &Arc<Letter>> {
        std::iter::once(&self.letter).chain(self.more.iter().flat_map(|more| more.iter()))
    }

    /// Returns the message or event.
    pub fn message(&self) -> &Message {
        &self.letter.message
    }

    /// Returns the content of the message.
    pub fn content(&self) -> &Content {
        self.message().content()
    }

    /// Returns the id by which repeats are recognized: the msgid, or a stand-in if WeCom gave none.
    pub fn id(&self) -> &str {
        &self.letter.id
    }

    /// Returns the number of this attempt, from 1. Attempts before the last start of the process are not counted.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// Returns the span of this delivery, with the fields `account`, `msgid`, `attempt` and, once it is answered, `outcome`:
    /// `acked`, `retried`, `parked`, or `lost` with the lease. It is of level INFO and holds no text.
    ///
    /// The handler of [`run`](crate::Inbox::run) runs within it, so that its log lines carry these fields. Those who poll the
    /// stream can enter it themselves.
    pub fn span(&self) -> &Span {
        &self.answering.span
    }

    /// Returns for how long the attempts have been failing, from the end of the first one; zero during the first one. A
    /// handler that depends on something that may be down for long, such as a language model, decides by it when to tell
    /// the customer. Attempts before the last start of the process are not counted.
    pub fn failing_for(&self) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Returns the client of the inbox.
    pub fn client(&self) -> &Client {
        &self.answering.shared.client
    }

    /// Returns the account.
    pub fn open_kfid(&self) -> &OpenKfid {
        self.answering.shared.key.open_kfid()
    }

    /// Returns the client, the account and the customer, for other calls; the customer is `None` for an event that
    /// concerns nobody in particular.
    pub fn parties(&self) -> (&Client, &OpenKfid, Option<&ExternalUserId>) {
        (self.client(), self.open_kfid(), self.message().external_userid())
    }

    /// Acknowledges the message: it is handled.
    pub fn ack(self) {
        self.answering.answer(Verdict::Ack);
    }

    /// Tries the message again after a while, as after a failure of [`FailureClass::Unknown`].
    pub fn retry_later(self) {
        self.answering.answer(Verdict::failed(FailureClass::Unknown, "the handler asked for another try"));
    }

    /// Parks the message. The reason is stored with it for the people who look at it later. It is not logged.
    pub fn park(self, reason: impl Into<String>) {
        self.answering.answer(Verdict::Park { reason: reason.into() });
    }

    /// Splits off the right to answer and the permit, for a handler whose result is the answer.
    pub(crate) fn answered_elsewhere(&mut self) -> (Arc<Answering>, Option<OwnedSemaphorePermit>) {
        self.when_dropped = WhenDropped::IsAnsweredElsewhere;
        (self.answering.clone(), self.permit.take())
    }

    /// Returns the same delivery for the failure hook, since the handler has consumed its own.
    pub(crate) fn for_hook(&self) -> Self {
        Self {
            answering: self.answering.clone(),
            letter: self.letter.clone(),
            more: self.more.clone(),
            tries: self.tries,
            failing_since: self.failing_since,
            numbers: self.numbers.clone(),
            when_dropped: WhenDropped::IsAnsweredElsewhere,
            permit: None,
        }
    }
}

impl Verdict {
    fn failed(class: FailureClass, reason: &str) -> Self {
        Self::Failed(Failed { class, reason: reason.to_owned(), then: Then::ByClass, shown: reason.to_owned() })
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.when_dropped == WhenDropped::CountsAsFailed {
            self.answering.answer(Verdict::failed(FailureClass::Unanswered, "it was dropped without an answer"));
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("message", self.message()).field("tries", &self.tries).finish_non_exhaustive()
    }
}
