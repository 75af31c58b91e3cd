//! The transcript: what customer, bot and servicer said, how much of it is kept, and how language models take it.

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

/// A message as language models take it: `{"role": "user", "content": "…"}`.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ModelMessage {
    /// `user` for the customer, `assistant` for the bot and for servicers.
    pub role: &'static str,
    /// The texts.
    pub content: String,
}

impl Transcript {
    /// Returns the messages, oldest first.
    pub fn messages(&self) -> &[Said] {
        &self.0
    }

    /// Returns the transcript as the `messages` of a language model's API, such as that of an OpenAI-compatible
    /// endpoint. Put the system's message before it.
    ///
    /// Messages in a row that have the same role become one, with a line for each, since some models accept only
    /// alternating roles. A message without text is its kind in brackets, such as `[image]`. A line of a servicer begins
    /// with `[servicer] `.
    ///
    /// ```no_run
    /// # use wecom_kf_inbox::{ConversationError, Delivery};
    /// # fn example(delivery: &Delivery) -> Result<(), Box<dyn std::error::Error>> {
    /// let messages = delivery.transcript()?.for_model();
    /// let body = serde_json::json!({ "model": "…", "messages": messages });
    /// # Ok(())
    /// # }
    /// ```
    pub fn for_model(&self) -> Vec<ModelMessage> {
        let mut messages: Vec<ModelMessage> = Vec::new();
        for said in &self.0 {
            let role = if said.role == Role::Customer { "user" } else { "assistant" };
            let line = said.line();
            match messages.last_mut().filter(|last| last.role == role) {
                Some(last) => {
                    last.content.push('\n');
                    last.content.push_str(&line);
                }
                None => messages.push(ModelMessage { role, content: line }),
            }
        }
        messages
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what was said, at the place that its time demands, since a replayed message may be old. Of all, the last
    /// `most` are kept, and fewer if they are long.
    pub(crate) fn extend(&mut self, said: impl IntoIterator<Item = Said>, most: usize) {
        for said in said {
            let place = self.0.partition_point(|earlier| earlier.time <= said.time);
            self.0.insert(place, said);
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

    fn line(&self) -> String {
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

impl fmt::Debug for ModelMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelMessage").field("role", &self.role).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: Role, text: Option<&str>, time: i64) -> Said {
        let kind = if text.is_some() { "text" } else { "image" };
        Said { role, text: text.map(str::to_owned), kind: kind.to_owned(), time }
    }

    #[test]
    fn models_get_alternating_roles() {
        let mut transcript = Transcript::default();
        let all = [
            said(Role::Customer, Some("你好"), 1),
            said(Role::Customer, None, 2),
            said(Role::Bot, Some("在的"), 3),
            said(Role::Servicer, Some("我来处理"), 4),
            said(Role::Customer, Some("谢谢"), 5),
        ];
        transcript.extend(all, 10);
        let json = serde_json::to_string(&transcript.for_model()).unwrap();
        let expected = r#"[{"role":"user","content":"你好\n[image]"},{"role":"assistant","content":"在的\n[servicer] 我来处理"},{"role":"user","content":"谢谢"}]"#;
        assert_eq!(json, expected);
        assert!(!format!("{transcript:?}{:?}", transcript.for_model()).contains("你好"));
    }

    #[test]
    fn the_newest_messages_are_kept_in_order_of_time() {
        let mut transcript = Transcript::default();
        transcript.extend((0..10).map(|time| said(Role::Customer, Some("x"), 2 * time)), 5);
        transcript.extend([said(Role::Bot, Some("late"), 15)], 5);
        let times: Vec<i64> = transcript.messages().iter().map(|said| said.time).collect();
        assert_eq!(times, [12, 14, 15, 16, 18]);

        let long = "x".repeat(defaults::TRANSCRIPT_BYTES / 2);
        transcript.extend((20..23).map(|time| said(Role::Customer, Some(&long), time)), 5);
        assert_eq!(transcript.messages().len(), 2, "two fill it");
        transcript.extend([said(Role::Customer, Some(&long.repeat(3)), 30)], 5);
        assert_eq!(transcript.messages().len(), 1, "the newest is kept");
    }
}
