//! Calls of the APIs besides the bot's.

use serde_json::{Value, json};
use wecom_kf_sim::{Operation, Simulator, op};

/// The reply of the platform's API.
pub(crate) async fn call(sim: &Simulator, operation: Operation, request: Value) -> Value {
    let http = reqwest::Client::new();
    // Whoever asks for a token too often is found out, and a toast says so.
    if sim.access_token().is_none() {
        let query = [("corpid", sim.corp_id()), ("corpsecret", sim.secret())];
        http.get(format!("{}/cgi-bin/gettoken", sim.base_url())).query(&query).send().await.unwrap();
    }
    let call = http.post(format!("{}{}", sim.base_url(), operation.path)).json(&request);
    let reply = call.query(&[("access_token", sim.access_token().unwrap())]).send().await.unwrap();
    reply.json().await.unwrap()
}

/// A link to the first account.
pub(crate) async fn contact_way(sim: &Simulator, scene: Value) -> String {
    let way = call(sim, op::ADD_CONTACT_WAY, json!({ "open_kfid": sim.open_kfid(), "scene": scene })).await;
    way["url"].as_str().unwrap().to_owned()
}

/// What the control API gives.
pub(crate) async fn control(sim: &Simulator, path: &str) -> Value {
    reqwest::get(format!("{}/sim/v1/{path}", sim.base_url())).await.unwrap().json().await.unwrap()
}
