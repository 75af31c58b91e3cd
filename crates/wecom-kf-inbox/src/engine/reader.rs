//! Reading: which page to ask for, and when.
//!
//! WeCom limits the reads without a callback's token, for all accounts of an app together. So before such a read an
//! account waits for its turn in the client's [`PollSchedule`](wecom_kf::polls::PollSchedule). A callback ends that
//! wait, since a read with its token is not limited.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use wecom_kf::messages::Page;
use wecom_kf::polls::Poller;
use wecom_kf::{ErrCode, Error, SyncToken};

use super::Backoff;
use super::fleet;
use super::letter::Letter;
use crate::defaults;
use crate::page_source::{Fetched, PageRequest, Unreadable};
use crate::shared::{Settings, Shared};

/// Requests pages, one after the other.
#[derive(Debug)]
pub(super) struct Reader {
    state: Reading,
    poller: Poller,
    turn: Turn,
    /// Where the last page that was fetched ends.
    cursor: Option<String>,
    /// The token of the callback that caused this reading.
    token: Option<SyncToken>,
    /// How many messages to request at most, after pages that could not be decoded.
    limit: Option<u32>,
    unreadable: u32,
    cause: Cause,
    /// Whether 45009 was the last answer, and to a read with a token.
    was_limited_with_token: bool,
    backoff: Backoff,
    guard: LoopGuard,
    /// Whether to report that callbacks seem to be lost. It is reported once, and not after a callback came.
    suspects_lost_callbacks: Suspicion,
}

#[derive(Debug, Default)]
enum Reading {
    /// The next page is requested as soon as there is room for it.
    #[default]
    Due,
    Pulls(Pull),
    /// Everything is read. The next poll is due at this time.
    IsCaughtUp {
        until: Instant,
    },
    /// There may be more to read, but until this time other accounts use what WeCom allows without a token.
    WaitsForTurn {
        until: Instant,
    },
    /// The last pull failed. The next one is due at this time.
    BacksOff {
        until: Instant,
    },
    Stopped,
}

/// Whether the next pull has to wait for its turn if it has no token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Turn {
    #[default]
    IsNeeded,
    /// The page before has just arrived.
    FollowsPage,
    HasCome,
}

/// A pull on a task of its own, which also decodes the heads of the messages. Dropping the reader aborts it.
#[derive(Debug)]
struct Pull {
    task: JoinHandle<Result<Pulled, Error>>,
    has_token: bool,
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a pull returned.
#[derive(Debug)]
pub(super) enum Pulled {
    Page { letters: Vec<Letter>, next_cursor: Option<String>, has_more: bool },
    Unreadable(Unreadable),
}

/// What caused a reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cause {
    /// The start, or a callback.
    #[default]
    StartOrWake,
    /// A poll was due, and no callback has come since the start.
    UnannouncedPoll,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Suspicion {
    #[default]
    IsOpen,
    IsSettled,
}

/// What happened to a reading.
pub(super) enum Progress {
    Answer(Result<Pulled, Error>),
    TimeToPoll,
}

/// What follows from a page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// The new cursor, if it moved.
    pub(super) cursor: Option<String>,
    /// Whether the cursor was seen before, with no new message since. True once per circle.
    pub(super) is_circle: bool,
}

/// The content of a page, as far as [`LoopGuard`] needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    News,
    /// Only messages that are skipped: this many repeats, and others that are too old or were written by servicers.
    Known {
        repeats: usize,
    },
    Nothing,
}

/// Notices that pages pass without a new message.
#[derive(Debug)]
struct LoopGuard {
    empty_pages: u32,
    repeats: usize,
    /// If more repeats than this come in a row, their pages count as empty.
    repeats_at_once: usize,
    /// The cursors of this reading since the last new message.
    cursors: HashSet<String>,
    has_told: bool,
}

impl LoopGuard {
    fn new(repeats_at_once: usize) -> Self {
        Self { empty_pages: 0, repeats: 0, repeats_at_once, cursors: HashSet::new(), has_told: false }
    }

    fn again(&self) -> Self {
        Self::new(self.repeats_at_once)
    }

