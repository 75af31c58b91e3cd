//! Offers operations to a language model as tools: it defines each tool, and checks what the model calls before it is sent.
//!
//! ```text
//! cargo run --package wecom-kf --example tools --features schemars
//! ```
//!
//! It uses neither a model nor an account: the calls below are examples of a model's output, including mistakes, and they are
//! sent to a simulator.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks")]

use jsonschema::{Keyword, ValidationError, Validator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wecom_kf::raw::{Operation, Request, op};
use wecom_kf::{Client, Lang, Report, Settings};
use wecom_kf_sim::Simulator;

/// The operations that the model may call. Offer as few as possible, because customers' texts reach the model.
const OFFERED: [Operation; 4] = [op::SEND_MSG, op::SERVICE_STATE_GET, op::SERVICE_STATE_TRANS, op::SERVICER_LIST];

#[tokio::main]
async fn main() -> Result<(), Report> {
    let sim = Simulator::builder().servicer("zhangsan").start().await?;
    let settings = Settings::from_vars(sim.vars());
    // The simulator runs on this machine, so a proxy in the environment must not be used.
    let client = settings.client_builder()?.http(|http| http.no_proxy()).build()?;
    let tools: Vec<Tool> = OFFERED.into_iter().filter_map(Tool::new).collect();
    for tool in &tools {
        println!("{:#}", tool.definition());
    }
    let customer = sim.customer("小王");
    customer.says("转人工");
    println!("\n小王      转人工");
    for (name, arguments) in calls_of_a_model(customer.open_kfid(), customer.external_userid()) {
        println!("model     {name} {arguments}");
        match call(&client, &tools, name, arguments).await {
            Ok(reply) => println!("  tool    {reply}"),
            // A real model would read the reason and try again.
            Err(problem) => println!("  refused {problem}"),
        }
    }
    println!("  bot     {}", customer.hears().await?);
    println!(
        "          (state {}, {} has the session)",
        customer.state(),
        customer.servicer_userid().unwrap_or_default()
    );
    Ok(())
}

fn calls_of_a_model(kf: &str, customer: &str) -> [(&'static str, Value); 6] {
    let text = |content: &str| json!({ "touser": customer, "open_kfid": kf, "msgtype": "text", "text": { "content": content } });
    [
        ("account_del", json!({ "open_kfid": kf })),
        ("send_msg", json!({ "touser": customer, "open_kfid": kf, "msgtype": "text", "content": "您好" })),
        ("send_msg", text(&"好".repeat(700))),
        ("send_msg", text("正在为您转接人工。")),
        ("servicer_list", json!({ "open_kfid": kf })),
        (
            "service_state_trans",
            json!({ "open_kfid": kf, "external_userid": customer, "service_state": 3, "servicer_userid": "zhangsan" }),
        ),
    ]
}

/// An operation that a language model can call.
struct Tool {
    operation: Operation,
    schema: Value,
    validator: Validator,
}

impl Tool {
    /// Returns `None` for an operation that moves files, and if its schema is invalid.
    fn new(operation: Operation) -> Option<Self> {
        let schema = Value::from(operation.request_schema()?);
        let validator = jsonschema::options()
            .with_keyword("x-max-bytes", |_, limit, _| Ok(Box::new(MaxBytes(limit.as_u64().unwrap_or(u64::MAX)))))
            .build(&schema)
            .ok()?;
        Some(Self { operation, schema, validator })
    }

    /// Returns the definition in the form that models expect. Vendors call the schema `parameters` or `input_schema`.
    fn definition(&self) -> Value {
        let Operation { id, summary, description, .. } = self.operation;
        json!({ "name": id, "description": format!("{summary} {description}").trim_end(), "parameters": self.schema })
    }

    /// Checks `arguments`. The error lists every mistake in words that help the model to correct it.
    fn check(&self, arguments: &Value) -> Result<(), String> {
        let problems = self.validator.iter_errors(arguments).map(|error| match error.instance_path().as_str() {
            "" => error.masked().to_string(),
            place => format!("{place}: {}", error.masked()),
        });
        match problems.collect::<Vec<_>>() {
            problems if problems.is_empty() => Ok(()),
            problems => Err(problems.join("; ")),
        }
    }
}

/// The limit of a text in bytes of UTF-8, for which JSON Schema has no keyword. A Chinese character has three bytes.
struct MaxBytes(u64);

impl<'i> Keyword<'i> for MaxBytes {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        match self.is_valid(instance) {
            true => Ok(()),
            false => Err(ValidationError::custom(format!("longer than {} bytes", self.0))),
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        instance.as_str().is_none_or(|text| text.len() as u64 <= self.0)
    }
}

/// Checks the arguments and makes the call. The model receives the answer, or the text of the error.
async fn call(client: &Client, tools: &[Tool], name: &str, arguments: Value) -> Result<Value, String> {
    let tool = tools.iter().find(|tool| tool.operation.id == name).ok_or("there is no tool of this name")?;
    tool.check(&arguments)?;
    match tool.operation {
        op::SEND_MSG => send(client, arguments, |body| op::SendMsg { body }).await,
        op::SERVICE_STATE_GET => send(client, arguments, |body| op::ServiceStateGet { body }).await,
        op::SERVICE_STATE_TRANS => send(client, arguments, |body| op::ServiceStateTrans { body }).await,
        op::SERVICER_LIST => {
            let open_kfid = arguments["open_kfid"].as_str().unwrap_or_default().to_owned();
            answer(client, &op::ServicerList { open_kfid }).await
        }
        _ => Err("this tool cannot be called yet".to_owned()),
    }
}

async fn send<B: DeserializeOwned, R: Request<Reply: Serialize>>(
    client: &Client,
    arguments: Value,
    request: fn(B) -> R,
) -> Result<Value, String> {
    let body = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    answer(client, &request(body)).await
}

async fn answer<R: Request<Reply: Serialize>>(client: &Client, request: &R) -> Result<Value, String> {
    let reply = client.call(request).await.map_err(|error| Report::line(&error, Lang::En))?;
    serde_json::to_value(reply).map_err(|error| error.to_string())
}
