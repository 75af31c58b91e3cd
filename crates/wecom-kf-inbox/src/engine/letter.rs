//! A message that was read, with what the inbox knows about it; parked messages are in `store/parked.rs`. The task that fetches prepares it, so that the consumer's thread need
//! not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wecom_kf::messages::{Answer, Content, Event, Message, Origin, Outgoing};

use crate::store::fingerprint;

#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) message: Message,
    /// The msgid, or a stand-in made from the message's JSON if it has none.
    pub(crate) id: Arc<str>,
    pub(crate) customer: Option<Arc<str>>,
    has_welcome_code: bool,
    replies: Mutex<Replies>,
}

/// The replies that this process sent to a message, in all its attempts.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    /// The msgid of each reply, and what was last sent under it.
    sent: Vec<(String, Outgoing)>,
    /// What was said when the session was moved, and the last attempt that noted it.
    moved: Option<(Outgoing, u32)>,
    /// The answers of which a message was sent, by their number in the attempt.
    answers: BTreeMap<usize, Answer>,
}

impl Letter {
    pub(crate) fn new(message: &Message) -> Self {
        // The message is copied out of its page, so that one unsettled message does not keep the whole page in memory.
        let message = message.detached();
        let id = match message.msgid() {
            Some(msgid) => Arc::from(msgid.as_str()),
            None => Arc::from(format!("raw:{}", fingerprint(&[message.raw()]))),
        };
        let customer = message.external_userid().map(|customer| Arc::from(customer.as_str()));
        Self { has_welcome_code: has_welcome_code(&message), id, customer, message, replies: Mutex::default() }
    }

    /// Returns whether the message has a welcome code that was given at or after `since`, in Unix seconds.
    pub(crate) fn has_fresh_welcome(&self, since: i64) -> bool {
        self.has_welcome_code && self.message.send_time() > Some(since)
    }

    /// Returns whether the message may be in a batch with others: a customer wrote it.
    pub(crate) fn is_of_customer(&self) -> bool {
        self.customer.is_some() && self.message.msgtype() != "event" && !self.is_of_servicer()
    }

    pub(crate) fn is_of_servicer(&self) -> bool {
        self.message.origin() == Some(Origin::SERVICER)
    }

    pub(crate) fn replies(&self) -> MutexGuard<'_, Replies> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Replies {
    /// Notes a message that is about to be sent. Returns whether a different one was sent under that msgid before.
    pub(crate) fn note(&mut self, msgid: &str, message: &Outgoing) -> bool {
        match self.sent.iter_mut().find(|(sent, _)| sent == msgid) {
            Some((_, before)) => std::mem::replace(before, message.clone()) != *message,
            None => {
                self.sent.push((msgid.to_owned(), message.clone()));
                false
            }
        }
    }

    /// Returns how many replies were sent, or may have been, under other msgids than this one.
    pub(crate) fn count_beside(&self, msgid: &str) -> usize {
        self.sent.iter().filter(|(sent, _)| sent != msgid).count()
    }

    /// Notes that a message of the answer was sent.
    pub(crate) fn begin_answer(&mut self, number: usize, answer: &Answer) {
        self.answers.entry(number).or_insert_with(|| answer.clone());
    }

    /// Returns the answer that this or an earlier attempt began to send.
    pub(crate) fn begun_answer(&self, number: usize) -> Option<Answer> {
        self.answers.get(&number).cloned()
    }

    /// Notes what this attempt said when it moved the session. Returns that.
    pub(crate) fn moved(&mut self, attempt: u32, saying: Outgoing) -> Outgoing {
        self.moved = Some((saying.clone(), attempt));
        saying
    }

    /// Returns what an earlier attempt said when it moved the session, once for each attempt.
    pub(crate) fn said_when_moved_before(&mut self, attempt: u32) -> Option<Outgoing> {
        let (said, noted) = self.moved.as_mut().filter(|(_, noted)| *noted < attempt)?;
        *noted = attempt;
        Some(said.clone())
    }
}

/// Returns whether the message has a welcome code. The text is searched before it is decoded, since most messages have
/// none.
fn has_welcome_code(message: &Message) -> bool {
    message.msgtype() == "event"
        && message.raw().contains("welcome_code")
        && matches!(message.content(), Content::Event(Event::EnterSession(event)) if event.welcome_code.is_some())
}
