//! The state machine of an inbox: one state, one step.
//!
//! ```text
//!  StandsBy ──lease──► Loads ──► Serves ◄──────► Writes        every arrow back to StandsBy: the lease is lost
//!     ▲                             │  a page is settled
//!     └─────────────────────────────┤
//!                                   └─stop─► Ends ──► Ended
//! ```

mod backoff;
mod keeper;
mod known;
mod reader;
mod work;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use wecom_kf::message::{Message, Page};

use crate::clock::unix_seconds;
use crate::delivery::{Answer, Delivery, Verdict};
use crate::error::UnreadableThen;
use crate::metrics::{LastError, Status};
use crate::shared::{Shared, Wake};
use crate::source::{Fetched, Unreadable};
use crate::store::{Acquired, Commit, InboxState, Lease, Parked, ParkedKind, StoreError, fingerprint};
use crate::{ColdStart, Error, defaults};

use backoff::Backoff;
use keeper::Keeper;
use known::Known;
use reader::{Cause, Outcome as Pulled, Reader};
use work::{CursorThen, ItemOrigin, Outcome, PageAtWork, Work};
pub(crate) use work::{HandOut, Slot};

/// Whoever is told for the first time that another process reads asks again after this.
const ASKS_AGAIN: Duration = Duration::from_millis(100);

/// An inbox at work.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    state: State,
    keeper: Option<Keeper>,
    known: Known,
    /// What is being written, or was when the lease went.
    write: Option<Write>,
    store_backoff: Backoff,
    reader: Reader,
    work: Work,
    answers: mpsc::UnboundedReceiver<Answer>,
    answers_to: mpsc::UnboundedSender<Answer>,
    /// So many deliveries are out, those included that are none of ours any more.
    out: usize,
    permit: Option<OwnedSemaphorePermit>,
    first_wake: FirstWake,
    /// When it asked for the lease last, another process had it.
    another_reads: bool,
    /// Set once a stop was asked for: no later than this.
    stop_by: Option<Instant>,
}

enum State {
    /// Asks for the lease at that time.
    StandsBy {
        ask_at: Instant,
    },
    /// Has the lease; asks the store for its place.
    Loads {
        at: Instant,
    },
    /// Reads, hands out, takes answers.
    Serves,
    /// Writes what is settled. Nothing is handed out meanwhile, so that a crash repeats one page only.
    Writes {
        at: Instant,
    },
    /// Leaves its place in order.
    Ends,
    Ended,
}

/// Whether a cold start reaches back to what the first callback tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstWake {
    Counts,
    /// It came, and tells of what was sent since then.
    ReachesBackTo(i64),
    DoesNotCount,
}

struct Write {
    commit: Commit,
    then: WriteThen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriteThen {
    /// The oldest page is done.
    PopsPage,
    /// What was passed over is read.
    ReadsAnew,
    Nothing,
}

enum Next {
    To(State),
    Deliver(Delivery),
    Fail(Error, State),
}

impl Engine {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (answers_to, answers) = mpsc::unbounded_channel();
        Self {
            shared,
            state: State::StandsBy { ask_at: Instant::now() },
            keeper: None,
            known: Known::default(),
            write: None,
            store_backoff: Backoff::default(),
            reader: Reader::default(),
            work: Work::default(),
            answers,
            answers_to,
            out: 0,
            permit: None,
            first_wake: FirstWake::DoesNotCount,
            another_reads: false,
            stop_by: None,
        }
    }

    /// The next delivery or error; None when it has ended.
    pub(crate) async fn step(&mut self) -> Option<Result<Delivery, Error>> {
        loop {
            self.heed_stop();
            if !matches!(self.state, State::Serves) {
                // It may be long before it is used, and others may share the permits.
                self.permit = None;
            }
            let next = match self.state {
                State::StandsBy { ask_at } => self.stand_by(ask_at).await,
                State::Loads { at } => self.load(at).await,
                State::Serves => self.serve().await,
                State::Writes { at } => self.write(at).await,
                State::Ends => self.end().await,
                State::Ended => return None,
            };
            match next {
                Next::To(state) => self.state = state,
                Next::Deliver(delivery) => return Some(Ok(delivery)),
                Next::Fail(error, state) => {
                    self.state = if error.is_final() { State::Ends } else { state };
                    self.note(&error);
                    return Some(Err(error));
                }
            }
        }
    }

