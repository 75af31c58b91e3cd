//! The window: messages that were read and are not yet settled, in a lane per customer. Pure: no I/O, no clock. When it is
//! full is decided by `has_room`; which messages form a batch, in `window/batches.rs`.

mod batches;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::letter::Letter;
use crate::batch::Quiet;

/// The number of an entry. Live messages count from 0 in the order they were read, replays from [`FIRST_REPLAY`].
pub(crate) type Number = u64;

const FIRST_REPLAY: Number = 1 << 63;

/// The customer; `None` for events that concern no customer. The messages of one lane are handled in order.
type LaneKey = Option<Arc<str>>;

#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Live entries, `None` once settled; the front one is unsettled.
    entries: VecDeque<Option<Box<Entry>>>,
    /// The number of the front entry.
    first: Number,
    /// The number at which each page ends, and the cursor to continue from once everything before it is settled.
    marks: VecDeque<(Number, String)>,
    replays: BTreeMap<Number, Box<Entry>>,
    next_replay: Number,
    lanes: HashMap<LaneKey, Lane>,
    /// Lanes with a fresh welcome code, then the others; the front of each can be handed out.
    urgent: VecDeque<LaneKey>,
    ready: VecDeque<LaneKey>,
    /// Replays that are handed out when no live message is ready.
    ready_replays: VecDeque<Number>,
    retries: BTreeMap<(Instant, Number), ()>,
    /// When messages form batches; `None` if each is handed out alone.
    quiet: Option<Quiet>,
    /// Lanes whose batch is not complete, by the time at which it will be.
    incomplete: BTreeSet<(Instant, LaneKey)>,
    unsettled: usize,
    running: usize,
}

#[derive(Debug)]
struct Entry {
    letter: Arc<Letter>,
    tries: u32,
    failing_since: Option<Instant>,
    phase: Phase,
    arrived: Instant,
    /// The other messages of the batch that begins with this one, once it was handed out. So it is tried again with the
    /// same messages. In a lane, they are the entries that follow.
    more: Option<More>,
}

/// The messages of a batch after the first one.
pub(crate) type More = Arc<[Arc<Letter>]>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The message waits for its turn.
    Waits,
    Runs,
    /// The last attempt failed, and the message is tried again at that time.
    RetryAt(Instant),
}

#[derive(Debug, Default)]
struct Lane {
    queue: VecDeque<Number>,
    /// Whether a message of this customer is being handled.
    is_busy: bool,
    /// Whether the lane is in `urgent` or `ready`.
    is_queued: bool,
    /// The last message whose welcome code was fresh when it was read. Up to that message the lane goes first.
    welcome: Option<Number>,
    /// When its batch is complete, while the lane is in `incomplete`.
    complete_at: Option<Instant>,
}

/// A message to hand out.
#[derive(Debug)]
pub(crate) struct HandOut {
    pub(crate) number: Number,
    pub(crate) letter: Arc<Letter>,
    /// The other messages of the batch.
    pub(crate) more: Option<More>,
    pub(crate) tries: u32,
    /// When the first attempt failed.
    pub(crate) failing_since: Option<Instant>,
}

/// What is known of a message that left the window, or of a batch.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) letter: Arc<Letter>,
    /// The other messages of the batch.
    pub(crate) more: Option<More>,
    pub(crate) tries: u32,
}

impl Window {
    /// Returns how many live messages are not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// Returns how many live messages are settled behind one that is not.
    pub(crate) fn settled_ahead(&self) -> usize {
        self.entries.len() - self.unsettled
    }

    /// Returns how many messages are being handled.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Returns the number of the oldest unsettled message, or of the next one to be read.
    pub(crate) fn first(&self) -> Number {
        self.first
    }

    /// Returns the number of the next message to be read.
    pub(crate) fn end(&self) -> Number {
        self.first + self.entries.len() as Number
    }

    /// Returns the id of a message.
    pub(crate) fn id(&mut self, number: Number) -> Option<String> {
        self.entry_mut(number).map(|entry| entry.letter.id.to_string())
    }

