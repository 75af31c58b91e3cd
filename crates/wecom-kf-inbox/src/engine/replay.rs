//! Replays of parked messages: the engine looks for wishes to replay in the store and stages the messages. When a replay
//! begins and what it settles is decided in `state.rs`.

use tokio::time::Instant;

use super::{Break, Engine, Phase, in_time};
use crate::store::{ParkedPage, ParkedQuery, StoreError};

impl Engine {
    pub(super) fn look_for_wishes(&mut self) {
        let mut desk = self.shared.exchange.desk();
        let is_open = !desk.asked.stop && !desk.is_paused && self.wishes.is_none();
        let Some(state) = desk.state.as_ref().filter(|state| is_open && state.is_founded()) else { return };
        let room = self.shared.settings.replays_at_once().saturating_sub(state.replays());
        if room == 0 || !std::mem::take(&mut desk.asked.look_for_wishes) {
            return;
        }
        if let Some(state) = &mut desk.state {
            state.looks_for_wishes();
        }
        let (store, key) = (self.shared.store.clone(), self.shared.key.clone());
        self.wishes = Some(Box::pin(async move { in_time(store.parked(&key, &ParkedQuery::wished(room))).await }));
    }

    pub(super) fn take_wishes(&mut self, wishes: Result<ParkedPage, StoreError>) -> Phase<()> {
        match wishes {
            Ok(page) => {
                let mut desk = self.shared.exchange.desk();
                let has_wishes = !page.items.is_empty() || page.next.is_some();
                let staged = desk.state.as_mut().map_or(0, |state| state.stage(page.items, Instant::now()));
                // Repeats until no wish to replay is left. Wishes for replays that are in progress end with the commits
                // that settle these.
                desk.asked.look_for_wishes |= staged > 0;
                desk.asked.look_after_commit = has_wishes && staged == 0;
            }
            // The next renewal of the lease announces these wishes again.
            Err(error) if error.is_retryable() => self.report(error.into()),
            Err(error) => return Err(Break::Final(error.into())),
        }
        Ok(())
    }
}
