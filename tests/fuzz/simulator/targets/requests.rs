//! A sequence of calls of the platform's API, in the form that `Stage::play` reads.
#![no_main]

use axum::http::StatusCode;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wecom_kf_sim::op;
use wecom_kf_sim_fuzz::{Exchange, Stage};

thread_local! {
    static STAGE: Stage = Stage::default();
}

fuzz_target!(|data: &[u8]| {
    let Ok(input) = str::from_utf8(data) else { return };
    // The control API has a target of its own. It could break the rules that are checked here.
    if input.contains("/sim/") {
        return;
    }
    STAGE.with(|stage| stage.play(input)).iter().for_each(check);
});

/// Every call is answered with 200 and an errcode, or with a file.
fn check(exchange: &Exchange) {
    let Some(operation) = op::ALL.into_iter().find(|operation| operation.path == exchange.path) else {
        assert!(exchange.status.is_some_and(|status| !status.is_server_error()), "{exchange:?}");
        return;
    };
    // The guard refuses a target with a host.
    if exchange.status == Some(StatusCode::FORBIDDEN) {
        return;
    }
    assert!(exchange.status.is_some_and(|status| status.is_success()), "{exchange:?}");
    let body = exchange.body.as_deref().expect("an answer has an end");
    let errcode = serde_json::from_slice(body).ok().and_then(|reply: Value| reply["errcode"].as_i64());
    assert!(errcode.is_some() || operation == op::MEDIA_GET, "{exchange:?}");
}