    fn note(&self, error: &Error) {
        tracing::warn!(inbox = %self.shared.key, %error, "inbox");
        self.shared.metrics().last_error = Some(LastError::now(error.to_string()));
    }

    fn heed_stop(&mut self) {
        if self.stop_by.is_none() && self.shared.asked().stop {
            self.stop_by = Some(Instant::now() + self.shared.settings.stop_within);
            self.reader.stop();
        }
    }

    fn set_status(&self, status: Status) {
        self.shared.metrics().status = status;
    }

    /// Waits for a time, or for news from a handle.
    async fn wait_until(&self, at: Instant) {
        tokio::select! {
            () = sleep_until(at) => {}
            () = self.shared.news.notified() => {}
        }
    }

    // The lease.

    async fn stand_by(&mut self, ask_at: Instant) -> Next {
        if self.stop_by.is_some() {
            return Next::To(State::Ends);
        }
        let asked_at = Instant::now();
        if asked_at < ask_at {
            self.wait_until(ask_at).await;
            return Next::To(State::StandsBy { ask_at });
        }
        let (store, settings) = (&self.shared.store, &self.shared.settings);
        let acquire = store.acquire(&self.shared.key, &settings.holder, settings.lease);
        match in_time(acquire).await {
            Ok(Acquired::Lease(lease)) => {
                self.keeper = Some(Keeper::start(store.clone(), lease, settings.lease, asked_at));
                self.store_backoff.reset();
                Next::To(State::Loads { at: asked_at })
            }
            Ok(Acquired::Held { holder, left }) => {
                tracing::debug!(inbox = %self.shared.key, %holder, ?left, "another process reads");
                self.set_status(Status::StandsBy);
                let mut wait = left.max(Duration::from_millis(20)).min(settings.lease / 3);
                if !std::mem::replace(&mut self.another_reads, true) {
                    // It may be about to go, as an inbox that was dropped is.
                    wait = wait.min(ASKS_AGAIN);
                }
                Next::To(State::StandsBy { ask_at: Instant::now() + wait })
            }
            Err(error) => self.store_failed(error, |ask_at| State::StandsBy { ask_at }),
        }
    }

    fn lost(&mut self, error: StoreError) -> Next {
        self.keeper = None;
        self.set_status(Status::StandsBy);
        Next::Fail(error.into(), State::StandsBy { ask_at: Instant::now() })
    }

    fn store_failed(&mut self, error: StoreError, again: impl FnOnce(Instant) -> State) -> Next {
        self.shared.metrics().store_failures += 1;
        if matches!(error, StoreError::StaleLease) {
            return self.lost(error);
        }
        self.set_status(Status::StoreIsDown);
        let wait = self.store_backoff.next((self.shared.settings.jitter)());
        Next::Fail(error.into(), again(Instant::now() + wait))
    }

    // The place.

    async fn load(&mut self, at: Instant) -> Next {
        if self.stop_by.is_some() {
            // What is at work here builds on a place that another process may have moved on since: none of it is written.
            self.give_back().await;
            return Next::To(State::Ends);
        }
        if Instant::now() < at {
            self.wait_until(at).await;
            return Next::To(State::Loads { at });
        }
        match in_time(self.shared.store.load(&self.shared.key)).await {
            Ok(stored) => Next::To(self.take_place(stored).await),
            Err(error) => self.store_failed(error, |at| State::Loads { at }),
        }
    }

