//! The start of an inbox: acquires the lease, loads the state to continue from, and decides where a cold start begins to
//! read.

use std::time::Duration;

use futures_util::stream::StreamExt;
use tokio::time::{Instant, sleep_until};

use super::lease::LeaseKeeper;
use super::state::State;
use super::{Break, Engine, FirstWake, Phase, in_time};
use crate::ColdStart;
use crate::metrics::{ReadBy, Status};
use crate::store::{Acquired, Change, Committed};

/// How soon a standby asks again after it learned that another process reads, since that process may be about to end.
const ASK_AGAIN: Duration = Duration::from_millis(100);

impl Engine {
    pub(super) async fn acquire(&mut self) -> Phase<LeaseKeeper> {
        loop {
            self.check_stop()?;
            let asked_at = Instant::now();
            let (shared, settings) = (self.shared.clone(), &self.shared.settings);
            match in_time(shared.store.acquire(&shared.key, &settings.holder, settings.lease)).await {
                Ok(Acquired::Lease(lease)) => {
                    self.store_backoff.reset();
                    self.learn_reader(ReadBy::ThisProcess);
                    return Ok(LeaseKeeper::start(shared.clone(), lease, asked_at));
                }
                Ok(Acquired::Held { holder, left }) => {
                    tracing::debug!(inbox = %shared.key, %holder, ?left, "another process reads");
                    self.learn_reader(ReadBy::AnotherProcess);
                    self.stand_by(left).await?;
                }
                Err(error) => {
                    let again_at = self.store_failed(error)?;
                    self.desk().set_reader(ReadBy::Unknown);
                    self.pause_until(again_at).await?;
                }
            }
        }
    }

    /// Notes who reads the account, as the store has just answered.
    fn learn_reader(&self, read_by: ReadBy) {
        let mut desk = self.desk();
        desk.store_answered();
        desk.set_reader(read_by);
    }

    pub(super) async fn stand_by(&mut self, left: Duration) -> Phase<()> {
        self.set_status(Status::StandsBy);
        self.yield_to_other_reader().await;
        let mut wait = left.max(Duration::from_millis(20)).min(self.shared.settings.lease / 3);
        if !std::mem::replace(&mut self.another_reads, true) {
            wait = wait.min(ASK_AGAIN);
        }
        let at = Instant::now() + wait;
        loop {
            self.check_stop()?;
            tokio::select! {
                () = sleep_until(at) => return Ok(()),
                change = self.changes.next() => match change {
                    Some(Change::Released | Change::Something) => return Ok(()),
                    Some(_) => {}
                    None => self.changes = futures_util::stream::pending().boxed(),
                },
                () = self.shared.exchange.news.notified() => {}
            }
        }
    }

    /// Another process reads what is stored, so the state of this process is out of date and is dropped. If nothing is
    /// stored, the store has forgotten everything, and this process may be the only one that knows the cursor.
    pub(super) async fn yield_to_other_reader(&mut self) {
        if self.desk().state.is_none() {
            return;
        }
        if let Ok(Some(_)) = in_time(self.shared.store.load(&self.shared.key)).await {
            self.desk().replace_state(None);
        }
    }

    /// Loads the state. Returns whether this process may serve.
    pub(super) async fn load(&mut self, keeper: &mut LeaseKeeper) -> Phase<bool> {
        let stored = loop {
            self.check_stop()?;
            match in_time(self.shared.store.load(&self.shared.key)).await {
                Ok(stored) => break stored,
                Err(error) => {
                    let again_at = self.store_failed(error)?;
                    self.pause_until(again_at).await?;
                }
            }
        };
        self.store_backoff.reset();
        self.desk().store_answered();
        let another_read = std::mem::take(&mut self.another_reads);
        let resumes = self.desk().state.as_mut().map(|state| state.resumes(stored.as_ref(), Instant::now()));
        match (resumes, stored) {
            (Some(true), stored) => {
                if stored.is_none() {
                    tracing::warn!(inbox = %self.shared.key, "the store has forgotten; writing back what is known here");
                }
            }
            (_, Some(stored)) => self.adopt(stored, keeper).await?,
            (_, None) if another_read => {
                tracing::warn!(
                    inbox = %self.shared.key,
                    "the store has forgotten where another process reads; giving that one time to write it back"
                );
                return Ok(false);
            }
            (_, None) => self.start_cold(),
        }
        Ok(true)
    }

    pub(super) async fn adopt(&mut self, mut stored: Committed, keeper: &mut LeaseKeeper) -> Phase<()> {
        self.desk().replace_state(None);
        // The handlers of this process must end before the same messages may be delivered again.
        let limit = Instant::now() + self.shared.settings.lease;
        while self.desk().strays > 0 && Instant::now() < limit {
            self.check_stop()?;
            tokio::select! {
                () = sleep_until(limit) => {}
                () = self.shared.exchange.news.notified() => {}
                error = keeper.lost() => return Err(Break::Lost(error)),
            }
        }
        if self.noted.contains(&stored.in_progress) {
            stored.in_progress = None;
        }
        let state = State::stored(stored, self.shared.settings.remembered());
        let state = state.with_batches(self.shared.quiet.get().copied());
        self.reader.restart(state.cursor().cloned());
        self.desk().replace_state(Some(state));
        Ok(())
    }

    pub(super) fn start_cold(&mut self) {
        let mut begins_at = self.shared.opened_at;
        if self.shared.settings.cold_start == ColdStart::FromNow {
            let wake = self.desk().asked.wake.as_ref().map(|wake| wake.create_time);
            self.first_wake = if wake.is_none() { FirstWake::Counts } else { FirstWake::DoesNotCount };
            begins_at = wake.map_or(begins_at, |wake| wake.min(begins_at));
        }
        let since = self.shared.settings.cold_start.since(begins_at);
        tracing::info!(inbox = %self.shared.key, ?since, "cold start: nothing is stored");
        let state = State::cold(since, self.shared.settings.remembered(), Instant::now());
        let state = state.with_batches(self.shared.quiet.get().copied());
        self.reader.restart(None);
        self.desk().replace_state(Some(state));
    }
}
