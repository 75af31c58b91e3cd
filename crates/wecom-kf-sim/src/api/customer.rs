//! The handle of a customer, for tests in Rust.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::platform::{Chat, NotPossible};
use crate::world::shared::Shared;

/// How long [`Customer::hears`] waits.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many of the last calls are listed below a transcript.
const CALLS_SHOWN: usize = 10;

/// A customer in WeChat: see [`Simulator::customer`](crate::Simulator::customer).
#[derive(Clone, Debug)]
pub struct Customer {
    pub(crate) shared: Arc<Shared>,
    open_kfid: String,
    external_userid: String,
}

impl Customer {
    pub(crate) fn new(shared: Arc<Shared>, open_kfid: String, external_userid: String) -> Self {
        Self { shared, open_kfid, external_userid }
    }

    /// Returns the customer's id.
    pub fn external_userid(&self) -> &str {
        &self.external_userid
    }

    /// Returns the account that the customer talks to.
    pub fn open_kfid(&self) -> &str {
        &self.open_kfid
    }

    /// Writes a text and returns its msgid.
    ///
    /// If there is no session or it has ended, this opens one in state 0. The 48 hours and the five messages that the bot
    /// may send begin again.
    pub fn says(&self, text: &str) -> String {
        let (mut platform, now) = self.shared.platform();
        platform.customer_says(now, self.chat(), text, None)
    }

    /// Taps an item of a menu, which sends its text. Returns the msgid.
    pub fn taps(&self, menu_id: &str, content: &str) -> String {
        let (mut platform, now) = self.shared.platform();
        platform.customer_says(now, self.chat(), content, Some(menu_id))
    }

    /// Taps the newest click item of a menu, or link in a text, with this id. Returns the msgid.
    ///
    /// # Errors
    ///
    /// No message that this customer received has such an item or link.
    pub fn chooses(&self, menu_id: &str) -> Result<String, NotPossible> {
        let (mut platform, now) = self.shared.platform();
        let content = platform.menu_item(self.chat(), menu_id);
        let content = content.ok_or_else(|| NotPossible(format!("no menu or text has an item or link `{menu_id}`")))?;
        Ok(platform.customer_says(now, self.chat(), &content, Some(menu_id)))
    }

    /// Taps the newest link with this label in a text, which sends its text as a menu item does. Returns the msgid.
    ///
    /// Such a link is `<a href="weixin://kefumenu?kefumenucontent=TEXT&kefumenuid=ID">label</a>`.
    ///
    /// # Errors
    ///
    /// No text that this customer received has such a link.
    pub fn taps_link(&self, label: &str) -> Result<String, NotPossible> {
        let (mut platform, now) = self.shared.platform();
        let link = platform.menu_link(self.chat(), label);
        let link = link.ok_or_else(|| NotPossible(format!("no text has a menu link `{label}`")))?;
        Ok(platform.customer_says(now, self.chat(), &link.content, Some(&link.id)))
    }

    /// Writes a message of any kind, such as `writes("location", json!({ "latitude": 39.9, "longitude": 116.4 }))`, with
    /// the body that `sync_msg` returns for it. Returns the msgid.
    ///
    /// The simulator does not check the kind and the body, so a bot can be tested with kinds that WeCom adds later.
    pub fn writes(&self, msgtype: &str, body: Value) -> String {
        let (mut platform, now) = self.shared.platform();
        platform.customer_writes(now, self.chat(), msgtype, body)
    }

    /// Recalls a message that this customer wrote: the event `user_recall_msg`. Returns the event's msgid.
    ///
    /// # Errors
    ///
    /// This customer wrote no such message, or has recalled it already.
    pub fn recalls(&self, msgid: &str) -> Result<String, NotPossible> {
        let (mut platform, now) = self.shared.platform();
        platform.customer_recalls(now, self.chat(), msgid)
    }

    /// Opens the chat: the event `enter_session`. Returns its `welcome_code`, if the rules grant one.
    pub fn enters(&self) -> Option<String> {
        let (mut platform, now) = self.shared.platform();
        platform.customer_enters(now, self.chat())
    }

