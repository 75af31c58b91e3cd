use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use wecom_kf::message::{Content, Event, Message, Outgoing};
use wecom_kf::{Client, ErrCode, Error, ExternalUserId, MsgId, OpenKfid};

use crate::engine::{HandOut, Slot};
use crate::store::fingerprint;

/// A message to handle, and the means to say what came of it.
///
/// Say it by [`ack`](Self::ack), [`retry_later`](Self::retry_later) or [`park`](Self::park). A delivery that is dropped
/// without an answer counts as a failed try, unless it went to the handler of [`run`](crate::Inbox::run): there the
/// handler's result is the answer, unless one was given before.
///
/// The customer's next message is delivered after this one is answered.
pub struct Delivery {
    answering: Arc<Answering>,
    client: Client,
    open_kfid: OpenKfid,
    message: Arc<Message>,
    id: Arc<str>,
    tries: u32,
    replies: AtomicU32,
    when_dropped: WhenDropped,
    /// Held while it is handled; there are so many as messages may be handled at once.
    permit: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenDropped {
    /// Nobody will answer any more.
    CountsAsFailed,
    /// Whoever runs the handler answers.
    IsAnsweredElsewhere,
}

/// The right to answer a delivery, once.
#[derive(Debug)]
pub(crate) struct Answering {
    slot: Slot,
    is_answered: AtomicBool,
    to: mpsc::UnboundedSender<Answer>,
}

/// What is said of a message.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) slot: Slot,
    pub(crate) verdict: Verdict,
}

/// What becomes of a message.
#[derive(Debug)]
pub(crate) enum Verdict {
    Ack,
    /// Try it again, unless it was tried often enough.
    Retry {
        reason: String,
    },
    Park {
        reason: String,
    },
}

impl Answering {
    /// The first answer counts. An inbox that is gone needs none.
    pub(crate) fn answer(&self, verdict: Verdict) {
        if !self.is_answered.swap(true, Relaxed) {
            let _ = self.to.send(Answer { slot: self.slot, verdict });
        }
    }
}

impl Delivery {
    pub(crate) fn new(
        handed_out: HandOut,
        client: &Client,
        open_kfid: &OpenKfid,
        to: &mpsc::UnboundedSender<Answer>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let HandOut { slot, message, id, tries } = handed_out;
        Self {
            answering: Arc::new(Answering { slot, is_answered: AtomicBool::new(false), to: to.clone() }),
            client: client.clone(),
            open_kfid: open_kfid.clone(),
            message,
            id,
            tries,
            replies: AtomicU32::new(0),
            when_dropped: WhenDropped::CountsAsFailed,
            permit,
        }
    }

    /// The message or event.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// What it says.
    pub fn content(&self) -> &Content {
        self.message.content()
    }

    /// The id that repeats are told apart by: the msgid, or what stands in for it if WeCom gave none.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Which try of this message this is, from 1. Tries before the last start of the process are not counted.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// The client of the inbox.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The account.
    pub fn open_kfid(&self) -> &OpenKfid {
        &self.open_kfid
    }

    /// The client, the account and the customer, for other calls; the customer is None for an event that concerns
    /// nobody in particular.
    pub fn parties(&self) -> (&Client, &OpenKfid, Option<&ExternalUserId>) {
        (&self.client, &self.open_kfid, self.message.external_userid())
    }

    /// It is handled.
    pub fn ack(self) {
        self.answering.answer(Verdict::Ack);
    }

    /// Handling it failed: again after a while, until it was tried often enough; then it is parked.
    pub fn retry_later(self) {
        self.answering.answer(Verdict::Retry { reason: "the handler asked for another try".to_owned() });
    }

    /// Sets it aside, with the reason for whoever looks at it later. The reason is stored beside the message and logged
    /// nowhere.
    pub fn park(self, reason: impl Into<String>) {
        self.answering.answer(Verdict::Park { reason: reason.into() });
    }

    /// Sends a message to the customer who wrote this one.
    ///
    /// Its msgid is made of the id of the customer's message and the number of the reply, so that handling a message
    /// again does not answer it again: WeCom refuses a repeated msgid with 95033, which counts as sent here. That WeCom
    /// does so is said by the errcode list and by the page on sending. Replies are told apart by their
    /// number only: a handler that replies in another order the second time gets nothing through in its place.
    ///
    /// It answers nothing else: [`ack`](Self::ack) the delivery, or return `Ok`, when all is done.
    ///
    /// # Errors
    ///
    /// As [`send_as`](wecom_kf::message::Messages::send_as) but for 95033; [`Error::InvalidInput`] if the event concerns
    /// no customer.
    pub async fn reply(&self, message: impl Into<Outgoing>) -> Result<MsgId, Error> {
        let msgid = reply_msgid(&self.open_kfid, &self.id, self.replies.fetch_add(1, Relaxed))?;
        // An empty id is refused as bad input.
        let nobody = ExternalUserId::from("");
        let customer = self.message.external_userid().unwrap_or(&nobody);
        match self.client.message().send_as(&msgid, &self.open_kfid, customer, message).await {
            Err(error) if error.code() == Some(ErrCode::DUPLICATE_MSGID) => {
                tracing::info!(open_kfid = %self.open_kfid, %msgid, "this reply was sent before: 95033");
                Ok(msgid)
            }
            sent => sent,
        }
    }

    /// Spends the welcome code of an `enter_session`, good for 20 seconds from the customer's entering. None: there is no
    /// code, or it is too old or spent, by an earlier try perhaps.
    ///
    /// # Errors
    ///
    /// As [`on_event`](wecom_kf::message::Messages::on_event) but for a code that is no good any more.
    pub async fn welcome(&self, message: impl Into<Outgoing>) -> Result<Option<MsgId>, Error> {
        let Content::Event(Event::EnterSession(entered)) = self.content() else { return Ok(None) };
        let Some(code) = &entered.welcome_code else { return Ok(None) };
        match self.client.message().on_event(code, message).await {
            Ok(msgid) => Ok(Some(msgid)),
            Err(error) if error.code() == Some(ErrCode::INVALID_WELCOME_CODE) => {
                tracing::info!(open_kfid = %self.open_kfid, "the welcome code is spent or too old");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// For a handler whose result is the answer: how to answer, and the permit to handle.
    pub(crate) fn answered_elsewhere(&mut self) -> (Arc<Answering>, Option<OwnedSemaphorePermit>) {
        self.when_dropped = WhenDropped::IsAnsweredElsewhere;
        (self.answering.clone(), self.permit.take())
    }
}

/// 32 hexadecimal digits, always the same for the same message and number.
fn reply_msgid(open_kfid: &OpenKfid, id: &str, number: u32) -> Result<MsgId, Error> {
    MsgId::new(fingerprint(&["reply", open_kfid.as_str(), id, &number.to_string()]))
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.when_dropped == WhenDropped::CountsAsFailed {
            self.answering.answer(Verdict::Retry { reason: "it was dropped without an answer".to_owned() });
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("message", &self.message).field("tries", &self.tries).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_msgid_of_a_reply_is_the_same_each_time_and_differs_by_account_message_and_number() {
        let msgid = |kf: &str, id: &str, number| reply_msgid(&kf.into(), id, number).unwrap();
        // Stored by WeCom: it must not change from version to version.
        assert_eq!(msgid("wk1", "m1", 0).as_str(), "9e9d42725785a077195145716f289edf");
        for other in [msgid("wk2", "m1", 0), msgid("wk1", "m2", 0), msgid("wk1", "m1", 1)] {
            assert_ne!(other, msgid("wk1", "m1", 0));
        }
    }
}
