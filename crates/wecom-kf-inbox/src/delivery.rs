//! A message to handle, the answer to it, and the replies to its customer.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use wecom_kf::messages::{Content, Event, Message, Origin, Outgoing};
use wecom_kf::{Bilingual, BoxFuture, Client, ErrCode, Error, ExternalUserId, MsgId, OpenKfid};

use crate::conversation::{Draft, Said};
use crate::engine::{HandOut, Letter, Ticket, in_time};
use crate::shared::Shared;
use crate::store::{ConversationQuery, InboxStore, StoreError, fingerprint};
use crate::{ConversationError, Failure, FailureClass, RetryPolicy};

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
            self.shared.exchange.answer(self.ticket, verdict, change, &self.shared.settings);
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

/// The numbers of the replies to one delivery. The number of a reply that failed is used again.
#[derive(Debug, Default)]
struct Numbers(Mutex<BTreeSet<u32>>);

/// A number of a reply, which becomes free again unless the reply was sent.
struct NumberInUse {
    numbers: Arc<Numbers>,
    number: u32,
    is_sent: bool,
}

impl Numbers {
    fn taken(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_smallest(self: &Arc<Self>) -> NumberInUse {
        let mut taken = self.taken();
        let number = (0..).find(|number| !taken.contains(number)).unwrap_or_default();
        taken.insert(number);
        NumberInUse { numbers: self.clone(), number, is_sent: false }
    }
}

impl Drop for NumberInUse {
    fn drop(&mut self) {
        if !self.is_sent {
            self.numbers.taken().remove(&self.number);
        }
    }
}

impl Delivery {
    pub(crate) fn new(
        ticket: Ticket,
        handed_out: HandOut,
        shared: Arc<Shared>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let HandOut { letter, more, tries, .. } = handed_out;
        Self {
            answering: Arc::new(Answering {
                shared,
                ticket,
                is_answered: AtomicBool::new(false),
                draft: OnceLock::new(),
            }),
            letter,
            more,
            tries,
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

    /// Sends a message to the customer who wrote this one, and returns its msgid.
    ///
    /// The message is a text, a menu or another type of [`outgoing`](wecom_kf::messages::outgoing). Await the returned
    /// request, or [name](Reply::named) it first.
    ///
    /// Handling a message again does not answer it again. The msgid of the reply is derived from the id of the customer's
    /// message and the number of the reply. WeCom refuses a repeated msgid with 95033 (according to the errcode list and
    /// the page on sending), and the reply then counts as sent.
    ///
    /// The number counts the replies of this delivery that were sent. After an error, the next reply has the same
    /// number. If another attempt may reply with a different text, for example with "please wait" first,
    /// [name](Reply::named) the replies: of two different replies with one number the customer receives only the first.
    ///
    /// A reply does not settle the message: [`ack`](Self::ack) the delivery, or return `Ok`, when everything is done.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::{Delivery, Failure};
    /// # async fn lookup() -> String { String::new() }
    /// async fn handle(delivery: Delivery) -> Result<(), Failure> {
    ///     delivery.reply("正在查询，请稍候。").named("wait").await?;
    ///     let answer = lookup().await;
    ///     delivery.reply(answer).named("answer").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Messages::send`](wecom_kf::messages::Messages::send), except for 95033. [`Error::InvalidInput`]: the
    /// message exceeds a limit, or the delivery is not a customer's message but an event or a servicer's message. Then
    /// nothing was sent.
    pub fn reply(&self, message: impl Into<Outgoing>) -> Reply<'_> {
        Reply { delivery: self, message: message.into(), name: None }
    }

    async fn send(&self, msgid: MsgId, message: Outgoing) -> Result<MsgId, Error> {
        let customer = match (self.message().external_userid(), self.message().origin()) {
            (Some(customer), Some(Origin::CUSTOMER)) => customer,
            // WeCom says who wrote a message. If it does not, anything that is not an event counts as a customer's.
            (Some(customer), None) if self.message().msgtype() != "event" => customer,
            _ => {
                return Err(Error::invalid_input(
                    Bilingual::fixed("the message to reply to", "要回复的消息"),
                    Bilingual::fixed("one that a customer wrote", "是客户发来的"),
                ));
            }
        };
        let sent_another = self.letter.replies().note(msgid.as_str(), &message);
        let said = self.noted(&message);
        match self.client().messages().send(self.open_kfid(), customer, message).msgid(&msgid).await {
            Err(error) if error.code() == Some(ErrCode::DUPLICATE_MSGID) => {
                let (open_kfid, id) = (self.open_kfid(), self.id());
                if sent_another {
                    tracing::warn!(
                        %open_kfid, message = %id, %msgid,
                        "the customer does not hear this reply: another one was sent under the same number or name before (95033); name the replies with named()"
                    );
                } else {
                    tracing::info!(%open_kfid, message = %id, %msgid, "this reply was sent before (95033)");
                    self.note_reply(said);
                }
                Ok(msgid)
            }
            sent => {
                self.note_reply(said.filter(|_| sent.is_ok()));
                sent
            }
        }
    }

    /// Sends the welcome that an `enter_session` event permits within 20 seconds after the customer entered. The message is
    /// a text or a menu. Returns `None` if the event has no code, or if the code is too old or was used before, perhaps by
    /// an earlier attempt.
    ///
    /// # Errors
    ///
    /// Those of [`send_on_event`](wecom_kf::messages::Messages::send_on_event), except for a code that is no longer
    /// valid.
    pub async fn welcome(&self, message: impl Into<Outgoing>) -> Result<Option<MsgId>, Error> {
        let Content::Event(Event::EnterSession(entered)) = self.content() else { return Ok(None) };
        let Some(code) = &entered.welcome_code else { return Ok(None) };
        let message = message.into();
        let said = self.noted(&message);
        match self.client().messages().send_on_event(code, message).await {
            Ok(msgid) => {
                self.note_reply(said);
                Ok(Some(msgid))
            }
            Err(error) if error.code() == Some(ErrCode::INVALID_WELCOME_CODE) => {
                tracing::info!(open_kfid = %self.open_kfid(), "the welcome code is spent or too old");
                Ok(None)
            }
            Err(error) => Err(error),
        }
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
            numbers: self.numbers.clone(),
            when_dropped: WhenDropped::IsAnsweredElsewhere,
            permit: None,
        }
    }
}

/// A reply to the customer, sent when it is awaited. Returned by [`Delivery::reply`].
#[derive(Clone, Debug)]
#[must_use = "the reply is sent when this is awaited"]
pub struct Reply<'a> {
    delivery: &'a Delivery,
    message: Outgoing,
    name: Option<String>,
}