    /// Returns when the oldest unsettled message was sent, in Unix seconds.
    pub(crate) fn oldest_send_time(&self) -> Option<i64> {
        self.entries.iter().flatten().find_map(|entry| entry.letter.message.send_time())
    }

    /// Adds a live message.
    pub(crate) fn push(&mut self, letter: Letter, is_fresh_welcome: bool, now: Instant) -> Number {
        let number = self.end();
        let key = letter.customer.clone();
        self.entries.push_back(Some(Box::new(Entry::new(letter, now))));
        self.unsettled += 1;
        let lane = self.lanes.entry(key.clone()).or_default();
        lane.queue.push_back(number);
        if is_fresh_welcome {
            lane.welcome = Some(number);
            if lane.is_queued {
                // The lane moves to the urgent queue with all its messages, so that they stay in order.
                lane.is_queued = false;
                self.urgent.retain(|queued| *queued != key);
                self.ready.retain(|queued| *queued != key);
            }
        }
        self.queue_lane(&key, End::Back);
        number
    }

    /// Notes that a page ends here: the cursor moves to `cursor` once everything before is settled.
    pub(crate) fn mark(&mut self, cursor: String) {
        self.marks.push_back((self.end(), cursor));
    }

    /// Forgets where pages end, so that the cursor stays where it is, whatever is settled.
    pub(crate) fn forget_marks(&mut self) {
        self.marks.clear();
    }

    /// Adds the replays of these messages of one customer: a batch if messages form batches, otherwise each alone.
    pub(crate) fn push_replays(&mut self, letters: Vec<Letter>, now: Instant) -> Vec<Number> {
        if self.quiet.is_none() {
            return letters.into_iter().map(|letter| self.push_replay(letter, None, now)).collect();
        }
        let mut letters = letters.into_iter();
        let Some(first) = letters.next() else { return Vec::new() };
        let more: Vec<Arc<Letter>> = letters.map(Arc::new).collect();
        vec![self.push_replay(first, (!more.is_empty()).then(|| more.into()), now)]
    }

    /// Adds a replay.
    pub(crate) fn push_replay(&mut self, letter: Letter, more: Option<More>, now: Instant) -> Number {
        let number = FIRST_REPLAY + self.next_replay;
        self.next_replay += 1;
        self.replays.insert(number, Box::new(Entry { more, ..Entry::new(letter, now) }));
        self.ready_replays.push_back(number);
        number
    }

    /// Removes the replays for which `is_meant` returns true and that are not being handled. Returns them.
    pub(crate) fn withdraw_replays(&mut self, is_meant: impl Fn(Number, &Letter) -> bool) -> Vec<Arc<Letter>> {
        let out: Vec<Number> = self
            .replays
            .iter()
            .filter(|(number, entry)| entry.phase != Phase::Runs && is_meant(**number, &entry.letter))
            .map(|(number, _)| *number)
            .collect();
        out.into_iter().filter_map(|number| self.settle(number)).map(|left| left.letter).collect()
    }

    /// Returns when the next message is to be tried again.
    pub(crate) fn retry_due(&self) -> Option<Instant> {
        self.retries.keys().next().map(|(at, _)| *at)
    }

    /// Returns the number of the message that would be handed out next.
    pub(crate) fn peek(&mut self, now: Instant) -> Option<Number> {
        self.queue_due_retries(now);
        if self.quiet.is_some() {
            self.queue_complete_batches(now);
        }
        while let Some(key) = self.urgent.front().or(self.ready.front()) {
            let lane = self.lanes.get(key).filter(|lane| !lane.is_busy && lane.is_queued);
            match lane.and_then(|lane| lane.queue.front()) {
                Some(number) => return Some(*number),
                // A replay of this customer is in progress. The lane is queued again when the replay has ended.
                None => self.unqueue_front(),
            }
        }
        self.ready_replays.iter().copied().find(|number| !self.is_busy(*number))
    }

    /// Hands out the next message, or the next batch.
    pub(crate) fn take(&mut self, now: Instant) -> Option<HandOut> {
        let number = self.peek(now)?;
        if self.quiet.is_some() {
            self.form_batch(number);
        }
        self.take_formed(number)
    }

