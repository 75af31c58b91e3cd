//! What is at work: pages, whose messages wait in a lane per customer.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wecom_kf::ExternalUserId;
use wecom_kf::message::{Content, Event, Message};

use crate::store::Parked;

/// Which message: the number of its page, and its place on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Slot {
    page: u64,
    place: usize,
}

/// A page that is not committed yet.
#[derive(Debug)]
pub(crate) struct PageAtWork {
    pub(crate) cursor: CursorThen,
    items: Vec<Item>,
    unsettled: usize,
    /// The first of them that may be unsettled.
    first_unsettled: usize,
    has_fresh_welcome: bool,
    /// The page itself, if it could not be read.
    parked_whole: Option<Parked>,
}

/// What becomes of the cursor when the page is settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CursorThen {
    /// It stays: the page named none, or what it held was parked before.
    Stays,
    /// It moves on to this one.
    Moves(String),
}

#[derive(Debug)]
struct Item {
    message: Arc<Message>,
    id: Arc<str>,
    tries: u32,
    failing_since: Option<Instant>,
    outcome: Option<Outcome>,
    origin: ItemOrigin,
    /// It has a welcome code that is still good.
    is_welcome: bool,
}

/// Where a message comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemOrigin {
    /// Off a page.
    Page,
    /// Out of the parked ones, where it stays until it is handled.
    Parked,
}

/// How a message was settled.
#[derive(Debug)]
pub(crate) enum Outcome {
    Acked,
    Parked(Parked),
}

/// What all settled messages of a page, or of a part of it, amount to.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) ids: Vec<String>,
    pub(crate) parked: Vec<Parked>,
    pub(crate) unparked: Vec<String>,
}

/// The customer, or none for what concerns nobody in particular. What is in one lane is handled in order.
type LaneKey = Option<ExternalUserId>;

#[derive(Debug, Default)]
struct Lane {
    slots: VecDeque<Slot>,
    /// The last of them that is a welcome with a code that is still good: until then it overtakes other lanes.
    welcome: Option<Slot>,
}

/// Pages at work, the oldest first; the last may still wait for its turn.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pages: VecDeque<PageAtWork>,
    /// The number of the oldest page.
    first: u64,
    /// So many pages are put to work.
    opened: usize,
    lanes: HashMap<LaneKey, Lane>,
    /// Lanes whose first message can be handed out.
    ready: VecDeque<LaneKey>,
    /// Lanes whose first message is tried again later.
    retries: BTreeMap<(Instant, u64), LaneKey>,
    retry_number: u64,
    /// The ids of all messages of all pages.
    ids: HashSet<Arc<str>>,
    /// Since when there was nothing to hand out of the pages that are put to work.
    idle_since: Option<Instant>,
}

/// A message to hand out.
#[derive(Debug)]
pub(crate) struct HandOut {
    pub(crate) slot: Slot,
    pub(crate) message: Arc<Message>,
    pub(crate) id: Arc<str>,
    pub(crate) tries: u32,
}

/// What is said of a message before its fate is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    pub(crate) tries: u32,
    /// How long ago its first try failed.
    pub(crate) failing_for: Duration,
}

impl PageAtWork {
    /// `messages` with their ids; a welcome code of one that `is_fresh` is still good.
    pub(crate) fn new(
        cursor: CursorThen,
        messages: Vec<(Arc<str>, Message, ItemOrigin)>,
        is_fresh: impl Fn(&Message) -> bool,
    ) -> Self {
        let items: Vec<Item> = messages
            .into_iter()
            .map(|(id, message, origin)| Item {
                is_welcome: is_fresh(&message) && has_welcome_code(&message),
                message: Arc::new(message),
                id,
                tries: 0,
                failing_since: None,
                outcome: None,
                origin,
            })
            .collect();
        let has_fresh_welcome = items.iter().any(|item| item.is_welcome);
        Self { cursor, unsettled: items.len(), first_unsettled: 0, items, has_fresh_welcome, parked_whole: None }
    }

    /// A page that could not be read and is parked whole.
    pub(crate) fn parked_whole(cursor: CursorThen, parked: Parked) -> Self {
        let parked_whole = Some(parked);
        Self { cursor, unsettled: 0, first_unsettled: 0, items: Vec::new(), has_fresh_welcome: false, parked_whole }
    }

