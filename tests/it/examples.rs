//! The examples of the document: requests satisfy their strict schemas, replies decode, and no value gets lost.

use std::sync::LazyLock;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use wecom_kf::messages::{Content, Event, Message};
use wecom_kf::raw::{Operation, op, types};
use wecom_kf_sim::Simulator;

use crate::samples::decoded;

/// Returns the examples of a request or a reply with their names. A single example has the name "".
fn examples(media: &Value) -> Vec<(String, Value)> {
    match (&media["example"], media["examples"].as_object()) {
        (Value::Null, Some(named)) => named
            .iter()
            .map(|(name, example)| {
                assert!(example["summary"].is_string(), "{name} has no summary");
                (name.clone(), example["value"].clone())
            })
            .collect(),
        (Value::Null, None) => Vec::new(),
        (single, None) => vec![(String::new(), single.clone())],
        (_, Some(_)) => panic!("{media} has both example and examples"),
    }
}

static DOCUMENT: LazyLock<Value> = LazyLock::new(wecom_kf_raw::document::parsed);

fn in_document(operation: Operation) -> &'static Value {
    &DOCUMENT["paths"][operation.path][operation.method.to_ascii_lowercase()]
}

fn requests(operation: Operation) -> Vec<(String, Value)> {
    examples(&in_document(operation)["requestBody"]["content"]["application/json"])
}

fn replies(operation: Operation) -> Vec<(String, Value)> {
    examples(&in_document(operation)["responses"]["200"]["content"]["application/json"])
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(schema).unwrap()
}

/// Returns whether `whole` contains everything in `part`. It may contain more, such as defaults.
fn has(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            // Serialising a type leaves out an empty list.
            part.iter().all(|(name, value)| whole.get(name).map_or(*value == json!([]), |found| has(found, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| has(whole, part))
        }
        // The examples write a rate of 1 without a decimal point.
        (Value::Number(whole), Value::Number(part)) => whole.as_f64() == part.as_f64(),
        (whole, part) => whole == part,
    }
}

