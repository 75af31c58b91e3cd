//! The end of an inbox: what is settled is stored, wishes to replay that were not fulfilled are noted again, and the
//! lease is released. `engine.rs` notices the stop and limits the time for it.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::lease::LeaseKeeper;
use super::{Engine, committed, done};
use crate::defaults;
use crate::report::in_one_line;
use crate::store::{Commit, StoreError};

impl Engine {
    /// Ends the inbox in order, within the time that a stop allows.
    pub(super) async fn shut_down(&mut self, lease: Option<LeaseKeeper>) {
        self.reader.stop();
        self.desk().close();
        if let Some(keeper) = lease {
            let by = self.stop_by.unwrap_or_else(Instant::now);
            if let Err(error) = self.write_rest(&keeper, by).await {
                tracing::warn!(inbox = %self.shared.key, error = %in_one_line(&error), "what is not stored will be repeated at the next start");
            }
            self.renew_wishes().await;
            keeper.release().await;
        }
        self.desk().end();
    }

    async fn write_rest(&mut self, keeper: &LeaseKeeper, by: Instant) -> Result<(), StoreError> {
        while let Some(commit) = self.next_to_write() {
            loop {
                let written = match &mut self.write {
                    Some(_) => done(&mut self.write).await,
                    None => committed(&*self.shared.store, &self.shared.key, keeper.lease(), &commit).await,
                };
                match written {
                    Ok(()) => break,
                    Err(error) if error.is_retryable() && Instant::now() < by => {
                        self.desk().metrics.store_failures += 1;
                        let wait = self.store_backoff.next((self.shared.settings.jitter)());
                        sleep_until((Instant::now() + wait).min(by)).await;
                    }
                    Err(error) => return Err(error),
                }
            }
            let mut desk = self.shared.exchange.desk();
            desk.metrics.commits += 1;
            if let Some(state) = &mut desk.state {
                state.written(Instant::now());
            }
        }
        Ok(())
    }

    /// Returns the commit in flight, or else the last commit.
    fn next_to_write(&mut self) -> Option<Commit> {
        let mut desk = self.shared.exchange.desk();
        let state = desk.state.as_mut()?;
        state.in_flight().cloned().or_else(|| state.last_commit(Instant::now()))
    }

    /// Notes the wishes for unfinished replays again, so that the next reader continues them.
    async fn renew_wishes(&mut self) {
        let unfinished = self.desk().state.as_ref().map(|state| state.unfinished_replays()).unwrap_or_default();
        if !unfinished.is_empty() {
            let wish = self.shared.store.wish_replays(&self.shared.key, &unfinished);
            let _ = timeout_at(Instant::now() + SHORT.min(defaults::STORE_TIMEOUT), wish).await;
        }
    }
}

/// How long the store may take to note the wishes. The time is short, since the store may have been down until the end.
const SHORT: Duration = Duration::from_secs(2);
