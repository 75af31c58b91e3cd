//! The handle of a customer, for tests in Rust.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::api::wait::{self, Deadline, PATIENCE};
use crate::platform::{Chat, Heard, NotPossible};
use crate::world::World;
use crate::world::clock::Pace;

/// How much real time [`Customer::stays_silent`] gives the bot before and after it moves a manual clock.
const PAUSE: Duration = Duration::from_secs(1);
/// How many of the last calls are listed below a transcript.
const CALLS_SHOWN: usize = 10;

/// A customer in WeChat: see [`Simulator::customer`](crate::Simulator::customer).
#[derive(Clone, Debug)]
pub struct Customer {
    pub(crate) world: Arc<World>,
    open_kfid: String,
    external_userid: String,
    /// How long this customer waits, if it is not a minute of real time.
    within: Option<Duration>,
}

impl Customer {
    pub(crate) fn new(world: Arc<World>, open_kfid: String, external_userid: String) -> Self {
        Self { world, open_kfid, external_userid, within: None }
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
        self.world.update(|platform, now| platform.customer_says(now, self.chat(), text, None))
    }

    /// Taps an item of a menu, which sends its text. Returns the msgid.
    pub fn taps(&self, menu_id: &str, content: &str) -> String {
        self.world.update(|platform, now| platform.customer_says(now, self.chat(), content, Some(menu_id)))
    }

    /// Taps the newest click item of a menu, or link in a text, with this id. Returns the msgid.
    ///
    /// # Errors
    ///
    /// No message that this customer received has such an item or link.
    pub fn chooses(&self, menu_id: &str) -> Result<String, NotPossible> {
        self.world.update(|platform, now| {
            let content = platform.menu_item(self.chat(), menu_id);
            let none = || NotPossible(format!("no menu or text has an item or link `{menu_id}`"));
            Ok(platform.customer_says(now, self.chat(), &content.ok_or_else(none)?, Some(menu_id)))
        })
    }

    /// Taps the newest link with this label in a text, which sends its text as a menu item does. Returns the msgid.
    ///
    /// Such a link is `<a href="weixin://kefumenu?kefumenucontent=TEXT&kefumenuid=ID">label</a>`.
    ///
    /// # Errors
    ///
    /// No text that this customer received has such a link.
    pub fn taps_link(&self, label: &str) -> Result<String, NotPossible> {
        self.world.update(|platform, now| {
            let link = platform.menu_link(self.chat(), label);
            let link = link.ok_or_else(|| NotPossible(format!("no text has a menu link `{label}`")))?;
            Ok(platform.customer_says(now, self.chat(), &link.content, Some(&link.id)))
        })
    }

    /// Writes a message of any kind, such as `writes("location", json!({ "latitude": 39.9, "longitude": 116.4 }))`, with
    /// the body that `sync_msg` returns for it. Returns the msgid.
    ///
    /// The simulator does not check the kind and the body, so a bot can be tested with kinds that WeCom adds later.
    pub fn writes(&self, msgtype: &str, body: Value) -> String {
        self.world.update(|platform, now| platform.customer_writes(now, self.chat(), msgtype, body))
    }

    /// Recalls a message that this customer wrote: the event `user_recall_msg`. Returns the event's msgid.
    ///
    /// # Errors
    ///
    /// This customer wrote no such message, or has recalled it already.
    pub fn recalls(&self, msgid: &str) -> Result<String, NotPossible> {
        self.world.update(|platform, now| platform.customer_recalls(now, self.chat(), msgid))
    }

    /// Opens the chat: the event `enter_session`. Returns its `welcome_code`, if the rules grant one.
    pub fn enters(&self) -> Option<String> {
        self.world.update(|platform, now| platform.customer_enters(now, self.chat()))
    }

