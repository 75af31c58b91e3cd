//! Control API: where callbacks go, and their verification.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::body::{Body, Nothing, Problem, Segments};
use crate::delivery::callback::{self, CallbackError, Keys};
use crate::http::guard::is_allowed;
use crate::world::journal::Row;
use crate::world::shared::Shared;

const NO_URL: &str = "no URL is set: PUT /sim/v1/callback";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCallback {
    url: String,
    token: Option<String>,
    encoding_aes_key: Option<String>,
}

pub(super) async fn callback(State(shared): State<Arc<Shared>>) -> Answer {
    Ok(Json(show(&shared)))
}

pub(super) async fn callback_set(State(shared): State<Arc<Shared>>, Body(new): Body<NewCallback>) -> Answer {
    let set = set_callback(&shared, &new.url, new.token.as_deref(), new.encoding_aes_key.as_deref());
    set.map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Json(show(&shared)))
}

pub(super) async fn callback_unset(State(shared): State<Arc<Shared>>) -> Answer {
    shared.callbacks.unset();
    tell_callback(&shared);
    Ok(Json(show(&shared)))
}

pub(super) async fn callback_verify(State(shared): State<Arc<Shared>>, _: Nothing) -> Answer {
    let row = callback::verify(&shared).await.ok_or_else(|| Problem::conflict(NO_URL))?;
    Ok(Json(row.show()))
}

pub(super) async fn callback_repeat(
    State(shared): State<Arc<Shared>>,
    Segments(n): Segments<u64>,
    _: Nothing,
) -> Answer {
    let row = shared.journal().find(n).cloned();
    let row = row.ok_or_else(|| Problem::not_found(format!("row {n} is not in the journal")))?;
    let Row::Callback(delivery) = &*row else {
        return Err(Problem::conflict(format!("row {n} is no callback")));
    };
    if delivery.carrier.is_none() {
        return Err(Problem::conflict("a verification is not repeated so: POST /sim/v1/callback/verify"));
    }
    let row = callback::repeat(&shared, delivery).await.ok_or_else(|| Problem::conflict(NO_URL))?;
    Ok(Json(row.show()))
}

/// `CallbackSettings` of `control.yaml`.
pub(super) fn show(shared: &Shared) -> Value {
    let has_keys = shared.callbacks.keys().is_some();
    json!({ "url": shared.callbacks.url(), "token_set": has_keys, "aes_key_set": has_keys })
}

pub(crate) fn tell_callback(shared: &Shared) {
    shared.hub.tell("callback", &show(shared));
}

/// Sends callbacks to this URL from now on. Token and key that are not given stay, or follow from the seed.
pub(crate) fn set_callback(
    shared: &Shared,
    url: &str,
    token: Option<&str>,
    aes_key: Option<&str>,
) -> Result<(), CallbackError> {
    check_url(url, &shared.setup.allowed_hosts)?;
    let known = shared.callbacks.keys();
    let keys = {
        let (platform, _) = shared.platform();
        let invented = |kind, length| platform.ids.named(kind, "", "", length);
        let known_token = || known.as_ref().map(|keys| keys.token.clone());
        let known_key = || known.as_ref().map(|keys| keys.aes_key.clone());
        let token = token.map(str::to_owned).or_else(known_token).unwrap_or_else(|| invented("callback token", 24));
        let aes_key = aes_key.map(str::to_owned).or_else(known_key).unwrap_or_else(|| invented("callback key", 43));
        Keys::new(&token, &aes_key, &platform.corp_id)?
    };
    shared.callbacks.set(url.to_owned(), keys);
    tell_callback(shared);
    Ok(())
}

/// The simulator must not be made to send requests to other machines.
fn check_url(url: &str, allowed: &[String]) -> Result<(), CallbackError> {
    let refuse = |why: &str| Err(CallbackError::Url(format!("the callback's URL {why}")));
    let Ok(parsed) = Url::parse(url) else { return refuse("is no URL") };
    if parsed.scheme() != "http" {
        return refuse("must begin with http://: on this machine nothing else is needed");
    }
    if !parsed.username().is_empty() || parsed.password().is_some() || parsed.fragment().is_some() {
        return refuse("must have neither a user nor a fragment");
    }
    let host = parsed.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    if !is_allowed(host, allowed) {
        return refuse("must lead to this machine, or its host be allowed at start (--allow-host)");
    }
    Ok(())
}
