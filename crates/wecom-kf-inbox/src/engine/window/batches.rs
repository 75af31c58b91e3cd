//! Which messages form a batch, and when it is complete. Pure.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::letter::Letter;
use super::{End, FIRST_REPLAY, Lane, LaneKey, Number, Window};
use crate::batch::Quiet;

impl Window {
    /// Hands out batches from now on.
    pub(crate) fn form_batches(&mut self, quiet: Option<Quiet>) {
        self.quiet = quiet;
    }

    /// Returns when the next batch is complete.
    pub(crate) fn batch_due(&self) -> Option<Instant> {
        self.incomplete.first().map(|(at, _)| *at)
    }

    /// Queues the lanes whose batch is complete.
    pub(super) fn queue_complete_batches(&mut self, now: Instant) {
        while let Some((at, _)) = self.incomplete.first()
            && *at <= now
            && let Some((_, key)) = self.incomplete.pop_first()
        {
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.complete_at = None;
            }
            self.enqueue(&key, End::Back);
        }
    }

    /// Notes which messages are handed out with this one, unless it was handed out before.
    pub(super) fn form_batch(&mut self, number: Number) {
        let most = self.quiet.map_or(1, |quiet| quiet.messages);
        let Some(entry) = self.entry_mut(number).filter(|entry| entry.tries == 0 && number < FIRST_REPLAY) else {
            return;
        };
        if !entry.letter.is_of_customer() {
            return;
        }
        let key = entry.letter.customer.clone();
        let Some(lane) = self.lanes.get(&key) else { return };
        let followers = lane.queue.iter().skip(1).map_while(|number| self.entry(*number));
        let more: Vec<Arc<Letter>> = followers
            .take_while(|entry| entry.letter.is_of_customer())
            .take(most - 1)
            .map(|entry| entry.letter.clone())
            .collect();
        if let Some(entry) = self.entry_mut(number).filter(|_| !more.is_empty()) {
            entry.more = Some(more.into());
        }
    }

    /// Returns when the batch at the front of a lane is complete; `None` if it is.
    fn complete_at(&self, lane: &Lane) -> Option<Instant> {
        let quiet = self.quiet?;
        let first = self.entry(*lane.queue.front()?)?;
        let was_handed_out = first.tries > 0;
        let is_of_customer = |number: &Number| self.entry(*number).is_some_and(|it| it.letter.is_of_customer());
        if was_handed_out || lane.queue.len() >= quiet.messages || !lane.queue.iter().all(is_of_customer) {
            return None;
        }
        let last = self.entry(*lane.queue.back()?)?;
        Some((first.arrived + quiet.at_most).min(last.arrived + quiet.quiet))
    }

    /// Notes when the batch of a lane is complete. Returns false if it is complete now.
    pub(super) fn waits_for_batch(&mut self, key: &LaneKey) -> bool {
        let Some(lane) = self.lanes.get(key).filter(|lane| !lane.is_busy && !lane.is_queued) else { return false };
        let (before, at) = (lane.complete_at, self.complete_at(lane));
        if before != at {
            if let Some(before) = before {
                self.incomplete.remove(&(before, key.clone()));
            }
            self.incomplete.extend(at.map(|at| (at, key.clone())));
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.complete_at = at;
            }
        }
        at.is_some()
    }
}
