//! The messages and events of one account, in the order that `sync_msg` returns.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use crate::platform::KEPT;
use crate::platform::model::aging::give_room_back;

/// The messages and events of one account, oldest first, numbered from 0.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// As JSON: a tree of values takes several times the room.
    entries: VecDeque<(Duration, Box<str>)>,
    /// The number of the oldest entry kept.
    first: u64,
    /// The number up to which callbacks were made.
    announced: u64,
    /// The number up to which the bot has read.
    read: u64,
}

/// What one `sync_msg` reads.
pub(crate) struct Page {
    pub(crate) messages: Vec<Value>,
    pub(crate) next: u64,
    pub(crate) has_more: bool,
}

impl Log {
    pub(crate) fn push(&mut self, now: Duration, message: Value) {
        self.forget(now);
        self.entries.push_back((now, message.to_string().into()));
    }

    /// The number the next entry will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// How many entries came since the last time.
    pub(crate) fn announce(&mut self) -> u64 {
        let news = self.end() - self.announced;
        self.announced = self.end();
        news
    }

    /// Returns the number up to which the bot has read, at least once.
    pub(crate) fn read_up_to(&self) -> u64 {
        self.read
    }

    pub(crate) fn page(&mut self, from: u64, limit: usize, now: Duration) -> Page {
        self.forget(now);
        // What a cursor pointed at may be forgotten by now: then from the oldest message kept.
        let from = from.max(self.first);
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let entries = self.entries.range(skip.min(self.entries.len())..).take(limit);
        let messages: Vec<_> = entries.filter_map(|(_, message)| serde_json::from_str(message).ok()).collect();
        let next = from + messages.len() as u64;
        self.read = self.read.max(next);
        Page { messages, next, has_more: next < self.end() }
    }

    fn forget(&mut self, now: Duration) {
        while self.entries.front().is_some_and(|(at, _)| now > *at + KEPT) {
            self.entries.pop_front();
            self.first += 1;
        }
        give_room_back(&mut self.entries);
    }
}
