//! Answers requests whose path belongs to no operation.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use wecom_kf_raw::op;

use crate::http::arrival::Arrival;
use crate::http::outcome::{JSON, response};
use crate::world::World;
use crate::world::body::Body;
use crate::world::journal::Call;

/// What the journal shows as the operation.
const UNKNOWN_PATH: &str = "unknown_path";
/// The paths of all operations are much shorter.
const MAX_PATH_BYTES: usize = 128;

/// Answers with 404 and a hint, and writes the row of the journal.
pub(super) fn answer(world: &World, arrival: &Arrival) -> Response {
    let (method, mut path) = (arrival.parts.method.to_string(), arrival.parts.uri.path().to_owned());
    // Masked before it is cut: a part of a token would escape the masking.
    world.masking.mask_text(&mut path);
    let path = shown_path(&path);
    let call = format!("{method} {path}");
    tracing::warn!(call, "no operation has this path");
    let call = Call {
        number: 0,
        begun: arrival.begun,
        corp_id: world.corp_id.clone(),
        operation: UNKNOWN_PATH,
        method,
        path,
        errcode: None,
        status: StatusCode::NOT_FOUND.as_u16(),
        at: arrival.at.as_secs(),
        took: world.clock.took(arrival.started),
        request: Body::text(call, &world.masking),
        reply: Body::None,
        problems: Vec::new(),
        fault: None,
        open_kfid: None,
        external_userid: None,
        findings: Vec::new(),
    };
    world.record(call, |_| None);
    let paths: Vec<_> = op::ALL.iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    let hint = json!({ "hint": "wecom-kf-sim has no operation with this path", "operations": paths });
    response(StatusCode::NOT_FOUND, JSON, hint.to_string())
}

/// Returns a path as the journal shows it: only up to the first character that paths do not have. A client may have encoded
/// a query with a secret into the path.
fn shown_path(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-*".contains(&byte);
    let plain = path.bytes().take(MAX_PATH_BYTES).take_while(|byte| is_plain(*byte)).count();
    // What follows `gettoken` belongs into its query.
    let gettoken = path[..plain].to_ascii_lowercase().find("gettoken").map(|at| at + "gettoken".len());
    let shown = gettoken.unwrap_or(plain);
    if shown == path.len() { path.to_owned() } else { format!("{}…", &path[..shown]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_without_what_may_hold_a_secret() {
        for (path, shown) in [
            ("/kf/sync_msg", "/kf/sync_msg"),
            ("/cgi-bin/GetToken", "/cgi-bin/GetToken"),
            ("/cgi-bin/gettoken%3Fcorpsecret=s3cret", "/cgi-bin/gettoken…"),
            ("/cgi-bin/gettoken&corpsecret=s3cret", "/cgi-bin/gettoken…"),
            ("/cgi-bin/gettoken/s3cret", "/cgi-bin/gettoken…"),
            ("/cgi-bin/gettokens3cret", "/cgi-bin/gettoken…"),
            ("/x;corpsecret=s3cret", "/x…"),
        ] {
            assert_eq!(shown_path(path), shown);
        }
        assert_eq!(shown_path(&"/".repeat(500)).len(), MAX_PATH_BYTES + "…".len());
    }
}