impl Reply<'_> {
    /// Names the reply. However often the message is handled, the customer receives only one reply per name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    async fn send(self) -> Result<MsgId, Error> {
        let Self { delivery, message, name } = self;
        let account = delivery.open_kfid().as_str();
        // Batches that begin with the same message and differ in others have different replies.
        let ids = delivery.letters().map(|letter| &*letter.id);
        let msgid = |kind, last| reply_msgid(&[kind, account].into_iter().chain(ids).chain([last]).collect::<Vec<_>>());
        if let Some(name) = name {
            return delivery.send(msgid("reply as", &name), message).await;
        }
        let mut number = delivery.numbers.take_smallest();
        let msgid = msgid("reply", &number.number.to_string());
        let sent = delivery.send(msgid, message).await;
        number.is_sent = sent.is_ok();
        sent
    }
}

impl<'a> IntoFuture for Reply<'a> {
    type Output = Result<MsgId, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl Verdict {
    fn failed(class: FailureClass, reason: &str) -> Self {
        Self::Failed(Failed { class, reason: reason.to_owned(), then: Then::ByClass, shown: reason.to_owned() })
    }
}

/// Returns 32 hexadecimal digits, always the same for the same parts.
fn reply_msgid(parts: &[&str]) -> MsgId {
    fingerprint(parts).into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_msgid_of_a_reply_depends_on_account_message_and_number() {
        // WeCom remembers these ids, so they must not change from version to version.
        assert_eq!(reply_msgid(&["reply", "wk1", "m1", "0"]).as_str(), "9e9d42725785a077195145716f289edf");
        for other in [["reply", "wk2", "m1", "0"], ["reply", "wk1", "m2", "0"], ["reply as", "wk1", "m1", "0"]] {
            assert_ne!(reply_msgid(&other), reply_msgid(&["reply", "wk1", "m1", "0"]));
        }
    }

    #[test]
    fn a_reply_that_failed_gives_its_number_back() {
        let numbers = Arc::new(Numbers::default());
        let (mut first, second) = (numbers.take_smallest(), numbers.take_smallest());
        assert_eq!((first.number, second.number), (0, 1), "two at the same time differ");
        first.is_sent = true;
        drop((first, second));
        assert_eq!(numbers.take_smallest().number, 1, "the second failed");
    }
}