    /// Hands out the next message. A batch that was formed before stays together.
    pub(crate) fn take_alone(&mut self, now: Instant) -> Option<HandOut> {
        let number = self.peek(now)?;
        self.take_formed(number)
    }

    fn take_formed(&mut self, number: Number) -> Option<HandOut> {
        if number >= FIRST_REPLAY {
            self.ready_replays.retain(|ready| *ready != number);
        } else {
            self.unqueue_front();
        }
        let entry = self.entry_mut(number)?;
        entry.tries += 1;
        entry.phase = Phase::Runs;
        let (letter, more) = (entry.letter.clone(), entry.more.clone());
        let (tries, failing_since) = (entry.tries, entry.failing_since);
        self.running += 1;
        self.lanes.entry(letter.customer.clone()).or_default().is_busy = true;
        Some(HandOut { number, letter, more, tries, failing_since })
    }

    /// Returns how often a message was tried, this failure included, and since when it has been failing. Returns `None`
    /// if it is not being handled.
    pub(crate) fn failed(&mut self, number: Number, now: Instant) -> Option<(u32, Instant)> {
        let entry = self.entry_mut(number).filter(|entry| entry.phase == Phase::Runs)?;
        Some((entry.tries, *entry.failing_since.get_or_insert(now)))
    }

    /// Puts a message that is being handled back, to be tried again at `at`. Its lane waits until then.
    pub(crate) fn retry(&mut self, number: Number, at: Instant) {
        let Some(entry) = self.entry_mut(number).filter(|entry| entry.phase == Phase::Runs) else { return };
        entry.phase = Phase::RetryAt(at);
        let key = entry.letter.customer.clone();
        self.running -= 1;
        self.retries.insert((at, number), ());
        self.free_lane(&key, number);
    }

    /// Puts a message back that was taken and not handed out.
    pub(crate) fn put_back(&mut self, number: Number, now: Instant) {
        if let Some(entry) = self.entry_mut(number).filter(|entry| entry.phase == Phase::Runs) {
            entry.tries -= 1;
            self.retry(number, now);
        }
    }

    /// Settles a message with the batch that begins with it, in whatever state it is. Returns `None` if there is no such
    /// message any more.
    pub(crate) fn settle(&mut self, number: Number) -> Option<Left> {
        let is_replay = number >= FIRST_REPLAY;
        let entry = if is_replay { self.replays.remove(&number)? } else { self.remove_live(number)? };
        let key = entry.letter.customer.clone();
        match entry.phase {
            Phase::Runs => self.running -= 1,
            Phase::RetryAt(at) => drop(self.retries.remove(&(at, number))),
            Phase::Waits if is_replay => self.ready_replays.retain(|ready| *ready != number),
            Phase::Waits => {}
        }
        if !is_replay && let Some(lane) = self.lanes.get_mut(&key) {
            match lane.queue.front() == Some(&number) {
                true => drop(lane.queue.pop_front()),
                false => lane.queue.retain(|queued| *queued != number),
            }
            if let Some(more) = &entry.more {
                let followers: Vec<Number> = lane.queue.drain(..more.len().min(lane.queue.len())).collect();
                for follower in followers {
                    self.remove_live(follower);
                }
            }
        }
        if entry.phase == Phase::Runs {
            self.free_lane(&key, number);
        } else {
            self.tidy_lane(&key);
        }
        Some(Left { letter: entry.letter, more: entry.more, tries: entry.tries })
    }

    /// Returns the first message in reading order that waits for a retry.
    pub(crate) fn oldest_retry(&self) -> Option<Number> {
        self.retries.keys().map(|(_, number)| *number).filter(|number| *number < FIRST_REPLAY).min()
    }

    /// Moves on to the last mark before which everything is settled. Returns its cursor and the number of marks that
    /// were passed.
    pub(crate) fn advance(&mut self) -> Option<(String, u64)> {
        let passed = self.marks.iter().take_while(|(number, _)| *number <= self.first).count();
        let (_, cursor) = self.marks.drain(..passed).next_back()?;
        Some((cursor, passed as u64))
    }

