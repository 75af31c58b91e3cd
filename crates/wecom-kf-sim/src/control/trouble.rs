//! Control API: faults, the clock, and switches of assumptions.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};
use wecom_kf_raw::op;

use super::Answer;
use super::body::{Body, Nothing, Problem, Segments, described};
use super::query::duration;
use crate::platform::NotPossible;
use crate::platform::assumptions;
use crate::world::clock::Pace;
use crate::world::fault::{Effect, Fault, RATE_WINDOW, Target};
use crate::world::rules;
use crate::world::shared::Shared;

/// A fault keeps nobody waiting longer.
const MAX_DELAY: Duration = Duration::from_secs(600);
const MAX_FAULTS: usize = 1_000;
const MAX_LABEL_CHARS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    holds: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockChange {
    manual: Option<bool>,
    advance: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    script: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    operation: String,
    effect: String,
    errcode: Option<i32>,
    status: Option<u16>,
    body: Option<String>,
    content_type: Option<String>,
    fail_type: Option<i64>,
    delay: Option<String>,
    window: Option<String>,
    times: Option<usize>,
    #[serde(default)]
    always: bool,
    probability: Option<f64>,
    label: Option<String>,
}

/// Whether a rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
}

pub(super) async fn assumptions(State(shared): State<Arc<Shared>>) -> Answer {
    let assumptions = shared.platform().0.assumptions.clone();
    Ok(Json(json!({ "assumptions": rules::show_all(&assumptions) })))
}

pub(super) async fn assumption_switch(
    State(shared): State<Arc<Shared>>,
    Segments(id): Segments<String>,
    Body(switch): Body<Switch>,
) -> Answer {
    if !rules::is_known(&id) {
        return Err(Problem::not_found(format!("there is no rule `{id}`: GET /sim/v1/assumptions")));
    }
    let holds = if switch.holds { Holds::Yes } else { Holds::No };
    Ok(Json(switch_assumption(&shared, &id, holds)?))
}

/// Has a rule hold, or not. Gives the `Assumption`.
pub(crate) fn switch_assumption(shared: &Shared, id: &str, holds: Holds) -> Result<Value, NotPossible> {
    let statement = assumptions::statement(id);
    let statement = statement.ok_or_else(|| NotPossible(format!("there is no rule `{id}` that can be switched")))?;
    let shown = {
        let (mut platform, _) = shared.platform();
        match holds {
            Holds::Yes => platform.assumptions.switch_on(statement.assumption),
            Holds::No => platform.assumptions.switch_off(statement.assumption),
        }
        rules::show_statement(statement, &platform.assumptions)
    };
    shared.hub.tell("assumption", &shown);
    Ok(shown)
}

pub(super) async fn clock(State(shared): State<Arc<Shared>>) -> Answer {
    Ok(Json(shared.show_clock()))
}

pub(super) async fn clock_set(State(shared): State<Arc<Shared>>, Body(change): Body<ClockChange>) -> Answer {
    let advance = change.advance.as_deref().map(|text| duration("advance", text)).transpose()?;
    if let Some(manual) = change.manual {
        shared.clock.set_pace(if manual { Pace::Manual } else { Pace::Running });
    }
    shared.advance(advance.unwrap_or_default());
    Ok(Json(shared.show_clock()))
}

pub(super) async fn faults(State(shared): State<Arc<Shared>>) -> Answer {
    Ok(Json(json!({ "faults": shared.faults.show() })))
}

pub(super) async fn fault_add(State(shared): State<Arc<Shared>>, Body(new): Body<Value>) -> Answer {
    Ok(Json(json!({ "faults": add_faults(&shared, new)? })))
}

/// Adds a `NewFault` of `control.yaml`, or a script of them. Gives the `Fault`s.
pub(crate) fn add_faults(shared: &Shared, new: Value) -> Result<Vec<Value>, Problem> {
    let new = if new.get("script").is_some() { described::<Script>(new)?.script } else { vec![new] };
    if new.is_empty() || new.len() > MAX_FAULTS {
        return Err(Problem::bad_request(format!("`script` must have 1 to {MAX_FAULTS} faults")));
    }
    // All are looked at before the first is installed.
    let new = new.into_iter().map(described::<NewFault>).collect::<Result<Vec<_>, _>>()?;
    let parsed = new.iter().map(NewFault::parse).collect::<Result<Vec<_>, _>>()?;
    let installed = new.iter().zip(parsed).map(|(new, (target, effect))| {
        let fault = shared.faults.install(target, effect);
        new.limit(fault).show()
    });
    let installed = installed.collect();
    shared.tell_faults();
    Ok(installed)
}

pub(super) async fn faults_clear(State(shared): State<Arc<Shared>>) -> Answer {
    shared.faults.clear();
    shared.tell_faults();
    Ok(Json(json!({ "faults": shared.faults.show() })))
}

pub(super) async fn fault_remove(State(shared): State<Arc<Shared>>, Segments(id): Segments<u64>) -> Answer {
    if !shared.faults.remove(id) {
        return Err(Problem::not_found(format!("there is no fault {id}")));
    }
    shared.tell_faults();
    Ok(Json(json!({ "faults": shared.faults.show() })))
}

pub(super) async fn token_expire(State(shared): State<Arc<Shared>>, _: Nothing) -> Answer {
    {
        let (mut platform, now) = shared.platform();
        platform.access_tokens.expire(now);
    }
    Ok(Json(show_token(&shared)))
}

pub(super) async fn token_revoke(State(shared): State<Arc<Shared>>, _: Nothing) -> Answer {
    shared.platform().0.access_tokens.revoke();
    Ok(Json(show_token(&shared)))
}

