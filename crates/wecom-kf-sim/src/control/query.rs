//! Control API: reads the parameters of a query and checks them.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::time::{Instant, timeout_at};

use super::CORP_ID;
use super::body::Problem;
use crate::world::World;
use crate::world::input::{InvalidInput, duration};

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

    /// `true` or `false`, which is the default.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::bad_request(format!("`{name}` must be true or false"))),
        }
    }

    /// One of the names of a `what`.
    pub(super) fn name(&self, name: &str, what: &str, known: &[&str]) -> Result<Option<&str>, Problem> {
        match self.text(name) {
            Some(given) if !known.contains(&given) => Err(InvalidInput::no_such(what, given, known).into()),
            given => Ok(given),
        }
    }

    /// `wait` and `count`.
    pub(super) fn wait(&self) -> Result<Wait, Problem> {
        let limit = self.text("wait").map(|text| duration("wait", text)).transpose()?;
        if limit.is_some_and(|limit| limit > MAX_WAIT) {
            return Err(Problem::bad_request("`wait` must be at most 60s"));
        }
        Ok(Wait { limit, count: self.count("count")?.unwrap_or(1) })
    }
}

/// Refuses parameters that nobody reads: a misspelt one would be a filter that does nothing.
pub(super) fn check_parameters(route: &str, query: &str, known: &[&str]) -> Result<(), Problem> {
    let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let unknown = names.find(|name| name != CORP_ID && !known.contains(&&**name));
    let all = || known.iter().copied().chain([CORP_ID]).collect::<Vec<_>>();
    unknown.map_or(Ok(()), |name| Err(InvalidInput::no_such(&format!("parameter of {route}"), &name, &all()).into()))
}

/// How long a request waits, and for how many.
pub(super) struct Wait {
    /// In real time; `None` does not wait.
    limit: Option<Duration>,
    count: usize,
}

impl Wait {
    /// Looks until there are as many as the request waits for, or the time is over. Returns what it saw last, and `complete`:
    /// whether there were as many, or `None` if the request does not wait.
    pub(super) async fn until<T, F>(self, world: &World, look: impl Fn() -> F) -> (T, Option<bool>)
    where
        F: Future<Output = (usize, T)>,
    {
        let Some(limit) = self.limit else { return (look().await.1, None) };
        let deadline = Instant::now() + limit;
        loop {
            // Made before looking, so that a change in between is not missed.
            let changed = world.changed();
            let (found, seen) = look().await;
            if found >= self.count {
                return (seen, Some(true));
            }
            if timeout_at(deadline, changed).await.is_err() {
                return (seen, Some(false));
            }
        }
    }
}
