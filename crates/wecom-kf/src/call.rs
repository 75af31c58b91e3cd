//! Sends a call: waits for its turn, adds the token, reads the errcode, and then returns, renews the token, repeats or
//! fails.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument;

use crate::error::{Refusal, may_pass};
use crate::meters;
use crate::pacing::{Gates, Kind, Pass};
use crate::raw::{self, Repeat, Reply, Request, op};
use crate::redact::scrub;
use crate::report::in_one_line;
use crate::retry::{Cost, RetryBudget, RetryPolicy};
use crate::token::TokenCache;
use crate::{AccessToken, Class, CorpSecret, ErrCode, Error};

/// The parts of a client that sending a call needs. A client and its clones share them, also for their own `gettoken`.
pub(crate) struct Caller {
    pub(crate) raw: raw::Client,
    pub(crate) timer: Timer,
    pub(crate) retry: RetryPolicy,
    pub(crate) budget: RetryBudget,
    pub(crate) gates: Gates,
    /// The secret of the app, which is removed from WeCom's messages, as the token is.
    pub(crate) secret: CorpSecret,
}

/// The timer that ends an attempt. If the user changed the HTTP settings, reqwest always starts a second timer, for
/// reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Timer {
    /// A timer of this crate. It is the only one, because without settings of the user reqwest starts none.
    Own,
    /// The timer of reqwest. The user may have set a time-out there; this crate replaces its value and starts no timer
    /// of its own. Calls that move files still need one, because a file may take longer than its first bytes.
    OfHttpClient {
        /// The time limit to which reqwest's timer is set. Another limit needs an extension of the request, which costs
        /// as much as a timer.
        limit: Duration,
    },
}

/// The time limits of an attempt and of a whole call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) attempt: Duration,
    pub(crate) call: Duration,
}

impl Caller {
    /// Sends `request` until there is a final answer. `tokens` is `None` for an operation that needs no token.
    pub(crate) async fn call<R: Request>(
        &self,
        request: &R,
        tokens: Option<&TokenCache>,
        limits: Limits,
    ) -> Result<R::Reply, Error> {
        let operation = request.operation();
        let span = tracing::debug_span!(
            "call",
            operation = operation.id,
            attempts = tracing::field::Empty,
            waited_ms = tracing::field::Empty,
            errcode = tracing::field::Empty,
        );
        let started = Instant::now();
        let extra_time = request.extra_time();
        let limits = Limits { attempt: limits.attempt + extra_time, call: limits.call + extra_time };
        let deadline = started + limits.call;
        let mut call = Call {
            caller: self,
            request,
            tokens,
            limits,
            deadline,
            attempts: 0,
            waited: Duration::ZERO,
            may_have_landed: false,
            last_cost: None,
        };
        // Entering the span at each poll costs time, so do it only if somebody records the span.
        let outcome = {
            let run = pin!(call.run());
            match span.is_disabled() {
                true => run.await,
                false => run.instrument(span.clone()).await,
            }
        };
        let result = if outcome.is_ok() { "ok" } else { "failed" };
        meters::CALL.record(&[operation.id, result], started.elapsed());
        let entered = (!span.is_disabled()).then(|| span.enter());
        if entered.is_some() {
            let errcode = match &outcome {
                Ok(_) => Some(0),
                Err(error) => error.code().map(|code| code.0),
            };
            span.record("attempts", call.attempts);
            if !call.waited.is_zero() {
                span.record("waited_ms", call.waited.as_millis() as u64);
            }
            span.record("errcode", errcode);
        }
        // Runs only if somebody records the event.
        let duration_ms = || started.elapsed().as_millis() as u64;
        match &outcome {
            Ok(_) => tracing::debug!(duration_ms = duration_ms(), "answered"),
            // The call of `gettoken` has already logged the failure, once for all callers that wait.
            Err(error @ Error::NoToken { .. }) => {
                tracing::debug!(duration_ms = duration_ms(), error = %in_one_line(error), "failed")
            }
            Err(error) => tracing::warn!(duration_ms = duration_ms(), error = %in_one_line(error), "failed"),
        }
        outcome
    }
}

struct Call<'a, R> {
    caller: &'a Caller,
    request: &'a R,
    tokens: Option<&'a TokenCache>,
    limits: Limits,
    deadline: Instant,
    /// The number of attempts so far.
    attempts: u32,
    /// The time that the attempts waited for their turn at the gates.
    waited: Duration,
    /// Whether an earlier attempt may have reached WeCom. Then "repeated" as an answer means that the earlier attempt
    /// succeeded.
    may_have_landed: bool,
    last_cost: Option<Cost>,
}

/// The outcome of one attempt.
enum Attempt<T> {
    Answered(T),
    Refused(Refusal),
    /// No answer arrived. `surely_not_sent` says whether the request was certainly not sent.
    Lost {
        error: Error,
        surely_not_sent: bool,
    },
}

