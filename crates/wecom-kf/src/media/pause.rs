//! The time limit of a pause in a download. Without one, a server that stops sending would block the caller for ever.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// Limits the pause between two pieces of a stream.
pub(super) struct PauseLimit {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    is_running: bool,
}

/// The error of a pause that exceeded the limit, with the limit.
pub(super) struct TooLong(pub(super) Duration);

impl PauseLimit {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, timer: None, is_running: false }
    }

    /// Returns `piece` if it is ready, and otherwise checks the time limit of the pause.
    pub(super) fn poll<T>(&mut self, context: &mut Context<'_>, piece: Poll<T>) -> Poll<Result<T, TooLong>> {
        if let Poll::Ready(piece) = piece {
            self.is_running = false;
            return Poll::Ready(Ok(piece));
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if !self.is_running {
            timer.as_mut().reset(Instant::now() + limit);
            self.is_running = true;
        }
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(TooLong(limit)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_piece_restarts_the_time_limit() {
        let mut pause = PauseLimit::new(Duration::from_secs(10));
        for _ in 0..3 {
            let mut next = Box::pin(sleep(Duration::from_secs(9)));
            let piece = poll_fn(|context| {
                let piece = next.as_mut().poll(context);
                pause.poll(context, piece)
            });
            assert!(piece.await.is_ok());
        }
        let started = Instant::now();
        let never = poll_fn(|context| pause.poll(context, Poll::<()>::Pending));
        assert!(never.await.is_err());
        assert_eq!(started.elapsed().as_secs(), 10);
    }
}