    /// Notes a page. Returns whether its cursor closes a circle.
    fn note(&mut self, cursor: Option<&str>, holds: Holds) -> bool {
        match holds {
            Holds::News => *self = Self { has_told: self.has_told, ..self.again() },
            Holds::Nothing => self.empty_pages = self.empty_pages.saturating_add(1),
            Holds::Known { repeats } => {
                self.repeats += repeats;
                // After a start, all remembered messages may come again. What is behind them must not wait.
                if self.repeats > self.repeats_at_once {
                    self.empty_pages = self.empty_pages.saturating_add(1);
                }
            }
        }
        if self.cursors.len() >= defaults::CURSORS_REMEMBERED {
            self.cursors.clear();
        }
        cursor.is_some_and(|cursor| !self.cursors.insert(cursor.to_owned()))
    }

    /// How long to wait before the next page.
    fn wait(&self) -> Option<Duration> {
        let beyond = self.empty_pages.checked_sub(defaults::EMPTY_PAGES_AT_ONCE + 1)?;
        Some(super::backoff::WAITS.wait(beyond))
    }
}

impl Reader {
    /// Creates a reader. `repeats_at_once` is how many messages that were settled before may come in a row, as after a
    /// start.
    pub(super) fn new(poller: Poller, repeats_at_once: usize) -> Self {
        Self {
            state: Reading::Due,
            poller,
            turn: Turn::default(),
            cursor: None,
            token: None,
            limit: None,
            unreadable: 0,
            cause: Cause::default(),
            was_limited_with_token: false,
            backoff: Backoff::default(),
            guard: LoopGuard::new(repeats_at_once),
            suspects_lost_callbacks: Suspicion::default(),
        }
    }

    /// Continues from `cursor` at once.
    pub(super) fn restart(&mut self, cursor: Option<String>) {
        self.cursor = cursor;
        self.limit = None;
        self.unreadable = 0;
        self.guard = self.guard.again();
        self.state = Reading::Due;
    }

    pub(super) fn stop(&mut self) {
        self.state = Reading::Stopped;
    }

    pub(super) fn is_caught_up(&self) -> bool {
        matches!(self.state, Reading::IsCaughtUp { .. })
    }

    pub(super) fn is_due(&self) -> bool {
        matches!(self.state, Reading::Due)
    }

    pub(super) fn backs_off(&self) -> bool {
        matches!(self.state, Reading::BacksOff { .. })
    }

    /// Returns whether a callback leads to a pull now. It waits after an error and during a pull. But a callback with a
    /// token overtakes a pull without one, which may be held back for a minute.
    pub(super) fn takes_wake(&self, has_token: bool) -> bool {
        match &self.state {
            Reading::Due | Reading::IsCaughtUp { .. } => true,
            Reading::WaitsForTurn { .. } => has_token,
            Reading::Pulls(pull) => has_token && !pull.has_token,
            Reading::BacksOff { .. } | Reading::Stopped => false,
        }
    }

    /// Reads at once. Call this only if [`takes_wake`](Self::takes_wake) returns true.
    pub(super) fn wake(&mut self, token: Option<SyncToken>) {
        if token.is_some() {
            self.poller.release(Instant::now());
        }
        self.turn = Turn::IsNeeded;
        self.token = token.or(self.token.take());
        self.cause = Cause::StartOrWake;
        self.suspects_lost_callbacks = Suspicion::IsSettled;
        self.state = Reading::Due;
    }

    /// Notes a page with new messages. Returns whether it is the first one that no callback announced.
    pub(super) fn is_first_unannounced(&mut self) -> bool {
        self.cause == Cause::UnannouncedPoll
            && std::mem::replace(&mut self.suspects_lost_callbacks, Suspicion::IsSettled) == Suspicion::IsOpen
    }

    /// Starts a pull if one is due. Without a token it waits for its turn first.
    pub(super) fn start_if_due(&mut self, shared: &Arc<Shared>) -> bool {
        if !self.is_due() {
            return false;
        }
        let has_token = self.token.is_some();
        let needs_turn = match std::mem::take(&mut self.turn) {
            Turn::IsNeeded => true,
            // A source that the caller supplied may have other limits, or none.
            Turn::FollowsPage => shared.reads_wecom,
            Turn::HasCome => false,
        };
        if !has_token && needs_turn {
            let until = self.turn_after(Duration::ZERO);
            if until > Instant::now() {
                self.state = Reading::WaitsForTurn { until };
                return false;
            }
        }
        let request = PageRequest {
            open_kfid: shared.key.open_kfid().clone(),
            cursor: self.cursor.clone(),
            token: self.token.clone(),
            limit: self.limit.or(shared.settings.page_size),
        };
        let shared = shared.clone();
        let task = tokio::spawn(async move {
            if !has_token {
                fleet::await_turn(&shared).await;
            }
            Ok(unpack(shared.source.fetch(request).await?))
        });
        self.state = Reading::Pulls(Pull { task, has_token });
        true
    }

