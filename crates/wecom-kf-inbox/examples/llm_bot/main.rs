//! A bot that answers with a language model, through any endpoint with OpenAI's API of chat completions.
//! ```text
//! cargo run -p wecom-kf-inbox --features markdown,schemars --example llm_bot                    on a simulator
//! cargo run -p wecom-kf-inbox --features markdown,schemars --example llm_bot -- <open_kfid>     against WeCom
//! ```
//! `LLM_BASE_URL` (such as `https://api.deepseek.com/v1`), `LLM_MODEL` and `LLM_API_KEY` name the model. Without them, a fake
//! model answers on the simulator. The variables for WeCom are those of `echo_bot`.
#![allow(clippy::print_stdout, reason = "a program talks")]

mod fake;
mod stage;
#[cfg(test)]
mod test;

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use serde_json::{Value, json};
use sse_stream::SseStream;
use tokio::{net::TcpListener, signal::ctrl_c, time::timeout};
use wecom_kf_inbox::messages::{Answer, Content, markdown_to_text};
use wecom_kf_inbox::{Batch, ColdStart, Failure, Inbox, InboxBuilder, ModelMessage, Quiet, Report, Summary};
use wecom_kf_inbox::{Settings, To, callback, store::Redb, wecom_kf::raw::op, wecom_kf::reqwest};

const TASK: &str = "你是一家小店的客服，用简短的中文回答。客户要找人工，或者你帮不上忙时，调用工具转给人工。";
const PATIENCE: Duration = Duration::from_secs(20); // of the customer, while the model is down
const GIVE_UP: Duration = Duration::from_secs(300); // then a person is asked to answer
const PAUSE: Duration = Duration::from_secs(30); // a model that sends nothing for so long has failed
const LONGEST: usize = 20_000; // bytes of an answer: two turns of the customer

#[tokio::main]
async fn main() -> Result<(), Report> {
    let settings = Settings::from_env();
    let Some(account) = std::env::args().nth(1) else { return stage::play(Model::from_env()?).await };
    let model = Model::from_env()?.ok_or("LLM_BASE_URL and LLM_MODEL are not set")?;
    let inbox = Inbox::builder(settings.client()?, account).store(Redb::open("llm.redb")?);
    let inbox = for_a_model(inbox).cold_start(ColdStart::FromNow).open().await?;
    let handle = inbox.handle();
    if settings.wants_callbacks() {
        let app = callback::Router::new().route("/callback", handle.service(settings.callback()?));
        tokio::spawn(callback::serve(TcpListener::bind(settings.listen()?).await?, app));
    }
    let stop = async {
        while timeout(Duration::from_secs(60), ctrl_c()).await.is_err() {
            println!("{:?}", handle.metrics());
        }
    };
    println!("{}", run(inbox, model, stop).await?);
    Ok(())
}

fn for_a_model(inbox: InboxBuilder) -> InboxBuilder {
    inbox.transcript(30).check_session().concurrency(100).handler_timeout(6 * PAUSE) // handlers mostly wait
}

async fn run(inbox: Inbox, model: Model, stop: impl Future + Send) -> Result<Summary, Report> {
    let (model, batches) = (Arc::new(model), inbox.batch(Quiet::of(Duration::from_secs(2))));
    Ok(batches.run_until(stop, move |batch| handle(model.clone(), batch)).await?)
}