/// A `Token` of `control.yaml`.
pub(super) fn show_token(shared: &Shared) -> Value {
    let mut token = {
        let (platform, now) = shared.platform();
        platform.show_token(now)
    };
    token["gettoken_calls"] = json!(shared.journal().counted(op::GETTOKEN.id));
    token
}

impl NewFault {
    fn parse(&self) -> Result<(Target, Effect), Problem> {
        let (target, effect) = (self.target()?, self.effect()?);
        let is_of_callbacks = matches!(effect, Effect::Lost | Effect::Late(_) | Effect::Duplicated | Effect::Reordered);
        let fits = match target {
            Target::Callback => is_of_callbacks || effect == Effect::Pass,
            // Nothing else is delivered.
            Target::One(operation) if matches!(effect, Effect::MsgSendFail(_)) => {
                matches!(operation, op::SEND_MSG | op::SEND_MSG_ON_EVENT)
            }
            Target::One(_) | Target::Any => !is_of_callbacks,
        };
        if !fits {
            return Err(Problem::bad_request(format!("`{}` is no effect on `{}`", self.effect, self.operation)));
        }
        self.refuse_members_of_other_effects()?;
        if self.always && self.times.is_some() {
            return Err(Problem::bad_request("either `times` or `always`"));
        }
        if self.times == Some(0) || self.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Err(Problem::bad_request("`times` must be at least 1, `probability` from 0 to 1"));
        }
        if self.label.as_ref().is_some_and(|label| label.chars().count() > MAX_LABEL_CHARS) {
            return Err(Problem::bad_request(format!("`label` must have at most {MAX_LABEL_CHARS} characters")));
        }
        Ok((target, effect))
    }

    /// Who gives a delay to an errcode expects one.
    fn refuse_members_of_other_effects(&self) -> Result<(), Problem> {
        let given = [
            ("errcode", self.errcode.is_some()),
            ("status", self.status.is_some()),
            ("body", self.body.is_some()),
            ("content_type", self.content_type.is_some()),
            ("fail_type", self.fail_type.is_some()),
            ("delay", self.delay.is_some()),
            ("window", self.window.is_some()),
        ];
        let own = match self.effect.as_str() {
            "late" => "delay",
            "msg_send_fail" => "fail_type",
            "rate_limited" => "window",
            effect => effect,
        };
        match given.into_iter().find(|(member, is_given)| *is_given && *member != own) {
            Some((member, _)) => Err(Problem::bad_request(format!("the effect `{}` has no `{member}`", self.effect))),
            None => Ok(()),
        }
    }

    fn limit(&self, fault: Fault) -> Fault {
        let fault = fault.probability(self.probability.unwrap_or(1.0)).label(self.label.clone());
        if self.always { fault.always() } else { fault.times(self.times.unwrap_or(1)) }
    }

    fn target(&self) -> Result<Target, Problem> {
        match self.operation.as_str() {
            "*" => Ok(Target::Any),
            "callback" => Ok(Target::Callback),
            id => {
                let operation = op::ALL.into_iter().find(|operation| operation.id == id);
                let operation = operation.map(Target::One);
                operation.ok_or_else(|| {
                    Problem::bad_request(format!("there is no operation `{id}`, nor is it * or callback"))
                })
            }
        }
    }

    fn effect(&self) -> Result<Effect, Problem> {
        let missing = |member: &str| Problem::bad_request(format!("the effect `{}` needs `{member}`", self.effect));
        Ok(match self.effect.as_str() {
            "errcode" => Effect::Errcode(self.errcode.ok_or_else(|| missing("errcode"))?),
            "status" => {
                let status = self.status.ok_or_else(|| missing("status"))?;
                // One below 200 is no answer: clients wait on for the one behind it.
                if !(200..=999).contains(&status) {
                    return Err(Problem::bad_request("`status` must be from 200 to 999"));
                }
                Effect::Status(status)
            }
            "html" => Effect::Html,
            "body" => Effect::Body(self.body.clone().ok_or_else(|| missing("body"))?),
            "delay" => Effect::Delay(self.delay()?.ok_or_else(|| missing("delay"))?),
            "never_answers" => Effect::NeverAnswers,
            "reset_before" => Effect::ResetBefore,
            "reset_after" => Effect::ResetAfter,
            "half_a_body" => Effect::HalfABody,
            "content_type" => {
                let content_type = self.content_type.clone().ok_or_else(|| missing("content_type"))?;
                if HeaderValue::from_str(&content_type).is_err() {
                    return Err(Problem::bad_request("`content_type` must be what a header can have"));
                }
                Effect::ContentType(content_type)
            }
            "msg_send_fail" => Effect::MsgSendFail(self.fail_type.unwrap_or(0)),
            "token_revoked" => Effect::TokenRevoked,
            "cursors_lost" => Effect::CursorsLost,
            "rate_limited" => {
                let window = self.window.as_deref().map(|text| duration("window", text)).transpose()?;
                Effect::RateLimited(window.unwrap_or(RATE_WINDOW))
            }
            "pass" => Effect::Pass,
            "lost" => Effect::Lost,
            "late" => Effect::Late(self.delay()?.ok_or_else(|| missing("delay"))?),
            "duplicated" => Effect::Duplicated,
            "reordered" => Effect::Reordered,
            other => {
                return Err(Problem::bad_request(format!(
                    "there is no effect `{other}`: see FaultEffect in /sim/v1/openapi.yaml"
                )));
            }
        })
    }

    fn delay(&self) -> Result<Option<Duration>, Problem> {
        let delay = self.delay.as_deref().map(|text| duration("delay", text)).transpose()?;
        if delay.is_some_and(|delay| delay > MAX_DELAY) {
            return Err(Problem::bad_request("`delay` must be at most 10m"));
        }
        Ok(delay)
    }
}