    /// Reserves the time of the next read without a token.
    fn turn_after(&mut self, wait: Duration) -> Instant {
        let now = Instant::now();
        self.poller.reserve(now, now + wait)
    }

    /// Returns the time from the end of a reading to the next poll. It grows with the number of accounts, and has a random
    /// part, so that accounts do not poll at the same moment.
    pub(super) fn poll_interval(&self, settings: &Settings) -> Duration {
        self.poller.interval(settings.poll, (settings.jitter)())
    }

    /// Waits for the answer of the pull in progress, or for the time of the next one. The future may be dropped.
    pub(super) async fn progress(&mut self) -> Progress {
        match &mut self.state {
            Reading::Due | Reading::Stopped => std::future::pending().await,
            Reading::Pulls(pull) => {
                let answer = match (&mut pull.task).await {
                    Ok(answer) => answer,
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    // The runtime is shutting down, and this task with it.
                    Err(_) => std::future::pending().await,
                };
                self.state = Reading::Due;
                Progress::Answer(answer)
            }
            Reading::IsCaughtUp { until } => {
                sleep_until(*until).await;
                self.cause = Cause::UnannouncedPoll;
                self.turn = Turn::HasCome;
                self.state = Reading::Due;
                Progress::TimeToPoll
            }
            Reading::WaitsForTurn { until } => {
                sleep_until(*until).await;
                self.turn = Turn::HasCome;
                self.state = Reading::Due;
                Progress::TimeToPoll
            }
            Reading::BacksOff { until } => {
                sleep_until(*until).await;
                self.state = Reading::Due;
                Progress::TimeToPoll
            }
        }
    }

    /// Accepts a page. The next one follows at once, or after `poll`.
    pub(super) fn advance(&mut self, next: Option<String>, has_more: bool, holds: Holds, poll: Duration) -> Step {
        self.backoff.succeed();
        self.unreadable = 0;
        self.was_limited_with_token = false;
        let cursor = next.filter(|next| self.moves_to(next));
        let closes_circle = self.guard.note(cursor.as_deref(), holds);
        // If the cursor does not move, there is no next page, whatever `has_more` says. The same page would come for
        // ever.
        let is_end = closes_circle || !has_more || cursor.is_none();
        if is_end {
            self.token = None;
            self.limit = None;
            if !closes_circle {
                self.guard = self.guard.again();
            }
        }
        // A callback ends this wait.
        let wait = if is_end { Some(poll) } else { self.guard.wait() };
        self.state = match wait {
            Some(wait) => Reading::IsCaughtUp { until: self.turn_after(wait) },
            None => {
                self.turn = Turn::FollowsPage;
                Reading::Due
            }
        };
        if cursor.is_some() {
            self.cursor.clone_from(&cursor);
        }
        let is_circle = closes_circle && !std::mem::replace(&mut self.guard.has_told, true);
        Step { cursor, is_circle }
    }

    pub(super) fn moves_to(&self, cursor: &str) -> bool {
        !cursor.is_empty() && self.cursor.as_deref() != Some(cursor)
    }

