//! Tells watchers what has changed, with a bounded history for those who reconnect.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::Notify;

/// So many events are kept for who reconnects.
const KEPT_EVENTS: usize = 2_000;

/// An event as it is streamed.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) kind: &'static str,
    pub(crate) data: Arc<str>,
}

/// What changes, told to whoever watches. Until somebody has looked nothing is kept, and it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    is_watched: AtomicBool,
    events: Mutex<Events>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct Events {
    last: u64,
    kept: VecDeque<Event>,
}

impl Hub {
    /// From now on events are kept. Gives the number of the last one.
    pub(crate) fn watch(&self) -> u64 {
        self.is_watched.store(true, Ordering::Relaxed);
        self.lock().last
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.is_watched.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, kind: &'static str, data: &Value) {
        if !self.is_watched() {
            return;
        }
        let mut events = self.lock();
        events.push(kind, data);
        drop(events);
        self.rung.notify_waiters();
    }

    /// What is known is no longer of use: everybody is to look anew.
    pub(crate) fn tell_gap(&self) {
        let mut events = self.lock();
        events.kept.clear();
        events.push("gap", &Value::Object(Default::default()));
        drop(events);
        self.rung.notify_waiters();
    }

    /// The events after a number, at least one; waits for it.
    pub(crate) async fn after(&self, number: u64) -> Vec<Event> {
        loop {
            // Made before looking: it hears what is told in between.
            let rung = self.rung.notified();
            let events = self.lock().after(number);
            if !events.is_empty() {
                return events;
            }
            rung.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    fn push(&mut self, kind: &'static str, data: &Value) {
        self.last += 1;
        if self.kept.len() == KEPT_EVENTS {
            self.kept.pop_front();
        }
        self.kept.push_back(Event { number: self.last, kind, data: data.to_string().into() });
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
    async fn who_was_away_too_long_or_comes_from_elsewhere_is_told_of_the_gap() {
        let hub = Hub::default();
        hub.tell("clock", &json!({}));
        assert_eq!(hub.watch(), 0, "nobody watched");
        for _ in 0..KEPT_EVENTS {
            hub.tell("clock", &json!({}));
        }
        assert_eq!(hub.after(0).await.len(), KEPT_EVENTS);
        hub.tell("token", &json!({}));
        let last = KEPT_EVENTS as u64 + 1;
        assert_eq!(numbers(&hub.after(0).await), [(last, "gap")]);
        assert_eq!(numbers(&hub.after(last - 1).await), [(last, "token")]);
        assert_eq!(numbers(&hub.after(last + 7).await), [(last, "gap")]);
        hub.tell_gap();
        assert_eq!(numbers(&hub.after(last).await), [(last + 1, "gap")]);
        assert_eq!(numbers(&hub.after(3).await), [(last + 1, "gap")]);
    }

    #[tokio::test]
    async fn waiting_ends_with_the_next_event() {
        let hub = Arc::new(Hub::default());
        let last = hub.watch();
        let waiting = tokio::spawn({
            let hub = hub.clone();
            async move { hub.after(last).await }
        });
        tokio::task::yield_now().await;
        hub.tell("clock", &json!({ "now": 5 }));
        assert_eq!(&*waiting.await.unwrap()[0].data, r#"{"now":5}"#);
    }
}