    /// Compares what is stored with what this process knows.
    async fn take_place(&mut self, stored: InboxState) -> State {
        if let Some(write) = self.write.take_if(|write| is_of(&write.commit, &stored)) {
            // It was written, only its answer was lost.
            self.written(write);
        }
        // Any other was not, and builds on what may be no more.
        self.write = None;
        let another_read = std::mem::take(&mut self.another_reads);
        if self.known.revision == 0 {
            return match stored.revision {
                0 if another_read => self.give_way().await,
                0 => self.start_cold(),
                _ => self.adopt(stored),
            };
        }
        if stored.revision < self.known.revision {
            tracing::warn!(inbox = %self.shared.key, "the store has forgotten; writing back what is known here");
            let commit = Commit { settled: self.known.settled(), ..self.commit() };
            return self.write_now(commit, WriteThen::Nothing);
        }
        if stored.revision == self.known.revision && stored.cursor == self.known.cursor {
            // Nobody else has been at work.
            return State::Serves;
        }
        self.wait_for_what_is_out().await;
        self.adopt(stored)
    }

    /// The store has forgotten the place of another process, which may yet come and write it back: a cold start here
    /// would pass over messages, or repeat three days of them. While the store is down that one asks for the lease every
    /// 30 s at least.
    async fn give_way(&mut self) -> State {
        tracing::warn!(inbox = %self.shared.key, "the store has forgotten where another process reads: giving way to it");
        self.give_back().await;
        self.set_status(Status::StandsBy);
        State::StandsBy { ask_at: Instant::now() + defaults::BACKOFF_CAP }
    }

    /// Gives the lease back, if it has it.
    async fn give_back(&mut self) {
        let Some(keeper) = self.keeper.take() else { return };
        let _ = in_time(self.shared.store.release(&keeper.lease)).await;
        keeper.end().await;
    }

    fn start_cold(&mut self) -> State {
        let since = match self.shared.settings.cold_start {
            ColdStart::Everything => None,
            ColdStart::Since(time) => Some(unix(time)),
            ColdStart::FromNow => {
                let wake = self.shared.asked().wake.as_ref().map(|wake| wake.create_time);
                self.first_wake = if wake.is_none() { FirstWake::Counts } else { FirstWake::DoesNotCount };
                Some(reaching_back(wake.map_or(self.shared.opened_at, |wake| wake.min(self.shared.opened_at))))
            }
        };
        tracing::info!(inbox = %self.shared.key, ?since, "cold start: nothing is stored");
        self.known.since = since;
        // Written before anything is read: a crash in between must not move it.
        self.write_now(self.commit(), WriteThen::Nothing)
    }

    fn adopt(&mut self, stored: InboxState) -> State {
        self.work.clear();
        self.known = Known::of(stored);
        self.reader.restart(self.known.cursor.clone());
        State::Serves
    }

    /// Somebody else has read on. What handlers here still do must end before the same messages may come again.
    async fn wait_for_what_is_out(&mut self) {
        let limit = Instant::now() + self.shared.settings.lease;
        while self.out > 0 && Instant::now() < limit && !self.shared.asked().stop {
            tokio::select! {
                answer = self.answers.recv() => if answer.is_some() { self.out -= 1 },
                () = sleep_until(limit) => {}
                () = self.shared.news.notified() => {}
            }
        }
    }

    /// A commit that changes nothing.
    fn commit(&self) -> Commit {
        let Known { revision, cursor, since, .. } = &self.known;
        Commit { revision: revision + 1, cursor: cursor.clone(), since: *since, ..Commit::default() }
    }

    fn write_now(&mut self, commit: Commit, then: WriteThen) -> State {
        self.write = Some(Write { commit, then });
        State::Writes { at: Instant::now() }
    }

    async fn write(&mut self, at: Instant) -> Next {
        let Some(keeper) = &mut self.keeper else { return Next::To(State::StandsBy { ask_at: at }) };
        if self.stop_by.is_some_and(|stop_by| stop_by <= Instant::now()) {
            return Next::To(State::Ends);
        }
        if Instant::now() < at {
            let at_or_stop = self.stop_by.map_or(at, |stop_by| at.min(stop_by));
            tokio::select! {
                () = sleep_until(at_or_stop) => {}
                () = self.shared.news.notified() => {}
                error = keeper.lost() => return self.lost(error),
            }
            return Next::To(State::Writes { at });
        }
        let Some(write) = &self.write else { return Next::To(State::Serves) };
        match in_time(self.shared.store.commit(&keeper.lease, &write.commit)).await {
            Ok(()) => {
                self.store_backoff.reset();
                if let Some(write) = self.write.take() {
                    self.written(write);
                }
                Next::To(State::Serves)
            }
            Err(error) => self.store_failed(error, |at| State::Writes { at }),
        }
    }

