//! Tells watchers what has changed, with a bounded history for those who reconnect. Nothing is kept while nobody watches.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The newest events that are kept for watchers who reconnect.
const KEPT_EVENTS: usize = 2_000;
/// A watcher who left, or who has looked at the state and not opened a stream yet, counts as watching for this long.
const WATCHED_FOR: Duration = Duration::from_secs(60);

/// An event as it is streamed.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) kind: &'static str,
    pub(crate) data: Arc<str>,
}

/// Keeps what changes while somebody watches, and wakes the streams.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    /// Saves the lock while nobody watches.
    may_be_watched: AtomicBool,
    events: Mutex<Events>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct Events {
    last: u64,
    kept: VecDeque<Event>,
    /// The open streams.
    streams: usize,
    /// Until when somebody counts as watching who has no stream. `None` if nobody ever watched.
    watched_until: Option<Instant>,
}

/// An open stream of events. It counts as watching until it is dropped, and `WATCHED_FOR` longer.
#[derive(Debug)]
pub(crate) struct Stream {
    hub: Arc<Hub>,
}

impl Hub {
    /// Keeps events from now on, for somebody who is about to open a stream. Returns the number of the last event.
    pub(crate) fn watch(&self) -> u64 {
        let mut events = self.lock();
        events.watch();
        self.may_be_watched.store(true, Ordering::Relaxed);
        events.last
    }

    /// Opens a stream. Returns it with the number of the last event.
    pub(crate) fn stream(self: &Arc<Self>) -> (Stream, u64) {
        let mut events = self.lock();
        events.watch();
        events.streams += 1;
        self.may_be_watched.store(true, Ordering::Relaxed);
        (Stream { hub: self.clone() }, events.last)
    }

    pub(crate) fn is_watched(&self) -> bool {
        if !self.may_be_watched.load(Ordering::Relaxed) {
            return false;
        }
        let mut events = self.lock();
        let is_watched = events.is_watched();
        if !is_watched {
            events.kept = VecDeque::new();
            self.may_be_watched.store(false, Ordering::Relaxed);
        }
        is_watched
    }

    pub(crate) fn tell(&self, kind: &'static str, data: &impl Serialize) {
        if !self.is_watched() {
            return;
        }
        let mut events = self.lock();
        events.push(kind, data);
        drop(events);
        self.rung.notify_waiters();
    }

    /// Tells all watchers to load everything again, such as after a reset.
    pub(crate) fn tell_gap(&self) {
        let mut events = self.lock();
        events.kept.clear();
        events.push("gap", &serde_json::json!({}));
        drop(events);
        self.rung.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// Waits for events after a number, and returns them: at least one.
    pub(crate) async fn after(&self, number: u64) -> Vec<Event> {
        loop {
            // Made before looking: it hears what is told in between.
            let rung = self.hub.rung.notified();
            let events = self.hub.lock().after(number);
            if !events.is_empty() {
                return events;
            }
            rung.await;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut events = self.hub.lock();
        events.streams -= 1;
        events.watched_until = Some(Instant::now() + WATCHED_FOR);
    }
}

impl Events {
    fn is_watched(&self) -> bool {
        self.streams > 0 || self.watched_until.is_some_and(|until| Instant::now() < until)
    }

    fn watch(&mut self) {
        if self.watched_until.is_some() && !self.is_watched() {
            // Changes were not kept meanwhile: earlier numbers lead to a gap.
            self.last += 1;
            self.kept.clear();
        }
        self.watched_until = Some(Instant::now() + WATCHED_FOR);
    }

    fn push(&mut self, kind: &'static str, data: &impl Serialize) {
        self.last += 1;
        if self.kept.len() == KEPT_EVENTS {
            self.kept.pop_front();
        }
        self.kept.push_back(Event {
            number: self.last,
            kind,
            data: serde_json::to_string(data).expect("an event has no map with other keys than texts").into(),
        });
    }

    fn after(&self, number: u64) -> Vec<Event> {
        if number > self.last {
            // From another life of the simulator.
            return vec![self.gap()];
        }
        let missing = self.kept.front().map_or(self.last, |oldest| oldest.number - 1) > number;
        if missing {
            return vec![self.gap()];
        }
        self.kept.iter().filter(|event| event.number > number).cloned().collect()
    }

    fn gap(&self) -> Event {
        Event { number: self.last, kind: "gap", data: "{}".into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn numbers(events: &[Event]) -> Vec<(u64, &'static str)> {
        events.iter().map(|event| (event.number, event.kind)).collect()
    }

    #[tokio::test]
    async fn a_late_or_foreign_reconnect_gets_a_gap() {
        let hub = Arc::new(Hub::default());
        hub.tell("clock", &json!({}));
        let (stream, last) = hub.stream();
        assert_eq!(last, 0, "nobody watched");
        for _ in 0..KEPT_EVENTS {
            hub.tell("clock", &json!({}));
        }
        assert_eq!(stream.after(0).await.len(), KEPT_EVENTS);
        hub.tell("token", &json!({}));
        let last = KEPT_EVENTS as u64 + 1;
        assert_eq!(numbers(&stream.after(0).await), [(last, "gap")]);
        assert_eq!(numbers(&stream.after(last - 1).await), [(last, "token")]);
        assert_eq!(numbers(&stream.after(last + 7).await), [(last, "gap")]);
        hub.tell_gap();
        assert_eq!(numbers(&stream.after(last).await), [(last + 1, "gap")]);
        assert_eq!(numbers(&stream.after(3).await), [(last + 1, "gap")]);
    }

    #[tokio::test]
    async fn waiting_ends_with_the_next_event() {
        let hub = Arc::new(Hub::default());
        let (stream, last) = hub.stream();
        let waiting = tokio::spawn(async move { stream.after(last).await });
        tokio::task::yield_now().await;
        hub.tell("clock", &json!({ "now": 5 }));
        assert_eq!(&*waiting.await.unwrap()[0].data, r#"{"now":5}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn watching_ends_a_minute_after_the_last_stream() {
        let hub = Arc::new(Hub::default());
        assert!(!hub.is_watched());
        hub.watch();
        tokio::time::advance(WATCHED_FOR / 2).await;
        let (first, _) = hub.stream();
        let (second, _) = hub.stream();
        drop(first);
        tokio::time::advance(10 * WATCHED_FOR).await;
        assert!(hub.is_watched(), "a stream is open");
        hub.tell("clock", &json!({}));
        drop(second);
        tokio::time::advance(WATCHED_FOR / 2).await;
        let (third, last) = hub.stream();
        assert_eq!(numbers(&third.after(last - 1).await), [(1, "clock")], "kept for a reconnect");
        drop(third);
        tokio::time::advance(WATCHED_FOR).await;
        assert!(!hub.is_watched());
        hub.tell("clock", &json!({}));
        let (late, _) = hub.stream();
        assert_eq!(numbers(&late.after(1).await), [(2, "gap")], "nothing was kept meanwhile");
    }
}
