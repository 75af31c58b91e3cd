//! How long waits in Rust tests last: by the simulator's clock, and by real time, which depends on the machine.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::world::World;
use crate::world::clock::{Clock, Pace};

/// How much real time a bot gets at least. A busy machine must not make a test fail.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// When a wait ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    /// The last moment of the simulator's clock that counts.
    pub(crate) clock: Duration,
    real: Instant,
}

impl Deadline {
    /// `within` of the simulator's clock from now: exactly, if it is manual, and at least a minute of real time, if it runs.
    /// Without `within`, a minute of real time.
    pub(crate) fn new(clock: &Clock, within: Option<Duration>) -> Self {
        let reading = clock.read();
        match (within, reading.pace) {
            (Some(within), Pace::Manual) => Self { clock: reading.now.saturating_add(within), ..Self::after(PATIENCE) },
            (Some(within), Pace::Running) => Self::after(within.max(PATIENCE)),
            (None, _) => Self::after(PATIENCE),
        }
    }

    /// This much real time from now.
    pub(crate) fn after(real: Duration) -> Self {
        let now = Instant::now();
        // A wait that no clock can express never ends anyway.
        let real = now.checked_add(real).unwrap_or(now + Duration::from_secs(30 * 365 * 24 * 3600));
        Self { clock: Duration::MAX, real }
    }
}

/// Waits until `look` returns a value. Looks again whenever the simulator has changed. Returns `None` at the deadline.
pub(crate) async fn until<T>(world: &World, deadline: Deadline, look: impl Fn() -> Option<T>) -> Option<T> {
    let found = async {
        loop {
            // Both before looking: a change in between is not missed, and what was done in time counts.
            let (changed, is_over) = (world.changed(), world.clock.now() > deadline.clock);
            match look() {
                Some(found) => return Some(found),
                None if is_over => return None,
                None => changed.await,
            }
        }
    };
    timeout_at(deadline.real, found).await.ok().flatten()
}
