//! The state of an account in its reader: the cursor, the window, the ids, and what is to be committed. Pure: no I/O.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;
use wecom_kf::ExternalUserId;

use super::commit::{LATE, Pending};
use super::letter::Letter;
use super::window::{HandOut, Number, Window};
use crate::batch::Quiet;
use crate::defaults;
use crate::store::{Commit, Committed, ConversationRecord, ConversationWrite, Generation, Parked, ParkedKind, Writes};

/// The state of an account, until another process takes over the account.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) window: Window,
    pub(crate) pending: Pending,
    /// The generation of the stored state. With `revision` it says which commit was the last.
    generation: Generation,
    revision: u64,
    /// Where to continue reading after a restart: everything before it is settled.
    cursor: Option<String>,
    since: Option<i64>,
    /// Whether `since` is earlier than the stored one, and the messages that were skipped have not been read again.
    reaches_back: bool,
    /// The ids in the window and the remembered ones. `settled` has the remembered ones in the order they were settled.
    seen: HashSet<Arc<str>>,
    settled: VecDeque<Arc<str>>,
    remember: usize,
    in_flight: Option<InFlight>,
    /// How the next commit is written. After the store has forgotten, it writes everything.
    writes: Writes,
    start: Start,
    starts: u32,
    suspects: Option<Suspects>,
    /// The message that ended the process while it was handled alone. It is parked when it is read.
    condemned: Option<String>,
    last_notes: [Option<String>; 2],
    replays: Vec<Replay>,
    /// Replays that begin after the commit that ends their wishes is written.
    staged: Vec<(Replay, Vec<Letter>)>,
    /// The ids of parked messages whose replay was settled. A list of wishes that was read before this was stored still
    /// has them.
    replayed: Vec<String>,
}

/// The commit that is being written.
#[derive(Debug)]
struct InFlight {
    commit: Commit,
    /// Since when the content of the commit has been pending.
    since: Option<Instant>,
    begins: bool,
    notes: Option<Number>,
    staged: Vec<(Replay, Vec<Letter>)>,
}

/// Whether this start has been counted in the store. That happens before the first delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    IsNotCounted,
    /// The start is counted. `oldest` was the oldest unsettled message then.
    IsCounted {
        oldest: Number,
    },
    HasProgressed,
}

/// The suspects: earlier starts made no progress, so messages that were there at the start are handled one at a time,
/// each noted in the store before.
#[derive(Debug, Default)]
struct Suspects {
    /// The first message that was not there at the start, once it is known.
    until: Option<Number>,
    /// The message that was noted in the store last.
    noted: Option<Number>,
    to_note: Option<Number>,
}

/// A parked message or page whose messages are delivered again.
#[derive(Debug)]
struct Replay {
    parked: Parked,
    unsettled: Vec<Number>,
}

/// How a message was settled.
#[derive(Debug)]
pub(crate) enum Outcome {
    Acked,
    Parked { reason: ParkReason, stamp: Stamp },
}

/// Why a message is parked.
#[derive(Debug)]
pub(crate) struct ParkReason {
    /// The whole reason, which may repeat what a customer wrote.
    pub(crate) whole: String,
    /// What may be shown to anybody.
    pub(crate) shown: String,
}

impl ParkReason {
    /// A reason of the inbox itself, which holds nothing private.
    pub(crate) fn of_inbox(reason: &str) -> Self {
        Self { whole: reason.to_owned(), shown: reason.to_owned() }
    }
}

/// When a message is parked and until when it is kept, in Unix seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) parked_at: i64,
    pub(crate) keep_until: i64,
}

/// What was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    /// How many pages ended with it.
    pub(crate) pages: u64,
    /// How many messages: more than one for a batch.
    pub(crate) messages: u64,
}

/// What became of the messages of a page: a count for each case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pushed {
    pub(crate) new: usize,
    pub(crate) duplicates: usize,
    pub(crate) older: usize,
    pub(crate) of_servicers: usize,
    pub(crate) condemned: usize,
}

/// The limits by which the messages of a page are judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sieve {
    pub(crate) takes_servicers: bool,
    /// Welcome codes that were given after this Unix second are still valid.
    pub(crate) welcome_since: i64,
    pub(crate) stamp: Stamp,
}

