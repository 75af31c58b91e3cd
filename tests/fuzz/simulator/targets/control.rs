//! Requests to the control API, and calls of the platform's API between them, in the form that `Stage::play` reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wecom_kf_sim_fuzz::{Exchange, Stage};

thread_local! {
    static STAGE: Stage = Stage::default();
}

fuzz_target!(|data: &[u8]| {
    let Ok(input) = str::from_utf8(data) else { return };
    STAGE.with(|stage| stage.play(input)).iter().for_each(check);
});

/// The control API answers every request, and gives a reason for each refusal. Faults affect only the platform's API.
fn check(exchange: &Exchange) {
    if !exchange.path.starts_with("/sim/v1/") {
        return;
    }
    let status = exchange.status.expect("the control API always answers");
    assert!(!status.is_server_error(), "{exchange:?}");
    if status.is_client_error() {
        let body = exchange.body.as_deref().expect("a refusal has an end");
        // A refusal by the HTTP crates is plain text.
        if let Ok(refusal) = serde_json::from_slice::<Value>(body) {
            assert!(refusal["error"].is_string(), "{exchange:?}");
        }
    }
}