    fn written(&mut self, write: Write) {
        self.known.take(&write.commit);
        match write.then {
            WriteThen::PopsPage => {
                self.work.pop();
                self.shared.metrics().pages += 1;
            }
            WriteThen::ReadsAnew => {
                // What is at work goes on, but must not move the cursor past what is read anew.
                self.work.let_the_cursor_stay();
                self.reader.restart(None);
            }
            WriteThen::Nothing => {}
        }
    }

    // Serving.

    async fn serve(&mut self) -> Next {
        loop {
            self.heed_stop();
            while let Ok(answer) = self.answers.try_recv() {
                self.take(answer);
            }
            if let Some(state) = self.heed_handles() {
                return Next::To(state);
            }
            if !self.keeper.as_ref().is_some_and(Keeper::is_held) {
                return self.lost(StoreError::StaleLease);
            }
            let now = Instant::now();
            if self.stop_by.is_some_and(|stop_by| stop_by <= now || self.work.unsettled_at_work() == 0) {
                return Next::To(State::Ends);
            }
            if let Some(state) = self.settle() {
                return Next::To(state);
            }
            if self.stop_by.is_none() {
                self.read_ahead();
                self.work.open_what_is_due(now, defaults::HELD_UP);
            }
            if self.work.has_ready(now)
                && self.get_permit()
                && let Some(delivery) = self.hand_out()
            {
                return Next::Deliver(delivery);
            }
            self.measure();
            if let Some(next) = self.wait().await {
                return next;
            }
        }
    }

    fn take(&mut self, answer: Answer) {
        self.out = self.out.saturating_sub(1);
        let Answer { slot, verdict } = answer;
        match verdict {
            Verdict::Ack => {
                if self.work.settle(slot, Outcome::Acked) {
                    self.shared.metrics().acked += 1;
                }
            }
            Verdict::Park { reason } => self.park(slot, reason),
            Verdict::Retry { reason } => self.retry(slot, reason),
        }
    }

    fn retry(&mut self, slot: Slot, reason: String) {
        let now = Instant::now();
        let Some(tried) = self.work.tried(slot, now) else { return };
        let settings = &self.shared.settings;
        let doublings = tried.tries.saturating_sub(1).min(16);
        let wait = defaults::RETRY_BASE.saturating_mul(2_u32.saturating_pow(doublings)).min(defaults::RETRY_CAP);
        if tried.tries >= settings.max_tries || tried.failing_for + wait > settings.retry_for {
            return self.park(slot, reason);
        }
        self.shared.metrics().retries += 1;
        self.work.retry(slot, now + wait);
    }

    fn park(&mut self, slot: Slot, reason: String) {
        let Some((message, id)) = self.work.message(slot) else { return };
        let tries = self.work.tried(slot, Instant::now()).map_or(0, |tried| tried.tries);
        let parked = self.parked(ParkedKind::Message, id.to_string(), message.raw().to_owned(), reason, tries);
        self.work.settle(slot, Outcome::Parked(parked));
        self.shared.metrics().parked += 1;
        tracing::warn!(inbox = %self.shared.key, msgid = %id, tries, "parked a message; its reason is stored with it");
    }

    fn parked(&self, kind: ParkedKind, id: String, body: String, reason: String, tries: u32) -> Parked {
        let parked_at = unix_seconds();
        let keep = i64::try_from(self.shared.settings.keep_parked.as_secs()).unwrap_or(i64::MAX);
        Parked { id, kind, body, reason, tries, parked_at, keep_until: parked_at.saturating_add(keep) }
    }

    fn heed_handles(&mut self) -> Option<State> {
        if self.stop_by.is_some() {
            return None;
        }
        let mut asked = self.shared.asked();
        let replays: Vec<Parked> = asked.replays.drain(..).collect();
        if self.first_wake == FirstWake::Counts
            && let Some(wake) = &asked.wake
        {
            self.first_wake = FirstWake::ReachesBackTo(reaching_back(wake.create_time));
        }
        // One that comes while a pull is under way is the one that is queued.
        let wake = if self.reader.takes_wake() { asked.wake.take() } else { None };
        drop(asked);
        for parked in replays {
            self.replay(parked);
        }
        if let Some(Wake { token, .. }) = wake {
            self.reader.wake(token);
        }
        self.reach_back()
    }

