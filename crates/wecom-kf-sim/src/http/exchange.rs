//! One call of an operation: checks the request, lets the platform answer it, and words the reply, all in one update.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::http::arrival::{Arrival, access_token};
use crate::http::asked::Asked;
use crate::http::check::{Checks, Verdict};
use crate::http::outcome::{JSON, Outcome};
use crate::platform::assumptions::Assumption;
use crate::platform::ops::Handler;
use crate::platform::refusal::Refusal;
use crate::platform::reply::Reply;
use crate::platform::{Chat, Facts, Platform, READS_AT_ONCE};
use crate::world::World;
use crate::world::fault::Effect;
use crate::world::finding::Place;

/// One call of an operation.
pub(super) struct Exchange {
    pub(super) world: Arc<World>,
    pub(super) operation: Operation,
    pub(super) handler: Handler,
    pub(super) arrival: Arrival,
    pub(super) asked: Asked,
    pub(super) effect: Option<Effect>,
    known: OnceLock<Known>,
    pub(super) verdict: OnceLock<Verdict>,
    /// How many calls of `sync_msg` were in progress when it came, including itself. 0 for other operations.
    reads: usize,
}

/// What the platform knew when the call came.
#[derive(Default)]
pub(super) struct Known {
    /// The account and the customer that the call is about.
    pub(super) place: (Option<String>, Option<String>),
    pub(super) facts: Facts,
    /// The Content-Type of a refusal, if it differs from that of a reply.
    refusal_type: Option<&'static str>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.reads > 0 {
            self.world.end_read();
        }
    }
}

impl Exchange {
    pub(super) fn new(
        world: Arc<World>,
        operation: Operation,
        handler: Handler,
        arrival: Arrival,
        asked: Asked,
        effect: Option<Effect>,
    ) -> Self {
        let reads = if operation == op::SYNC_MSG { world.begin_read() } else { 0 };
        let (known, verdict) = (OnceLock::new(), OnceLock::new());
        Self { world, operation, handler, arrival, asked, effect, known, verdict, reads }
    }

    /// Does the call.
    pub(super) fn process(&self) -> Outcome {
        self.answer_by(|platform, now| {
            self.apply_fault(platform);
            let request = self.checked(platform, now)?;
            let outcome = self.handle(platform, now, &request)?;
            self.let_fail(platform, now, &outcome);
            Ok(outcome)
        })
    }

    /// Refuses the call, because a fault says so.
    pub(super) fn refuse(&self, code: ErrCode) -> Outcome {
        self.answer_by(|_, _| Err(code.into()))
    }

    /// Notes what the platform knows now. For calls that are done later, or not at all.
    pub(super) fn look_ahead(&self) {
        self.world.update(|platform, now| self.note_known(platform, now));
    }

    /// Returns what the platform knew when the call came.
    pub(super) fn known(&self) -> &Known {
        self.known.get_or_init(Known::default)
    }

