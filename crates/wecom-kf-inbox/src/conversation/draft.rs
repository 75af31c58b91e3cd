//! The conversation of one delivery: what was loaded, what the handler has changed, and what its acknowledgement writes.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wecom_kf::{Bilingual, ExternalUserId};

use super::transcript::{Said, Transcript};
use super::{ConversationError, ConversationSettings};
use crate::builder::LONGEST;
use crate::clock::unix_seconds;
use crate::store::{ConversationRecord, ConversationWrite, StoreError};

/// The content of a record.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Body {
    /// The version of the state.
    #[serde(default)]
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Transcript::is_empty")]
    transcript: Transcript,
    /// What did not fit into the turn of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rest: Option<String>,
}

impl Body {
    fn is_empty(&self) -> bool {
        self.state.is_none() && self.transcript.is_empty() && self.rest.is_none()
    }

    fn of(record: &ConversationRecord) -> Result<Self, StoreError> {
        serde_json::from_str(&record.body).map_err(|error| {
            let (customer, column) = (&record.customer, error.column());
            StoreError::corrupt(Bilingual::new(
                format!("the conversation with {customer} cannot be read, at column {column}"),
                format!("与客户 {customer} 的会话记录无法读取，位置在第 {column} 列"),
            ))
        })
    }
}

impl ConversationRecord {
    /// Returns the state that the bot keeps of the customer, as JSON, with its version.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`]: the record is not one of an inbox.
    pub fn state(&self) -> Result<Option<(u32, String)>, StoreError> {
        let body = Body::of(self)?;
        Ok(body.state.map(|state| (body.version, state.get().to_owned())))
    }

    /// Returns the transcript; empty if the inbox keeps none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`]: the record is not one of an inbox.
    pub fn transcript(&self) -> Result<Transcript, StoreError> {
        Body::of(self).map(|body| body.transcript)
    }

    /// Returns what did not fit into the turn of the last [`answer`](crate::Delivery::answer).
    ///
    /// # Errors
    ///
    /// [`StoreError::Corrupt`]: the record is not one of an inbox.
    pub fn rest_of_answer(&self) -> Result<Option<String>, StoreError> {
        Body::of(self).map(|body| body.rest)
    }
}

/// If a record has less time left than this, the change is written even if the record is past its time by then.
const NEARLY_OVER: i64 = 3600;

/// The conversation of one delivery.
#[derive(Debug)]
pub(crate) struct Draft {
    customer: ExternalUserId,
    loaded: Option<ConversationRecord>,
    body: Body,
    is_changed: bool,
    ends: bool,
    /// What was said in this delivery, if transcripts are kept.
    said: Vec<Said>,
}

impl Draft {
    pub(crate) fn new(customer: ExternalUserId, loaded: Option<ConversationRecord>) -> Result<Self, StoreError> {
        let body = loaded.as_ref().map(Body::of).transpose()?.unwrap_or_default();
        Ok(Self { customer, loaded, body, is_changed: false, ends: false, said: Vec::new() })
    }

    /// Returns the state; the default if there is none.
    pub(crate) fn state<S>(&self, settings: &ConversationSettings) -> Result<S, ConversationError>
    where
        S: for<'a> Deserialize<'a> + Default,
    {
        let Some(state) = &self.body.state else { return Ok(S::default()) };
        let (stored, known) = (self.body.version, settings.version);
        let customer = || self.customer.clone();
        let migrated = match &settings.migrate {
            _ if stored == known => None,
            Some(migrate) if stored < known => Some(migrate(stored, state.get()).map_err(|source| {
                ConversationError::Migration { customer: customer(), stored, source: source.into() }
            })?),
            _ => return Err(ConversationError::OtherVersion { customer: customer(), stored, known }),
        };
        // The message of serde could quote what the customer wrote.
        serde_json::from_str(migrated.as_deref().unwrap_or(state.get())).map_err(|error| {
            ConversationError::Unreadable { customer: customer(), version: stored, column: error.column() }
        })
    }

    /// Replaces the state.
    pub(crate) fn set_state(
        &mut self,
        state: &impl Serialize,
        settings: &ConversationSettings,
    ) -> Result<(), ConversationError> {
        let state = serde_json::value::to_raw_value(state)
            .map_err(|_| ConversationError::Unwritable { customer: self.customer.clone() })?;
        self.check_size(state.get().len(), settings)?;
        self.body.version = settings.version;
        self.body.state = Some(state);
        self.is_changed = true;
        self.ends = false;
        Ok(())
    }

    fn check_size(&self, bytes: usize, settings: &ConversationSettings) -> Result<(), ConversationError> {
        let limit = settings.limit;
        match bytes > limit {
            true => Err(ConversationError::TooLarge { customer: self.customer.clone(), bytes, limit }),
            false => Ok(()),
        }
    }

    /// Returns the rest of the last answer.
    pub(crate) fn rest(&self) -> Option<&str> {
        self.body.rest.as_deref()
    }

    /// Checks whether this rest can be kept.
    pub(crate) fn check_rest(
        &self,
        rest: Option<&str>,
        settings: &ConversationSettings,
    ) -> Result<(), ConversationError> {
        self.check_size(rest.map_or(0, str::len), settings)
    }

    /// Replaces the rest of the last answer.
    pub(crate) fn set_rest(&mut self, rest: Option<&str>) {
        if !self.ends && self.rest() != rest {
            self.body.rest = rest.map(str::to_owned);
            self.is_changed = true;
        }
    }

    /// Ends the conversation: nothing of the customer is kept.
    pub(crate) fn end(&mut self) {
        self.body = Body::default();
        self.said.clear();
        self.is_changed = true;
        self.ends = true;
    }

    /// Notes what was said.
    pub(crate) fn say(&mut self, said: Said) {
        if !self.ends {
            self.said.push(said);
        }
    }

    /// Returns what was said up to now.
    pub(crate) fn transcript(&self, settings: &ConversationSettings) -> Transcript {
        let mut transcript = self.body.transcript.clone();
        transcript.extend(self.said.iter().cloned(), settings.transcript);
        transcript
    }

    /// Returns the change that the acknowledgement of the message writes.
    pub(crate) fn into_write(mut self, settings: &ConversationSettings) -> Option<ConversationWrite> {
        if !self.is_changed && self.said.is_empty() {
            return None;
        }
        if !self.said.is_empty() {
            self.body.transcript.extend(self.said, settings.transcript);
        }
        if self.body.is_empty() {
            return self.loaded.map(|loaded| ConversationWrite::End(loaded.customer));
        }
        let now = unix_seconds();
        let keep = i64::try_from(settings.keep.min(LONGEST).as_secs()).unwrap_or(i64::MAX);
        // A body of valid JSON, texts and numbers can be written.
        let body = serde_json::to_string(&self.body).ok()?;
        let until = now.saturating_add(keep);
        Some(match self.loaded {
            Some(loaded) => {
                let is_nearly_over = loaded.keep_until < now.saturating_add(NEARLY_OVER);
                let record = ConversationRecord { body, ..loaded }.kept(now, until);
                if is_nearly_over { ConversationWrite::Begin(record) } else { ConversationWrite::Continue(record) }
            }
            None => ConversationWrite::Begin(ConversationRecord::new(self.customer, body).kept(now, until)),
        })
    }
}