    fn settled(&self) -> Settled {
        let mut settled = Settled { parked: self.parked_whole.iter().cloned().collect(), ..Settled::default() };
        for item in &self.items {
            match (&item.outcome, item.origin) {
                (None, _) => continue,
                (Some(Outcome::Acked), ItemOrigin::Page) => {}
                (Some(Outcome::Acked), ItemOrigin::Parked) => settled.unparked.push(item.id.to_string()),
                (Some(Outcome::Parked(parked)), _) => settled.parked.push(parked.clone()),
            }
            if item.origin == ItemOrigin::Page {
                settled.ids.push(item.id.to_string());
            }
        }
        settled
    }
}

/// Looks at the text before decoding it: most messages are none.
fn has_welcome_code(message: &Message) -> bool {
    message.msgtype() == "event"
        && message.raw().contains("welcome_code")
        && matches!(message.content(), Content::Event(Event::EnterSession(event)) if event.welcome_code.is_some())
}

impl Work {
    pub(crate) fn pages(&self) -> usize {
        self.pages.len()
    }

    /// So many messages are not settled, on all pages.
    pub(crate) fn unsettled(&self) -> usize {
        self.pages.iter().map(|page| page.unsettled).sum()
    }

    /// So many messages of the pages that are put to work are not settled.
    pub(crate) fn unsettled_at_work(&self) -> usize {
        self.pages.iter().take(self.opened).map(|page| page.unsettled).sum()
    }