async fn handle(model: Arc<Model>, batch: Batch) -> Result<(), Failure> {
    if let Content::Event(_) = batch.content() {
        batch.welcome("您好，我是小店的智能助手，请问有什么可以帮您？").await?; // if the event permits one
        return Ok(());
    }
    if batch.silenced_by().await?.is_some() {
        return Ok(()); // people answer
    }
    let said = match batch.rest_of_answer().await? {
        Some(rest) if batch.text() == "继续" => Ok(Said::Answer(rest)),
        _ => model.ask(&batch).await,
    };
    match said {
        Ok(Said::Answer(text)) => batch.answer(&Answer::text(text).at_most(5, "…（更多请回复“继续”）")).await?,
        Ok(Said::HandOver(to)) => drop(batch.hand_over(to).saying("正在为您转接人工，请稍候。").await?),
        Err(failure) if batch.failing_for() < PATIENCE => return Err(failure), // the batch is tried again
        Err(failure) if batch.failing_for() < GIVE_UP => {
            batch.reply("正在查询，请稍候。").named("wait").await?; // once, however often it is tried
            return Err(failure);
        }
        Err(_) => {
            batch.reply("抱歉，智能助手暂时无法回答，已为您联系人工。").named("sorry").await?;
            batch.hand_over(To::anyone_receiving()).await?;
        }
    }
    Ok(())
}

enum Said {
    Answer(String),
    HandOver(To),
}

struct Model {
    /// The URL and the key, which its `Debug` does not show.
    request: reqwest::RequestBuilder,
    body: Value,
}

impl Model {
    fn from_env() -> Result<Option<Self>, Report> {
        let [url, name, key] = ["LLM_BASE_URL", "LLM_MODEL", "LLM_API_KEY"].map(|name| std::env::var(name).ok());
        let (Some(url), Some(name)) = (url, name) else { return Ok(None) };
        Self::new(reqwest::Client::builder(), &url, &name, &key.unwrap_or_default()).map(Some)
    }

    fn new(http: reqwest::ClientBuilder, url: &str, name: &str, key: &str) -> Result<Self, Report> {
        // The model chooses neither the customer whose session is moved, nor the servicer.
        let chosen = ["open_kfid", "external_userid", "servicer_userid"];
        let parameters = op::SERVICE_STATE_TRANS.request_schema_without(&chosen);
        let description = "转给人工：service_state 为 2 排队，为 3 由正在接待的人员接待";
        let tool = json!({ "name": op::SERVICE_STATE_TRANS.id, "description": description, "parameters": parameters });
        let body = json!({ "model": name, "stream": true, "tools": [{ "type": "function", "function": tool }] });
        let http = http.connect_timeout(PAUSE).read_timeout(PAUSE).build()?;
        let request = http.post(format!("{}/chat/completions", url.trim_end_matches('/'))).bearer_auth(key);
        Ok(Self { request, body })
    }

    /// An answer is sent when it is complete, since a message that was sent cannot be changed. The stream shows early that a
    /// model hangs, and can be ended if it never stops.
    async fn ask(&self, batch: &Batch) -> Result<Said, Failure> {
        let mut messages = vec![ModelMessage::system(TASK)];
        messages.extend(batch.transcript()?.for_model());
        if let Some(last) = messages.last_mut() {
            last.files = batch.files_for_model(10 << 20).await?;
        }
        let (request, mut body) = (self.request.try_clone().ok_or("it has a body")?, self.body.clone());
        body["messages"] = serde_json::to_value(messages)?;
        let response = request.json(&body).send().await?.error_for_status()?;
        let mut events = SseStream::from_bytes_stream(response.bytes_stream());
        let (mut text, mut call) = (String::new(), None::<String>);
        while let Some(event) = events.next().await {
            let data = event?.data.unwrap_or_default();
            if data == "[DONE]" || text.len() > LONGEST {
                return match call.map(|call| serde_json::from_str::<Value>(&call)).transpose()? {
                    Some(call) if call["service_state"] == 2 => Ok(Said::HandOver(To::queue())),
                    Some(_) => Ok(Said::HandOver(To::anyone_receiving())),
                    None if text.trim().is_empty() => Err(Failure::retry("the model said nothing")),
                    None => Ok(Said::Answer(markdown_to_text(&text))),
                };
            }
            let delta = &serde_json::from_str::<Value>(&data)?["choices"][0]["delta"];
            text += delta["content"].as_str().unwrap_or_default();
            if let Some(arguments) = delta["tool_calls"][0]["function"]["arguments"].as_str() {
                *call.get_or_insert_default() += arguments;
            }
        }
        Err(Failure::retry("the model's answer broke off"))
    }
}