    fn remove_live(&mut self, number: Number) -> Option<Box<Entry>> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let entry = self.entries.get_mut(place)?.take()?;
        self.unsettled -= 1;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        Some(entry)
    }

    fn entry(&self, number: Number) -> Option<&Entry> {
        if number >= FIRST_REPLAY {
            return self.replays.get(&number).map(|entry| &**entry);
        }
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get(place)?.as_deref()
    }

    fn entry_mut(&mut self, number: Number) -> Option<&mut Entry> {
        if number >= FIRST_REPLAY {
            return self.replays.get_mut(&number).map(|entry| &mut **entry);
        }
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.entries.get_mut(place)?.as_deref_mut()
    }

    fn is_busy(&self, number: Number) -> bool {
        let key = self.replays.get(&number).map(|entry| &entry.letter.customer);
        key.and_then(|key| self.lanes.get(key)).is_some_and(|lane| lane.is_busy)
    }

    fn queue_due_retries(&mut self, now: Instant) {
        while let Some(due) = self.retries.first_entry().filter(|due| due.key().0 <= now) {
            let (_, number) = *due.key();
            due.remove();
            let Some(entry) = self.entry_mut(number) else { continue };
            entry.phase = Phase::Waits;
            let key = entry.letter.customer.clone();
            if number >= FIRST_REPLAY {
                self.ready_replays.push_front(number);
            } else {
                // The lane goes to the front, since its customer has waited.
                self.queue_lane(&key, End::Front);
            }
        }
    }

    fn unqueue_front(&mut self) {
        let key = self.urgent.pop_front().or_else(|| self.ready.pop_front());
        if let Some(lane) = key.and_then(|key| self.lanes.get_mut(&key)) {
            lane.is_queued = false;
        }
    }

    /// Frees the lane, since a message of it is no longer being handled.
    fn free_lane(&mut self, key: &LaneKey, number: Number) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        lane.is_busy = false;
        let goes_first = lane.welcome.is_some_and(|welcome| number < welcome);
        self.queue_lane(key, if goes_first { End::Front } else { End::Back });
        self.tidy_lane(key);
    }

    fn tidy_lane(&mut self, key: &LaneKey) {
        if self.lanes.get(key).is_some_and(|lane| lane.queue.is_empty() && !lane.is_busy) {
            let complete_at = self.lanes.remove(key).and_then(|lane| lane.complete_at);
            if let Some(at) = complete_at {
                self.incomplete.remove(&(at, key.clone()));
            }
        } else {
            self.queue_lane(key, End::Back);
        }
    }

    /// Queues a lane if its first message waits for its turn, and its batch is complete.
    fn queue_lane(&mut self, key: &LaneKey, end: End) {
        if self.quiet.is_none() || !self.waits_for_batch(key) {
            self.enqueue(key, end);
        }
    }

    fn enqueue(&mut self, key: &LaneKey, end: End) {
        let Some(lane) = self.lanes.get(key).filter(|lane| !lane.is_busy && !lane.is_queued) else { return };
        let Some(front) = lane.queue.front().copied() else { return };
        let is_urgent = lane.welcome.is_some_and(|welcome| front <= welcome);
        if !self.entry(front).is_some_and(|entry| entry.phase == Phase::Waits) {
            return;
        }
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.is_queued = true;
        }
        let queue = if is_urgent { &mut self.urgent } else { &mut self.ready };
        match end {
            End::Front => queue.push_front(key.clone()),
            End::Back => queue.push_back(key.clone()),
        }
    }
}

