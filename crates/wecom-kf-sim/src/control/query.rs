//! Control API: reads the parameters of a query and checks them.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::CORP_ID;
use super::body::Problem;
use crate::world::World;
use crate::world::input::duration;

/// Nobody waits longer.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The query of a request.
pub(super) struct Query(HashMap<String, String>);

impl FromRequestParts<Arc<World>> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<World>) -> Result<Self, Problem> {
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
