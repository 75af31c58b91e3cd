//! What follows from the answer to a delivery: the message is settled, waits for another attempt, or is parked.

use tokio::time::Instant;

use super::desk::Desk;
use super::state::{Outcome, ParkReason, Settled};
use super::window::Number;
use crate::builder::LONGEST;
use crate::clock::unix_seconds;
use crate::delivery::{Ending, Failed, Then, Verdict, Why};
use crate::metrics::LastFailure;
use crate::shared::Settings;

impl Desk {
    pub(super) fn answer(&mut self, number: Number, verdict: Verdict, settings: &Settings, now: Instant) -> Ending {
        let (messages, ending) = match verdict {
            Verdict::Ack => {
                let messages = self.settle(number, Outcome::Acked, now);
                self.metrics.acked += messages;
                (messages, Ending::Acked)
            }
            Verdict::Noted => {
                let messages = self.settle(number, Outcome::Acked, now);
                self.metrics.servicer_messages += messages;
                (messages, Ending::Noted)
            }
            Verdict::PutBack => {
                if let Some(state) = &mut self.state {
                    state.window.put_back(number, now);
                }
                return Ending::PutBack;
            }
            Verdict::Park { reason } => {
                let shown = "the handler parked it".to_owned();
                let messages = self.park(number, ParkReason { whole: reason, shown }, settings, now);
                (messages, Ending::Parked { why: Why::Asked, messages })
            }
            Verdict::Failed(failed) => return self.fail(number, failed, settings, now),
        };
        if messages > 0 { ending } else { Ending::Lost }
    }

    fn fail(&mut self, number: Number, failed: Failed, settings: &Settings, now: Instant) -> Ending {
        let Failed { class, reason, then, shown } = failed;
        let Some(state) = &mut self.state else { return Ending::Lost };
        let Some((tries, since)) = state.failed(number, now) else { return Ending::Lost };
        let id = state.window.id(number).unwrap_or_default();
        *self.metrics.failures.entry(class).or_default() += 1;
        self.metrics.last_failure = Some(LastFailure { class, id, text: shown.clone(), at: unix_seconds() });
        let policy = match then {
            Then::ByClass => settings.retries.of(class),
            Then::Retry(policy) => policy,
        };
        match policy.wait(tries, now - since) {
            Some(wait) => {
                self.metrics.retries += 1;
                state.window.retry(number, now + wait.min(LONGEST));
                Ending::Retried(class)
            }
            None => {
                let messages = self.park(number, ParkReason { whole: reason, shown }, settings, now);
                Ending::Parked { why: Why::Failed(class), messages }
            }
        }
    }

    /// Returns how many messages are parked now.
    pub(crate) fn park(&mut self, number: Number, reason: ParkReason, settings: &Settings, now: Instant) -> u64 {
        let id = self.state.as_mut().and_then(|state| state.window.id(number)).unwrap_or_default();
        let messages = self.settle(number, Outcome::Parked { reason, stamp: settings.stamp() }, now);
        if messages > 0 {
            self.metrics.parked += messages;
            tracing::warn!(msgid = %id, "parked a message; the reason is stored with it");
        }
        messages
    }

    /// Returns how many messages are settled now.
    fn settle(&mut self, number: Number, outcome: Outcome, now: Instant) -> u64 {
        let settled = self.state.as_mut().and_then(|state| state.settle(number, outcome, now));
        let Settled { pages, messages } = settled.unwrap_or(Settled { pages: 0, messages: 0 });
        self.metrics.pages += pages;
        messages
    }
}