    /// The first callback after a cold start: begins anew if it tells of something older than where that began. Until
    /// that is written it is still to do, whatever comes in between.
    fn reach_back(&mut self) -> Option<State> {
        let FirstWake::ReachesBackTo(since) = self.first_wake else { return None };
        if self.known.since.is_none_or(|known| known <= since) {
            self.first_wake = FirstWake::DoesNotCount;
            return None;
        }
        tracing::info!(inbox = %self.shared.key, since, "the callback tells of something older than the start");
        let commit = Commit { cursor: None, since: Some(since), ..self.commit() };
        Some(self.write_now(commit, WriteThen::ReadsAnew))
    }

    fn replay(&mut self, parked: Parked) {
        if self.work.contains(&parked.id) {
            return;
        }
        let Some(message) = parked.message() else { return };
        let items = vec![(Arc::from(parked.id), message, ItemOrigin::Parked)];
        self.work.push(PageAtWork::new(CursorThen::Stays, items, |_| false));
    }

    /// The write that is due, if the oldest page is settled.
    fn settle(&mut self) -> Option<State> {
        loop {
            let (cursor, settled) = self.work.settled_page()?;
            let mut commit = self.commit();
            if let CursorThen::Moves(cursor) = cursor {
                commit.cursor = Some(cursor.clone());
            }
            let changes_nothing = settled.ids.is_empty() && settled.parked.is_empty() && settled.unparked.is_empty();
            if changes_nothing && commit.cursor == self.known.cursor {
                self.work.pop();
                continue;
            }
            commit.settled = settled.ids;
            commit.parked = settled.parked;
            commit.unparked = settled.unparked;
            return Some(self.write_now(commit, WriteThen::PopsPage));
        }
    }

    /// Whether one more message may be handled.
    fn get_permit(&mut self) -> bool {
        let Some(slots) = self.shared.slots.get() else { return true };
        if self.permit.is_none() {
            self.permit = slots.clone().try_acquire_owned().ok();
        }
        self.permit.is_some()
    }

    fn hand_out(&mut self) -> Option<Delivery> {
        let handed_out = self.work.hand_out()?;
        self.out += 1;
        self.shared.metrics().delivered += 1;
        let Shared { client, key, .. } = &*self.shared;
        Some(Delivery::new(handed_out, client, key.open_kfid(), &self.answers_to, self.permit.take()))
    }

    /// Waits until there is something to do. Gives an error to tell, or a lease that is lost.
    async fn wait(&mut self) -> Option<Next> {
        let has_ready = self.work.has_ready(Instant::now());
        if !has_ready {
            // Others may share the permits.
            self.permit = None;
        }
        let wants_permit = self.shared.slots.get().filter(|_| has_ready && self.permit.is_none()).cloned();
        let keeper = self.keeper.as_mut()?;
        // After a stop was asked for, no further page is put to work.
        let other = self.stop_by.or_else(|| self.work.ahead_due(defaults::HELD_UP));
        let timer = self.work.retry_due().into_iter().chain(other).min();
        tokio::select! {
            biased;
            error = keeper.lost() => Some(self.lost(error)),
            Some(answer) = self.answers.recv() => {
                self.take(answer);
                None
            }
            pulled = self.reader.progress() => self.take_pulled(pulled),
            permit = permit_of(wants_permit) => {
                self.permit = Some(permit);
                None
            }
            () = until(timer) => None,
            () = self.shared.news.notified() => None,
        }
    }

    // Reading.

    /// One page is at work, one may be ahead of it.
    fn read_ahead(&mut self) {
        if self.work.pages() < 2 && self.reader.start_if_due(&self.shared) {
            self.shared.metrics().pulls += 1;
        }
    }

