//! The control API, as `control.yaml` describes it.

mod accounts;
mod assumptions;
mod body;
mod callbacks;
mod clock;
mod corp;
mod customers;
mod events;
mod export;
mod faults;
mod journal;
mod media;
mod messages;
mod place;
mod query;
mod servicers;
mod sessions;
mod simulator;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::http::parameters::parameter;
use crate::world::World;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, patch, post, put};
use body::Problem;
use query::check_parameters;

/// The control API's description, which is served too.
const DOCUMENT: &str = include_str!("../control.yaml");
pub(crate) const PREFIX: &str = "/sim/v1";
/// The parameter of every query that says which corp it is about.
pub(crate) const CORP_ID: &str = "corp_id";

/// A reply, which is a type for each schema of the document, or a refusal.
type Answer<T> = Result<axum::Json<T>, Problem>;

/// A route: its method, its path below the prefix, and the parameters that its query may have.
struct Route {
    method: &'static str,
    path: &'static str,
    query: &'static [&'static str],
    handler: MethodRouter<Arc<World>>,
}

impl Route {
    fn new(method: &'static str, path: &'static str, handler: MethodRouter<Arc<World>>) -> Self {
        Self { method, path, query: &[], handler }
    }

    fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    fn add_to(self, router: Router<Arc<World>>) -> Router<Arc<World>> {
        let path = format!("{PREFIX}{}", self.path);
        let (name, known) = (format!("{} {path}", self.method), self.query);
        let check = move |request: Request, next: Next| {
            let checked = check_parameters(&name, request.uri().query().unwrap_or_default(), known);
            async move {
                match checked {
                    Ok(()) => next.run(request).await,
                    Err(problem) => problem.into_response(),
                }
            }
        };
        router.route(&path, self.handler.route_layer(from_fn(check)))
    }
}

/// Every route. A test compares them with the document.
fn routes() -> Vec<Route> {
    vec![
        Route::new("GET", "/info", get(simulator::info)),
        Route::new("GET", "/openapi.yaml", get(simulator::openapi)),
        Route::new("GET", "/state", get(simulator::state)),
        Route::new("GET", "/events", get(events::events)).query(&["after"]),
        Route::new("GET", "/report", get(journal::report)).query(&["allow"]),
        Route::new("GET", "/assumptions", get(assumptions::assumptions)),
        Route::new("PUT", "/assumptions/{id}", put(assumptions::assumption_switch)),
        Route::new("POST", "/reset", post(simulator::reset)),
        Route::new("GET", "/export", get(export::state_export)),
        Route::new("POST", "/import", post(export::state_import)),
        Route::new("GET", "/accounts", get(accounts::accounts)),
        Route::new("POST", "/accounts", post(accounts::account_open)),
        Route::new("DELETE", "/accounts/{open_kfid}", delete(accounts::account_withdraw)),
        Route::new("GET", "/contact_ways", get(accounts::contact_ways)),
        Route::new("GET", "/customers", get(customers::customers)),
        Route::new("POST", "/customers", post(customers::customer_add)),
        Route::new("GET", "/customers/{id}", get(customers::customer)),
        Route::new("PATCH", "/customers/{id}", patch(customers::customer_change)),
        Route::new("POST", "/customers/{id}/enter", post(customers::customer_enter)).query(&["count", "wait"]),
        Route::new("POST", "/customers/{id}/messages", post(customers::customer_write)).query(&["count", "wait"]),
        Route::new("POST", "/customers/{id}/taps", post(customers::customer_tap)).query(&["count", "wait"]),
        Route::new("POST", "/customers/{id}/recall", post(customers::customer_recall)).query(&["count", "wait"]),
        Route::new("POST", "/customers/{id}/upgrade", post(customers::upgrade_accept)),
        Route::new("POST", "/customers/{id}/rating", post(customers::customer_rate)),
        Route::new("GET", "/customers/{id}/chat", get(customers::chat))
            .query(&["after", "before", "limit", "count", "wait"]),
        Route::new("POST", "/customers/{id}/read", post(customers::customer_read)),
        Route::new("POST", "/sessions/{kf}/{id}/take", post(sessions::session_take)),
        Route::new("POST", "/sessions/{kf}/{id}/transfer", post(sessions::session_transfer)),
        Route::new("POST", "/sessions/{kf}/{id}/end", post(sessions::session_end)),
        Route::new("POST", "/sessions/{kf}/{id}/reply", post(sessions::session_reply)),
        Route::new("POST", "/sessions/{kf}/{id}/recall", post(sessions::session_recall)),
        Route::new("POST", "/sessions/{kf}/{id}/reject", post(sessions::session_reject)),
        Route::new("POST", "/sessions/{kf}/{id}/rating", post(sessions::rating_ask)),
        Route::new("POST", "/media", post(media::media_add)).query(&["type", "filename"]),
        Route::new("GET", "/media/{media_id}", get(media::media)),
        Route::new("GET", "/servicers", get(servicers::servicers)),
        Route::new("PUT", "/servicers/{userid}", put(servicers::servicer_set)),
        Route::new("GET", "/departments", get(servicers::departments)),
        Route::new("POST", "/departments", post(servicers::department_add)),
        Route::new("GET", "/corp", get(corp::corp)),
        Route::new("PATCH", "/corp", patch(corp::corp_change)),
        Route::new("GET", "/clock", get(clock::clock)),
        Route::new("POST", "/clock", post(clock::clock_set)),
        Route::new("GET", "/faults", get(faults::faults)),
        Route::new("POST", "/faults", post(faults::fault_add)),
        Route::new("DELETE", "/faults", delete(faults::faults_clear)),
        Route::new("DELETE", "/faults/{id}", delete(faults::fault_remove)),
        Route::new("POST", "/tokens/expire", post(tokens::token_expire)),
        Route::new("POST", "/tokens/revoke", post(tokens::token_revoke)),
        Route::new("GET", "/callback", get(callbacks::callback)),
        Route::new("PUT", "/callback", put(callbacks::callback_set)),
        Route::new("DELETE", "/callback", delete(callbacks::callback_unset)),
        Route::new("POST", "/callback/verify", post(callbacks::callback_verify)),
        Route::new("POST", "/callbacks/{n}/repeat", post(callbacks::callback_repeat)),
        Route::new("GET", "/journal", get(journal::journal)).query(&[
            "kind", "op", "errcode", "customer", "involves", "finding", "trouble", "q", "after", "before", "count",
            "limit", "wait",
        ]),
        Route::new("GET", "/journal/{n}", get(journal::journal_entry)),
    ]
}

