//! Conversations: what a bot keeps of each customer from message to message. What is stored is in `store/conversations.rs`.

mod draft;
mod error;
mod for_model;
mod transcript;

use std::error::Error as StdError;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wecom_kf::ExternalUserId;

use crate::defaults;
use crate::delivery::{Answering, Delivery};

pub(crate) use draft::Draft;
pub use error::ConversationError;
pub use for_model::{ModelFile, ModelMessage};
pub use transcript::{Role, Said, Transcript};

/// A function that turns the JSON of an older version of the state into that of the current version.
pub(crate) type Migrate = Arc<dyn Fn(u32, &str) -> Result<String, Box<dyn StdError + Send + Sync>> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct ConversationSettings {
    pub(crate) keep: Duration,
    pub(crate) limit: usize,
    pub(crate) version: u32,
    pub(crate) migrate: Option<Migrate>,
    /// How many messages a transcript has at most; 0 for no transcripts.
    pub(crate) transcript: usize,
}

impl Default for ConversationSettings {
    fn default() -> Self {
        Self {
            keep: defaults::KEEP_CONVERSATIONS,
            limit: defaults::CONVERSATION_LIMIT,
            version: 1,
            migrate: None,
            transcript: 0,
        }
    }
}

impl ConversationSettings {
    pub(crate) fn keeps_transcripts(&self) -> bool {
        self.transcript > 0
    }
}

/// The state that a bot keeps of one customer: from [`Delivery::conversation`]. Change it as if it were the `S`, then
/// [`save`](Self::save) it.
///
/// ```no_run
/// use serde::{Deserialize, Serialize};
/// use wecom_kf_inbox::{Delivery, Failure};
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct Visits {
///     count: u32,
/// }
///
/// async fn handle(delivery: Delivery) -> Result<(), Failure> {
///     let mut visits = delivery.conversation::<Visits>().await?;
///     visits.count += 1;
///     delivery.reply(format!("第 {} 次来信", visits.count)).await?;
///     visits.save()?;
///     Ok(()) // stores the count and settles the message, in one step
/// }
/// ```
#[must_use = "changes are kept only by `save`"]
pub struct Conversation<S> {
    state: S,
    customer: ExternalUserId,
    answering: Arc<Answering>,
}

impl<S> Conversation<S> {
    /// Returns the customer.
    pub fn customer(&self) -> &ExternalUserId {
        &self.customer
    }

    /// Ends the conversation: when the message is acknowledged, everything that is kept of the customer is deleted, the
    /// transcript and the rest of an [answer](Delivery::answer) included.
    ///
    /// # Errors
    ///
    /// [`ConversationError::Answered`]: the message was answered before.
    pub fn end(self) -> Result<(), ConversationError> {
        self.answering.change(Draft::end)
    }
}

impl<S: Serialize> Conversation<S> {
    /// Keeps the state as it is now. It is stored when the message is acknowledged, in the same step. If the attempt
    /// fails, the next one starts from the stored state again. Of several calls the last one counts.
    ///
    /// # Errors
    ///
    /// [`ConversationError::TooLarge`], [`ConversationError::Unwritable`], or [`ConversationError::Answered`]: the
    /// message was answered before.
    pub fn save(&self) -> Result<(), ConversationError> {
        let settings = &self.answering.shared().settings.conversations;
        self.answering.change(|draft| draft.set_state(&self.state, settings))?
    }
}

impl<S> Deref for Conversation<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S> DerefMut for Conversation<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.state
    }
}

/// Does not show the state.
impl<S> fmt::Debug for Conversation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("customer", &self.customer).finish_non_exhaustive()
    }
}

impl Delivery {
    /// Loads the state that the bot keeps of this customer in this account; the default of `S` if there is none.
    ///
    /// A changed state is [saved](Conversation::save) and then stored **together with the acknowledgement** of this
    /// message. So a message that is handled again after a crash finds the state without its change, and a message whose
    /// change is stored does not come again. The messages of a customer are handled one after the other, so no other
    /// handler changes the state meanwhile. Servicers' messages and events of a customer have that customer's state.
    ///
    /// A state is kept for 30 days after its last change ([`keep_conversations`]), may have 64 KiB as JSON
    /// ([`conversation_limit`]), and has a version ([`conversation_version`]). One account has one type of state. A bot
    /// that never calls this stores nothing and reads nothing.
    ///
    /// [`keep_conversations`]: crate::InboxBuilder::keep_conversations
    /// [`conversation_limit`]: crate::InboxBuilder::conversation_limit
    /// [`conversation_version`]: crate::InboxBuilder::conversation_version
    ///
    /// # Errors
    ///
    /// [`ConversationError`]: the store is down, the stored state cannot be read, or the message concerns no customer.
    pub async fn conversation<S>(&self) -> Result<Conversation<S>, ConversationError>
    where
        S: Serialize + DeserializeOwned + Default,
    {
        let customer = self.message().external_userid().ok_or(ConversationError::NoCustomer)?;
        let answering = self.answering();
        answering.load_draft(customer).await?;
        let settings = &answering.shared().settings.conversations;
        let state = answering.read(|draft| draft.state(settings)).ok_or(ConversationError::Answered)??;
        Ok(Conversation { state, customer: customer.clone(), answering: answering.clone() })
    }

    /// Returns what customer, bot and servicers said, oldest first. This message is included, and so are the replies
    /// that were sent to it. The inbox keeps transcripts if [`transcript`](crate::InboxBuilder::transcript) is set.
    ///
    /// # Errors
    ///
    /// [`ConversationError::NoTranscript`], [`ConversationError::NoCustomer`], or [`ConversationError::Answered`]: the
    /// message was answered before.
    pub fn transcript(&self) -> Result<Transcript, ConversationError> {
        let settings = &self.answering().shared().settings.conversations;
        if !settings.keeps_transcripts() {
            return Err(ConversationError::NoTranscript);
        }
        self.message().external_userid().ok_or(ConversationError::NoCustomer)?;
        self.answering().read(|draft| draft.transcript(settings)).ok_or(ConversationError::Answered)
    }
}
