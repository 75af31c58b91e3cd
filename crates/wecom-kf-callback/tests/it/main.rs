//! Tests of the public API.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod event;
mod forged;
mod query;
mod queue;
mod replays;
mod round_trip;
mod secrets;
mod settings;
mod vectors;
mod xml;

use wecom_kf_callback::{Callback, Error, Reason};

const TOKEN: &str = "FixtureCallbackTok01";
const KEY: &str = "BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY";
const RECEIVER: &str = "ww0fixture0corp0001";
const TIMESTAMP: &str = "1718000001";
const NONCE: &str = "9988776655";

fn callback() -> Callback {
    Callback::new(TOKEN, KEY, RECEIVER).unwrap()
}

fn reason<T: std::fmt::Debug>(result: Result<T, Error>) -> Reason {
    result.unwrap_err().reason().clone()
}

/// Creates the smallest envelope.
fn envelope(encrypt: &str) -> String {
    format!("<xml><Encrypt>{encrypt}</Encrypt></xml>")
}

/// Creates a query with the signature of `encrypt`.
fn signed(callback: &Callback, encrypt: &str) -> wecom_kf_callback::Query {
    let signature = callback.sign(TIMESTAMP, NONCE, encrypt);
    query_of(&signature, TIMESTAMP, NONCE).unwrap()
}

fn query_of(signature: &str, timestamp: &str, nonce: &str) -> Result<wecom_kf_callback::Query, Error> {
    let [signature, timestamp, nonce] = [signature, timestamp, nonce].map(|text| escape(text.as_bytes()));
    wecom_kf_callback::Query::parse(&format!("msg_signature={signature}&timestamp={timestamp}&nonce={nonce}"))
}

fn escape(text: &[u8]) -> String {
    text.iter().map(|byte| format!("%{byte:02x}")).collect()
}
