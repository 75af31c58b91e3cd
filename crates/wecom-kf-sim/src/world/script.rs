//! Reads faults from JSON, as `control.yaml` describes them, and installs them.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use wecom_kf_raw::op;

use crate::lists::{EFFECTS, Effect, EffectRow, Make, On};
use crate::world::World;
use crate::world::fault::{Limits, Quota, Target};
use crate::world::input::{InvalidInput, described, duration};
use crate::world::view::FaultList;

const MAX_FAULTS: usize = 1_000;
const MAX_LABEL_CHARS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    script: Vec<Value>,
}

/// A `NewFault`. What it has besides these members is the value of its effect.
#[derive(Deserialize)]
struct NewFault {
    operation: String,
    effect: String,
    times: Option<usize>,
    #[serde(default)]
    always: bool,
    probability: Option<f64>,
    label: Option<String>,
    #[serde(flatten)]
    values: Map<String, Value>,
}

impl World {
    /// Adds a `NewFault` of `control.yaml`, or a script of them. Returns the added ones.
    pub(crate) fn add_faults(&self, new: Value) -> Result<FaultList, InvalidInput> {
        let new = if new.get("script").is_some() { described::<Script>(new)?.script } else { vec![new] };
        if new.is_empty() || new.len() > MAX_FAULTS {
            return Err(InvalidInput::new(format!("`script` must have 1 to {MAX_FAULTS} faults")));
        }
        // All are looked at before the first is installed.
        let new = new.into_iter().map(described::<NewFault>).collect::<Result<Vec<_>, _>>()?;
        let parsed = new.iter().map(NewFault::parse).collect::<Result<Vec<_>, _>>()?;
        let installed = new
            .into_iter()
            .zip(parsed)
            .map(|(new, (target, effect))| self.faults.install(target, effect, new.limits()).show());
        let faults = installed.collect();
        self.tell_faults();
        Ok(FaultList { faults })
    }
}

impl NewFault {
    fn parse(&self) -> Result<(Target, Effect), InvalidInput> {
        let (target, row) = (self.target()?, self.row()?);
        let fits = match target {
            Target::Callback => row.on != On::Calls,
            Target::One(operation) => {
                let is_listed = row.operations.is_empty() || row.operations.contains(&operation.id);
                row.on != On::Callbacks && is_listed
            }
            Target::Any => row.on != On::Callbacks,
        };
        if !fits {
            return Err(InvalidInput::new(format!("`{}` is no effect on `{}`", self.effect, self.operation)));
        }
        let effect = self.effect(row)?;
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

    fn limits(self) -> Limits {
        let quota = if self.always { Quota::Always } else { Quota::Times(self.times.unwrap_or(1)) };
        Limits { quota, probability: self.probability.unwrap_or(1.0), label: self.label }
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

    fn row(&self) -> Result<&'static EffectRow, InvalidInput> {
        EFFECTS.iter().find(|row| row.id == self.effect).ok_or_else(|| {
            InvalidInput::no_such("effect", &self.effect, &EFFECTS.iter().map(|row| row.id).collect::<Vec<_>>())
        })
    }

    fn effect(&self, row: &EffectRow) -> Result<Effect, InvalidInput> {
        if let Some(other) = self.values.keys().find(|member| Some(member.as_str()) != row.member) {
            return Err(InvalidInput::new(format!("the effect `{}` has no `{other}`", row.id)));
        }
        let member = row.member.unwrap_or_default();
        let value = Given { effect: row.id, member, value: self.values.get(member) };
        Ok(match row.make {
            Make::Plain(make) => make(),
            Make::Errcode(make) => make(value.required(value.read("an errcode")?)?),
            Make::Status(make) => make(value.required(value.status()?)?),
            Make::Text(make) => make(value.required(value.read("a text")?)?),
            Make::Header(make) => make(value.required(value.header()?)?),
            Make::Integer { make, default } => make(value.required(value.read("a whole number")?.or(default))?),
            Make::Duration { make, default, max } => make(value.required(value.duration(max)?.or(default))?),
        })
    }
}

/// The value that a fault was given, if any.
struct Given<'a> {
    effect: &'a str,
    member: &'a str,
    value: Option<&'a Value>,
}

impl Given<'_> {
    fn required<T>(&self, value: Option<T>) -> Result<T, InvalidInput> {
        let Self { effect, member, .. } = self;
        value.ok_or_else(|| InvalidInput::new(format!("the effect `{effect}` needs `{member}`")))
    }

    fn read<T: DeserializeOwned>(&self, what: &str) -> Result<Option<T>, InvalidInput> {
        let Some(value) = self.value else { return Ok(None) };
        let why = |_| InvalidInput::new(format!("`{}` must be {what}", self.member));
        serde_json::from_value(value.clone()).map(Some).map_err(why)
    }

    fn status(&self) -> Result<Option<u16>, InvalidInput> {
        let status: Option<u16> = self.read("from 200 to 999")?;
        // One below 200 is no answer: clients wait on for the one behind it.
        match status {
            Some(status) if !(200..=999).contains(&status) => {
                Err(InvalidInput::new(format!("`{}` must be from 200 to 999", self.member)))
            }
            status => Ok(status),
        }
    }

    fn header(&self) -> Result<Option<String>, InvalidInput> {
        match self.read::<String>("a text")? {
            Some(text) if !is_header_value(&text) => {
                Err(InvalidInput::new(format!("`{}` must be what a header can have", self.member)))
            }
            text => Ok(text),
        }
    }

    fn duration(&self, max: Option<Duration>) -> Result<Option<Duration>, InvalidInput> {
        let text: Option<String> = self.read("a duration such as 2s")?;
        let given = text.map(|text| duration(self.member, &text)).transpose()?;
        match max {
            Some(max) if given.is_some_and(|given| given > max) => {
                let minutes = max.as_secs() / 60;
                Err(InvalidInput::new(format!("`{}` must be at most {minutes}m", self.member)))
            }
            _ => Ok(given),
        }
    }
}

/// Whether a text can be the value of a header: printable, but for tabs.
fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}
