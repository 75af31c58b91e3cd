//! Replies to the customer of a delivery: who is answered, under which msgid, and when the bot is silent because people have the
//! session.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wecom_kf::messages::{Content, Event, Origin, Outgoing};
use wecom_kf::{Bilingual, BoxFuture, ErrCode, Error, MsgId, Refusal, Session};

use super::Delivery;
use crate::store::fingerprint;

/// The numbers of the replies to one delivery, and of its answers, which have numbers of their own. The number of a reply
/// that failed is used again.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    taken: Mutex<BTreeSet<u32>>,
    answers: AtomicUsize,
}

/// A number of a reply, which becomes free again unless the reply was sent.
struct NumberInUse {
    numbers: Arc<Numbers>,
    number: u32,
    is_sent: bool,
}

impl Numbers {
    fn taken(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_answer(&self) -> usize {
        self.answers.fetch_add(1, Relaxed)
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
    /// Sends a message to the customer who wrote this one, and returns its msgid, or that people have the
    /// session.
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
    /// nothing was sent. With [`check_session`](crate::InboxBuilder::check_session), a session that people have is no error but
    /// [`Replied::Silent`].
    pub fn reply(&self, message: impl Into<Outgoing>) -> Reply<'_> {
        Reply { delivery: self, message: message.into(), name: None }
    }

    /// Returns the msgid of a reply, which is the same in all attempts. Batches that begin with the same message and differ in
    /// others have different replies.
    pub(super) fn msgid_of_reply(&self, kind: &str, name: &str) -> MsgId {
        let ids = self.letters().map(|letter| &*letter.id);
        let parts = [kind, self.open_kfid().as_str()].into_iter().chain(ids).chain([name]);
        fingerprint(&parts.collect::<Vec<_>>()).into()
    }

    pub(super) async fn send(&self, msgid: MsgId, message: Outgoing) -> Result<Replied, Error> {
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
        let (checks, sessions) = (self.answering.shared.settings.checks_session, &self.answering.shared.open_sessions);
        let mut request = self.client().messages().send(self.open_kfid(), customer, message).msgid(&msgid);
        if checks && !sessions.is_open(customer) {
            request = request.checking_session();
        }
        match request.await {
            Err(Error::SessionForbidsSending(session)) if checks => Ok(Replied::Silent { session }),
            // The session was moved after it was read.
            Err(Error::Refused(Refusal { session: Some(session), .. })) if checks => {
                sessions.forget(customer);
                Ok(Replied::Silent { session })
            }
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
                Ok(Replied::Sent(msgid))
            }
            Ok(msgid) => {
                if checks {
                    sessions.note(customer.clone());
                }
                self.note_reply(said);
                Ok(Replied::Sent(msgid))
            }
            Err(error) => Err(error),
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
}

/// The outcome of a [`Reply`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replied {
    /// It was sent under this msgid, now or by an earlier attempt.
    Sent(MsgId),
    /// Nothing was sent: a servicer has the session, or it waits in the queue, or it has ended. Only with
    /// [`check_session`](crate::InboxBuilder::check_session).
    Silent {
        /// The session.
        session: Session,
    },
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

    async fn send(self) -> Result<Replied, Error> {
        let Self { delivery, message, name } = self;
        if let Some(name) = name {
            return delivery.send(delivery.msgid_of_reply("reply as", &name), message).await;
        }
        let mut number = delivery.numbers.take_smallest();
        let msgid = delivery.msgid_of_reply("reply", &number.number.to_string());
        let sent = delivery.send(msgid, message).await;
        number.is_sent = matches!(sent, Ok(Replied::Sent(_)));
        sent
    }
}

impl<'a> IntoFuture for Reply<'a> {
    type Output = Result<Replied, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_msgid_of_a_reply_depends_on_account_message_and_number() {
        // WeCom remembers these ids, so they must not change from version to version.
        assert_eq!(fingerprint(&["reply", "wk1", "m1", "0"]), "9e9d42725785a077195145716f289edf");
        for other in [["reply", "wk2", "m1", "0"], ["reply", "wk1", "m2", "0"], ["reply as", "wk1", "m1", "0"]] {
            assert_ne!(fingerprint(&other), fingerprint(&["reply", "wk1", "m1", "0"]));
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
