//! The endpoints that Kubernetes and other supervisors ask (feature `axum`).

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use wecom_kf::callback::Router;

use super::Health;

/// Returns `/health/live` and `/health/ready`, which answer 200 or 503 with the health as JSON.
pub(crate) fn routes(health: impl Fn() -> Health + Clone + Send + Sync + 'static) -> Router {
    let live = {
        let health = health.clone();
        move || async move { answer(&health(), |health| health.alive) }
    };
    let ready = move || async move { answer(&health(), |health| health.ready) };
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready))
}

fn answer(health: &Health, is_fine: impl Fn(&Health) -> bool) -> Response {
    let status = if is_fine(health) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let json = serde_json::to_string(health).expect("its keys are strings, and nothing in it fails to serialize");
    (status, [(CONTENT_TYPE, "application/json")], json).into_response()
}
