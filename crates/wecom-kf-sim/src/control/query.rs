//! Control API: reads the parameters of a query and checks them.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::CORP_ID;
use super::body::Problem;
use crate::world::shared::Shared;

/// Nobody waits longer.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The query of a request.
pub(super) struct Query(HashMap<String, String>);

impl FromRequestParts<Arc<Shared>> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        // Every request may say which corp it is about, and has come to that corp.
        let own = form_urlencoded::parse(query.as_bytes()).into_owned().filter(|(name, _)| name != CORP_ID);
        Ok(Self(own.collect()))
    }
}

impl Query {
    /// Refuses parameters that nobody reads: a misspelt one would be a filter that does nothing.
    pub(super) fn allows(&self, names: &[&str]) -> Result<(), Problem> {
        match self.0.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => {
                Err(Problem::bad_request(format!("there is no parameter `{name}`, but {}", names.join(", "))))
            }
            None => Ok(()),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Problem> {
        let parsed = self.text(name).map(str::parse).transpose();
        parsed.map_err(|_| Problem::bad_request(format!("`{name}` must be a number")))
    }

    /// A number from 1.
    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, Problem> {
        match self.number(name)? {
            Some(0) => Err(Problem::bad_request(format!("`{name}` must be at least 1"))),
            count => Ok(count),
        }
    }

    pub(super) fn wait(&self) -> Result<Option<Duration>, Problem> {
        let wait = self.text("wait").map(|text| duration("wait", text)).transpose()?;
        if wait.is_some_and(|wait| wait > MAX_WAIT) {
            return Err(Problem::bad_request("`wait` must be at most 60s"));
        }
        Ok(wait)
    }
}

/// A text such as `250ms`, `20s`, `10m`, `49h` or `3d`.
pub(super) fn duration(name: &str, text: &str) -> Result<Duration, Problem> {
    parse_duration(text)
        .ok_or_else(|| Problem::bad_request(format!("`{name}` must be a duration such as 250ms, 20s, 10m, 49h or 3d")))
}

fn parse_duration(text: &str) -> Option<Duration> {
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
