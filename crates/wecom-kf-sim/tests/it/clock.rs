//! A clock for tests with sockets whose outcome must not depend on how fast the machine is.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// While it lives, the clock of this runtime stands still, except for [`pass`](Self::pass), and sockets work. The runtime must have one thread.
pub(crate) struct StandingClock {
    _busy: Sender<()>,
}

impl StandingClock {
    pub(crate) fn start() -> Self {
        tokio::time::pause();
        // A paused clock jumps to the next timer whenever the runtime has nothing to do, also while bytes are on their way.
        // It does not while a blocking task runs.
        let (busy, ends) = channel();
        tokio::task::spawn_blocking(move || ends.recv());
        Self { _busy: busy }
    }

    /// Lets time pass, and a millisecond more, because timers end at whole milliseconds.
    pub(crate) async fn pass(&self, time: Duration) {
        tokio::time::advance(time + Duration::from_millis(1)).await;
        // Everything that waited for it goes on, until it waits for more time or for bytes.
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
async fn a_standing_clock_stands_until_time_passes() {
    let clock = StandingClock::start();
    let started = tokio::time::Instant::now();
    let timer = tokio::spawn(tokio::time::sleep(Duration::from_secs(1)));
    tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(50))).await.unwrap();
    assert_eq!((started.elapsed(), timer.is_finished()), (Duration::ZERO, false));
    clock.pass(Duration::from_secs(1)).await;
    timer.await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 1);
}
