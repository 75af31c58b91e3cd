//! One call of an operation: checks the request, lets the platform answer it, and words the reply.

use std::sync::{Arc, OnceLock};

use axum::http::Method;
use serde_json::{Value, json};
use wecom_kf_raw::{ErrCode, Operation, op};

use crate::http::arrival::{Arrival, check_access_token};
use crate::http::asked::Asked;
use crate::http::check::{Checks, Verdict};
use crate::http::outcome::{Outcome, say_success};
use crate::platform::assumptions::Assumption;
use crate::platform::ops::Handler;
use crate::platform::refusal::Refusal;
use crate::platform::{Chat, Facts, READS_AT_ONCE};
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
    /// Account and customer it is about.
    pub(super) place: (Option<String>, Option<String>),
    pub(super) facts: Facts,
    pub(super) verdict: OnceLock<Verdict>,
    /// How many calls of `sync_msg` were in progress when it came, itself among them; 0 for others.
    reads: usize,
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
        let (place, facts) = world
            .update(|platform, now| platform.facts(now, operation, asked.request.as_ref().unwrap_or(&Value::Null)));
        let reads = if operation == op::SYNC_MSG { world.begin_read() } else { 0 };
        Self { world, operation, handler, arrival, asked, effect, place, facts, verdict: OnceLock::new(), reads }
    }

    /// Does the call.
    pub(super) fn process(&self) -> Outcome {
        self.finish(self.checked().and_then(|request| self.handle(&request)))
    }

    fn handle(&self, request: &Value) -> Result<Outcome, Refusal> {
        self.world.update(|platform, now| match self.handler {
            Handler::Query(handle) | Handler::Json(handle) => handle(platform, now, request).map(Outcome::Reply),
            Handler::Upload(handle) => {
                let part = self.asked.part.clone().unwrap_or(Err(ErrCode::EMPTY_MEDIA_DATA.into()))?;
                handle(platform, now, request, part).map(Outcome::Reply)
            }
            Handler::Download(handle) => handle(platform, now, request).map(Outcome::File),
        })
    }

    /// What was accepted is not delivered after all.
    pub(super) fn let_fail(&self, outcome: &Outcome, fail_type: i64) {
        let (Place { open_kfid: Some(open_kfid), external_userid: Some(external_userid) }, Some(msgid)) =
            (self.place(), outcome.msgid())
        else {
            return;
        };
        let chat = Chat { open_kfid, external_userid };
        self.world.update(|platform, now| platform.message_fails(now, chat, msgid, fail_type));
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place { open_kfid: self.place.0.as_deref(), external_userid: self.place.1.as_deref() }
    }

    /// The request without what counts as absent, if it is well formed and its token is good.
    fn checked(&self) -> Result<Value, Refusal> {
        if self.world.faults.is_limited(self.operation, self.world.clock.now()) {
            return Err(ErrCode::RATE_LIMIT_EXCEEDED.into());
        }
        if self.reads > READS_AT_ONCE
            && self.world.read(|platform, _| platform.assumptions.hold(Assumption::ReadsAtOnceAreLimited))
        {
            return Err(ErrCode::CONCURRENCY_LIMIT_EXCEEDED.into());
        }
        let method = &self.arrival.parts.method;
        if method.as_str() != self.operation.method && !self.is_lenient() {
            let why = format!("use {}, not {}", self.operation.method, method);
            return Err(Refusal::because(ErrCode::INVALID_PARAMETER, why));
        }
        if self.operation.needs_access_token {
            check_access_token(&self.world, &self.arrival.parts)?;
        }
        let request = self.asked.readable().map(|request| self.without_empty_members(request)).map_err(Refusal::clone);
        let verdict = match &request {
            Ok(request) => Checks::get().check(self.operation, request, self.world.setup.strictness),
            Err(refusal) => Verdict::refusing(self.operation, refusal.clone()),
        };
        let refusal = verdict.refusal.clone();
        // Nobody else sets it: a call is checked once.
        let _ = self.verdict.set(verdict);
        refusal.map_or(request, Err)
    }

    fn without_empty_members(&self, request: &Value) -> Value {
        let mut request = request.clone();
        if self.world.read(|platform, _| platform.assumptions.hold(Assumption::EmptyCountsAsAbsent)) {
            Checks::get().remove_empty_members(self.operation, &mut request);
        }
        request
    }

    /// These two are taken by the method that is not documented too [seen in practice]; unverified: in SDKs only.
    fn is_lenient(&self) -> bool {
        let (method, assumption) = match self.operation {
            op::ACCOUNT_LIST => (Method::GET, Assumption::AccountListTakesGet),
            op::SERVICER_LIST => (Method::POST, Assumption::ServicerListTakesPost),
            _ => return false,
        };
        self.arrival.parts.method == method && self.world.read(|platform, _| platform.assumptions.hold(assumption))
    }

    /// What is answered. In a reply errcode and errmsg are always there.
    pub(super) fn finish(&self, outcome: Result<Outcome, Refusal>) -> Outcome {
        let refusal = match outcome {
            Ok(Outcome::File(file)) => return Outcome::File(file),
            Ok(Outcome::Reply(mut reply)) => {
                // unverified: practice knows replies without errcode [seen in practice].
                if self.world.read(|platform, _| platform.assumptions.hold(Assumption::SuccessHasErrcode)) {
                    say_success(&mut reply);
                } else {
                    reply.as_object_mut().and_then(|reply| reply.remove("errmsg"));
                }
                return Outcome::Reply(reply);
            }
            Err(refusal) => refusal,
        };
        let hint = self.world.update(|platform, _| platform.ids.next_digits("hint", "", 19));
        let code = refusal.code;
        let mut reply = refusal.into_reply(self.operation, &hint);
        if self.operation == op::SYNC_MSG {
            // A refusal has the list too [seen in practice].
            reply["msg_list"] = json!([]);
        }
        // A client may have put its token anywhere, such as into the name of a field.
        self.world.masking.mask(&mut reply);
        if code == ErrCode::INVALID_PARAMETER {
            tracing::warn!(operation = self.operation.id, errmsg = %reply["errmsg"], "a request is not as documented");
        }
        Outcome::Reply(reply)
    }
}