    /// Returns this customer with another limit for all waits: [`hears`](Self::hears), [`is_with`](Self::is_with) and
    /// [`is_offered`](Self::is_offered).
    ///
    /// `limit` is time of the simulator's clock. So a manual clock decides exactly: the wait ends when somebody
    /// [moves](crate::Simulator::advance) it past the limit, and a minute of real time is enough for any bot. A running clock
    /// cannot tell a slow bot from a busy machine. With it the wait lasts `limit` of real time, but never less than a minute.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sim = wecom_kf_sim::Simulator::builder().manual_clock().start().await?;
    /// let wang = sim.customer("小王").within(Duration::from_secs(5));
    /// wang.says("在吗？");
    /// let (heard, ()) = tokio::join!(wang.hears(), async { sim.advance(Duration::from_secs(6)) });
    /// assert!(heard.is_err()); // no bot answers here
    /// # Ok(())
    /// # }
    /// ```
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = Some(limit);
        self
    }

    /// Returns the next message that the bot sent and that was not returned yet. Waits for it, at most a minute of real
    /// time, or [as long as this customer waits](Self::within). Messages that servicers write are not returned.
    ///
    /// # Errors
    ///
    /// The bot sent nothing. The error's text has the transcript and the last calls.
    pub async fn hears(&self) -> Result<Heard, NothingHeard> {
        self.waits_for(|by| self.world.update(|platform, _| platform.next_heard(self.chat(), by))).await
    }

    /// Returns the next message, as [`hears`](Self::hears) does, if the bot sends it within this time: see
    /// [`within`](Self::within).
    ///
    /// # Errors
    ///
    /// The bot sent nothing in time. The error's text has the transcript and the last calls.
    pub async fn hears_within(&self, limit: Duration) -> Result<Heard, NothingHeard> {
        self.clone().within(limit).hears().await
    }

    /// Checks that the bot sends nothing to this customer for this time of the simulator's clock, and has sent nothing that
    /// was not [heard](Self::hears).
    ///
    /// First waits until the bot has read all that was written to the account, at most a minute of real time: a bot that has
    /// seen nothing is silent, too. With a running clock, then waits for `time`. With a manual clock, then moves the clock
    /// forward by `time`, and gives the bot a second of real time before and after that. A bot that keeps silent passes on
    /// every machine, however busy it is.
    ///
    /// # Errors
    ///
    /// The bot sent a message, or did not read. The error's text has the transcript and the last calls.
    pub async fn stays_silent(&self, time: Duration) -> Result<(), NotSilent> {
        let written_and_read = || self.world.update(|platform, _| platform.written_and_read(self.chat()));
        let (written, _) = written_and_read();
        let read = || (written_and_read().1 >= written).then_some(());
        if wait::until(&self.world, Deadline::after(PATIENCE), read).await.is_none() {
            return Err(NotSilent::NotRead { transcript: self.transcript() });
        }
        if self.world.clock.read().pace == Pace::Running {
            return self.hears_nothing_for(time).await;
        }
        self.hears_nothing_for(PAUSE).await?;
        self.world.advance(time);
        self.hears_nothing_for(PAUSE).await
    }

    /// Returns all messages that the bot sent to this customer in the last three days.
    pub fn heard(&self) -> Vec<Heard> {
        self.world.update(|platform, _| platform.heard(self.chat()))
    }

    /// Returns the state of the session: 0 untreated, 1 assistant, 2 queue, 3 servicer, 4 ended or never begun.
    pub fn state(&self) -> i64 {
        self.world.update(|platform, now| platform.session_state(now, self.chat()))
    }

    /// Returns the userid of the servicer who has the session, in state 3.
    pub fn servicer_userid(&self) -> Option<String> {
        self.world.update(|platform, now| platform.session_servicer(now, self.chat()))
    }

    /// Waits until the session is with this servicer, at most a minute of real time, or
    /// [as long as this customer waits](Self::within).
    ///
    /// # Errors
    ///
    /// The servicer did not get the session. The error's text has the transcript and the last calls.
    pub async fn is_with(&self, userid: &str) -> Result<(), NothingHeard> {
        self.waits_for(|_| (self.servicer_userid().as_deref() == Some(userid)).then_some(())).await
    }

    /// Waits until `look` returns a value, for as long as this customer waits.
    pub(crate) async fn waits_for<T>(&self, look: impl Fn(Duration) -> Option<T>) -> Result<T, NothingHeard> {
        let deadline = Deadline::new(&self.world.clock, self.within);
        let found = wait::until(&self.world, deadline, || look(deadline.clock)).await;
        found.ok_or_else(|| NothingHeard { within: self.within.unwrap_or(PATIENCE), transcript: self.transcript() })
    }

    /// Returns an error if there is a message of the bot's that was not heard yet, or one comes in this much real time.
    async fn hears_nothing_for(&self, real: Duration) -> Result<(), NotSilent> {
        let next = || self.world.update(|platform, _| platform.next_heard(self.chat(), Duration::MAX));
        match wait::until(&self.world, Deadline::after(real), next).await {
            None => Ok(()),
            Some(heard) => Err(NotSilent::Heard { heard, transcript: self.transcript() }),
        }
    }

    pub(crate) fn chat(&self) -> Chat<'_> {
        Chat { open_kfid: &self.open_kfid, external_userid: &self.external_userid }
    }

    /// Returns the chat, a line each, and the last calls.
    fn transcript(&self) -> String {
        let mut lines = self.world.update(|platform, _| platform.transcript(self.chat()));
        let journal = self.world.journal();
        let mut calls: Vec<_> = journal
            .calls()
            .into_iter()
            .rev()
            .take(CALLS_SHOWN)
            .map(|call| {
                let outcome = call.errcode.map_or_else(|| format!("status {}", call.status), |code| code.to_string());
                format!("→ {} {outcome}", call.operation)
            })
            .collect();
        calls.reverse();
        lines.append(&mut calls);
        lines.join("\n")
    }
}

/// The error of waiting: what a customer waited for did not happen in time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("nothing within {within:?}; the chat until now, and the last calls:\n{transcript}")]
#[non_exhaustive]
pub struct NothingHeard {
    /// How long the customer waited: see [`Customer::within`].
    pub within: Duration,
    /// What customer, bot and servicers wrote and did, one line each, then the last calls of the API.
    pub transcript: String,
}

/// The error of [`Customer::stays_silent`].
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotSilent {
    /// The bot sent a message.
    #[error("the bot sent a message: {heard}\nthe chat until now, and the last calls:\n{transcript}")]
    #[non_exhaustive]
    Heard {
        /// The message.
        heard: Heard,
        /// As in [`NothingHeard`].
        transcript: String,
    },
    /// The bot did not read all that was written to the account, so its silence proves nothing.
    #[error(
        "the bot has not read what was written to the account; the chat until now, and the last calls:\n{transcript}"
    )]
    #[non_exhaustive]
    NotRead {
        /// As in [`NothingHeard`].
        transcript: String,
    },
}