/// The routes. `address` is where the simulator listens.
pub(crate) fn router(address: SocketAddr, world: &Arc<World>) -> Router<Arc<World>> {
    let router = routes().into_iter().fold(Router::new(), |router, route| route.add_to(router));
    router
        .route("/sim/{*rest}", any(no_such_path))
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::Extension(address))
        .layer(from_fn_with_state(world.clone(), refuse_unknown_corp))
}

/// Who asks for a corp that there is not must not take the first one for it. The others' requests never come here.
async fn refuse_unknown_corp(State(world): State<Arc<World>>, request: Request, next: Next) -> Response {
    match parameter(request.uri(), CORP_ID) {
        Some(corp_id) if corp_id != world.corp_id => {
            Problem::not_found("there is no such corp: GET /sim/v1/info without `corp_id` has the ids of all")
                .into_response()
        }
        _ => next.run(request).await,
    }
}

async fn no_such_path() -> Problem {
    Problem::not_found("there is no such path: see /sim/v1/openapi.yaml")
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method: see /sim/v1/openapi.yaml")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// Follows a `$ref`.
    fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    #[test]
    fn the_document_and_the_routes_agree() {
        let document: Value = yaml_serde::from_str(DOCUMENT).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let path = path.strip_prefix(PREFIX).unwrap();
            // Which corp is meant can be said everywhere.
            assert_eq!(item["parameters"][0]["$ref"], "#/components/parameters/CorpId", "{path}");
            for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let parameters = parameters.map(|parameter| resolved(&document, parameter));
                let query = parameters.filter(|parameter| parameter["in"] == "query");
                let query: Vec<_> = query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
                described.insert((method.to_ascii_uppercase(), path.to_owned(), query));
            }
        }
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let served: Vec<_> =
            routes().iter().map(|route| (route.method.to_owned(), route.path.to_owned(), owned(route.query))).collect();
        assert_eq!(described, served.iter().cloned().collect());
        assert_eq!(described.len(), served.len());
        assert_eq!(document["components"]["parameters"]["CorpId"]["name"], CORP_ID);
    }
}
