//! Which settled messages are not stored yet, and when they are to be written. Pure.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::conversations::{Unstored, unconditional};
use crate::defaults;
use crate::store::{Commit, Parked, Writes};

/// The content of the next commit, except for the cursor and the other fields of the state.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) settled: Vec<Arc<str>>,
    pub(crate) parked: Vec<Parked>,
    pub(crate) unparked: Vec<String>,
    pub(crate) unwished: Vec<String>,
    pub(crate) conversations: Unstored,
    /// Since when something has been pending.
    since: Option<Instant>,
    /// When the last commit that settles a message was begun.
    last: Option<Instant>,
    is_urgent: bool,
}

impl Pending {
    /// Notes a change that is to be written within the usual time.
    pub(crate) fn touch(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Makes the next commit due at once, since something waits for it.
    pub(crate) fn demand(&mut self, now: Instant) {
        self.touch(now);
        self.is_urgent = true;
    }

    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Returns when the next commit is due: at once if the last one was long enough ago, or if something waits for it.
    pub(crate) fn due(&self) -> Option<Instant> {
        let since = self.since?;
        let is_much = self.settled.len() >= defaults::UNCOMMITTED_MOST
            || self.conversations.bytes() >= defaults::UNCOMMITTED_BYTES;
        if self.is_urgent || is_much {
            return Some(since);
        }
        Some(self.last.map_or(since, |last| since.max(last + defaults::COMMIT_EVERY)))
    }

    /// Moves everything into a commit.
    pub(crate) fn fill(&mut self, commit: &mut Commit, now: Instant) {
        commit.settled.extend(self.settled.drain(..).map(|id| id.to_string()));
        commit.parked.append(&mut self.parked);
        commit.unparked.append(&mut self.unparked);
        commit.unwished.append(&mut self.unwished);
        commit.conversations = self.conversations.drain();
        if commit.writes == Writes::Whole {
            // The store may have forgotten the conversation that the change continues.
            commit.conversations = commit.conversations.drain(..).map(unconditional).collect();
        }
        let settles = !commit.settled.is_empty() || !commit.parked.is_empty();
        *self = Self { last: if settles { Some(now) } else { self.last }, ..Self::default() };
    }

    /// Takes back what a commit did not write. The ids of a whole commit are kept by the state.
    pub(crate) fn take_back(&mut self, commit: Commit, now: Instant) {
        if commit.writes == Writes::Next {
            self.settled.splice(..0, commit.settled.into_iter().map(Arc::from));
        }
        self.parked.splice(..0, commit.parked);
        self.unparked.splice(..0, commit.unparked);
        self.unwished.splice(..0, commit.unwished);
        self.conversations.take_back(commit.conversations);
        self.demand(now);
    }
}

/// How long settled messages may wait to be stored. After that nothing more is handed out, so that a crash repeats
/// little even while the store is slow or down.
pub(crate) const LATE: Duration = Duration::from_secs(1);
