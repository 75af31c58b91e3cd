//! The messages and events of one account, in the order in which `sync_msg` returns them.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::platform::model::retention::{KEPT, give_room_back};

/// The messages and events of one account, oldest first, numbered from 0.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Log {
    /// As JSON, which is written once and takes a fraction of the memory of a tree of values.
    entries: VecDeque<(Duration, Box<RawValue>)>,
    /// The number of the oldest entry kept.
    first: u64,
    /// The number of the first entry without a callback.
    announced: u64,
    /// The number of the first entry that the bot has not read.
    read: u64,
}

impl Log {
    pub(crate) fn push(&mut self, now: Duration, message: &impl Serialize) {
        self.forget(now);
        let message = to_raw_value(message).expect("the keys of a message are strings");
        self.entries.push_back((now, message));
    }

    /// Returns the number that the next entry will have.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Returns how many entries were added since the last call.
    pub(crate) fn announce(&mut self) -> u64 {
        let added = self.end() - self.announced;
        self.announced = self.end();
        added
    }

    /// Returns the number of the first entry that the bot has not read.
    pub(crate) fn read_up_to(&self) -> u64 {
        self.read
    }

    /// Notes that the bot reads up to `limit` entries, and returns their numbers. If the entry `from` is no longer kept,
    /// the range begins with the oldest entry.
    pub(crate) fn read(&mut self, from: u64, limit: usize, now: Duration) -> Range<u64> {
        self.forget(now);
        let start = from.max(self.first);
        let end = start.saturating_add(limit as u64).min(self.end()).max(start);
        self.read = self.read.max(end);
        start..end
    }

    /// Returns the entries with these numbers.
    pub(crate) fn within(&self, range: Range<u64>) -> Vec<&RawValue> {
        let place = |number: u64| usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let (skip, count) = (place(range.start), place(range.end) - place(range.start));
        self.entries.iter().skip(skip).take(count).map(|(_, message)| &**message).collect()
    }

    /// Removes the entries that are older than 3 days.
    fn forget(&mut self, now: Duration) {
        while self.entries.front().is_some_and(|(at, _)| now > *at + KEPT) {
            self.entries.pop_front();
            self.first += 1;
        }
        give_room_back(&mut self.entries);
    }
}