impl<T> Attempt<T> {
    fn count(&self, operation: &'static str) {
        if !meters::ARE_RECORDED {
            return;
        }
        let errcode = match self {
            Self::Answered(_) => "0".to_owned(),
            Self::Refused(refusal) if refusal.code.name().is_some() => refusal.code.0.to_string(),
            // WeCom may invent any number of them.
            Self::Refused(_) => "unknown".to_owned(),
            Self::Lost { .. } => "no_answer".to_owned(),
        };
        meters::REQUESTS.add(&[operation, &errcode], 1);
    }
}

impl<'a, R: Request> Call<'a, R> {
    async fn run(&mut self) -> Result<R::Reply, Error> {
        let mut token = self.token().await?;
        let mut renewed = false;
        loop {
            let waited = self.waited;
            let mut pass = self.pass().await?;
            if self.waited > waited && !renewed {
                // The token may have been renewed during the wait.
                token = self.token().await?;
            }
            self.attempts += 1;
            let attempt = self.attempt(&token).await;
            attempt.count(self.request.operation().id);
            if let (Some(pass), Attempt::Refused(refusal)) = (&mut pass, &attempt) {
                pass.refused(refusal.code);
            }
            drop(pass);
            match attempt {
                Attempt::Answered(reply) => {
                    self.caller.budget.give_back(self.last_cost);
                    if let Some(tokens) = self.tokens {
                        tokens.mark_accepted(&token);
                    }
                    return Ok(reply);
                }
                Attempt::Refused(refusal)
                    if self.is_token_rejection(&refusal) && !renewed && !self.request.is_spent() =>
                {
                    token = self.renew(&token, refusal).await?;
                    renewed = true;
                }
                Attempt::Refused(refusal)
                    if refusal.code.may_come_from_stale_token() && !renewed && !self.request.is_spent() =>
                {
                    token = self.refresh(&token, refusal).await?;
                    renewed = true;
                }
                Attempt::Refused(refusal) => {
                    if self.is_token_rejection(&refusal) {
                        self.reject(&token);
                    }
                    self.wait_after_refusal(refusal).await?;
                }
                Attempt::Lost { error, surely_not_sent } => self.wait_after_loss(error, surely_not_sent).await?,
            }
        }
    }

    async fn token(&self) -> Result<Arc<AccessToken>, Error> {
        match self.tokens {
            Some(tokens) => {
                let token = self.in_time(tokens.get()).await?;
                token.map_err(|source| Error::NoToken { operation: self.request.operation().id, source })
            }
            None => Ok(Arc::default()),
        }
    }

