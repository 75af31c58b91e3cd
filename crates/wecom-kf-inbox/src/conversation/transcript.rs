//! The transcript: what customer, bot and servicer said, in which order, and how much of it is kept.

use std::fmt;

use serde::{Deserialize, Serialize};
use wecom_kf::messages::{Content, Message, Origin, Outgoing};

use crate::clock::unix_seconds;
use crate::defaults;

/// What was said in a conversation, oldest first: from [`Delivery::transcript`](crate::Delivery::transcript).
///
/// Its `Debug` does not show what was said.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Transcript(Vec<Said>);

/// A message in a [`Transcript`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Said {
    /// Who said it.
    pub role: Role,
    /// The text, if it is a text message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The kind of message, as WeCom calls it: `text`, `image`, `voice`, …
    pub kind: String,
    /// When it was said, in Unix seconds.
    pub time: i64,
}

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The customer.
    Customer,
    /// The bot, by a reply or a welcome.
    Bot,
    /// A servicer.
    Servicer,
}

impl Transcript {
    /// Returns the messages, oldest first.
    pub fn messages(&self) -> &[Said] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what was said while a message was handled. Of all, the last `most` are kept, and fewer if they are long.
    ///
    /// What people said has the time of WeCom's clock, which decides its place, since a replayed message may be old. What the
    /// bot said has the time of this machine's clock, which may be fast or slow. So it follows what it answers.
    pub(crate) fn extend(&mut self, said: impl IntoIterator<Item = Said>, most: usize) {
        let mut answered = None;
        for said in said {
            let place = match (said.role, answered) {
                (Role::Bot, Some(answered)) => answered + 1,
                (Role::Bot, None) => self.0.len(),
                _ => self.place_at(said.time),
            };
            self.0.insert(place, said);
            answered = Some(place);
        }
        let mut bytes = 0;
        let kept = self.0.iter().rev().take(most).take_while(|said| {
            bytes += said.text.as_ref().map_or(0, String::len);
            bytes <= defaults::TRANSCRIPT_BYTES
        });
        // The newest message is kept, however long it is.
        let kept = kept.count().max(1);
        self.0.drain(..self.0.len().saturating_sub(kept));
    }
}

impl Transcript {
    /// Returns the place of what people said at this time: after what was said before, and after the bot's answer to that.
    fn place_at(&self, time: i64) -> usize {
        let is_earlier = |said: &Said| said.role != Role::Bot && said.time <= time;
        let after = self.0.iter().rposition(is_earlier).map_or(0, |place| place + 1);
        after + self.0[after..].iter().take_while(|said| said.role == Role::Bot).count()
    }
}

impl Said {
    /// Returns what a customer or a servicer said; `None` for an event.
    pub(crate) fn heard(message: &Message) -> Option<Self> {
        let role = match message.origin() {
            Some(Origin::SERVICER) => Role::Servicer,
            _ if message.msgtype() == "event" => return None,
            _ => Role::Customer,
        };
        let text = match message.content() {
            Content::Text(text) => Some(text.content.clone()),
            _ => None,
        };
        let time = message.send_time().unwrap_or_else(unix_seconds);
        Some(Self { role, text, kind: message.msgtype().to_owned(), time })
    }

    /// Returns what the bot says now.
    pub(crate) fn by_bot(message: &Outgoing) -> Self {
        let text = match message {
            Outgoing::Text(text) => Some(text.content().to_owned()),
            _ => None,
        };
        Self { role: Role::Bot, text, kind: message.msgtype().to_owned(), time: unix_seconds() }
    }

    pub(super) fn line(&self) -> String {
        let from = if self.role == Role::Servicer { "[servicer] " } else { "" };
        match &self.text {
            Some(text) => format!("{from}{text}"),
            None => format!("{from}[{}]", self.kind),
        }
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Transcript").field(&self.0).finish()
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Said")
            .field("role", &self.role)
            .field("kind", &self.kind)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn said(role: Role, text: Option<&str>, time: i64) -> Said {
        let kind = if text.is_some() { "text" } else { "image" };
        Said { role, text: text.map(str::to_owned), kind: kind.to_owned(), time }
    }

    /// WeCom's clock and that of this machine differ by a minute.
    #[test]
    fn an_answer_follows_its_question_whatever_the_clocks_show() {
        for fast in [-60, 60] {
            let mut transcript = Transcript::default();
            transcript.extend([said(Role::Bot, Some("welcome"), 95 + fast)], 20);
            for (time, question) in [(100, "q1"), (105, "q2"), (107, "q3")] {
                let turn = [
                    said(Role::Customer, Some(question), time),
                    said(Role::Bot, Some(&question.replace('q', "a")), time + 2 + fast),
                    said(Role::Bot, Some(&question.replace('q', "b")), time + 2 + fast),
                ];
                transcript.extend(turn, 20);
            }
            // Replayed, and answered only now.
            transcript.extend([said(Role::Servicer, Some("s"), 103), said(Role::Bot, Some("t"), 300 + fast)], 20);
            let texts: Vec<&str> = transcript.messages().iter().flat_map(|said| said.text.as_deref()).collect();
            let expected = ["welcome", "q1", "a1", "b1", "s", "t", "q2", "a2", "b2", "q3", "a3", "b3"];
            assert_eq!(texts, expected, "{fast} s");
        }
    }

    #[test]
    fn the_newest_messages_are_kept_in_order_of_time() {
        let mut transcript = Transcript::default();
        transcript.extend((0..10).map(|time| said(Role::Customer, Some("x"), 2 * time)), 5);
        transcript.extend([said(Role::Servicer, Some("late"), 15)], 5);
        let times: Vec<i64> = transcript.messages().iter().map(|said| said.time).collect();
        assert_eq!(times, [12, 14, 15, 16, 18]);

        let long = "x".repeat(defaults::TRANSCRIPT_BYTES / 2);
        transcript.extend((20..23).map(|time| said(Role::Customer, Some(&long), time)), 5);
        assert_eq!(transcript.messages().len(), 2, "two fill it");
        transcript.extend([said(Role::Customer, Some(&long.repeat(3)), 30)], 5);
        assert_eq!(transcript.messages().len(), 1, "the newest is kept");
    }
}
