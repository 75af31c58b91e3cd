//! `play`: the requests to the control API of the simulator that a scenario is played in.

use std::time::Duration;

use reqwest::{Client, Method, Url};
use serde_json::Value;

/// The simulator answers at once, or after the wait that the query names.
const PATIENCE: Duration = Duration::from_secs(120);
/// The control API waits no longer.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The control API of one simulator.
pub(super) struct Control {
    http: Client,
    base: Url,
}

impl Control {
    pub(super) fn of(base_url: &str) -> Result<Self, String> {
        let http = Client::builder().no_proxy().timeout(PATIENCE).build();
        let http = http.map_err(|error| format!("cannot make an HTTP client: {error}"))?;
        let base = Url::parse(base_url).map_err(|error| format!("{base_url} is no URL: {error}"))?;
        Ok(Self { http, base })
    }

    pub(super) async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, String> {
        self.ask(Method::GET, path, query, None).await
    }

    pub(super) async fn post(&self, path: &[&str], body: Value) -> Result<Value, String> {
        self.ask(Method::POST, path, &[], Some(body)).await
    }

    pub(super) async fn put(&self, path: &[&str], body: Value) -> Result<Value, String> {
        self.ask(Method::PUT, path, &[], Some(body)).await
    }

    pub(super) async fn patch(&self, path: &[&str], body: Value) -> Result<Value, String> {
        self.ask(Method::PATCH, path, &[], Some(body)).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<Value, String> {
        self.ask(Method::DELETE, path, &[], None).await
    }

    /// Uploads a file. Returns its `media_id`.
    pub(super) async fn upload(&self, kind: &str, name: &str, bytes: Vec<u8>) -> Result<String, String> {
        let request = self.http.post(self.url(&["media"])).query(&[("type", kind), ("filename", name)]);
        let request = request.header("content-type", "application/octet-stream").body(bytes);
        let added = read(request).await?;
        Ok(added["media_id"].as_str().unwrap_or_default().to_owned())
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Value>,
    ) -> Result<Value, String> {
        let request = self.http.request(method, self.url(path)).query(query);
        read(match &body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["sim", "v1"]).extend(path);
        }
        url
    }
}

/// The reply. A refusal is the error, in the simulator's words.
async fn read(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let lost = |error: reqwest::Error| {
        // The bot's own variables may be in it.
        let error = error.without_url();
        format!("the simulator does not answer ({error}): does it still run?")
    };
    let response = request.send().await.map_err(lost)?;
    let is_refusal = !response.status().is_success();
    let reply: Value = response.json().await.map_err(lost)?;
    if is_refusal {
        return Err(reply["error"].as_str().unwrap_or("the simulator refuses this").to_owned());
    }
    Ok(reply)
}
