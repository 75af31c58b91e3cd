//! The control API, as `control.yaml` describes it.

mod body;
mod callbacks;
mod corp;
mod events;
mod journal;
mod media;
mod people;
mod query;
mod trouble;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, patch, post, put};
use serde_json::{Value, json};
use wecom_kf_raw::op;

use crate::http::server::parameter;
use crate::world::World;
use crate::world::point;
use crate::world::setup::Strictness;
use body::{Nothing, Problem};

/// The control API's description, which is served too.
const DOCUMENT: &str = include_str!("../control.yaml");
pub(crate) const PREFIX: &str = "/sim/v1";
/// The parameter of every query that says which corp it is about.
pub(crate) const CORP_ID: &str = "corp_id";

type Handler = MethodRouter<Arc<World>>;
type Answer = Result<axum::Json<Value>, Problem>;

/// Every route: method, path below the prefix, handler. A test compares them with the document.
fn routes() -> Vec<(&'static str, &'static str, Handler)> {
    vec![
        ("GET", "/info", get(info)),
        ("GET", "/openapi.yaml", get(openapi)),
        ("GET", "/state", get(state)),
        ("GET", "/events", get(events::events)),
        ("GET", "/report", get(journal::report)),
        ("GET", "/assumptions", get(trouble::assumptions)),
        ("PUT", "/assumptions/{id}", put(trouble::assumption_switch)),
        ("POST", "/reset", post(reset)),
        ("GET", "/accounts", get(people::accounts)),
        ("POST", "/accounts", post(people::account_open)),
        ("DELETE", "/accounts/{open_kfid}", delete(people::account_withdraw)),
        ("GET", "/contact_ways", get(people::contact_ways)),
        ("GET", "/customers", get(people::customers)),
        ("POST", "/customers", post(people::customer_add)),
        ("GET", "/customers/{id}", get(people::customer)),
        ("PATCH", "/customers/{id}", patch(people::customer_change)),
        ("POST", "/customers/{id}/enter", post(people::customer_enter)),
        ("POST", "/customers/{id}/messages", post(people::customer_write)),
        ("POST", "/customers/{id}/taps", post(people::customer_tap)),
        ("POST", "/customers/{id}/recall", post(people::customer_recall)),
        ("POST", "/customers/{id}/upgrade", post(corp::upgrade_accept)),
        ("POST", "/customers/{id}/rating", post(corp::customer_rate)),
        ("GET", "/customers/{id}/chat", get(people::chat)),
        ("POST", "/customers/{id}/read", post(people::customer_read)),
        ("POST", "/sessions/{kf}/{id}/take", post(people::session_take)),
        ("POST", "/sessions/{kf}/{id}/transfer", post(people::session_transfer)),
        ("POST", "/sessions/{kf}/{id}/end", post(people::session_end)),
        ("POST", "/sessions/{kf}/{id}/reply", post(people::session_reply)),
        ("POST", "/sessions/{kf}/{id}/recall", post(people::session_recall)),
        ("POST", "/sessions/{kf}/{id}/reject", post(people::session_reject)),
        ("POST", "/sessions/{kf}/{id}/rating", post(corp::rating_ask)),
        ("POST", "/media", post(media::media_add)),
        ("GET", "/media/{media_id}", get(media::media)),
        ("GET", "/servicers", get(people::servicers)),
        ("PUT", "/servicers/{userid}", put(people::servicer_set)),
        ("GET", "/departments", get(corp::departments)),
        ("POST", "/departments", post(corp::department_add)),
        ("GET", "/corp", get(corp::corp)),
        ("PATCH", "/corp", patch(corp::corp_change)),
        ("GET", "/clock", get(trouble::clock)),
        ("POST", "/clock", post(trouble::clock_set)),
        ("GET", "/faults", get(trouble::faults)),
        ("POST", "/faults", post(trouble::fault_add)),
        ("DELETE", "/faults", delete(trouble::faults_clear)),
        ("DELETE", "/faults/{id}", delete(trouble::fault_remove)),
        ("POST", "/tokens/expire", post(trouble::token_expire)),
        ("POST", "/tokens/revoke", post(trouble::token_revoke)),
        ("GET", "/callback", get(callbacks::callback)),
        ("PUT", "/callback", put(callbacks::callback_set)),
        ("DELETE", "/callback", delete(callbacks::callback_unset)),
        ("POST", "/callback/verify", post(callbacks::callback_verify)),
        ("POST", "/callbacks/{n}/repeat", post(callbacks::callback_repeat)),
        ("GET", "/journal", get(journal::journal)),
        ("GET", "/journal/{n}", get(journal::journal_entry)),
    ]
}