    /// When the oldest message that is not settled was sent, in Unix seconds.
    pub(crate) fn oldest_send_time(&self) -> Option<i64> {
        let page = self.pages.iter().find(|page| page.unsettled > 0)?;
        page.items.get(page.first_unsettled..)?.iter().find_map(|item| item.message.send_time())
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    pub(crate) fn push(&mut self, page: PageAtWork) {
        self.ids.extend(page.items.iter().map(|item| item.id.clone()));
        self.pages.push_back(page);
    }

    /// From now on no page moves the cursor.
    pub(crate) fn let_the_cursor_stay(&mut self) {
        for page in &mut self.pages {
            page.cursor = CursorThen::Stays;
        }
    }

    /// Forgets everything; answers to what is handed out then come to nothing.
    pub(crate) fn clear(&mut self) {
        // Numbers are never used again.
        let first = self.first + self.pages.len() as u64;
        *self = Self { first, retry_number: self.retry_number, ..Self::default() };
    }

    /// Puts pages to work whose time has come: the oldest; and the one ahead of it while that is held up, or if a
    /// welcome code on it would run out.
    pub(crate) fn open_what_is_due(&mut self, now: Instant, held_up: Duration) {
        let is_held_up = self.idle_since.is_some_and(|since| now >= since + held_up);
        while let Some(next) = self.pages.get(self.opened) {
            if self.opened > 0 && !is_held_up && !next.has_fresh_welcome {
                return;
            }
            self.open_next();
        }
    }

    fn open_next(&mut self) {
        let Some(page) = self.pages.get(self.opened) else { return };
        let number = self.first + self.opened as u64;
        let mut welcomed = Vec::new();
        for (place, item) in page.items.iter().enumerate() {
            let key = item.message.external_userid().cloned();
            let lane = self.lanes.entry(key.clone()).or_default();
            let slot = Slot { page: number, place };
            lane.slots.push_back(slot);
            let is_new = lane.slots.len() == 1;
            if item.is_welcome {
                lane.welcome = Some(slot);
                welcomed.push(key.clone());
            }
            if is_new {
                self.ready.push_back(key);
            }
        }
        // To the front with the customers who are to be welcomed: with all they have, so that it stays in order.
        for key in welcomed.into_iter().rev() {
            if let Some(place) = self.ready.iter().position(|ready| *ready == key) {
                self.ready.remove(place);
                self.ready.push_front(key);
            }
        }
        self.opened += 1;
        self.idle_since = None;
    }

    /// When the next message is to be tried again.
    pub(crate) fn retry_due(&self) -> Option<Instant> {
        self.retries.keys().next().map(|(at, _)| *at)
    }

    /// When the page ahead is to be put to work, if nothing else happens.
    pub(crate) fn ahead_due(&self, held_up: Duration) -> Option<Instant> {
        self.idle_since.filter(|_| self.pages.len() > self.opened).map(|since| since + held_up)
    }

    /// Whether there is something to hand out.
    pub(crate) fn has_ready(&mut self, now: Instant) -> bool {
        while let Some(due) = self.retries.first_entry().filter(|due| due.key().0 <= now) {
            // Before what is new: its customer waits already.
            let key = due.remove();
            self.ready.push_front(key);
        }
        if !self.ready.is_empty() {
            self.idle_since = None;
        } else if self.opened > 0 {
            self.idle_since.get_or_insert(now);
        }
        !self.ready.is_empty()
    }

    pub(crate) fn hand_out(&mut self) -> Option<HandOut> {
        let key = self.ready.pop_front()?;
        let slot = *self.lanes.get(&key)?.slots.front()?;
        let item = self.item(slot)?;
        item.tries += 1;
        let hand_out = HandOut { slot, message: item.message.clone(), id: item.id.clone(), tries: item.tries };
        Some(hand_out)
    }

    fn item(&mut self, slot: Slot) -> Option<&mut Item> {
        let page = usize::try_from(slot.page.checked_sub(self.first)?).ok()?;
        self.pages.get_mut(page)?.items.get_mut(slot.place)
    }

    /// A message that is handed out, of which a try failed. None if it is none of ours any more.
    pub(crate) fn tried(&mut self, slot: Slot, now: Instant) -> Option<Tried> {
        let item = self.item(slot)?;
        let since = *item.failing_since.get_or_insert(now);
        Some(Tried { tries: item.tries, failing_for: now - since })
    }

    /// The message of a slot, and its id.
    pub(crate) fn message(&mut self, slot: Slot) -> Option<(Arc<Message>, Arc<str>)> {
        self.item(slot).map(|item| (item.message.clone(), item.id.clone()))
    }

    /// Takes back a message that was handed out, to try it again.
    pub(crate) fn retry(&mut self, slot: Slot, at: Instant) {
        let Some(item) = self.item(slot) else { return };
        let key = item.message.external_userid().cloned();
        self.retry_number += 1;
        self.retries.insert((at, self.retry_number), key);
    }

    /// Settles a message that was handed out. False if it is none of ours any more.
    pub(crate) fn settle(&mut self, slot: Slot, outcome: Outcome) -> bool {
        let Some(item) = self.item(slot) else { return false };
        item.outcome = Some(outcome);
        let key = item.message.external_userid().cloned();
        let page = &mut self.pages[(slot.page - self.first) as usize];
        page.unsettled -= 1;
        while page.items.get(page.first_unsettled).is_some_and(|item| item.outcome.is_some()) {
            page.first_unsettled += 1;
        }
        let Some(lane) = self.lanes.get_mut(&key) else { return true };
        lane.slots.pop_front();
        match lane.slots.front() {
            None => drop(self.lanes.remove(&key)),
            Some(next) if lane.welcome.is_some_and(|welcome| *next <= welcome) => self.ready.push_front(key),
            Some(_) => self.ready.push_back(key),
        }
        true
    }

    /// The oldest page, if it is settled.
    pub(crate) fn settled_page(&self) -> Option<(&CursorThen, Settled)> {
        let page = self.pages.front().filter(|page| page.unsettled == 0)?;
        Some((&page.cursor, page.settled()))
    }

    /// Forgets the oldest page, which was committed.
    pub(crate) fn pop(&mut self) {
        let Some(page) = self.pages.pop_front() else { return };
        for item in &page.items {
            self.ids.remove(&item.id);
        }
        self.first += 1;
        self.opened = self.opened.saturating_sub(1);
        self.idle_since = None;
    }

    /// What is settled on pages that are not, for a stop.
    pub(crate) fn settled_so_far(&self) -> Settled {
        let mut all = Settled::default();
        for page in &self.pages {
            let settled = page.settled();
            all.ids.extend(settled.ids);
            all.parked.extend(settled.parked);
            all.unparked.extend(settled.unparked);
        }
        all
    }
}
