//! What an inbox commits: the state from which a reader starts, and the write that replaces it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ConversationWrite;

/// The format in which this version writes [`Committed`], [`Parked`](super::Parked) and
/// [`ConversationRecord`](super::ConversationRecord).
///
/// A store keeps this number with its data. Data of a later format is [`Corrupt`](super::StoreError::Corrupt) for this
/// version and must not be changed. Format 1 was that of versions before 0.1.0 was published.
pub const FORMAT: u32 = 2;

/// How many ids of settled messages an inbox remembers by default.
pub const REMEMBERED: usize = 10_000;

/// The name of a history. All commits after one cold start have the same generation, and no two cold starts have the
/// same one.
///
/// If a reader finds its own generation in the store, it can compare the revisions. If it finds none, the store has
/// forgotten. If it finds another one, another reader has begun again.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(String);

impl Generation {
    /// Returns a new, random generation.
    pub fn random() -> Self {
        Self(format!("{:032x}", fastrand::u128(..)))
    }

    /// Returns the generation as text, for stores.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Generation {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({})", self.0)
    }
}

/// The stored state of an inbox, except for its lease, its parked messages and its conversations.
/// [`InboxStore::load`](super::InboxStore::load) returns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Committed {
    /// The history that the state belongs to.
    pub generation: Generation,
    /// The number of the last commit of that history, from 1.
    pub revision: u64,
    /// Where to continue reading: every message before it is settled. `None`: from the oldest message.
    pub cursor: Option<String>,
    /// Messages sent before this Unix second are passed over, because a cold start began there.
    pub since: Option<i64>,
    /// How often a reader has started to deliver messages since the last progress. It is progress when the handler of
    /// the message that was the oldest unsettled one at the start has ended, and when a reader stopped in order.
    #[serde(default)]
    pub starts: u32,
    /// The message that was handled alone when this was written, because earlier starts made no progress. If a reader
    /// finds one at its start, the handler of that message ended the process.
    #[serde(default)]
    pub in_progress: Option<String>,
    /// The ids of the messages settled last, oldest first. All messages that are settled beyond the cursor are among
    /// them.
    pub settled: Vec<String>,
}

impl Committed {
    /// Creates the state at the beginning of a history; for stores, which then set the other fields.
    pub fn new(generation: Generation) -> Self {
        Self { generation, revision: 0, cursor: None, since: None, starts: 0, in_progress: None, settled: Vec::new() }
    }

    /// Returns the state after `commit`, as [`InboxStore::commit`](super::InboxStore::commit) describes it. Parked
    /// messages and conversations are not part of it.
    #[must_use]
    pub fn after(stored: Option<Self>, commit: &Commit) -> Self {
        let mut settled = match (commit.writes, stored) {
            (Writes::Next, Some(stored)) => stored.settled,
            _ => Vec::new(),
        };
        settled.extend_from_slice(&commit.settled);
        settled.drain(..settled.len().saturating_sub(commit.remember));
        Self {
            generation: commit.generation.clone(),
            revision: commit.revision,
            cursor: commit.cursor.clone(),
            since: commit.since,
            starts: commit.starts,
            in_progress: commit.in_progress.clone(),
            settled,
        }
    }
}

/// One write to a store: see [`InboxStore::commit`](super::InboxStore::commit).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// Whether the commit adds to the stored state or replaces it.
    pub writes: Writes,
    /// See [`Committed::generation`].
    pub generation: Generation,
    /// See [`Committed::revision`].
    pub revision: u64,
    /// See [`Committed::cursor`].
    pub cursor: Option<String>,
    /// See [`Committed::since`].
    pub since: Option<i64>,
    /// See [`Committed::starts`].
    pub starts: u32,
    /// See [`Committed::in_progress`].
    pub in_progress: Option<String>,
    /// The ids of the messages settled since the commit before, in the order they were settled, parked ones included.
    pub settled: Vec<String>,
    /// How many ids the store keeps at least.
    pub remember: usize,
    /// The messages and pages to park.
    pub parked: Vec<super::Parked>,
    /// The ids of what is no longer parked.
    pub unparked: Vec<String>,
    /// The ids of parked messages whose replay begins. Their wish ends, and they stay parked. So if such a message ends
    /// the process, it is not replayed again at the next start.
    pub unwished: Vec<String>,
    /// What handlers changed in conversations, with the messages that `settled` acknowledges. At most one for each
    /// customer.
    pub conversations: Vec<ConversationWrite>,
}

/// How a commit relates to the stored state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writes {
    /// The commit follows the stored revision of the same generation, and adds to it.
    Next,
    /// The commit replaces the stored state, whatever that is. A cold start writes it, and a reader that restores what
    /// the store has forgotten. Parked messages and conversations stay.
    Whole,
}

impl Commit {
    /// Creates the commit that follows `committed` and changes nothing yet.
    pub fn next(committed: &Committed) -> Self {
        Self {
            writes: Writes::Next,
            generation: committed.generation.clone(),
            revision: committed.revision + 1,
            cursor: committed.cursor.clone(),
            since: committed.since,
            starts: committed.starts,
            in_progress: committed.in_progress.clone(),
            settled: Vec::new(),
            remember: REMEMBERED,
            parked: Vec::new(),
            unparked: Vec::new(),
            unwished: Vec::new(),
            conversations: Vec::new(),
        }
    }

    /// Creates the commit that replaces what is stored by `committed`, ids included, under the next revision.
    pub fn whole(committed: &Committed) -> Self {
        Self { writes: Writes::Whole, settled: committed.settled.clone(), ..Self::next(committed) }
    }

    /// Returns whether `stored` is the result of this commit: it was written before, and its answer was lost.
    pub fn is_stored(&self, stored: &Committed) -> bool {
        self.generation == stored.generation && self.revision == stored.revision
    }

    /// Returns whether this commit may be written over `stored`.
    pub fn builds_on(&self, stored: Option<&Committed>) -> bool {
        match self.writes {
            Writes::Whole => true,
            Writes::Next => stored
                .is_some_and(|stored| self.generation == stored.generation && self.revision == stored.revision + 1),
        }
    }
}
