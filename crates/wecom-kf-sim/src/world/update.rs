//! The one way to change the platform of a corp, and to look at it: `update` and `read`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::platform::{Audience, Change, Platform};
use crate::world::World;
use crate::world::outbox::Draft;

/// The platform of a corp behind its lock, and what follows from changes.
pub(super) struct State {
    platform: Mutex<Platform>,
    /// What follows from changes and is not applied yet, in the order of the changes.
    pending: Mutex<VecDeque<Consequences>>,
    /// Held by the one who applies what is pending.
    turn: Mutex<()>,
    /// How often the platform was locked.
    #[cfg(test)]
    locked: std::sync::atomic::AtomicUsize,
}

/// What follows from a change of the platform. It is applied after the platform's lock is released.
#[derive(Default)]
struct Consequences {
    callbacks: Vec<Draft>,
    /// Events for whoever watches.
    changes: Vec<Change>,
    /// Whether somebody who waits for an answer should look again.
    answered: bool,
}

impl State {
    pub(super) fn new(platform: Platform) -> Self {
        Self {
            platform: Mutex::new(platform),
            pending: Mutex::default(),
            turn: Mutex::default(),
            #[cfg(test)]
            locked: Default::default(),
        }
    }
}

impl World {
    /// Changes the platform. The closure is also given what time it is there.
    ///
    /// When this returns, the callbacks that the change caused are queued and whoever watches was told. Both happen in the
    /// order of the changes. The closure must not call `update` or `read` itself.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Platform, Duration) -> T) -> T {
        let result = {
            let mut platform = self.lock();
            // Read under the lock, so that the log's times never go backwards.
            let now = self.clock.now();
            let result = change(&mut platform, now);
            let consequences = self.consequences(&mut platform, now);
            if consequences.is_nothing() {
                return result;
            }
            // Added under the lock, so that they are in the order of the changes.
            lock(&self.state.pending).push_back(consequences);
            result
        };
        self.apply_pending();
        result
    }

    /// Looks at the platform. The closure is also given what time it is there, and must not call `update` or `read` itself.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Platform, Duration) -> T) -> T {
        let platform = self.lock();
        let now = self.clock.now();
        look(&platform, now)
    }

    /// Returns how often the platform was locked.
    #[cfg(test)]
    pub(crate) fn locked(&self) -> usize {
        self.state.locked.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Platform> {
        #[cfg(test)]
        self.state.locked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        lock(&self.state.platform)
    }

    fn consequences(&self, platform: &mut Platform, now: Duration) -> Consequences {
        let audience = if self.hub.is_watched() { Audience::Somebody } else { Audience::Nobody };
        Consequences {
            callbacks: self.outbox.draft(platform, now),
            changes: platform.take_changes(now, audience),
            answered: platform.take_answered(),
        }
    }

    /// Applies what is pending, one after the other. What others added meanwhile is applied too, so that the order holds.
    fn apply_pending(&self) {
        let _turn = lock(&self.state.turn);
        loop {
            let next = lock(&self.state.pending).pop_front();
            match next {
                Some(consequences) => self.apply(consequences),
                None => return,
            }
        }
    }

    fn apply(&self, consequences: Consequences) {
        consequences.callbacks.into_iter().for_each(|draft| self.outbox.queue(draft));
        for change in consequences.changes {
            match change {
                Change::Account(account) => self.hub.tell("account", &account),
                Change::Chat(entry) => self.hub.tell("chat", &entry),
                Change::Corp(corp) => self.hub.tell("corp", &corp),
                Change::Customer(customer) => self.hub.tell("customer", &customer),
                Change::Servicer(servicer) => self.hub.tell("servicer", &servicer),
                Change::Token(token) => self.hub.tell("token", &self.token(token)),
            }
        }
        if consequences.answered {
            self.sent.notify_waiters();
        }
    }
}

impl Consequences {
    fn is_nothing(&self) -> bool {
        self.callbacks.is_empty() && self.changes.is_empty() && !self.answered
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
