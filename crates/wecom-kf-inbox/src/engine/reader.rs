use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use wecom_kf::{ErrCode, Error, SyncToken};

use super::Backoff;
use crate::defaults;
use crate::shared::Shared;
use crate::source::{Fetched, PageRequest};

/// Asks for pages, one after the other.
#[derive(Debug, Default)]
pub(super) struct Reader {
    state: Reading,
    /// Where the last page that was fetched ends.
    cursor: Option<String>,
    /// Of the callback that gave rise to this reading.
    token: Option<SyncToken>,
    /// So many messages at most, while what came could not be decoded.
    limit: Option<u32>,
    unreadable: u32,
    cause: Cause,
    backoff: Backoff,
    lost_callbacks: LostCallbacks,
}

#[derive(Debug, Default)]
enum Reading {
    /// As soon as there is room for a page.
    #[default]
    Due,
    Pulls(Pull),
    /// All is read: the next poll is due then.
    IsCaughtUp {
        until: Instant,
    },
    /// After an error.
    BacksOff {
        until: Instant,
    },
    Stopped,
}

/// A pull on a task of its own, so that it goes on while nobody polls the stream; aborted with the reader.
#[derive(Debug)]
struct Pull(JoinHandle<Result<Fetched, Error>>);

impl Drop for Pull {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What gave rise to a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cause {
    /// The start, or a callback.
    #[default]
    StartOrWake,
    /// The time for it, and no callback since the start.
    UnannouncedPoll,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LostCallbacks {
    #[default]
    Suspected,
    /// It was said already, or a callback came.
    NothingToSay,
}

/// What came of waiting.
pub(super) enum Outcome {
    Answer(Result<Fetched, Error>),
    TimeToPoll,
}

impl Reader {
    /// From `cursor` on, at once.
    pub(super) fn restart(&mut self, cursor: Option<String>) {
        self.cursor = cursor;
        self.limit = None;
        self.unreadable = 0;
        self.state = Reading::Due;
    }

    pub(super) fn stop(&mut self) {
        self.state = Reading::Stopped;
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    pub(super) fn is_caught_up(&self) -> bool {
        matches!(self.state, Reading::IsCaughtUp { .. })
    }

    pub(super) fn backs_off(&self) -> bool {
        matches!(self.state, Reading::BacksOff { .. })
    }

    /// Whether a callback leads to a pull now. While one is under way, or after an error, it has to wait.
    pub(super) fn takes_wake(&self) -> bool {
        matches!(self.state, Reading::Due | Reading::IsCaughtUp { .. })
    }

    pub(super) fn wake(&mut self, token: Option<SyncToken>) {
        self.token = token.or(self.token.take());
        self.cause = Cause::StartOrWake;
        self.lost_callbacks = LostCallbacks::NothingToSay;
        self.state = Reading::Due;
    }

    /// Whether it is the first time to say that callbacks seem to be lost.
    pub(super) fn tells_of_lost_callbacks(&mut self) -> bool {
        std::mem::replace(&mut self.lost_callbacks, LostCallbacks::NothingToSay) == LostCallbacks::Suspected
    }

    pub(super) fn start_if_due(&mut self, shared: &Arc<Shared>) -> bool {
        if !matches!(self.state, Reading::Due) {
            return false;
        }
        let request = PageRequest {
            open_kfid: shared.key.open_kfid().clone(),
            cursor: self.cursor.clone(),
            token: self.token.clone(),
            limit: self.limit.or(shared.settings.page_size),
        };
        let source = shared.source.clone();
        self.state = Reading::Pulls(Pull(tokio::spawn(async move { source.fetch(request).await })));
        true
    }

    /// Waits for the answer of the pull that is under way, or for the time of the next. Can be dropped and called again.
    pub(super) async fn progress(&mut self) -> Outcome {
        match &mut self.state {
            Reading::Due | Reading::Stopped => std::future::pending().await,
            Reading::Pulls(pull) => {
                let answer = match (&mut pull.0).await {
                    Ok(answer) => answer,
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    // The runtime ends, and this with it.
                    Err(_) => std::future::pending().await,
                };
                // Whoever takes the answer says what comes next.
                self.state = Reading::Due;
                Outcome::Answer(answer)
            }
            Reading::IsCaughtUp { until } => {
                sleep_until(*until).await;
                self.cause = Cause::UnannouncedPoll;
                self.state = Reading::Due;
                Outcome::TimeToPoll
            }
            Reading::BacksOff { until } => {
                sleep_until(*until).await;
                self.state = Reading::Due;
                Outcome::TimeToPoll
            }
        }
    }

    /// A page came. Gives the cursor if it moves on.
    pub(super) fn advance(&mut self, next: Option<&str>, has_more: bool, poll: Duration) -> Option<String> {
        self.backoff.succeed();
        self.unreadable = 0;
        let next = next.filter(|next| self.moves_to(next)).map(str::to_owned);
        // Without a cursor that moves there is no next page, whatever has_more says: it would be this one for ever.
        if has_more && next.is_some() {
            self.state = Reading::Due;
        } else {
            self.token = None;
            self.limit = None;
            self.state = Reading::IsCaughtUp { until: Instant::now() + poll };
        }
        if next.is_some() {
            self.cursor.clone_from(&next);
        }
        next
    }

    pub(super) fn moves_to(&self, cursor: &str) -> bool {
        !cursor.is_empty() && self.cursor.as_deref() != Some(cursor)
    }

    /// A pull failed. Whether that is worth telling.
    pub(super) fn fail(&mut self, error: &Error, jitter: f64) -> bool {
        match error.code() {
            Some(code) if may_succeed_without_token(code) && self.token.take().is_some() => {
                tracing::debug!(errcode = code.0, "reading the same page without the callback's token");
                self.state = Reading::Due;
                return false;
            }
            Some(ErrCode::RATE_LIMIT_EXCEEDED) => {
                self.state = Reading::BacksOff { until: Instant::now() + defaults::RATE_LIMIT_WAIT };
            }
            _ => drop(self.back_off(jitter)),
        }
        true
    }

    pub(super) fn back_off(&mut self, jitter: f64) -> Duration {
        let wait = self.backoff.next(jitter);
        self.state = Reading::BacksOff { until: Instant::now() + wait };
        wait
    }

    /// One more answer that cannot be decoded; how many in a row.
    pub(super) fn count_unreadable(&mut self) -> u32 {
        self.unreadable += 1;
        self.unreadable
    }

    /// After such an answer, of `page_size` messages at most: a tenth of the messages, so that few of them are parked together. False when it was asked
    /// for a single one often enough.
    pub(super) fn ask_for_less(&mut self, page_size: Option<u32>) -> bool {
        match self.limit {
            Some(1) => !self.unreadable.is_multiple_of(defaults::UNREADABLE_TRIES),
            limit => {
                self.limit = Some((limit.or(page_size).unwrap_or(MOST) / 10).max(1));
                if self.limit == Some(1) {
                    // From here on it counts.
                    self.unreadable = 0;
                }
                true
            }
        }
    }
}

/// Whether the same pull may succeed without the callback's token. 95007: the token is older than 10 minutes. 95012: seen
/// with the token where the same call without it succeeded; the client has tried a fresh access token before.
fn may_succeed_without_token(code: ErrCode) -> bool {
    matches!(code, ErrCode::INVALID_SYNC_TOKEN | ErrCode::JOINT_SECRET_IN_STANDALONE_MODE)
}

/// As many messages as sync_msg answers at most.
const MOST: u32 = wecom_kf::raw::limits::sync_msg::LIMIT_MAX;
