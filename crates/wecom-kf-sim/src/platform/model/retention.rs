//! How long things are kept: 3 days, and the collections that forget what is older. Figures are kept longer, as
//! `statistics.rs` says.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

rule!(messages_are_kept_3_days);
/// Messages and events are kept for 3 days; so is everything else here that would grow for ever.
pub(crate) const KEPT: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// Named things that are forgotten when they are old. Forgetting costs no more than adding.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Aging<V> {
    kept: Duration,
    values: HashMap<String, (Duration, V)>,
    /// Oldest first. A name that was added again is here twice.
    order: VecDeque<(Duration, String)>,
}

impl<V> Aging<V> {
    pub(crate) fn keeping(kept: Duration) -> Self {
        Self { kept, values: HashMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn insert(&mut self, now: Duration, name: String, value: V) {
        self.forget(now);
        self.values.insert(name.clone(), (now, value));
        self.order.push_back((now, name));
    }

    pub(crate) fn get(&self, now: Duration, name: &str) -> Option<&V> {
        let (at, value) = self.values.get(name)?;
        (now <= *at + self.kept).then_some(value)
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<V> {
        // Its place in `order` goes when it is old.
        self.values.remove(name).map(|(_, value)| value)
    }

    /// Removes the oldest entry, even if it is not old yet.
    pub(crate) fn remove_oldest(&mut self) -> Option<V> {
        while let Some((at, name)) = self.order.pop_front() {
            if self.values.get(&name).is_some_and(|(added, _)| *added == at) {
                return self.remove(&name);
            }
        }
        None
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.values.iter().map(|(name, (_, value))| (name.as_str(), value))
    }

    #[cfg(test)]
    fn len(&self) -> (usize, usize) {
        (self.values.len(), self.order.len())
    }

    fn forget(&mut self, now: Duration) {
        while let Some((at, _)) = self.order.front()
            && now > *at + self.kept
        {
            let Some((at, name)) = self.order.pop_front() else { return };
            if self.values.get(&name).is_some_and(|(added, _)| *added == at) {
                self.values.remove(&name);
            }
        }
        give_room_back(&mut self.order);
        if has_much_room(self.values.len(), self.values.capacity()) {
            self.values.shrink_to(2 * self.values.len());
        }
    }
}

/// Returns memory that a flood took, when the flood is over.
pub(crate) fn give_room_back<T>(queue: &mut VecDeque<T>) {
    if has_much_room(queue.len(), queue.capacity()) {
        queue.shrink_to(2 * queue.len());
    }
}

fn has_much_room(taken: usize, capacity: usize) -> bool {
    capacity > 64 && taken < capacity / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_gone_and_takes_no_room() {
        let second = Duration::from_secs;
        let mut aging = Aging::keeping(second(10));
        aging.insert(second(0), "a".to_owned(), 1);
        aging.insert(second(5), "b".to_owned(), 2);
        aging.insert(second(8), "a".to_owned(), 3);
        assert_eq!(aging.get(second(10), "a"), Some(&3));
        aging.insert(second(16), "c".to_owned(), 4);
        assert_eq!((aging.get(second(16), "b"), aging.get(second(16), "a")), (None, Some(&3)));
        assert_eq!(aging.len(), (2, 2));
        assert_eq!(aging.get(second(19), "a"), None);
        aging.insert(second(40), "d".to_owned(), 5);
        assert_eq!(aging.len(), (1, 1));
        assert_eq!((aging.remove("d"), aging.remove("d")), (Some(5), None));
    }

    #[test]
    fn the_oldest_goes_first() {
        let second = Duration::from_secs;
        let mut aging = Aging::keeping(second(10));
        for (at, name) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
            aging.insert(second(at), name.to_owned(), at);
        }
        assert_eq!([aging.remove_oldest(), aging.remove_oldest(), aging.remove_oldest()], [Some(1), Some(2), Some(3)]);
        assert_eq!(aging.remove_oldest(), None);
    }
}
