//! A bot that speaks plain HTTP.

use serde_json::{Value, json};
use wecom_kf_sim::{Customer, Operation, Simulator, op};

use crate::documented::check_reply;

pub(crate) struct Bot {
    pub(crate) http: reqwest::Client,
    pub(crate) base_url: String,
    pub(crate) access_token: String,
}

impl Bot {
    pub(crate) async fn of(sim: &Simulator) -> Self {
        let mut bot = Self { http: reqwest::Client::new(), base_url: sim.base_url(), access_token: String::new() };
        let reply = bot.gettoken(sim).await;
        bot.access_token = reply["access_token"].as_str().unwrap().to_owned();
        // A simulator can be told to leave the errcode out.
        if reply["errcode"] == 0 {
            check_reply(op::GETTOKEN, &reply);
        }
        bot
    }

    pub(crate) async fn gettoken(&self, sim: &Simulator) -> Value {
        self.gettoken_with(&[("corpid", &sim.corp_id()), ("corpsecret", &sim.secret())]).await
    }

    pub(crate) async fn gettoken_with(&self, query: &[(&str, &str)]) -> Value {
        let request = self.http.get(self.url(op::GETTOKEN)).query(query);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) fn url(&self, operation: Operation) -> String {
        format!("{}{}", self.base_url, operation.path)
    }

    pub(crate) fn request(&self, operation: Operation, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.http.post(self.url(operation)).query(&[("access_token", &self.access_token)]).body(body)
    }

    pub(crate) async fn try_call(&self, operation: Operation, body: Value) -> reqwest::Result<Value> {
        self.request(operation, body.to_string()).send().await?.json().await
    }

    pub(crate) async fn call(&self, operation: Operation, body: Value) -> Value {
        self.try_call(operation, body).await.unwrap()
    }

    pub(crate) async fn ok(&self, operation: Operation, body: Value) -> Value {
        let reply = self.call(operation, body).await;
        assert_eq!(reply["errcode"], 0, "{reply}");
        assert_eq!(reply["errmsg"], "ok");
        check_reply(operation, &reply);
        reply
    }

    pub(crate) async fn errcode(&self, operation: Operation, body: Value) -> i64 {
        self.call(operation, body).await["errcode"].as_i64().unwrap()
    }

    pub(crate) fn text(&self, to: &Customer, content: &str) -> Value {
        self.message(to, "text", json!({ "content": content }))
    }

    pub(crate) fn message(&self, to: &Customer, msgtype: &str, body: Value) -> Value {
        json!({ "touser": to.external_userid(), "open_kfid": to.open_kfid(), "msgtype": msgtype, msgtype: body })
    }
}
