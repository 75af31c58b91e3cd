//! An answer of any length, within the number of messages that WeCom accepts for one turn of the customer.

use std::fmt;

use super::{Text, limits, split};

/// How many messages WeCom accepts after each message of the customer. It refuses more with 95001.
const MOST_MESSAGES: usize = 5;

/// A text of any length as an answer: the messages that fit into one turn of the customer, and the rest for the next turn.
///
/// WeCom accepts five messages after each message of the customer and refuses the sixth with 95001
/// ([official page](https://developer.work.weixin.qq.com/document/path/94677)). What does not fit into them is
/// [`rest`](Self::rest). Keep it, and answer with it when the customer writes again:
///
/// ```
/// use wecom_kf::messages::Answer;
///
/// let long = "一段很长的回答。".repeat(800);
/// let answer = Answer::text(&long).at_most(5, "…（更多请回复“继续”）");
/// assert_eq!(answer.messages().len(), 5);
/// assert!(answer.messages()[4].content().ends_with("…（更多请回复“继续”）"));
/// let next = Answer::text(answer.rest().unwrap());
/// assert_eq!((next.messages().len(), next.rest()), (5, None));
/// ```
///
/// `Debug` shows lengths only.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    content: String,
    most: usize,
    notice: String,
    messages: Vec<Text>,
    /// Where the rest begins in the content.
    rest: usize,
}

impl Answer {
    /// Creates an answer of at most five messages. A text of up to 10,240 bytes fits into them, if it can be broken well.
    pub fn text(content: impl Into<String>) -> Self {
        let content = content.into();
        Self { content, most: MOST_MESSAGES, notice: String::new(), messages: Vec::new(), rest: 0 }.divided()
    }

    /// Sets the number of messages, at least one, and the notice at the end of the last one if there is a rest. WeCom
    /// accepts five, less the other messages that the bot sends in this turn.
    ///
    /// The notice counts towards the 2048 bytes of the last message. A notice of more than 1024 bytes is left out.
    pub fn at_most(self, messages: usize, notice: impl Into<String>) -> Self {
        let notice = Some(notice.into()).filter(|notice| notice.len() <= limits::TEXT_CONTENT_MAX_BYTES / 2);
        Self { most: messages.max(1), notice: notice.unwrap_or_default(), ..self }.divided()
    }

    /// Leaves room for other messages of the same turn: this many of the five that WeCom accepts. One message is always
    /// left.
    pub fn beside(self, others: usize) -> Self {
        match MOST_MESSAGES.saturating_sub(others).max(1) {
            most if most < self.most => Self { most, ..self }.divided(),
            _ => self,
        }
    }

    /// Returns the messages to send in this turn, in their order. There are none if the text is empty.
    pub fn messages(&self) -> &[Text] {
        &self.messages
    }

    /// Returns what did not fit, for the next turn.
    pub fn rest(&self) -> Option<&str> {
        Some(&self.content[self.rest..]).filter(|rest| !rest.is_empty())
    }

    fn divided(mut self) -> Self {
        let (most, notice) = (self.most, &self.notice);
        let mut rest = self.content.as_str();
        self.messages.clear();
        while !rest.is_empty() && self.messages.len() < most {
            let (mut piece, mut after) = split::first_piece(rest, limits::TEXT_CONTENT_MAX_BYTES);
            let is_cut = self.messages.len() + 1 == most && !after.is_empty();
            if is_cut {
                (piece, after) = split::first_piece(rest, limits::TEXT_CONTENT_MAX_BYTES - notice.len());
            }
            rest = after;
            if is_cut {
                self.messages.push(Text::new(format!("{piece}{notice}")));
            } else if !piece.is_empty() {
                self.messages.push(Text::new(piece));
            }
        }
        self.rest = self.content.len() - rest.len();
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.content.len() - self.rest;
        f.debug_struct("Answer").field("messages", &self.messages.len()).field("rest_bytes", &rest).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_one_another_until_everything_is_said() {
        let text: String = (0..3000).map(|number| format!("第{number}句。")).collect();
        let notice = "…（更多请回复“继续”）";
        let (mut said, mut rest, mut turns) = (String::new(), Some(text.clone()), 0);
        while let Some(left) = rest {
            let answer = Answer::text(left).at_most(3, notice);
            assert!(answer.messages().len() <= 3);
            for message in answer.messages() {
                assert!(message.check().is_ok());
                said.push_str(message.content().strip_suffix(notice).unwrap_or(message.content()));
            }
            rest = answer.rest().map(str::to_owned);
            turns += 1;
        }
        assert_eq!(turns, text.len().div_ceil(3 * 2048));
        assert!(said == text);
    }

    #[test]
    fn other_messages_of_the_turn_leave_less_room() {
        let long = Answer::text("x".repeat(12_000)).at_most(4, "…");
        for (others, messages) in [(0, 4), (1, 4), (2, 3), (4, 1), (9, 1)] {
            let answer = long.clone().beside(others);
            assert_eq!(answer.messages().len(), messages, "{others} others");
            assert!(answer.messages()[messages - 1].content().ends_with('…'), "the notice is kept");
            let said: usize = answer.messages().iter().map(|message| message.content().replace('…', "").len()).sum();
            assert_eq!(said + answer.rest().unwrap().len(), 12_000);
        }
    }

    #[test]
    fn short_and_empty_texts_have_no_notice_and_no_rest() {
        let short = Answer::text("您好").at_most(1, "…");
        assert_eq!((short.messages(), short.rest()), (&[Text::new("您好")][..], None));
        let full = Answer::text("x".repeat(2048)).at_most(1, "…");
        assert_eq!((full.messages()[0].content().len(), full.rest()), (2048, None));
        assert_eq!((Answer::text("").messages(), Answer::text("").rest()), (&[][..], None));
        let zero = Answer::text("x".repeat(3000)).at_most(0, "n".repeat(2000));
        assert_eq!((zero.messages().len(), zero.rest().map(str::len)), (1, Some(952)));
        assert!(!format!("{:?}", Answer::text("canary")).contains("canary"));
    }
}
