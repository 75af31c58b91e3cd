//! Reads what people and programs write for the simulator: JSON as `control.yaml` describes it, and durations.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why something that was given to the simulator is not as described, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidInput(pub(crate) String);

impl InvalidInput {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }

    pub(crate) fn not_described(error: &serde_json::Error) -> Self {
        Self(format!("the body is not as described: {error}"))
    }

    /// There is no `what` of this name. Says which one was probably meant, or which ones there are.
    pub(crate) fn no_such(what: &str, name: &str, known: &[&str]) -> Self {
        // One wrong letter in three is a slip, more is another word.
        let slips = (name.chars().count() / 3).max(1);
        let distance = |known: &&&str| strsim::osa_distance(name, known);
        let nearest = known.iter().min_by_key(distance).filter(|known| distance(known) <= slips);
        match nearest {
            Some(nearest) => Self(format!("there is no {what} `{name}`: did you mean `{nearest}`?")),
            None => Self(format!("there is no {what} `{name}`: it must be one of {}", known.join(", "))),
        }
    }
}

/// Reads a request from its JSON: an object without `null`, because members that mean nothing are left out.
pub(crate) fn described<T: DeserializeOwned>(body: Value) -> Result<T, InvalidInput> {
    let Value::Object(members) = &body else { return Err(InvalidInput::new("the body must be a JSON object")) };
    if let Some((name, _)) = members.iter().find(|(_, member)| member.is_null()) {
        return Err(InvalidInput::new(format!("`{name}` must not be null: leave it out")));
    }
    serde_json::from_value(body).map_err(|error| InvalidInput::not_described(&error))
}

/// Reads a text such as `250ms`, `20s`, `10m`, `49h` or `3d`.
pub(crate) fn duration(name: &str, text: &str) -> Result<Duration, InvalidInput> {
    let why = || InvalidInput::new(format!("`{name}` must be a duration such as 250ms, 20s, 10m, 49h or 3d"));
    parse_duration(text).ok_or_else(why)
}

/// Returns the duration that a text such as `250ms`, `20s`, `10m`, `49h` or `3d` says.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let no_such =
            |name| InvalidInput::no_such("operation", name, &["send_msg", "sync_msg", "gettoken"]).to_string();
        assert_eq!(no_such("send_mgs"), "there is no operation `send_mgs`: did you mean `send_msg`?");
        assert_eq!(no_such("SEND"), "there is no operation `SEND`: it must be one of send_msg, sync_msg, gettoken");
        assert_eq!(no_such(""), "there is no operation ``: it must be one of send_msg, sync_msg, gettoken");
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("250ms"), Some(0.25));
        assert_eq!(
            [seconds("20s"), seconds("10m"), seconds("49h"), seconds("3d")],
            [Some(20.0), Some(600.0), Some(176_400.0), Some(259_200.0)]
        );
        for bad in ["", "5", "s", "-5s", "1.5s", "5 s", "5w", "五s", "99999999999999999999s", "9999999999999999d"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