impl State {
    /// Creates the state at the beginning of a history.
    pub(crate) fn cold(since: Option<i64>, remember: usize, now: Instant) -> Self {
        let committed = Committed { since, ..Committed::new(Generation::random()) };
        let mut state = Self::stored(committed, remember);
        state.writes = Writes::Whole;
        state.pending.demand(now);
        state
    }

    /// Creates the state that continues from what is stored.
    pub(crate) fn stored(committed: Committed, remember: usize) -> Self {
        let settled: VecDeque<Arc<str>> = committed.settled.into_iter().map(Arc::from).collect();
        Self {
            window: Window::default(),
            pending: Pending::default(),
            generation: committed.generation,
            revision: committed.revision,
            cursor: committed.cursor,
            since: committed.since,
            reaches_back: false,
            seen: settled.iter().cloned().collect(),
            settled,
            remember,
            in_flight: None,
            writes: Writes::Next,
            start: Start::IsNotCounted,
            starts: committed.starts,
            suspects: None,
            condemned: committed.in_progress,
            last_notes: [None, None],
            replays: Vec::new(),
            staged: Vec::new(),
            replayed: Vec::new(),
        }
    }

    /// Hands out batches, if `quiet` says when they are complete.
    pub(crate) fn with_batches(mut self, quiet: Option<Quiet>) -> Self {
        self.window.form_batches(quiet);
        self
    }

    /// Compares the stored state with this one after the lease was acquired again. Returns whether this process may
    /// continue; if not, another one has changed the stored state.
    pub(crate) fn resumes(&mut self, stored: Option<&Committed>, now: Instant) -> bool {
        if let Some(in_flight) = self.in_flight.take() {
            if stored.is_some_and(|stored| is_left_by(&in_flight.commit, stored)) {
                // The commit was written, and only its answer was lost.
                self.in_flight = Some(in_flight);
                self.written(now);
            } else {
                self.take_back(in_flight, now);
            }
        }
        match stored {
            Some(stored) if stored.generation != self.generation || stored.revision > self.revision => return false,
            Some(stored) if stored.revision == self.revision => {}
            // The store has forgotten everything, or the last commits of this history.
            _ => {
                self.writes = Writes::Whole;
                self.pending.demand(now);
            }
        }
        true
    }

    pub(crate) fn cursor(&self) -> Option<&String> {
        self.cursor.as_ref()
    }

    pub(crate) fn since(&self) -> Option<i64> {
        self.since
    }

    /// Returns whether an earlier beginning is still to be stored.
    pub(crate) fn reaches_back(&self) -> bool {
        self.reaches_back
    }

    /// Returns whether the beginning of the history is stored.
    pub(crate) fn is_founded(&self) -> bool {
        self.revision > 0
    }

    /// Returns how many messages come again at the next start: the unsettled ones, and those whose settling is not
    /// stored.
    pub(crate) fn left(&self) -> usize {
        let in_flight = self.in_flight.as_ref().filter(|it| it.commit.writes == Writes::Next);
        self.window.unsettled() + self.pending.settled.len() + in_flight.map_or(0, |it| it.commit.settled.len())
    }

    /// Begins again at an earlier time. The messages in the window stay there but no longer move the cursor.
    pub(crate) fn reach_back(&mut self, since: i64, now: Instant) {
        self.since = Some(since);
        self.reaches_back = true;
        self.cursor = None;
        self.window.forget_marks();
        self.pending.demand(now);
    }

    // Reading.

    /// Takes in a page.
    pub(crate) fn push_page(
        &mut self,
        letters: Vec<Letter>,
        cursor: Option<String>,
        sieve: Sieve,
        now: Instant,
    ) -> Pushed {
        let mut pushed = Pushed::default();
        for letter in letters {
            if letter.message.send_time().zip(self.since).is_some_and(|(sent, since)| sent < since) {
                pushed.older += 1;
            } else if letter.is_of_servicer() && !sieve.takes_servicers {
                pushed.of_servicers += 1;
            } else if !self.seen.insert(letter.id.clone()) {
                pushed.duplicates += 1;
            } else {
                pushed.new += 1;
                self.push(letter, sieve, &mut pushed, now);
            }
        }
        if let Some(cursor) = cursor {
            self.window.mark(cursor);
            if self.advance(now) > 0 {
                self.pending.touch(now);
            }
        }
        pushed
    }