    /// Returns the next message that the bot sent and that was not returned yet. Waits for it, at most a minute of real
    /// time. Messages that servicers write are not returned.
    ///
    /// # Errors
    ///
    /// The bot sent nothing. The error's text has the transcript and the last calls.
    pub async fn hears(&self) -> Result<Heard, NothingHeard> {
        let next = tokio::time::timeout(PATIENCE, self.next_heard()).await;
        next.map_err(|_| self.nothing_heard())
    }

    /// Returns all messages that the bot sent to this customer in the last three days.
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.platform().0.heard(self.chat())
    }

    /// Returns the state of the session: 0 untreated, 1 assistant, 2 queue, 3 servicer, 4 ended or never begun.
    pub fn state(&self) -> i64 {
        let (mut platform, now) = self.shared.platform();
        platform.session_state(now, self.chat())
    }

    /// Returns the userid of the servicer who has the session, in state 3.
    pub fn servicer_userid(&self) -> Option<String> {
        let (mut platform, now) = self.shared.platform();
        platform.session_servicer(now, self.chat())
    }

    /// Waits until the session is with this servicer, at most a minute of real time.
    ///
    /// # Errors
    ///
    /// The servicer did not get the session. The error's text has the transcript and the last calls.
    pub async fn is_with(&self, userid: &str) -> Result<(), NothingHeard> {
        self.waits_for(|| (self.servicer_userid().as_deref() == Some(userid)).then_some(())).await
    }

    /// Waits until `look` returns a value, for as long as customers wait. Looks again whenever a call is done.
    pub(crate) async fn waits_for<T>(&self, look: impl Fn() -> Option<T>) -> Result<T, NothingHeard> {
        let there = async {
            loop {
                // Made before looking: it hears what is recorded in between.
                let recorded = self.shared.recorded.notified();
                match look() {
                    Some(found) => return found,
                    None => recorded.await,
                }
            }
        };
        tokio::time::timeout(PATIENCE, there).await.map_err(|_| self.nothing_heard())
    }

    pub(crate) fn chat(&self) -> Chat<'_> {
        Chat { open_kfid: &self.open_kfid, external_userid: &self.external_userid }
    }

    async fn next_heard(&self) -> Heard {
        loop {
            // Made before looking: it hears what is sent in between.
            let sent = self.shared.sent.notified();
            let next = self.shared.platform().0.next_heard(self.chat());
            match next {
                Some(heard) => return heard,
                None => sent.await,
            }
        }
    }

    fn nothing_heard(&self) -> NothingHeard {
        let mut lines = self.shared.platform().0.transcript(self.chat());
        let journal = self.shared.journal();
        let mut calls: Vec<_> = journal
            .calls()
            .rev()
            .take(CALLS_SHOWN)
            .map(|call| {
                let outcome = call.errcode.map_or_else(|| format!("status {}", call.status), |code| code.to_string());
                format!("-> {} {outcome}", call.operation)
            })
            .collect();
        calls.reverse();
        lines.append(&mut calls);
        NothingHeard { transcript: lines.join("\n") }
    }
}

/// A message that the bot sent to a customer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Heard {
    /// Its msgid: the bot's own, or the one that the platform created.
    pub msgid: String,
    /// Its kind, such as `text`.
    pub msgtype: String,
    /// The body of that kind, as the customer receives it: menu items have ids, and titles that are too long are cut.
    pub body: Value,
    /// When it was sent, in Unix seconds of the simulator's clock.
    pub send_time: u64,
}

impl Heard {
    /// Returns the text, if the message is a text.
    pub fn text(&self) -> Option<&str> {
        self.body["content"].as_str().filter(|_| self.msgtype == "text")
    }

    /// Returns the texts of the click items, if the message is a menu.
    pub fn labels(&self) -> Vec<&str> {
        let items = self.body["list"].as_array().into_iter().flatten();
        items.filter_map(|item| item["click"]["content"].as_str()).collect()
    }
}

// For transcripts.
impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => write!(f, "[{}] {}", self.msgtype, self.body),
        }
    }
}

/// The error of waiting: what a customer waited for did not happen within a minute.
#[derive(Clone, Debug, thiserror::Error)]
#[error("nothing within a minute; the chat until now, and the last calls:\n{transcript}")]
#[non_exhaustive]
pub struct NothingHeard {
    /// What customer, bot and servicers wrote and did, one line each, then the last calls of the API.
    pub transcript: String,
}
