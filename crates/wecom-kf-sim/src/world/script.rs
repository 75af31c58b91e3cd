//! Reads faults from JSON, as `control.yaml` describes them, and installs them.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use wecom_kf_raw::op;

use crate::world::World;
use crate::world::fault::{Effect, Fault, RATE_WINDOW, Target};
use crate::world::input::{InvalidInput, described, duration};

/// A fault keeps nobody waiting longer.
const MAX_DELAY: Duration = Duration::from_secs(600);
const MAX_FAULTS: usize = 1_000;
const MAX_LABEL_CHARS: usize = 64;

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

impl World {
    /// Adds a `NewFault` of `control.yaml`, or a script of them. Returns the `Fault`s.
    pub(crate) fn add_faults(&self, new: Value) -> Result<Vec<Value>, InvalidInput> {
        let new = if new.get("script").is_some() { described::<Script>(new)?.script } else { vec![new] };
        if new.is_empty() || new.len() > MAX_FAULTS {
            return Err(InvalidInput::new(format!("`script` must have 1 to {MAX_FAULTS} faults")));
        }
        // All are looked at before the first is installed.
        let new = new.into_iter().map(described::<NewFault>).collect::<Result<Vec<_>, _>>()?;
        let parsed = new.iter().map(NewFault::parse).collect::<Result<Vec<_>, _>>()?;
        let installed = new.iter().zip(parsed).map(|(new, (target, effect))| {
            let fault = self.faults.install(target, effect);
            new.limit(fault).show()
        });
        let installed = installed.collect();
        self.tell_faults();
        Ok(installed)
    }
}

impl NewFault {
    fn parse(&self) -> Result<(Target, Effect), InvalidInput> {
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
            return Err(InvalidInput::new(format!("`{}` is no effect on `{}`", self.effect, self.operation)));
        }
        self.refuse_members_of_other_effects()?;
        if self.always && self.times.is_some() {
            return Err(InvalidInput::new("either `times` or `always`"));
        }
        if self.times == Some(0) || self.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Err(InvalidInput::new("`times` must be at least 1, `probability` from 0 to 1"));
        }
        if self.label.as_ref().is_some_and(|label| label.chars().count() > MAX_LABEL_CHARS) {
            return Err(InvalidInput::new(format!("`label` must have at most {MAX_LABEL_CHARS} characters")));
        }
        Ok((target, effect))
    }

    /// Who gives a delay to an errcode expects one.
    fn refuse_members_of_other_effects(&self) -> Result<(), InvalidInput> {
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
            Some((member, _)) => Err(InvalidInput::new(format!("the effect `{}` has no `{member}`", self.effect))),
            None => Ok(()),
        }
    }

    fn limit(&self, fault: Fault) -> Fault {
        let fault = fault.probability(self.probability.unwrap_or(1.0)).label(self.label.clone());
        if self.always { fault.always() } else { fault.times(self.times.unwrap_or(1)) }
    }

    fn target(&self) -> Result<Target, InvalidInput> {
        match self.operation.as_str() {
            "*" => Ok(Target::Any),
            "callback" => Ok(Target::Callback),
            id => {
                let operation = op::ALL.into_iter().find(|operation| operation.id == id);
                let known = || ["*", "callback"].into_iter().chain(op::ALL.iter().map(|operation| operation.id));
                let no_such = || InvalidInput::no_such("operation", id, &known().collect::<Vec<_>>());
                operation.map(Target::One).ok_or_else(no_such)
            }
        }
    }

    fn effect(&self) -> Result<Effect, InvalidInput> {
        let missing = |member: &str| InvalidInput::new(format!("the effect `{}` needs `{member}`", self.effect));
        Ok(match self.effect.as_str() {
            "errcode" => Effect::Errcode(self.errcode.ok_or_else(|| missing("errcode"))?),
            "status" => {
                let status = self.status.ok_or_else(|| missing("status"))?;
                // One below 200 is no answer: clients wait on for the one behind it.
                if !(200..=999).contains(&status) {
                    return Err(InvalidInput::new("`status` must be from 200 to 999"));
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
                if !is_header_value(&content_type) {
                    return Err(InvalidInput::new("`content_type` must be what a header can have"));
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
                return Err(InvalidInput::new(format!(
                    "there is no effect `{other}`: see FaultEffect in /sim/v1/openapi.yaml"
                )));
            }
        })
    }

    fn delay(&self) -> Result<Option<Duration>, InvalidInput> {
        let delay = self.delay.as_deref().map(|text| duration("delay", text)).transpose()?;
        if delay.is_some_and(|delay| delay > MAX_DELAY) {
            return Err(InvalidInput::new("`delay` must be at most 10m"));
        }
        Ok(delay)
    }
}

/// Whether a text can be the value of a header: printable, but for tabs.
fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}