    fn take_pulled(&mut self, pulled: Pulled) -> Option<Next> {
        match pulled {
            Pulled::TimeToPoll => None,
            Pulled::Answer(Ok(Fetched::Page(page))) => {
                self.take_page(page);
                None
            }
            Pulled::Answer(Ok(Fetched::Unreadable(unreadable))) => {
                self.shared.metrics().failed_pulls += 1;
                let error = self.take_unreadable(unreadable);
                self.set_status(Status::BacksOff);
                Some(Next::Fail(error, State::Serves))
            }
            Pulled::Answer(Err(error)) => {
                self.shared.metrics().failed_pulls += 1;
                if !self.reader.fail(&error, (self.shared.settings.jitter)()) {
                    return None;
                }
                self.set_status(Status::BacksOff);
                Some(Next::Fail(Error::Read(error), State::Serves))
            }
        }
    }

    fn take_page(&mut self, page: Page) {
        let (cause, has_more) = (self.reader.cause(), page.has_more());
        let cursor = self.reader.advance(page.next_cursor(), has_more, self.shared.settings.poll);
        let messages = self.new_messages(page.into_messages());
        if cause == Cause::UnannouncedPoll && !messages.is_empty() && self.reader.tells_of_lost_callbacks() {
            tracing::info!(
                inbox = %self.shared.key,
                "polling found what no callback announced: if a callback URL is set, WeCom does not reach it"
            );
        }
        self.shared.metrics().has_more = has_more;
        let cursor = cursor.map_or(CursorThen::Stays, CursorThen::Moves);
        if messages.is_empty() && cursor == CursorThen::Stays {
            return;
        }
        let now = unix_seconds();
        let good_since = now - seconds(defaults::WELCOME_WITHIN);
        self.work.push(PageAtWork::new(cursor, messages, |message| message.send_time() > Some(good_since)));
    }

    /// With their ids; without those that were handled before, or are older than the cold start.
    fn new_messages(&self, messages: Vec<Message>) -> Vec<(Arc<str>, Message, ItemOrigin)> {
        let mut on_this_page = HashSet::new();
        let (mut skipped, mut duplicates) = (0, 0);
        let mut new = Vec::with_capacity(messages.len());
        for message in messages {
            if message.send_time().zip(self.known.since).is_some_and(|(sent, since)| sent < since) {
                skipped += 1;
                continue;
            }
            let id = id_of(&message);
            if self.known.remembers(&id) || self.work.contains(&id) || !on_this_page.insert(id.clone()) {
                duplicates += 1;
                continue;
            }
            new.push((id, message, ItemOrigin::Page));
        }
        let mut metrics = self.shared.metrics();
        metrics.skipped += skipped;
        metrics.duplicates += duplicates;
        new
    }

    fn take_unreadable(&mut self, unreadable: Unreadable) -> Error {
        let Unreadable { body, next_cursor } = unreadable;
        let (bytes, tries) = (body.len(), self.reader.count_unreadable());
        let wait = self.reader.back_off((self.shared.settings.jitter)());
        if self.reader.ask_for_less(self.shared.settings.page_size) {
            return Error::Unreadable { bytes, tries, then: UnreadableThen::AsksAgain };
        }
        match next_cursor.filter(|cursor| self.reader.moves_to(cursor)) {
            None => {
                tracing::debug!(inbox = %self.shared.key, ?wait, "where the next page begins cannot be told");
                Error::Unreadable { bytes, tries, then: UnreadableThen::Stuck }
            }
            Some(cursor) => {
                let reason = "sync_msg answered what cannot be decoded".to_owned();
                let id = format!("page:{}", fingerprint(&["page", &body]));
                let parked = self.parked(ParkedKind::Page, id, body, reason, tries);
                self.work.push(PageAtWork::parked_whole(CursorThen::Moves(cursor.clone()), parked));
                self.reader.restart(Some(cursor));
                self.shared.metrics().parked += 1;
                Error::Unreadable { bytes, tries, then: UnreadableThen::Parked }
            }
        }
    }

    fn measure(&self) {
        let mut metrics = self.shared.metrics();
        metrics.lag_messages = self.work.unsettled();
        metrics.oldest_send_time = self.work.oldest_send_time();
        metrics.status = match () {
            () if self.reader.backs_off() => Status::BacksOff,
            () if metrics.lag_messages == 0 && self.reader.is_caught_up() => Status::CaughtUp,
            () => Status::Reads,
        };
    }