    fn push(&mut self, letter: Letter, sieve: Sieve, pushed: &mut Pushed, now: Instant) {
        let is_condemned = self.condemned.as_deref() == Some(&*letter.id);
        let is_welcome = letter.has_fresh_welcome(sieve.welcome_since);
        let number = self.window.push(letter, is_welcome, now);
        if is_condemned {
            pushed.condemned += 1;
            self.condemned = None;
            let reason = ParkReason::of_inbox(
                "the process ended while its handler was in progress, after starts without progress",
            );
            self.settle(number, Outcome::Parked { reason, stamp: sieve.stamp }, now);
            self.starts = 0;
            self.pending.demand(now);
        }
    }

    /// Parks a page that cannot be decoded, and moves the cursor past it.
    pub(crate) fn park_page(&mut self, parked: Parked, cursor: String, now: Instant) {
        self.pending.parked.push(parked);
        self.window.mark(cursor);
        self.advance(now);
        self.pending.touch(now);
    }

    /// Notes that everything that was there at the start is read, or that it fills the window.
    pub(crate) fn first_reading_ends(&mut self) {
        let end = self.window.end();
        if let Some(suspects) = &mut self.suspects {
            suspects.until.get_or_insert(end);
        }
    }

    // Handing out.

    /// Prepares the commits that must be written before the next message is handed out.
    pub(crate) fn prepare(&mut self, now: Instant) {
        let next = self.window.peek(now);
        match self.start {
            Start::IsNotCounted if next.is_some() => self.pending.demand(now),
            _ => self.prepare_suspect(next, now),
        }
    }

    fn prepare_suspect(&mut self, next: Option<Number>, now: Instant) {
        let Some(suspects) = &mut self.suspects else { return };
        let is_known = suspects.until.is_some();
        if self.window.running() > 0 || (self.condemned.is_some() && !is_known) {
            return;
        }
        let is_suspect = next.is_some_and(|next| suspects.until.is_none_or(|until| next < until));
        if is_suspect {
            if suspects.noted != next && suspects.to_note != next {
                suspects.to_note = next;
                self.pending.demand(now);
            }
        } else if is_known {
            // All suspects were handled, and the process is alive.
            self.suspects = None;
            self.condemned = None;
            self.pending.touch(now);
        }
    }

    /// Returns whether [`take`](Self::take) would return a message.
    pub(crate) fn has_ready(&mut self, now: Instant) -> bool {
        if self.start == Start::IsNotCounted || self.is_late(now) {
            return false;
        }
        let next = self.window.peek(now);
        match &self.suspects {
            Some(suspects) => next.is_some() && suspects.noted == next && self.window.running() == 0,
            None => next.is_some(),
        }
    }

    /// Hands out the next message or batch.
    pub(crate) fn take(&mut self, now: Instant) -> Option<HandOut> {
        if !self.has_ready(now) {
            return None;
        }
        // The message that ends the process must be found among its batch.
        if self.suspects.is_some() { self.window.take_alone(now) } else { self.window.take(now) }
    }

    /// Returns the ids of the messages that were last noted before their handlers started: the stored one and the one
    /// in flight.
    pub(crate) fn last_notes(&self) -> &[Option<String>; 2] {
        &self.last_notes
    }

    /// Returns whether messages are handled one at a time.
    pub(crate) fn is_suspicious(&self) -> bool {
        self.suspects.is_some()
    }

    /// Returns whether settled messages have waited for the store for too long to hand out more.
    fn is_late(&self, now: Instant) -> bool {
        self.uncommitted_since().is_some_and(|since| now >= since + LATE)
    }

    fn uncommitted_since(&self) -> Option<Instant> {
        self.in_flight.as_ref().and_then(|it| it.since).or(self.pending.since())
    }

    // Settling.

    /// Settles a message or a batch. Returns `None` if there is no such message any more.
    pub(crate) fn settle(&mut self, number: Number, outcome: Outcome, now: Instant) -> Option<Settled> {
        let left = self.window.settle(number)?;
        let replay = self.replays.iter().position(|replay| replay.unsettled.contains(&number));
        if let Outcome::Parked { reason, stamp } = outcome {
            let parked = match &left.more {
                None => Parked::new(&*left.letter.id, ParkedKind::Message, left.letter.message.raw()),
                Some(more) => parked_batch(&left.letter, more),
            };
            let parked = parked.because(reason.whole, left.tries).showing(reason.shown);
            self.pending.parked.push(parked.kept(stamp.parked_at, stamp.keep_until));
        }
        // The ids of a parked message or batch were remembered when it was parked.
        let is_remembered = replay.is_some_and(|place| self.replays[place].parked.kind != ParkedKind::Page);
        let more = left.more.as_deref().unwrap_or_default();
        let messages = 1 + more.len() as u64;
        if !is_remembered {
            self.remember(left.letter.id.clone());
            for letter in more {
                self.remember(letter.id.clone());
            }
        }
        if let Some(place) = replay {
            self.settle_replay(place, number);
        }
        self.pending.touch(now);
        Some(Settled { pages: self.advance(now), messages })
    }