/// The routes. `address` is where the simulator listens.
pub(crate) fn router(address: SocketAddr, world: &Arc<World>) -> Router<Arc<World>> {
    let router = routes()
        .into_iter()
        .fold(Router::new(), |router, (_, path, handler)| router.route(&format!("{PREFIX}{path}"), handler));
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

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/yaml")], DOCUMENT).into_response()
}

async fn info(State(world): State<Arc<World>>, axum::Extension(address): axum::Extension<SocketAddr>) -> Answer {
    let base_url = point::base_url(&world.setup, address);
    let vars = point::vars(&world, &base_url);
    let points = point::CLIENTS
        .iter()
        .filter_map(|(name, title)| Some(json!({ "name": name, "title": title, "text": point::lines(name, &vars)? })));
    let operations = op::ALL.iter().map(|operation| {
        json!({
            "id": operation.id,
            "method": operation.method,
            "path": operation.path,
            "official_page": operation.official_page,
        })
    });
    Ok(axum::Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "base_url": base_url,
        "corp_id": world.corp_id,
        "corps": world.corps().iter().map(|corp| corp.corp_id.clone()).collect::<Vec<_>>(),
        // As a text: JavaScript's numbers end before those of 64 bits do.
        "seed": world.setup.is_seeded.then(|| world.setup.seed.to_string()),
        "strictness": if world.setup.strictness == Strictness::Strict { "strict" } else { "lenient" },
        "vars": vars.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>(),
        "point": points.collect::<Vec<_>>(),
        "operations": operations.collect::<Vec<_>>(),
    })))
}

async fn state(State(world): State<Arc<World>>) -> Answer {
    Ok(axum::Json(show_state(&world)))
}

async fn reset(State(world): State<Arc<World>>, _: Nothing) -> Answer {
    world.reset();
    Ok(axum::Json(show_state(&world)))
}

fn show_state(world: &World) -> Value {
    // Before looking: what changes meanwhile comes as an event too.
    let event = world.hub.watch();
    let findings: Vec<_> = world.report().findings.iter().map(|finding| finding.show()).collect();
    let calls = world.journal().counted_in_all();
    let token = trouble::show_token(world);
    world.read(|platform, now| {
        json!({
            "event": event,
            "instance": format!("{:016x}", world.setup.instance),
            "corp_id": world.corp_id,
            "accounts": platform.show_accounts(),
            "customers": platform.show_customers(now),
            "servicers": platform.show_servicers(now),
            "corp": platform.show_corp(),
            "token": token,
            "clock": world.show_clock(),
            "faults": world.faults.show(),
            "callback": world.show_callback(),
            "findings": findings,
            "calls": calls,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_and_the_routes_agree() {
        let document: Value = yaml_serde::from_str(DOCUMENT).unwrap();
        let mut described = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            let path = path.strip_prefix(PREFIX).unwrap();
            // Which corp is meant can be said everywhere.
            assert_eq!(item["parameters"][0]["$ref"], "#/components/parameters/CorpId", "{path}");
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            described.extend(methods.map(|method| (method.to_ascii_uppercase(), path.to_owned())));
        }
        let served: Vec<_> =
            routes().iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
        assert_eq!(described, served.iter().cloned().collect());
        assert_eq!(described.len(), served.len());
        assert_eq!(document["components"]["parameters"]["CorpId"]["name"], CORP_ID);
    }
}
