//! The one way to change the platform of a corp, and to look at it: `update` and `read`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::platform::{Audience, Change, Platform};
use crate::world::World;
use crate::world::outbox::Draft;

/// The platform of a corp behind its lock, and what follows from changes.
pub(super) struct Guarded {
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

impl Guarded {
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
            lock(&self.guarded.pending).push_back(consequences);
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
        self.guarded.locked.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Platform> {
        #[cfg(test)]
        self.guarded.locked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        lock(&self.guarded.platform)
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
        let _turn = lock(&self.guarded.turn);
        loop {
            let next = lock(&self.guarded.pending).pop_front();
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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::thread;

    use serde_json::Value;

    use super::*;
    use crate::platform::Chat;
    use crate::world::Listeners;
    use crate::world::corps::Corps;
    use crate::world::setup::Setup;

    const THREADS: usize = 8;
    const CHANGES_OF_EACH: usize = 50;

    /// The corps, the only one of them, and a customer of its account.
    fn world() -> (Arc<Corps>, Arc<World>, [String; 2]) {
        let (corps, _) = Corps::new(Setup::new(), Vec::new(), Listeners::default());
        let world = corps.first().clone();
        let customer = world.update(|platform, _| {
            let open_kfid = platform.first_account().to_owned();
            let external_userid = platform.meet_customer(&open_kfid, "小王").unwrap();
            [open_kfid, external_userid]
        });
        (corps, world, customer)
    }

    fn says(platform: &mut Platform, now: Duration, [open_kfid, external_userid]: &[String; 2]) {
        platform.customer_says(now, Chat { open_kfid, external_userid }, "你好", None);
    }

    /// The numbers of the chat's entries that watchers were told of, in the order of the events.
    async fn told(world: &World) -> Vec<u64> {
        let (stream, _) = world.hub.stream();
        let events = stream.after(0).await.into_iter().filter(|event| event.kind == "chat");
        events.map(|event| serde_json::from_str::<Value>(&event.data).unwrap()["n"].as_u64().unwrap()).collect()
    }

    #[tokio::test]
    async fn time_and_events_go_forward_however_many_threads_change() {
        let (_corps, world, customer) = world();
        world.hub.watch();
        let times = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..CHANGES_OF_EACH {
                        world.update(|platform, now| {
                            says(platform, now, &customer);
                            lock(&times).push(now);
                        });
                    }
                });
            }
        });
        assert!(lock(&times).is_sorted());
        let all = (THREADS * CHANGES_OF_EACH) as u64;
        assert_eq!(told(&world).await, (1..=all).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_a_change_did_before_it_panicked_is_told_with_the_next() {
        let (_corps, world, customer) = world();
        world.hub.watch();
        let panics = || {
            world.update(|platform, now| {
                says(platform, now, &customer);
                panic!("a bug");
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        world.update(|platform, now| says(platform, now, &customer));
        assert_eq!(told(&world).await, [1, 2]);
    }
}