    fn settle_replay(&mut self, place: usize, number: Number) {
        let replay = &mut self.replays[place];
        replay.unsettled.retain(|unsettled| *unsettled != number);
        if replay.unsettled.is_empty() {
            let replay = self.replays.swap_remove(place);
            self.replayed.push(replay.parked.id.clone());
            self.pending.unparked.push(replay.parked.id);
        }
    }

    fn remember(&mut self, id: Arc<str>) {
        self.pending.settled.push(id.clone());
        self.settled.push_back(id);
        while self.settled.len() > self.remember {
            if let Some(oldest) = self.settled.pop_front() {
                self.seen.remove(&oldest);
            }
        }
    }

    /// Keeps the change of a conversation. The commit that settles the message writes it.
    pub(crate) fn keep(&mut self, write: ConversationWrite, now: Instant) {
        self.pending.conversations.add(write);
        self.pending.touch(now);
    }

    /// Deletes the conversation with a customer, in case a commit in flight writes it.
    pub(crate) fn forget_customer(&mut self, customer: &ExternalUserId, now: Instant) {
        self.keep(ConversationWrite::End(customer.clone()), now);
    }

    /// Returns what is known here of a customer's conversation and is not stored yet. `None` if it is what the store
    /// has, `Some(None)` if the conversation has ended.
    pub(crate) fn unstored_conversation(&self, customer: &str) -> Option<Option<&ConversationRecord>> {
        self.pending.conversations.find(customer).or_else(|| {
            let writes = &self.in_flight.as_ref()?.commit.conversations;
            let place = writes.binary_search_by(|write| write.customer().as_str().cmp(customer)).ok()?;
            Some(writes[place].record())
        })
    }

    /// Notes a failed attempt. Returns how often the message was tried and since when it has been failing.
    pub(crate) fn failed(&mut self, number: Number, now: Instant) -> Option<(u32, Instant)> {
        let failed = self.window.failed(number, now)?;
        self.note_progress(number + 1, now);
        Some(failed)
    }

    /// Notes that this start makes progress, if the handler of the oldest message of the start has ended. Then that
    /// message does not end the process. Progress is stored at once, so that messages of a process that is killed from
    /// outside again and again do not become suspects.
    fn note_progress(&mut self, before: Number, now: Instant) {
        if let Start::IsCounted { oldest } = self.start
            && before > oldest
            && (before == oldest + 1 || before <= self.window.first())
        {
            self.start = Start::HasProgressed;
            self.starts = 0;
            self.pending.demand(now);
        }
    }

    /// Moves the cursor up to the first unsettled message. Returns how many pages that settled.
    fn advance(&mut self, now: Instant) -> u64 {
        self.note_progress(self.window.first(), now);
        match self.window.advance() {
            Some((cursor, pages)) => {
                self.cursor = Some(cursor);
                pages
            }
            None => 0,
        }
    }

    // Replays.

    /// Notes that the wishes are about to be read. The store knows by now which replays were settled and written.
    pub(crate) fn looks_for_wishes(&mut self) {
        let in_flight = self.in_flight.as_ref().map(|it| &it.commit.unparked);
        let is_unstored =
            |id: &String| self.pending.unparked.contains(id) || in_flight.is_some_and(|unparked| unparked.contains(id));
        self.replayed.retain(is_unstored);
    }

