//! A bot that speaks plain HTTP: it echoes, offers a menu to who enters, recommends wangwu, and hands over to zhangsan.

use std::time::Duration;

use serde_json::{Value, json};

/// With the variables of its environment.
pub(crate) async fn run(vars: Vec<(&'static str, String)>) {
    let var = |wanted: &str| vars.iter().find(|(name, _)| *name == wanted).unwrap().1.clone();
    let mut bot = Bot {
        http: reqwest::Client::new(),
        base_url: var("WECOM_KF_BASE_URL"),
        open_kfid: var("WECOM_KF_OPEN_KFID"),
        access_token: String::new(),
    };
    let query = [("corpid", var("WECOM_CORP_ID")), ("corpsecret", var("WECOM_KF_SECRET"))];
    let gettoken = bot.http.get(format!("{}/cgi-bin/gettoken", bot.base_url)).query(&query);
    let reply: Value = gettoken.send().await.unwrap().json().await.unwrap();
    bot.access_token = reply["access_token"].as_str().unwrap().to_owned();
    // It gets no callbacks, so it reads without their token, and more often than WeCom allows.
    let limit = bot.http.put(format!("{}/sim/v1/assumptions/tokenless_reads_are_limited", bot.base_url));
    limit.query(&[("corp_id", var("WECOM_CORP_ID"))]).json(&json!({ "holds": false })).send().await.unwrap();
    bot.serve().await;
}

struct Bot {
    http: reqwest::Client,
    base_url: String,
    open_kfid: String,
    access_token: String,
}

impl Bot {
    async fn serve(&self) {
        let (mut cursor, mut pause) = (Value::Null, FIRST_PAUSE);
        loop {
            let mut request = json!({ "open_kfid": self.open_kfid });
            if cursor.is_string() {
                request["cursor"] = cursor;
            }
            let page = self.call("sync_msg", request).await;
            cursor = page["next_cursor"].clone();
            let messages = page["msg_list"].as_array().cloned().unwrap_or_default();
            for message in &messages {
                self.answer(message).await;
            }
            // Whoever asks in vain too often is found out: polls_too_fast.
            pause = if messages.is_empty() { (pause * 3 / 2).min(LONGEST_PAUSE) } else { FIRST_PAUSE };
            tokio::time::sleep(pause).await;
        }
    }

    async fn answer(&self, message: &Value) {
        if let Some(code) = message["event"]["welcome_code"].as_str() {
            let click = |id: &str, content: &str| json!({ "type": "click", "click": { "id": id, "content": content } });
            let menu =
                json!({ "head_content": "您好 👋", "list": [click("hours", "营业时间"), click("human", "转人工")] });
            self.call("send_msg_on_event", json!({ "code": code, "msgtype": "msgmenu", "msgmenu": menu })).await;
        }
        if message["origin"] != 3 {
            return;
        }
        let (customer, text) = (&message["external_userid"], &message["text"]);
        if text["menu_id"] == "human" {
            let to = json!({ "open_kfid": self.open_kfid, "external_userid": customer, "service_state": 3, "servicer_userid": "zhangsan" });
            let code = self.call("service_state/trans", to).await["msg_code"].clone();
            let words = json!({ "code": code, "msgtype": "text", "text": { "content": "正在为您转接人工 🙇" } });
            self.call("send_msg_on_event", words).await;
        } else if text["content"] == "有专人吗？" {
            let member = json!({ "userid": "wangwu", "wording": "您的专属顾问" });
            let offer =
                json!({ "open_kfid": self.open_kfid, "external_userid": customer, "type": 1, "member": member });
            self.call("customer/upgrade_service", offer).await;
            self.say(customer, "已为您推荐专员").await;
        } else if text["content"] == "不用了" {
            let whose = json!({ "open_kfid": self.open_kfid, "external_userid": customer });
            self.call("customer/cancel_upgrade_service", whose).await;
            self.say(customer, "好的").await;
        } else if let Some(content) = text["content"].as_str() {
            self.say(customer, &format!("收到：{content}")).await;
        }
    }

    async fn say(&self, customer: &Value, content: &str) {
        let words = json!({ "content": content });
        let message = json!({ "touser": customer, "open_kfid": self.open_kfid, "msgtype": "text", "text": words });
        self.call("send_msg", message).await;
    }

    /// The reply, or null where there was none: a fault is no reason to stop.
    async fn call(&self, path: &str, request: Value) -> Value {
        let call = self.http.post(format!("{}/cgi-bin/kf/{path}", self.base_url));
        match call.query(&[("access_token", &self.access_token)]).json(&request).send().await {
            Ok(response) => response.json().await.unwrap_or_default(),
            Err(_) => Value::Null,
        }
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