    // Ending.

    /// Commits what is settled, also of a page that is not: its ids alone, so that the rest is repeated and no more.
    async fn end(&mut self) -> Next {
        self.reader.stop();
        while let Ok(answer) = self.answers.try_recv() {
            self.take(answer);
        }
        if let Some(lease) = self.keeper.as_ref().map(|keeper| keeper.lease.clone()) {
            if let Err(error) = self.leave(&lease).await {
                tracing::warn!(inbox = %self.shared.key, %error, "what is at work will be repeated at the next start");
            }
            self.give_back().await;
        }
        let mut metrics = self.shared.metrics();
        metrics.lag_messages = self.work.unsettled_at_work();
        metrics.status = Status::Stopped;
        drop(metrics);
        Next::To(State::Ended)
    }

    async fn leave(&mut self, lease: &Lease) -> Result<(), StoreError> {
        while self.write.is_some() || self.settle().is_some() {
            let Some(write) = self.write.take() else { break };
            in_time(self.shared.store.commit(lease, &write.commit)).await?;
            self.written(write);
        }
        let settled = self.work.settled_so_far();
        if settled.ids.is_empty() && settled.parked.is_empty() && settled.unparked.is_empty() {
            return Ok(());
        }
        let commit =
            Commit { settled: settled.ids, parked: settled.parked, unparked: settled.unparked, ..self.commit() };
        in_time(self.shared.store.commit(lease, &commit)).await
    }
}

impl Drop for Engine {
    /// Whoever drops an inbox may open it again at once.
    fn drop(&mut self) {
        let Some(keeper) = self.keeper.take() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let shared = self.shared.clone();
            runtime.spawn(async move { shared.store.release(&keeper.lease).await });
        }
    }
}

/// The msgid, or what stands in for it.
fn id_of(message: &Message) -> Arc<str> {
    match message.msgid() {
        Some(msgid) => Arc::from(msgid.as_str()),
        None => Arc::from(format!("raw:{}", fingerprint(&[message.raw()]))),
    }
}

/// Whether `stored` is what `commit` leaves.
fn is_of(commit: &Commit, stored: &InboxState) -> bool {
    stored.revision == commit.revision
        && stored.cursor == commit.cursor
        && stored.since == commit.since
        && stored.settled.ends_with(&commit.settled)
}

fn reaching_back(time: i64) -> i64 {
    time.saturating_sub(seconds(defaults::FROM_NOW_REACHES_BACK))
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn unix(time: std::time::SystemTime) -> i64 {
    time.duration_since(std::time::UNIX_EPOCH).map_or(0, seconds)
}

/// A store that does not answer is down.
async fn in_time<T>(asked: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match timeout(defaults::STORE_TIMEOUT, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(StoreError::down(format!("no answer within {} s", defaults::STORE_TIMEOUT.as_secs()))),
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn permit_of(slots: Option<Arc<Semaphore>>) -> OwnedSemaphorePermit {
    match slots.map(Semaphore::acquire_owned) {
        // It is never closed.
        Some(permit) => match permit.await {
            Ok(permit) => permit,
            Err(_) => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use wecom_kf::{Client, Credentials};

    use super::*;
    use crate::Inbox;
    use crate::store::{InboxStore, Memory};

    #[tokio::test]
    async fn an_inbox_that_does_not_serve_keeps_no_permit_from_others() {
        let client = Client::builder(Credentials::new("ww1", "s")).build().unwrap();
        let store = Memory::new();
        let inbox = Inbox::builder(client, "wk1").store(store.clone()).open_unchecked().await.unwrap();
        let shared = inbox.shared().clone();
        store.acquire(&shared.key, "another", defaults::LEASE).await.unwrap();
        let slots = Arc::new(Semaphore::new(1));
        let mut engine = Engine::new(shared);
        engine.permit = slots.clone().try_acquire_owned().ok();
        assert!(engine.step().now_or_never().is_none());
        assert_eq!(slots.available_permits(), 1);
    }
}