    /// Prepares the replays for which there is a wish. They begin after the commit that ends the wishes is written.
    /// Returns how many there are; replays that are in progress, or not yet written, are left out.
    pub(crate) fn stage(&mut self, wished: Vec<Parked>, now: Instant) -> usize {
        let mut count = 0;
        for parked in wished {
            let is_known = |replay: &Replay| replay.parked.id == parked.id;
            if self.replayed.contains(&parked.id) {
                continue;
            }
            if self.replays.iter().any(is_known) || self.staged.iter().any(|(replay, _)| is_known(replay)) {
                continue;
            }
            match parked.messages() {
                Some(messages) => {
                    self.pending.unwished.push(parked.id.clone());
                    let letters = messages.iter().map(Letter::new).collect();
                    self.staged.push((Replay { parked, unsettled: Vec::new() }, letters));
                }
                None => {
                    let tries = parked.tries;
                    let why = "this version cannot decode it either";
                    self.pending.parked.push(parked.because(why, tries).showing(why));
                }
            }
            count += 1;
            self.pending.demand(now);
        }
        count
    }

    fn begin_replay(&mut self, mut replay: Replay, letters: Vec<Letter>, now: Instant) {
        if replay.parked.kind == ParkedKind::Page {
            for letter in letters {
                if self.seen.insert(letter.id.clone()) {
                    replay.unsettled.push(self.window.push_replay(letter, None, now));
                }
            }
        } else {
            replay.unsettled = self.window.push_replays(letters, now);
        }
        if replay.unsettled.is_empty() {
            self.pending.unparked.push(replay.parked.id);
        } else {
            self.replays.push(replay);
        }
    }

    /// Returns how many parked messages are being replayed or are about to be.
    pub(crate) fn replays(&self) -> usize {
        let staged = self.in_flight.as_ref().map_or(0, |it| it.staged.len()) + self.staged.len();
        self.replays.len() + staged
    }

    /// Removes the replay of a parked message that somebody dropped, unless it is being handled right now.
    pub(crate) fn withdraw(&mut self, id: &str) {
        self.staged.retain(|(replay, _)| replay.parked.id != id);
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.staged.retain(|(replay, _)| replay.parked.id != id);
        }
        let Some(place) = self.replays.iter().position(|replay| replay.parked.id == id) else { return };
        let numbers = self.replays[place].unsettled.clone();
        let withdrawn = self.window.withdraw_replays(|number, _| numbers.contains(&number));
        if withdrawn.len() == numbers.len() {
            self.replays.swap_remove(place);
        }
    }

    /// Returns the parked messages whose replay is not finished.
    pub(crate) fn unfinished_replays(&self) -> Vec<String> {
        let in_flight = self.in_flight.iter().flat_map(|it| &it.staged);
        let staged = self.staged.iter().chain(in_flight).map(|(replay, _)| replay);
        self.replays.iter().chain(staged).map(|replay| replay.parked.id.clone()).collect()
    }

    // Committing.

    /// Returns the commit to write now, if one is due and none is being written.
    pub(crate) fn next_commit(&mut self, now: Instant) -> Option<Commit> {
        if self.in_flight.is_some() || self.pending.due().is_none_or(|due| due > now) {
            return None;
        }
        let begins = self.start == Start::IsNotCounted && (!self.is_founded() || self.window.peek(now).is_some());
        Some(self.commit(begins, now))
    }

    /// Returns the last commit of a reader that leaves in order. It counts as progress.
    pub(crate) fn last_commit(&mut self, now: Instant) -> Option<Commit> {
        let is_clean = self.pending.since().is_none() && self.starts == 0 && self.suspects.is_none();
        if self.in_flight.is_some() || is_clean {
            return None;
        }
        self.starts = 0;
        self.suspects = None;
        Some(self.commit(false, now))
    }

    fn commit(&mut self, begins: bool, now: Instant) -> Commit {
        let place = Committed {
            revision: self.revision,
            cursor: self.cursor.clone(),
            since: self.since,
            starts: self.starts + u32::from(begins),
            ..Committed::new(self.generation.clone())
        };
        let notes = self.suspects.as_mut().and_then(|suspects| suspects.to_note.take());
        let mut commit = Commit { writes: self.writes, remember: self.remember, ..Commit::next(&place) };
        if let Some(number) = notes {
            self.last_notes.swap(0, 1);
            self.last_notes[0] = self.window.id(number);
            commit.in_progress.clone_from(&self.last_notes[0]);
        } else {
            commit.in_progress.clone_from(&self.condemned);
        }
        let since = self.pending.since();
        self.pending.fill(&mut commit, now);
        if commit.writes == Writes::Whole {
            commit.settled = self.settled.iter().map(|id| id.to_string()).collect();
        }
        let staged = std::mem::take(&mut self.staged);
        self.in_flight = Some(InFlight { commit: commit.clone(), since, begins, notes, staged });
        commit
    }

    /// Returns the commit being written, to write it again.
    pub(crate) fn in_flight(&self) -> Option<&Commit> {
        self.in_flight.as_ref().map(|it| &it.commit)
    }

    /// Notes that the commit was written.
    pub(crate) fn written(&mut self, now: Instant) {
        let Some(InFlight { commit, begins, notes, staged, .. }) = self.in_flight.take() else { return };
        self.revision = commit.revision;
        self.writes = Writes::Next;
        self.reaches_back &= commit.since != self.since;
        if begins {
            self.starts = commit.starts;
            self.start = Start::IsCounted { oldest: self.window.first() };
            if self.starts >= defaults::SUSPECT_STARTS {
                self.suspects = Some(Suspects::default());
            }
        }
        if let Some(suspects) = &mut self.suspects {
            suspects.noted = notes;
        }
        for (replay, letters) in staged {
            self.begin_replay(replay, letters, now);
        }
    }

    fn take_back(&mut self, in_flight: InFlight, now: Instant) {
        if in_flight.commit.writes == Writes::Whole {
            self.writes = Writes::Whole;
        }
        self.staged.splice(..0, in_flight.staged);
        self.pending.take_back(in_flight.commit, now);
    }
}

