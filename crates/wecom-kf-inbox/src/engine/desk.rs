//! The desk: what the stream, its deliveries, the handles and the engine's task share, behind one lock.
//!
//! The engine's task does all I/O. The consumer takes messages from the desk and puts answers on it without a switch to
//! another task. Each side wakes the other only when there is something to do.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tokio::sync::Notify;
use tokio::time::Instant;
use wecom_kf::ExternalUserId;

use super::state::{Stamp, State};
use super::watch::Since;
use super::window::{HandOut, Number};
use crate::clock::unix_seconds;
use crate::delivery::{Ending, Verdict};
use crate::metrics::{Metrics, ReadBy, Status};
use crate::shared::Settings;
use crate::store::{ConversationRecord, ConversationWrite, Wake};
use crate::{Error, defaults};

#[derive(Debug, Default)]
pub(crate) struct Exchange {
    desk: Mutex<Desk>,
    /// Wakes the engine's task.
    pub(crate) news: Notify,
}

/// The right to answer one delivery. It names the state and the number of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    state: u64,
    number: Number,
}

#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// The state of the account; `None` before it was loaded, and after another process took over the account.
    pub(crate) state: Option<State>,
    /// Counts the states, so that an answer to a delivery of an earlier state settles nothing.
    states: u64,
    /// The number of unanswered deliveries of earlier states.
    pub(crate) strays: usize,
    /// Until when the lease is certainly held; `None` while nothing may be handed out.
    open_until: Option<Instant>,
    pub(crate) is_paused: bool,
    pub(crate) asked: Asked,
    /// The number of the last callback that other processes passed on through the store.
    pub(crate) last_wake: u64,
    errors: VecDeque<Error>,
    /// The consumer that waits for a delivery.
    consumer: Option<Waker>,
    /// When the engine's task wakes up by itself.
    engine_wakes_at: Option<Instant>,
    /// Whether the engine's task waits for each answer.
    pub(crate) engine_wants_answers: bool,
    /// Whether the engine's task waits for room in the window.
    pub(crate) engine_wants_room: bool,
    pub(crate) metrics: Metrics,
    pub(super) since: Since,
}

/// What handles asked the engine to do. Several callbacks are merged into one.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// One callback, or several that came together: the token of the last one that had one, and the earliest time.
    pub(crate) wake: Option<Wake>,
    pub(crate) look_for_wishes: bool,
    /// Whether to look for wishes to replay when the next commit is written.
    pub(crate) look_after_commit: bool,
    pub(crate) stop: bool,
}

/// How many errors are kept until the stream is polled. The oldest are dropped first.
const ERRORS: usize = 100;

impl Exchange {
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake(&self, Wake { token, create_time, .. }: Wake) {
        let mut desk = self.desk();
        let earlier = desk.asked.wake.take();
        let earliest = earlier.as_ref().map_or(create_time, |earlier| earlier.create_time.min(create_time));
        let token = token.or(earlier.and_then(|earlier| earlier.token));
        desk.asked.wake = Some(Wake::new(token, earliest));
        drop(desk);
        self.news.notify_one();
    }

    /// Passes on a callback that another process received, unless it was passed on before.
    pub(crate) fn wake_from_afar(&self, number: u64, wake: Wake) {
        let last = std::mem::replace(&mut self.desk().last_wake, number);
        if last != number {
            self.wake(wake);
        }
    }

    pub(crate) fn stop(&self) {
        self.desk().asked.stop = true;
        self.news.notify_one();
    }

    pub(crate) fn pause(&self, is_paused: bool) {
        let mut desk = self.desk();
        desk.is_paused = is_paused;
        let consumer = desk.consumer_if_ready(Instant::now());
        drop(desk);
        wake(consumer);
        self.news.notify_one();
    }

    pub(crate) fn look_for_wishes(&self) {
        self.desk().asked.look_for_wishes = true;
        self.news.notify_one();
    }

    pub(crate) fn withdraw(&self, id: &str) {
        if let Some(state) = &mut self.desk().state {
            state.withdraw(id);
        }
    }

    /// Passes an error to the consumer.
    pub(crate) fn report(&self, error: Error) {
        let mut desk = self.desk();
        if desk.errors.len() >= ERRORS {
            desk.errors.pop_front();
        }
        desk.errors.push_back(error);
        let consumer = desk.consumer.take();
        drop(desk);
        wake(consumer);
    }

    pub(crate) fn take_error(&self) -> Option<Error> {
        self.desk().errors.pop_front()
    }

    /// Returns whether there is a message to hand out. If not, `waker` is woken when there is a message or an error.
    pub(crate) fn is_ready(&self, waker: &Waker) -> bool {
        let mut desk = self.desk();
        let is_ready = desk.is_ready(Instant::now());
        if !is_ready {
            desk.consumer = Some(waker.clone());
        }
        is_ready
    }

    /// Hands out the next message.
    pub(crate) fn take(&self) -> Option<(Ticket, HandOut)> {
        let now = Instant::now();
        let mut desk = self.desk();
        if !desk.is_open(now) {
            return None;
        }
        let handed_out = desk.state.as_mut()?.take(now)?;
        desk.metrics.delivered += 1 + handed_out.more.as_ref().map_or(0, |more| more.len() as u64);
        Some((Ticket { state: desk.states, number: handed_out.number }, handed_out))
    }

    /// Returns whether a message that was taken may still be handed out.
    pub(crate) fn may_hand_out(&self, ticket: Ticket) -> bool {
        let desk = self.desk();
        desk.is_current(ticket) && desk.is_open(Instant::now())
    }