fn names(examples: &[(String, Value)]) -> Vec<&str> {
    examples.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn every_operation_has_examples_of_request_and_reply() {
    for operation in op::ALL {
        let described = in_document(operation);
        for parameter in described["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["example"].is_string(), "{}: {parameter}", operation.id);
        }
        if let Some(content) = described["requestBody"]["content"].as_object() {
            let count: usize = content.values().map(|media| examples(media).len()).sum();
            assert!(count > 0, "{} has no example of a request", operation.id);
        }
        assert!(!replies(operation).is_empty(), "{} has no example of a reply", operation.id);
    }
}

#[test]
fn every_example_of_a_request_satisfies_its_strict_schema() {
    let mut seen = 0;
    for operation in op::ALL {
        let Some(schema) = wecom_kf_raw::document::request_schema(operation) else { continue };
        let validator = validator(&schema);
        for (name, mut request) in requests(operation) {
            let errors: Vec<String> = validator.iter_errors(&request).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{} {name}: {errors:?}", operation.id);
            request["unknown"] = json!(true);
            assert!(!validator.is_valid(&request), "{} {name} accepts an unknown member", operation.id);
            seen += 1;
        }
    }
    assert!(seen > op::ALL.len(), "{seen} examples");
}

/// This also checks limits, which the simulator counts in WeCom's units.
#[tokio::test]
async fn the_simulator_has_no_objection_to_any_request_example() {
    let sim = Simulator::builder().seed(7).start().await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let credentials = format!("corpid={}&corpsecret={}", sim.corp_id(), sim.secret());
    http.get(format!("{}{}?{credentials}", sim.base_url(), op::GETTOKEN.path)).send().await.unwrap();
    let access_token = sim.access_token().unwrap();
    let post = |operation: Operation, request: Value| {
        let url = format!("{}{}?access_token={access_token}", sim.base_url(), operation.path);
        http.post(url).body(request.to_string()).send()
    };
    for operation in op::ALL {
        for (name, request) in requests(operation) {
            post(operation, request).await.unwrap();
            let calls = sim.journal();
            let call = calls.last().unwrap();
            assert_eq!(call.operation, operation.id);
            assert!(call.problems.is_empty(), "{} {name}: {:?}", operation.id, call.problems);
        }
    }
    post(op::KNOWLEDGE_ADD_GROUP, json!({ "name": "一个超过十二个字符的分组名称" })).await.unwrap();
    assert_eq!(sim.journal().last().unwrap().problems.len(), 1);
}

#[test]
fn every_kind_that_can_be_sent_has_an_example() {
    fn lossless<T: DeserializeOwned + Serialize>(operation: Operation) -> Vec<String> {
        requests(operation)
            .iter()
            .map(|(name, request)| {
                let decoded: T = serde_json::from_value(request.clone()).unwrap();
                assert!(has(&serde_json::to_value(decoded).unwrap(), request), "{name}");
                let msgtype = request["msgtype"].as_str().unwrap();
                assert!(request[msgtype].is_object(), "{name} has no body of its kind");
                msgtype.to_owned()
            })
            .collect()
    }
    /// Returns the kinds of a schema: each property with a body is one.
    fn kinds(schema: &str) -> Vec<String> {
        let properties = DOCUMENT["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let bodies = properties.iter().filter(|(_, property)| property["type"] == "object");
        bodies.map(|(name, _)| name.clone()).collect()
    }
    let mut sent = lossless::<types::SendRequest>(op::SEND_MSG);
    sent.sort();
    assert_eq!(sent, kinds("SendRequest"));
    assert!(sent.contains(&"msgmenu".to_owned()));
    assert_eq!(lossless::<types::SendOnEventRequest>(op::SEND_MSG_ON_EVENT), kinds("SendOnEventRequest"));
    assert_eq!(names(&requests(op::UPGRADE_SERVICE)), ["group", "member"]);
    assert_eq!(names(&requests(op::SERVICER_ADD)), ["departments", "members"]);
    assert_eq!(names(&requests(op::KNOWLEDGE_ADD_INTENT)), ["image", "link", "miniprogram", "text", "video"]);
}

#[test]
fn every_reply_example_satisfies_its_schema_and_decodes() {
    for operation in op::ALL {
        let schema = &in_document(operation)["responses"]["200"]["content"]["application/json"]["schema"];
        let validator = validator(&json!({ "$ref": schema["$ref"], "components": DOCUMENT["components"] }));
        for (name, reply) in replies(operation) {
            let errors: Vec<String> = validator.iter_errors(&reply).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{} {name}: {errors:?}", operation.id);
            // The JSON of media_get is a refusal, which the tests of files decode.
            if operation != op::MEDIA_GET {
                let decoded = decoded(operation, &reply.to_string());
                assert!(has(&decoded, &reply), "{} {name}: {decoded}", operation.id);
            }
        }
    }
}

#[test]
fn every_received_kind_and_event_has_an_example_and_a_type() {
    let mut kinds = Vec::new();
    for (name, page) in replies(op::SYNC_MSG) {
        for message in page["msg_list"].as_array().unwrap() {
            let by_fields: types::Message = serde_json::from_value(message.clone()).unwrap();
            assert!(has(&serde_json::to_value(by_fields).unwrap(), message), "{name}: {message}");
            let typed: Message = serde_json::from_value(message.clone()).unwrap();
            assert!(typed.open_kfid().is_some() && typed.msgid().is_some(), "{name}");
            assert!(!matches!(typed.content(), Content::Unknown { .. }), "{name}: {message}");
            assert!(!matches!(typed.content(), Content::Event(Event::Unknown { .. })), "{name}: {message}");
            let event_type = message["event"]["event_type"].as_str();
            kinds.push(event_type.unwrap_or_else(|| typed.msgtype()).to_owned());
        }
    }
    kinds.sort();
    kinds.dedup();
    // The document lists the kinds in the descriptions of Message.msgtype and event_type.
    let message = &DOCUMENT["components"]["schemas"]["Message"]["properties"];
    let mut documented: Vec<String> = [&message["msgtype"], &message["event"]["properties"]["event_type"]]
        .iter()
        .flat_map(|listed| listed_in(listed["description"].as_str().unwrap()))
        .filter(|kind| kind != "event")
        .collect();
    documented.sort();
    assert_eq!(kinds, documented);
}

/// Returns the names in a description such as "Type of the message: text, image or voice. WeCom may add others."
fn listed_in(description: &str) -> Vec<String> {
    let (_, list) = description.split_once(": ").unwrap();
    let (list, _) = list.split_once(". ").unwrap();
    list.replace(" or ", ", ").split(", ").map(str::to_owned).collect()
}
