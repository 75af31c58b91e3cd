//! How the engine processes the pages that were read: messages for the window, unreadable pages, circles of cursors.

use tokio::time::Instant;

use super::letter::Letter;
use super::reader::{Holds, Progress, Pulled};
use super::state::{ParkReason, Sieve};
use super::{Engine, seconds};
use crate::clock::unix_seconds;
use crate::delivery::Why;
use crate::error::UnreadableThen;
use crate::page_source::Unreadable;
use crate::store::{Parked, ParkedKind, fingerprint};
use crate::{Error, defaults, meters};

impl Engine {
    pub(super) fn read_ahead(&mut self, now: Instant) {
        let settings = &self.shared.settings;
        let mut desk = self.shared.exchange.desk();
        let is_paused = desk.is_paused;
        let Some(state) = &mut desk.state else { return };
        // The beginning of a cold start is stored before anything is read.
        if is_paused || !state.is_founded() || state.reaches_back() {
            return;
        }
        if !settings.has_room(state) {
            state.first_reading_ends();
            if self.reader.is_due()
                && let Some(number) = state.window.oldest_retry()
            {
                let reason = ParkReason::of_inbox("the window was full while it waited for a retry");
                desk.metrics.parked_when_full += 1;
                let messages = desk.park(number, reason, settings, now);
                meters::parked(&self.shared.key, Why::WindowWasFull, messages);
            }
        } else if self.reader.is_caught_up() {
            state.first_reading_ends();
        }
        let has_room = desk.state.as_ref().is_some_and(|state| settings.has_room(state));
        if has_room && self.reader.start_if_due(&self.shared) {
            desk.metrics.pulls += 1;
        }
    }

    pub(super) fn take_progress(&mut self, progress: Progress) {
        match progress {
            Progress::TimeToPoll => {}
            Progress::Answer(Ok(Pulled::Page { letters, next_cursor, has_more })) => {
                self.take_page(letters, next_cursor, has_more);
            }
            Progress::Answer(Ok(Pulled::Unreadable(unreadable))) => self.take_unreadable(unreadable),
            Progress::Answer(Err(error)) => {
                self.desk().read_failed();
                meters::page(&self.shared.key, "failed");
                if self.reader.fail(&error, (self.shared.settings.jitter)()) {
                    self.report(Error::Read(error));
                }
            }
        }
    }

    pub(super) fn take_page(&mut self, letters: Vec<Letter>, next_cursor: Option<String>, has_more: bool) {
        let settings = &self.shared.settings;
        let sieve = Sieve {
            // With transcripts, a servicer's message passes through the window, and is noted instead of delivered.
            takes_servicers: settings.takes_servicers || settings.conversations.keeps_transcripts(),
            welcome_since: unix_seconds() - seconds(defaults::WELCOME_WITHIN),
            stamp: settings.stamp(),
        };
        let now = Instant::now();
        meters::page(&self.shared.key, "ok");
        let mut desk = self.shared.exchange.desk();
        desk.page_came();
        let Some(state) = &mut desk.state else { return };
        let count = letters.len();
        let moves_to = next_cursor.clone().filter(|next| self.reader.moves_to(next));
        let pushed = state.push_page(letters, moves_to, sieve, now);
        let holds = match count {
            0 => Holds::Nothing,
            _ if pushed.new == 0 => Holds::Known { repeats: pushed.duplicates },
            _ => Holds::News,
        };
        let poll = self.reader.poll_interval(settings);
        let step = self.reader.advance(next_cursor, has_more, holds, poll);
        desk.metrics.has_more = has_more;
        desk.metrics.duplicates += pushed.duplicates as u64;
        desk.metrics.skipped += pushed.older as u64;
        desk.metrics.servicer_messages += pushed.of_servicers as u64;
        desk.metrics.parked += pushed.condemned as u64;
        drop(desk);
        meters::parked(&self.shared.key, Why::KilledProcess, pushed.condemned as u64);
        if pushed.condemned > 0 {
            tracing::error!(inbox = %self.shared.key, "parked a message whose handler ended the process again and again");
        }
        if pushed.new > 0 && self.reader.is_first_unannounced() {
            tracing::info!(
                inbox = %self.shared.key,
                "polling found what no callback announced: if a callback URL is set, WeCom does not reach it"
            );
        }
        if step.is_circle {
            self.report(Error::CursorCircle);
        }
    }

    pub(super) fn take_unreadable(&mut self, unreadable: Unreadable) {
        let Unreadable { body, next_cursor } = unreadable;
        let (bytes, tries) = (body.len(), self.reader.count_unreadable());
        self.desk().read_failed();
        meters::page(&self.shared.key, "unreadable");
        let wait = self.reader.back_off((self.shared.settings.jitter)());
        if self.reader.ask_for_less(self.shared.settings.page_size) {
            return self.report(Error::Unreadable { bytes, tries, then: UnreadableThen::AsksAgain });
        }
        let Some(cursor) = next_cursor.filter(|cursor| self.reader.moves_to(cursor)) else {
            tracing::debug!(inbox = %self.shared.key, ?wait, "where the next page begins cannot be told");
            return self.report(Error::Unreadable { bytes, tries, then: UnreadableThen::Stuck });
        };
        let id = format!("page:{}", fingerprint(&["page", &body]));
        let stamp = self.shared.settings.stamp();
        let parked = Parked::new(id, ParkedKind::Page, body)
            .because("sync_msg returned what cannot be decoded", tries)
            .showing("sync_msg returned what cannot be decoded")
            .kept(stamp.parked_at, stamp.keep_until);
        let mut desk = self.shared.exchange.desk();
        desk.metrics.parked += 1;
        if let Some(state) = &mut desk.state {
            state.park_page(parked, cursor.clone(), Instant::now());
        }
        drop(desk);
        meters::parked(&self.shared.key, Why::Unreadable, 1);
        self.reader.restart(Some(cursor));
        self.report(Error::Unreadable { bytes, tries, then: UnreadableThen::Parked });
    }
}