    /// Returns what is known here of a customer's conversation and is not stored yet: see
    /// [`State::unstored_conversation`].
    pub(crate) fn unstored_conversation(&self, ticket: Ticket, customer: &str) -> Option<Option<ConversationRecord>> {
        let desk = self.desk();
        let state = desk.state.as_ref().filter(|_| desk.is_current(ticket))?;
        state.unstored_conversation(customer).map(Option::<&ConversationRecord>::cloned)
    }

    pub(crate) fn forget_customer(&self, customer: &ExternalUserId) {
        if let Some(state) = &mut self.desk().state {
            state.forget_customer(customer, Instant::now());
        }
        self.news.notify_one();
    }

    /// Accepts the answer to a delivery, with the change of its conversation if it was acknowledged. Returns what becomes
    /// of the delivery.
    pub(crate) fn answer(
        &self,
        ticket: Ticket,
        verdict: Verdict,
        change: Option<ConversationWrite>,
        settings: &Settings,
    ) -> Ending {
        let now = Instant::now();
        let mut desk = self.desk();
        let is_stray = !desk.is_current(ticket);
        let ending = if is_stray {
            desk.strays = desk.strays.saturating_sub(1);
            Ending::Lost
        } else {
            desk.answer(ticket.number, verdict, settings, now)
        };
        if let (Ending::Acked | Ending::Noted, Some(change), Some(state)) = (ending, change, &mut desk.state) {
            state.keep(change, now);
        }
        let consumer = desk.consumer_if_ready(now);
        let is_news = is_stray || desk.engine_wants_answers || desk.wakes_earlier() || desk.has_wanted_room(settings);
        drop(desk);
        wake(consumer);
        if is_news {
            self.news.notify_one();
        }
        ending
    }

    /// Wakes the consumer if there is something for it.
    pub(crate) fn wake_consumer(&self) {
        let consumer = self.desk().consumer_if_ready(Instant::now());
        wake(consumer);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Desk {
    /// Lets messages be handed out until that time.
    pub(crate) fn open(&mut self, until: Instant) {
        self.open_until = Some(until);
    }

    /// Sets the new end of the lease after a renewal.
    pub(crate) fn extend_lease(&mut self, until: Instant) {
        if let Some(open_until) = &mut self.open_until {
            *open_until = until;
        }
    }

    pub(crate) fn close(&mut self) {
        self.open_until = None;
    }

    pub(super) fn open_until(&self) -> Option<Instant> {
        self.open_until
    }

    /// Returns whether this process reads the account.
    pub(crate) fn holds_lease(&self) -> bool {
        self.open_until.is_some_and(|until| Instant::now() < until)
    }

    fn is_open(&self, now: Instant) -> bool {
        !self.asked.stop && !self.is_paused && self.open_until.is_some_and(|until| now < until)
    }

    fn is_ready(&mut self, now: Instant) -> bool {
        self.is_open(now) && self.state.as_mut().is_some_and(|state| state.has_ready(now))
    }

    fn consumer_if_ready(&mut self, now: Instant) -> Option<Waker> {
        if self.consumer.is_none() || !self.is_ready(now) { None } else { self.consumer.take() }
    }

    /// Replaces the state, or drops it. Answers to deliveries of the former state settle nothing any more.
    pub(crate) fn replace_state(&mut self, state: Option<State>) {
        if let Some(before) = self.state.take() {
            self.strays += before.window.running();
            self.states += 1;
        }
        self.state = state;
    }

    /// Drops the state when the inbox ends.
    pub(crate) fn end(&mut self) {
        let left = self.state.as_ref().map_or(0, State::left);
        self.metrics = Metrics { lag_messages: left, in_progress: 0, ..self.snapshot() };
        self.set_status(Status::Stopped);
        self.set_reader(ReadBy::Unknown);
        self.close();
        self.state = None;
        self.states += 1;
    }

    /// Returns when the state next needs the engine's task.
    pub(crate) fn timer(&self) -> Option<Instant> {
        let state = self.state.as_ref()?;
        let commit = if state.in_flight().is_some() { None } else { state.pending.due() };
        // After a stop was asked for, nothing is tried again.
        let (retry, batch) = match self.asked.stop {
            true => (None, None),
            false => (state.window.retry_due(), state.window.batch_due()),
        };
        commit.into_iter().chain(retry).chain(batch).min()
    }

    /// Notes until when the engine's task sleeps.
    pub(crate) fn engine_sleeps_until(&mut self, at: Option<Instant>) {
        self.engine_wakes_at = at;
    }

    fn wakes_earlier(&self) -> bool {
        self.timer().is_some_and(|timer| self.engine_wakes_at.is_none_or(|at| timer < at))
    }

    /// Returns whether the engine's task waits for room in the window, and there is some or can be made.
    fn has_wanted_room(&self, settings: &Settings) -> bool {
        let has_room = |state: &State| settings.has_room(state) || state.window.oldest_retry().is_some();
        self.engine_wants_room && self.state.as_ref().is_some_and(has_room)
    }

    /// Returns whether the delivery is one of the current state.
    fn is_current(&self, ticket: Ticket) -> bool {
        ticket.state == self.states && self.state.is_some()
    }
}

impl Settings {
    /// Returns whether the window has room for another page.
    pub(crate) fn has_room(&self, state: &State) -> bool {
        state.window.unsettled() < self.max_unsettled && state.window.settled_ahead() < defaults::SETTLED_AHEAD
    }

    pub(crate) fn stamp(&self) -> Stamp {
        let parked_at = unix_seconds();
        let keep = i64::try_from(self.keep_parked.as_secs()).unwrap_or(i64::MAX);
        Stamp { parked_at, keep_until: parked_at.saturating_add(keep) }
    }
}