/// Parks a batch as one. Its id differs from that of its first message, which may be parked alone later.
fn parked_batch(first: &Letter, more: &[Arc<Letter>]) -> Parked {
    let bodies: Vec<&str> =
        std::iter::once(first).chain(more.iter().map(|letter| &**letter)).map(|letter| letter.message.raw()).collect();
    Parked::new(format!("batch:{}", first.id), ParkedKind::Batch, format!("[{}]", bodies.join(",")))
}

/// Returns whether `stored` is the result of `commit`. Another reader may have written the same revision, so the other
/// fields are compared too.
fn is_left_by(commit: &Commit, stored: &Committed) -> bool {
    commit.is_stored(stored)
        && commit.cursor == stored.cursor
        && commit.since == stored.since
        && (commit.starts, &commit.in_progress) == (stored.starts, &stored.in_progress)
        && stored.settled.ends_with(&commit.settled)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SIEVE: Sieve =
        Sieve { takes_servicers: false, welcome_since: i64::MAX, stamp: Stamp { parked_at: 5, keep_until: i64::MAX } };

    fn letter(id: &str) -> Letter {
        let json = format!(r#"{{"msgid":"{id}","external_userid":"wm{id}","send_time":100,"msgtype":"text"}}"#);
        Letter::new(&serde_json::from_str(&json).unwrap())
    }

    fn push(state: &mut State, ids: &[&str], cursor: &str, now: Instant) -> Pushed {
        state.push_page(ids.iter().map(|id| letter(id)).collect(), Some(cursor.to_owned()), SIEVE, now)
    }

    /// Writes all commits that are due at `now`, as a store does.
    fn write(state: &mut State, stored: &mut Option<Committed>, now: Instant) -> Vec<Commit> {
        let mut written = Vec::new();
        while let Some(commit) = {
            state.prepare(now);
            state.next_commit(now)
        } {
            assert!(commit.builds_on(stored.as_ref()), "{commit:?} does not follow {stored:?}");
            *stored = Some(Committed::after(stored.take(), &commit));
            state.written(now);
            written.push(commit);
        }
        written
    }

    fn begin(ids: &[&str], now: Instant) -> (State, Option<Committed>) {
        let (mut state, mut stored) = (State::cold(None, 100, now), None);
        write(&mut state, &mut stored, now);
        push(&mut state, ids, "c1", now);
        (state, stored)
    }

    fn take(state: &mut State, now: Instant) -> Option<(Number, String)> {
        state.take(now).map(|handed_out| (handed_out.number, handed_out.letter.id.to_string()))
    }

    fn parked(reason: &str) -> Outcome {
        Outcome::Parked { reason: ParkReason::of_inbox(reason), stamp: SIEVE.stamp }
    }

    #[test]
    fn a_commit_has_the_cursor_and_the_ids_settled_beyond_it() {
        let now = Instant::now();
        let (mut state, mut stored) = begin(&["a", "b", "c"], now);
        for _ in 0..3 {
            take(&mut state, now).unwrap();
        }
        state.settle(2, Outcome::Acked, now);
        state.settle(1, parked("no"), now);
        let commits = write(&mut state, &mut stored, now);
        assert_eq!((commits[0].cursor.as_deref(), &*commits[0].settled.join(",")), (None, "c,b"));
        assert_eq!(commits[0].parked.len(), 1);
        assert_eq!(state.settle(0, Outcome::Acked, now), Some(Settled { pages: 1, messages: 1 }));
        let commits = write(&mut state, &mut stored, now);
        assert_eq!((commits[0].cursor.as_deref(), &*commits[0].settled.join(",")), (Some("c1"), "a"));
        assert_eq!(state.left(), 0);
    }

    #[test]
    fn settled_messages_are_stored_at_once_and_then_every_quarter_second() {
        let now = Instant::now();
        let (mut state, mut stored) = begin(&["a", "b", "c"], now);
        for _ in 0..3 {
            take(&mut state, now).unwrap();
        }
        state.settle(0, Outcome::Acked, now);
        assert_eq!(write(&mut state, &mut stored, now).len(), 1);
        state.settle(1, Outcome::Acked, now);
        assert_eq!(write(&mut state, &mut stored, now).len(), 0);
        assert_eq!(state.left(), 2, "one is not settled, one is not stored");
        assert_eq!(write(&mut state, &mut stored, now + defaults::COMMIT_EVERY).len(), 1);
        let late = now + Duration::from_secs(60);
        state.settle(2, Outcome::Acked, late);
        assert_eq!(write(&mut state, &mut stored, late).len(), 1);
    }

    #[test]
    fn what_is_not_stored_is_at_most_as_old_as_the_interval_and_a_commit() {
        let (every, step) = (defaults::COMMIT_EVERY, Duration::from_millis(10));
        for takes in [Duration::ZERO, step, every / 2, every] {
            let start = Instant::now();
            let (mut state, mut stored) = begin(&[], start);
            let ids: Vec<String> = (0..500).map(|number| number.to_string()).collect();
            push(&mut state, &ids.iter().map(String::as_str).collect::<Vec<_>>(), "c", start);
            let (mut in_flight, mut oldest) = (None::<(Commit, Instant)>, Duration::ZERO);
            for now in (1..500).map(|number| start + step * number) {
                if let Some((commit, _)) = in_flight.take_if(|(_, begun)| now >= *begun + takes) {
                    stored = Some(Committed::after(stored.take(), &commit));
                    state.written(now);
                }
                state.prepare(now);
                in_flight = in_flight.or(state.next_commit(now).map(|commit| (commit, now)));
                oldest = oldest.max(state.uncommitted_since().map_or(Duration::ZERO, |since| now - since));
                if let Some((number, _)) = take(&mut state, now) {
                    state.settle(number, Outcome::Acked, now);
                }
            }
            assert!(oldest >= every && oldest <= every + takes + step, "{oldest:?} with commits that take {takes:?}");
            assert!(state.window.unsettled() < 10, "almost all were handled");
        }
    }

    #[test]
    fn nothing_is_handed_out_while_a_second_of_work_waits_to_be_stored() {
        let now = Instant::now();
        let (mut state, mut stored) = begin(&["a", "b"], now);
        take(&mut state, now).unwrap();
        state.settle(0, Outcome::Acked, now);
        assert!(state.has_ready(now + LATE / 2));
        assert!(!state.has_ready(now + LATE));
        write(&mut state, &mut stored, now + LATE);
        assert!(state.has_ready(now + LATE));
    }

    #[test]
    fn repeats_older_messages_and_those_of_servicers_are_filtered() {
        let now = Instant::now();
        let (mut state, _) = begin(&["a"], now);
        assert_eq!(push(&mut state, &["a", "b"], "c2", now), Pushed { new: 1, duplicates: 1, ..Pushed::default() });
        state.since = Some(200);
        assert_eq!(push(&mut state, &["c"], "c3", now), Pushed { older: 1, ..Pushed::default() });
    }

    #[test]
    fn whoever_gets_the_lease_again_continues_unless_somebody_moved_on() {
        let now = Instant::now();
        for (what, expected) in [
            ("nothing", true),
            ("written", true),
            ("forgotten", true),
            ("back", true),
            ("moved", false),
            ("new", false),
        ] {
            let (mut state, mut stored) = begin(&["a", "b"], now);
            let earlier = stored.clone();
            take(&mut state, now).unwrap();
            state.settle(0, Outcome::Acked, now);
            write(&mut state, &mut stored, now);
            take(&mut state, now).unwrap();
            state.settle(1, parked("no"), now + LATE);
            let in_flight = state.next_commit(now + LATE).unwrap();
            let after = Committed::after(stored.clone(), &in_flight);
            let stored = match what {
                "nothing" => stored,
                "written" => Some(after),
                "forgotten" => None,
                "back" => earlier,
                // Another reader wrote the same revision.
                "moved" => Some(Committed { settled: vec!["other".into()], ..after }),
                _ => Some(Committed { revision: 1, ..Committed::new(Generation::random()) }),
            };
            assert_eq!(state.resumes(stored.as_ref(), now + LATE), expected, "{what}");
            let again = state.next_commit(now + LATE);
            match what {
                "nothing" => assert_eq!((again.unwrap().parked.len(), state.left()), (1, 1)),
                "written" => assert_eq!((again, state.left()), (None, 0)),
                "forgotten" | "back" => {
                    let again = again.unwrap();
                    assert_eq!((again.writes, &*again.settled.join(",")), (Writes::Whole, "a,b"));
                    assert_eq!(again.parked.len(), 1, "what was parked and not stored is not lost");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn from_the_third_start_on_messages_run_one_at_a_time() {
        let now = Instant::now();
        let (_, mut stored) = begin(&[], now);
        for start in 2..=4 {
            let mut state = State::stored(stored.clone().unwrap(), 100);
            push(&mut state, &["a", "b"], "c1", now);
            state.first_reading_ends();
            assert!(!state.has_ready(now), "the start is counted first");
            write(&mut state, &mut stored, now);
            state.first_reading_ends();
            write(&mut state, &mut stored, now);
            let counted = stored.clone().unwrap();
            match start {
                2 => {
                    assert_eq!((counted.starts, counted.in_progress), (2, None));
                    assert!(take(&mut state, now).is_some() && take(&mut state, now).is_some(), "side by side");
                }
                3 => {
                    assert_eq!((counted.starts, counted.in_progress.as_deref()), (3, Some("a")));
                    assert!(take(&mut state, now).is_some() && take(&mut state, now).is_none(), "alone");
                }
                _ => {
                    assert_eq!((counted.starts, counted.in_progress), (1, None), "it begins the count again");
                    assert_eq!(counted.settled, ["a"], "it is parked");
                    assert_eq!(take(&mut state, now).unwrap().1, "b");
                }
            }
        }
    }

    #[test]
    fn the_messages_of_a_batch_run_alone_while_one_is_suspected() {
        let now = Instant::now();
        let (_, mut stored) = begin(&[], now);
        let quiet = Quiet::of(Duration::ZERO);
        for start in 2..=3 {
            let mut state = State::stored(stored.clone().unwrap(), 100).with_batches(Some(quiet));
            let json = |id| format!(r#"{{"msgid":"{id}","external_userid":"wm1","send_time":100,"msgtype":"text"}}"#);
            let letters = ["a", "b"].map(|id| Letter::new(&serde_json::from_str(&json(id)).unwrap()));
            state.push_page(letters.into(), Some("c1".into()), SIEVE, now);
            for _ in 0..2 {
                state.first_reading_ends();
                write(&mut state, &mut stored, now);
            }
            let handed_out = state.take(now).unwrap();
            assert_eq!(handed_out.more.map_or(0, |more| more.len()), if start == 2 { 1 } else { 0 });
        }
        assert_eq!(stored.unwrap().in_progress.as_deref(), Some("a"));
    }

    #[test]
    fn a_handler_that_ends_in_any_way_is_progress() {
        let now = Instant::now();
        for fails in [false, true] {
            let (_, mut stored) = begin(&[], now);
            let mut state = State::stored(stored.clone().unwrap(), 100);
            push(&mut state, &["a", "b"], "c1", now);
            write(&mut state, &mut stored, now);
            let (number, _) = take(&mut state, now).unwrap();
            if fails {
                state.failed(number, now).unwrap();
                state.window.retry(number, now + LATE);
            } else {
                state.settle(number, Outcome::Acked, now).unwrap();
            }
            write(&mut state, &mut stored, now);
            assert_eq!(stored.unwrap().starts, 0);
        }
    }
}