    pub(super) fn place(&self) -> Place<'_> {
        let (open_kfid, external_userid) = &self.known().place;
        Place { open_kfid: open_kfid.as_deref(), external_userid: external_userid.as_deref() }
    }

    pub(super) fn content_type(&self) -> &'static str {
        self.known().refusal_type.unwrap_or(JSON)
    }

    /// Does the work and words the reply in one update of the platform, so that no other call comes in between.
    fn answer_by(&self, work: impl FnOnce(&mut Platform, Duration) -> Result<Outcome, Refusal>) -> Outcome {
        let answered = self.world.update(|platform, now| {
            self.note_known(platform, now);
            match work(platform, now) {
                Ok(outcome) => Ok(outcome),
                Err(refusal) => Err((refusal, platform.ids.next_digits("hint", "", 19))),
            }
        });
        answered.unwrap_or_else(|(refusal, hint)| self.refusal(refusal, &hint))
    }

    /// Notes what the platform knows, unless it was noted when the call came: a fault may delay the work.
    fn note_known(&self, platform: &mut Platform, now: Duration) {
        self.known.get_or_init(|| {
            let request = self.asked.request.as_ref().unwrap_or(&Value::Null);
            let (place, facts) = platform.facts(now, self.operation, request);
            let is_plain = matches!(self.handler, Handler::Download(_))
                && platform.assumptions.hold(Assumption::MediaRefusalsArePlainText);
            Known { place, facts, refusal_type: is_plain.then_some("text/plain") }
        });
    }

    /// Changes the platform before the call is done, if the fault says so.
    fn apply_fault(&self, platform: &mut Platform) {
        match self.effect {
            Some(Effect::TokenRevoked) => platform.access_tokens.revoke_all(),
            Some(Effect::CursorsLost) => platform.lose_cursors(),
            _ => {}
        }
    }

    fn handle(&self, platform: &mut Platform, now: Duration, request: &Value) -> Result<Outcome, Refusal> {
        match self.handler {
            Handler::Query(handle) | Handler::Json(handle) => handle(platform, now, request).map(Outcome::Reply),
            Handler::Upload(handle) => {
                let part = self.asked.part.clone().unwrap_or(Err(ErrCode::EMPTY_MEDIA_DATA.into()))?;
                handle(platform, now, request, part).map(Outcome::Reply)
            }
            Handler::Download(handle) => handle(platform, now, request).map(Outcome::File),
        }
    }

    /// Makes the delivery of an accepted message fail, if the fault says so.
    fn let_fail(&self, platform: &mut Platform, now: Duration, outcome: &Outcome) {
        let (Some(Effect::MsgSendFail(fail_type)), Some(msgid)) = (&self.effect, outcome.msgid()) else { return };
        if let Place { open_kfid: Some(open_kfid), external_userid: Some(external_userid) } = self.place() {
            platform.message_fails(now, Chat { open_kfid, external_userid }, msgid, *fail_type);
        }
    }

    /// Returns the request without the members that count as absent, if its token is valid and it is well formed.
    fn checked(&self, platform: &Platform, now: Duration) -> Result<Value, Refusal> {
        if self.world.faults.is_limited(self.operation, now) {
            return Err(ErrCode::RATE_LIMIT_EXCEEDED.into());
        }
        if self.reads > READS_AT_ONCE && platform.assumptions.hold(Assumption::ReadsAtOnceAreLimited) {
            return Err(ErrCode::CONCURRENCY_LIMIT_EXCEEDED.into());
        }
        let method = &self.arrival.parts.method;
        if method.as_str() != self.operation.method && !self.is_lenient(platform) {
            let why = format!("use {}, not {}", self.operation.method, method);
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
        }
        if self.operation.needs_access_token {
            platform.check_access_token(now, access_token(&self.arrival.parts).as_deref())?;
        }
        let request = self.asked.readable().map(|request| self.without_empty_members(platform, request));
        let request = request.map_err(Refusal::clone);
        let verdict = match &request {
            Ok(request) => Checks::get().check(self.operation, request, self.world.setup.strictness),
            Err(refusal) => Verdict::refusing(self.operation, refusal.clone()),
        };
        let refusal = verdict.refusal.clone();
        // It is not set yet: a call is checked once.
        let _ = self.verdict.set(verdict);
        refusal.map_or(request, Err)
    }

    fn without_empty_members(&self, platform: &Platform, request: &Value) -> Value {
        let mut request = request.clone();
        if platform.assumptions.hold(Assumption::EmptyCountsAsAbsent) {
            Checks::get().remove_empty_members(self.operation, &mut request);
        }
        request
    }

    /// These two are taken by the method that is not documented too.
    fn is_lenient(&self, platform: &Platform) -> bool {
        let (method, assumption) = match self.operation {
            op::ACCOUNT_LIST => (Method::GET, Assumption::AccountListTakesGet),
            op::SERVICER_LIST => (Method::POST, Assumption::ServicerListTakesPost),
            _ => return false,
        };
        self.arrival.parts.method == method && platform.assumptions.hold(assumption)
    }

    /// Makes the reply of a refusal.
    fn refusal(&self, refusal: Refusal, hint: &str) -> Outcome {
        let code = refusal.code;
        let mut reply = refusal.into_reply(self.operation, hint);
        if self.operation == op::SYNC_MSG {
            rule!(refused_sync_msg_has_msg_list);
            reply["msg_list"] = json!([]);
        }
        // The refusal may quote the request, and a client may put its token anywhere, such as into the name of a field.
        self.world.masking.mask(&mut reply);
        if code == ErrCode::INVALID_PARAMETER {
            tracing::warn!(operation = self.operation.id, errmsg = %reply["errmsg"], "a request is not as documented");
        }
        Outcome::Reply(Reply::refusal(code, reply.to_string()))
    }
}