    /// Accepts the failure of a pull. Returns whether it should be reported.
    pub(super) fn fail(&mut self, error: &Error, jitter: f64) -> bool {
        match error.code() {
            Some(code) if may_succeed_without_token(code) && self.token.take().is_some() => {
                tracing::debug!(errcode = code.0, "reading the same page without the callback's token");
                self.state = Reading::Due;
                return false;
            }
            Some(ErrCode::RATE_LIMIT_EXCEEDED) => {
                let until = Instant::now() + defaults::RATE_LIMIT_WAIT;
                let had_token = self.token.take().is_some();
                // A read with a token is not subject to the limit on reads without one. But WeCom may not know this
                // token. If it refuses the next one too, the answer comes from another limit.
                let is_second = std::mem::replace(&mut self.was_limited_with_token, had_token) && had_token;
                self.state = match is_second {
                    false => Reading::WaitsForTurn { until },
                    true => Reading::BacksOff { until },
                };
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

    /// Counts a page that cannot be decoded. Returns how many came in a row.
    pub(super) fn count_unreadable(&mut self) -> u32 {
        self.unreadable += 1;
        self.unreadable
    }

    /// Requests a tenth of the messages after a page that cannot be decoded, so that few messages are parked together.
    /// The page had at most `page_size` messages. Returns false when a single message was requested often enough.
    pub(super) fn ask_for_less(&mut self, page_size: Option<u32>) -> bool {
        match self.limit {
            Some(1) => !self.unreadable.is_multiple_of(defaults::UNREADABLE_TRIES),
            limit => {
                self.limit = Some((limit.or(page_size).unwrap_or(MOST) / 10).max(1));
                if self.limit == Some(1) {
                    // The attempts for a single message are counted from here.
                    self.unreadable = 0;
                }
                true
            }
        }
    }
}

/// Returns whether the same pull may succeed without the callback's token. 95007 means that the token is older than 10
/// minutes. 95012 was seen for reads with a token that succeeded without it, after the client had already tried a fresh
/// access token.
fn may_succeed_without_token(code: ErrCode) -> bool {
    matches!(code, ErrCode::INVALID_SYNC_TOKEN | ErrCode::JOINT_SECRET_IN_STANDALONE_MODE)
}

/// The most messages that `sync_msg` returns.
const MOST: u32 = wecom_kf::raw::limits::sync_msg::LIMIT_MAX;

fn unpack(fetched: Fetched) -> Pulled {
    match fetched {
        Fetched::Page(page) => Pulled::Page {
            next_cursor: page.next_cursor().map(ToString::to_string),
            has_more: page.has_more(),
            letters: letters(&page),
        },
        Fetched::Unreadable(unreadable) => Pulled::Unreadable(unreadable),
    }
}

fn letters(page: &Page) -> Vec<Letter> {
    page.messages().iter().map(Letter::new).collect()
}

#[cfg(test)]
mod tests {
    use wecom_kf::{Client, Credentials, Pacing};

    use super::*;

    const POLL: Duration = Duration::from_secs(30);

    /// Reads pages that hold nothing new and all say there is more. Returns when the next pull is due after each, in
    /// milliseconds, and which of them close a circle.
    async fn read(holds: Holds, cursors: impl IntoIterator<Item = String>) -> (Vec<u128>, Vec<bool>) {
        let builder = Client::builder(Credentials::new("ww1", "secret")).base_url("http://127.0.0.1:9");
        let client = builder.pacing(Pacing::unlimited()).build().unwrap();
        let mut reader = Reader::new(client.poll_schedule().join(), 5000);
        let mut pages = (Vec::new(), Vec::new());
        for cursor in cursors {
            let now = Instant::now();
            pages.1.push(reader.advance(Some(cursor), true, holds, POLL).is_circle);
            pages.0.push(match reader.state {
                Reading::IsCaughtUp { until } | Reading::BacksOff { until } => (until - now).as_millis(),
                _ => 0,
            });
            reader.state = Reading::Due;
        }
        pages
    }

    #[tokio::test(start_paused = true)]
    async fn empty_pages_with_new_cursors_back_off_after_a_few() {
        let (waits, circles) = read(Holds::Nothing, (0..10).map(|number| format!("c{number}"))).await;
        assert_eq!(waits, [0, 0, 0, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
        assert!(circles.iter().all(|is_circle| !is_circle));
    }

    #[tokio::test(start_paused = true)]
    async fn pages_of_known_messages_are_read_without_waiting() {
        let cursors = || (0..30).map(|number| format!("c{number}"));
        let (waits, _) = read(Holds::Known { repeats: 0 }, cursors()).await;
        assert!(waits.iter().all(|wait| *wait == 0), "{waits:?}");
        let (waits, _) = read(Holds::Known { repeats: 1000 }, cursors()).await;
        let at_once = waits.iter().take_while(|wait| **wait == 0).count();
        assert_eq!((at_once, waits[29]), (5 + 3, 30_000), "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_circle_of_cursors_is_told_once_and_waits_for_the_poll() {
        for holds in [Holds::Nothing, Holds::Known { repeats: 0 }, Holds::Known { repeats: 2 }] {
            let (waits, circles) = read(holds, ["A", "B", "A", "B", "A"].map(str::to_owned)).await;
            assert_eq!(waits, [0, 0, 30_000, 30_000, 30_000]);
            assert_eq!(circles, [false, false, true, false, false]);
        }
    }
}
