//! Answers of any length: which messages are sent in this turn, and where the rest waits for the next one.

use std::error::Error as StdError;
use std::fmt;

use wecom_kf::messages::Answer;
use wecom_kf::{Error, Lang};

use super::{Delivery, Replied};
use crate::ConversationError;
use crate::conversation::Draft;

impl Delivery {
    /// Sends the messages of an answer that fit into this turn of the customer, and keeps the rest for the next turn. Of the
    /// five messages that WeCom accepts, the other replies to the same message are subtracted.
    ///
    /// The customer receives one answer, however often the message is handled. An answer that an earlier attempt began to send
    /// is sent to its end, in place of the one given here, since a language model never says the same thing twice. A new
    /// process does not know what the former one began: it sends those messages of the answer given here that have no
    /// predecessor.
    ///
    /// The rest is kept like the [conversation](Self::conversation): it is stored together with the acknowledgement of this
    /// message, for 30 days by default, and may have as many bytes as a state. [`rest_of_answer`](Self::rest_of_answer)
    /// returns it. The next answer replaces it, so an answer without a rest removes it.
    ///
    /// ```no_run
    /// use wecom_kf_inbox::messages::Answer;
    /// use wecom_kf_inbox::{Batch, Failure};
    ///
    /// async fn handle(batch: Batch) -> Result<(), Failure> {
    ///     let rest = if batch.text() == "继续" { batch.rest_of_answer().await? } else { None };
    ///     let text = match rest {
    ///         Some(rest) => rest,
    ///         None => "一段很长的回答。".repeat(2000),
    ///     };
    ///     batch.answer(&Answer::text(text).at_most(5, "…（更多请回复“继续”）")).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// It ends at the first message that is not sent because people have the session, and then changes no rest.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Conversation`]: the rest cannot be kept, and nothing was sent. [`AnswerError::Send`]: a message was not
    /// sent, see [`reply`](Self::reply). The messages before it were sent.
    pub async fn answer(&self, answer: &Answer) -> Result<(), AnswerError> {
        let number = self.numbers.next_answer();
        let msgid = |place: usize| self.msgid_of_reply("answer", &format!("{number}.{place}"));
        let (begun, others) = {
            let replies = self.letter.replies();
            (replies.begun_answer(number), replies.count_beside(msgid(0).as_str()))
        };
        let answer = &begun.unwrap_or_else(|| answer.clone().beside(others));
        let settings = &self.answering.shared.settings.conversations;
        if let Some(customer) = self.message().external_userid() {
            self.answering.load_draft(customer).await.map_err(ConversationError::from)?;
            let check = |draft: &Draft| draft.check_rest(answer.rest(), settings);
            self.answering.read(check).ok_or(ConversationError::Answered)??;
        }
        for (place, message) in answer.messages().iter().enumerate() {
            if let Replied::Silent { .. } = self.send(msgid(place), message.clone().into()).await? {
                return Ok(());
            }
            self.letter.replies().begin_answer(number, answer);
        }
        Ok(self.answering.change(|draft| draft.set_rest(answer.rest()))?)
    }

    /// Returns what did not fit into the turn of the last [`answer`](Self::answer) to this customer. `None` if there is
    /// nothing left to say. Answer with it when the customer asks for more.
    ///
    /// # Errors
    ///
    /// [`ConversationError`]: the store is down, or the message concerns no customer.
    pub async fn rest_of_answer(&self) -> Result<Option<String>, ConversationError> {
        let customer = self.message().external_userid().ok_or(ConversationError::NoCustomer)?;
        self.answering.load_draft(customer).await?;
        self.answering.read(|draft| draft.rest().map(str::to_owned)).ok_or(ConversationError::Answered)
    }
}

/// Why an answer was not sent completely. Nothing here holds what the bot or a customer wrote.
///
/// Returned from a handler, it becomes a [`Failure`](crate::Failure) of the class of its source.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AnswerError {
    /// A message was not sent.
    Send(Error),
    /// The rest cannot be kept: the store is down, the rest is too large, or the message was answered before.
    Conversation(ConversationError),
}

impl AnswerError {
    /// Describes the error in one language, without its source, which has the remedy. The English text is that of `Display`.
    pub fn in_lang(&self, lang: Lang) -> String {
        let (en, zh) = match self {
            Self::Send(_) => ("the answer was not sent completely", "回答没有全部发出"),
            Self::Conversation(_) => ("the rest of the answer cannot be kept", "无法保存回答的剩余部分"),
        };
        lang.pick(en, zh).to_owned()
    }
}

impl From<Error> for AnswerError {
    fn from(error: Error) -> Self {
        Self::Send(error)
    }
}

impl From<ConversationError> for AnswerError {
    fn from(error: ConversationError) -> Self {
        Self::Conversation(error)
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_lang(Lang::En))
    }
}

impl StdError for AnswerError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Send(error) => Some(error),
            Self::Conversation(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;
    use crate::{Failure, FailureClass, Report};

    #[test]
    fn the_source_has_the_class_and_the_remedy() {
        let refused = Error::refused(wecom_kf::raw::op::SEND_MSG, wecom_kf::ErrCode(95001), "");
        for (error, class, zh) in [
            (AnswerError::from(refused), FailureClass::Rejected, "回答没有全部发出：send_msg 被拒：95001"),
            (
                ConversationError::from(StoreError::down("no route")).into(),
                FailureClass::Unavailable,
                "无法保存回答的剩余部分：无法加载会话记录：",
            ),
        ] {
            let line = Report::line(&error, Lang::Zh);
            assert!(line.starts_with(zh) && line.contains("。处理："), "{line}");
            assert_eq!(Failure::from(error).class(), class);
        }
    }
}