    /// Waits until WeCom's limits allow one more call. `gettoken` never waits: a client makes one at a time, and other
    /// calls wait for it.
    async fn pass(&mut self) -> Result<Option<Pass<'a>>, Error> {
        if self.tokens.is_none() {
            return Ok(None);
        }
        let gates = &self.caller.gates;
        let kind = match self.request.operation().id == op::SYNC_MSG.id {
            true if self.request.has_callback_token() => Kind::Sync,
            true => Kind::TokenlessSync,
            false => Kind::Other,
        };
        if let Some(pass) = gates.try_enter(kind) {
            return Ok(Some(pass));
        }
        let started = Instant::now();
        let pass = self.in_time(gates.enter(kind)).await;
        let waited = started.elapsed();
        self.waited += waited;
        meters::PACING_WAIT.record(&[self.request.operation().id], waited);
        pass.map(Some)
    }

    /// Waits for `work` until the deadline of the call. The timer is only started if `work` is not ready at once.
    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        timeout_at(self.deadline, work).await.map_err(|_| self.timed_out(self.limits.call))
    }

    fn timed_out(&self, after: Duration) -> Error {
        Error::TimedOut { operation: self.request.operation().id, attempts: self.attempts, after }
    }

    async fn attempt(&self, token: &AccessToken) -> Attempt<R::Reply> {
        let operation = self.request.operation().id;
        let attempts = self.attempts;
        // One timer serves both limits: it ends at the limit of the attempt or of the call, whichever is earlier.
        let now = Instant::now();
        let limit = now + self.limits.attempt;
        let after = if limit < self.deadline { self.limits.attempt } else { self.limits.call };
        let limit = limit.min(self.deadline);
        let time = limit.duration_since(now);
        let (has_timer, limited) = match self.caller.timer {
            Timer::OfHttpClient { limit } if !self.request.moves_file() => {
                (true, (time != limit).then(|| self.caller.raw.clone().timeout(time)))
            }
            _ => (false, None),
        };
        // The future is pinned here, so that it is not copied into the future of the timer.
        let send = pin!(self.request.send(limited.as_ref().unwrap_or(&self.caller.raw), token));
        let outcome = if has_timer { Ok(send.await) } else { timeout_at(limit, send).await };
        match outcome {
            Err(_) => Attempt::Lost { error: self.timed_out(after), surely_not_sent: false },
            Ok(Err(raw::Error::Transport(error))) if error.is_timeout() && Instant::now() >= limit => {
                Attempt::Lost { error: self.timed_out(after), surely_not_sent: false }
            }
            Ok(Err(error)) => {
                let surely_not_sent = match &error {
                    raw::Error::Transport(error) => error.is_connect() || error.is_builder(),
                    raw::Error::Unreadable(_) | raw::Error::InvalidRequest(_) => true,
                    _ => false,
                };
                Attempt::Lost {
                    error: Error::NoAnswer { operation, attempts, source: Arc::new(error) },
                    surely_not_sent,
                }
            }
            Ok(Ok(reply)) if reply.errcode() == 0 => Attempt::Answered(reply),
            Ok(Ok(reply)) => {
                let code = ErrCode::from(reply.errcode());
                match self.request.reply_to_repeat(code).filter(|_| self.may_have_landed) {
                    Some(reply) => Attempt::Answered(reply),
                    None => Attempt::Refused(Refusal {
                        operation,
                        code,
                        errmsg: self.scrubbed(reply.errmsg(), token),
                        attempts,
                        session: None,
                    }),
                }
            }
        }
    }

    /// Returns WeCom's message without secrets and without texts that people wrote.
    fn scrubbed(&self, errmsg: &str, token: &AccessToken) -> String {
        scrub(errmsg, [token.expose(), self.caller.secret.expose()], self.request.private())
    }

    fn is_token_rejection(&self, refusal: &Refusal) -> bool {
        self.tokens.is_some() && refusal.code.class_at(refusal.operation) == Class::Token
    }

    /// Returns a token that replaces `rejected`. Fails with the refusal if no other token is available or no attempt is
    /// left.
    async fn renew(&self, rejected: &Arc<AccessToken>, refusal: Refusal) -> Result<Arc<AccessToken>, Error> {
        let Some(tokens) = self.tokens.filter(|_| self.attempts < self.caller.retry.attempts()) else {
            self.reject(rejected);
            return Err(Error::Refused(refusal));
        };
        tracing::info!(errcode = refusal.code.0, "access token rejected, renewing it");
        match self.in_time(tokens.replace(rejected)).await? {
            Some(Ok(token)) => Ok(token),
            Some(Err(source)) => Err(Error::NoToken { operation: self.request.operation().id, source }),
            None => Err(Error::Refused(refusal)),
        }
    }

    /// Returns a token that is newer than `suspect`, which may be older than a change in the admin console. Fails with
    /// the refusal if there is no newer token or no attempt is left. Other calls continue to use `suspect`, because the
    /// refusal may have another cause.
    async fn refresh(&self, suspect: &Arc<AccessToken>, refusal: Refusal) -> Result<Arc<AccessToken>, Error> {
        let tokens = self.tokens.filter(|_| self.attempts < self.caller.retry.attempts());
        let fresh = match tokens {
            Some(tokens) => self.in_time(tokens.refresh(suspect)).await?,
            None => None,
        };
        let fresh = fresh.ok_or_else(|| Error::Refused(refusal.clone()))?;
        tracing::info!(errcode = refusal.code.0, "access token may be stale, trying again with a fresh one");
        Ok(fresh)
    }

    /// Reports the rejection to the cache and does not wait for another token, because this call has already renewed
    /// its token once.
    fn reject(&self, token: &Arc<AccessToken>) {
        if let Some(tokens) = self.tokens {
            tokens.mark_rejected(token);
        }
    }

    async fn wait_after_refusal(&mut self, refusal: Refusal) -> Result<(), Error> {
        let code = refusal.code;
        let may_pass = code.class_at(refusal.operation) == Class::Busy || code == ErrCode::CONCURRENCY_LIMIT_EXCEEDED;
        let error = Error::Refused(refusal);
        if !may_pass || !self.may_repeat() {
            return Err(error);
        }
        // After "busy", WeCom may have executed the call. After "too many at once", it certainly has not.
        self.may_have_landed |= code != ErrCode::CONCURRENCY_LIMIT_EXCEEDED;
        self.wait(error, Some(code), Cost::Throttled).await
    }

    async fn wait_after_loss(&mut self, error: Error, surely_not_sent: bool) -> Result<(), Error> {
        let may_pass = match &error {
            Error::NoAnswer { source, .. } => may_pass(source),
            _ => true,
        };
        if !may_pass || !(surely_not_sent || self.may_repeat()) {
            return Err(error);
        }
        self.may_have_landed |= !surely_not_sent;
        self.wait(error, None, Cost::Lost).await
    }

    /// Returns whether the call may be sent again although WeCom may have executed it.
    fn may_repeat(&self) -> bool {
        match self.request.repeat() {
            Repeat::Safe => true,
            Repeat::Keyed => self.caller.retry.repeats_sends(),
            Repeat::Never => false,
        }
    }

    /// Waits for the time of the next attempt. Returns `error` if no attempt, no budget or no time is left.
    async fn wait(&mut self, error: Error, code: Option<ErrCode>, cost: Cost) -> Result<(), Error> {
        if self.attempts >= self.caller.retry.attempts() || self.request.is_spent() {
            return Err(error);
        }
        let wait = self.caller.retry.wait(self.attempts - 1, code);
        if Instant::now() + wait >= self.deadline || !self.caller.budget.spend(cost) {
            return Err(error);
        }
        self.last_cost = Some(cost);
        tracing::info!(attempt = self.attempts, wait_ms = wait.as_millis() as u64, error = %in_one_line(&error), "trying again");
        sleep(wait).await;
        Ok(())
    }
}
