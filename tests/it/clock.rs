//! A clock for tests with sockets, so that their outcome does not depend on the speed of the machine.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Stops the clock of a single-threaded runtime until it is dropped. Only [`pass`](Self::pass) advances it. Sockets work.
pub(crate) struct StandingClock {
    _busy: Sender<()>,
}

impl StandingClock {
    pub(crate) fn start() -> Self {
        tokio::time::pause();
        // A paused clock jumps to the next timer whenever the runtime is idle, even while bytes are in transit. A blocking
        // task that runs prevents that.
        let (busy, ends) = channel();
        tokio::task::spawn_blocking(move || ends.recv());
        Self { _busy: busy }
    }

    /// Advances the clock by `time` and one millisecond, because timers end at whole milliseconds.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(time + Duration::from_millis(1)).await;
        // Let every task that waited for this time run until it waits for more time or for bytes.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for StandingClock {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            tokio::time::resume();
        }
    }
}

#[tokio::test]
async fn a_standing_clock_advances_only_by_pass() {
    let clock = StandingClock::start();
    let started = tokio::time::Instant::now();
    let timer = tokio::spawn(tokio::time::sleep(Duration::from_secs(1)));
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(50))).await.unwrap();
    assert_eq!((started.elapsed(), timer.is_finished()), (Duration::ZERO, false));
    clock.pass(Duration::from_secs(1)).await;
    timer.await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 1);
}