#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl Entry {
    fn new(letter: Letter, arrived: Instant) -> Self {
        Self { letter: Arc::new(letter), tries: 0, failing_since: None, phase: Phase::Waits, arrived, more: None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn letter(id: &str, customer: &str) -> Letter {
        let json = format!(r#"{{"msgid":"{id}","external_userid":"{customer}","msgtype":"text"}}"#);
        Letter::new(&serde_json::from_str(&json).unwrap())
    }

    /// Returns a window of messages `m0`, `m1`, … of these customers. A capital letter is a message with a fresh
    /// welcome code.
    fn window(customers: &str) -> Window {
        let mut window = Window::default();
        for (number, customer) in customers.chars().enumerate() {
            window.push(
                letter(&format!("m{number}"), &customer.to_lowercase().to_string()),
                customer.is_uppercase(),
                Instant::now(),
            );
        }
        window
    }

    fn take(window: &mut Window, now: Instant) -> Option<Number> {
        window.take(now).map(|handed_out| handed_out.number)
    }

    fn take_all(window: &mut Window, now: Instant) -> Vec<Number> {
        std::iter::from_fn(|| take(window, now)).collect()
    }

    #[test]
    fn each_customer_has_one_message_in_progress_in_order() {
        let now = Instant::now();
        let mut window = window("abacab");
        assert_eq!(take_all(&mut window, now), [0, 1, 3]);
        window.settle(0);
        assert_eq!(take_all(&mut window, now), [2]);
        window.settle(1);
        window.settle(2);
        assert_eq!(take_all(&mut window, now), [5, 4]);
        assert_eq!((window.running(), window.unsettled()), (3, 3));
    }

    #[test]
    fn a_fresh_welcome_goes_first_with_what_its_customer_wrote_before() {
        let mut window = window("abcCd");
        let now = Instant::now();
        assert_eq!(take(&mut window, now), Some(2));
        window.settle(2);
        assert_eq!(take_all(&mut window, now), [3, 0, 1, 4]);
    }

    #[test]
    fn a_retry_holds_its_own_lane_and_comes_back_first() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut window = window("aabb");
        assert_eq!(take_all(&mut window, now), [0, 2]);
        window.retry(0, later);
        window.settle(2);
        assert_eq!(take_all(&mut window, now), [3]);
        assert_eq!((window.retry_due(), window.oldest_retry()), (Some(later), Some(0)));
        window.push(letter("m4", "c"), false, now);
        assert_eq!(take_all(&mut window, later), [0, 4]);
        assert_eq!(window.retry_due(), None);
    }

    #[test]
    fn marks_are_passed_when_everything_before_them_is_settled() {
        let mut window = window("abc");
        window.mark("c3".to_owned());
        window.push(letter("m3", "d"), false, Instant::now());
        window.mark("c4".to_owned());
        window.mark("c5".to_owned());
        for (number, expected) in [(1, None), (2, None), (0, Some(("c3", 1))), (3, Some(("c5", 2)))] {
            window.settle(number);
            let expected = expected.map(|(cursor, pages)| (cursor.to_owned(), pages));
            assert_eq!(window.advance(), expected, "after {number}");
        }
        assert_eq!((window.unsettled(), window.settled_ahead(), window.first()), (0, 0, 4));
    }

    #[test]
    fn what_is_settled_in_the_middle_of_a_lane_is_not_handed_out() {
        let now = Instant::now();
        let mut window = window("aaab");
        window.settle(0);
        window.settle(2);
        assert_eq!(take_all(&mut window, now), [1, 3]);
        assert!(window.settle(2).is_none(), "once");
    }

    #[test]
    fn replays_run_after_live_messages_of_the_same_customer() {
        let now = Instant::now();
        let mut window = window("ab");
        let first = window.push_replay(letter("p0", "a"), None, now);
        let second = window.push_replay(letter("p1", "c"), None, now);
        assert_eq!(take_all(&mut window, now), [0, 1, second]);
        window.settle(0);
        window.push(letter("m2", "a"), false, now);
        assert_eq!(take(&mut window, now), Some(2), "the live one first");
        window.settle(2);
        assert_eq!(take(&mut window, now), Some(first));
        window.push(letter("m3", "a"), false, now);
        assert_eq!(take(&mut window, now), None, "its customer's next message waits");
        window.settle(first);
        assert_eq!(take_all(&mut window, now), [3]);
        assert_eq!(window.withdraw_replays(|_, _| true).len(), 0, "one that is being handled stays");
    }
}
