//! A client of the control API that holds every reply against `control.yaml`.

use std::sync::OnceLock;

use reqwest::Method;
use serde_json::{Value, json};
use wecom_kf_sim::Simulator;

pub(crate) struct Control {
    http: reqwest::Client,
    base_url: String,
}

impl Control {
    pub(crate) fn of(sim: &Simulator) -> Self {
        Self { http: reqwest::Client::new(), base_url: sim.base_url() }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ok(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.ok(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        self.ok(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Value {
        self.ok(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Value {
        self.ok(Method::DELETE, path, None).await
    }

    /// A request without a body.
    pub(crate) async fn send(&self, method: Method, path: &str) -> Value {
        self.ok(method, path, None).await
    }

    /// The status and the text of a refusal.
    pub(crate) async fn refused(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
        let (status, reply) = self.exchange(method.clone(), path, body).await;
        assert_ne!(status, 200, "{method} {path}: {reply}");
        (status, reply["error"].as_str().unwrap().to_owned())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}/sim/v1{path}", self.base_url))
    }

    async fn ok(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let (status, reply) = self.exchange(method.clone(), path, body).await;
        assert_eq!(status, 200, "{method} {path}: {reply}");
        reply
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let reply = response.json().await.unwrap();
        check(&method, path, status, &reply);
        (status, reply)
    }
}

fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let mut document: Value = yaml_serde::from_str(include_str!("../../control.yaml")).unwrap();
        close(&mut document);
        nullable(&mut document);
        document
    })
}

/// A reply must not have members that the document does not know.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("properties").is_some_and(|properties| !properties["type"].is_string()) {
                members.entry("additionalProperties").or_insert(json!(false));
            }
        }
        _ => {}
    }
}

/// OpenAPI 3.0 says null in its own way.
fn nullable(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(nullable),
        Value::Object(members) => {
            members.values_mut().for_each(nullable);
            if members.remove("nullable") == Some(json!(true)) {
                let schema = Value::Object(std::mem::take(members));
                *members = json!({ "anyOf": [{ "enum": [null] }, schema] }).as_object().unwrap().clone();
            }
        }
        _ => {}
    }
}

/// Holds a reply against the document.
pub(crate) fn check(method: &Method, path: &str, status: u16, reply: &Value) {
    let path = path.split('?').next().unwrap();
    let method = method.as_str().to_ascii_lowercase();
    let item = item(path).unwrap_or_else(|| panic!("{path} is not described"));
    let schema = if status == 200 {
        let reply = &item[&method]["responses"]["200"];
        let reply = reply.get("$ref").map_or(reply, |reference| resolve(reference.as_str().unwrap()));
        reply["content"]["application/json"]["schema"].clone()
    } else {
        json!({ "$ref": "#/components/schemas/Error" })
    };
    assert!(schema.is_object(), "{method} {path} has no schema");
    check_schema(schema, reply, &format!("{method} {path}"));
}

/// Holds a value against a schema of the document.
pub(crate) fn check_schema(mut schema: Value, value: &Value, what: &str) {
    schema["components"] = document()["components"].clone();
    // Beside a reference draft 4 reads nothing, and the components are only looked up.
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(&schema).unwrap();
    let problems: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{what}: {problems:#?}");
}

fn resolve(reference: &str) -> &'static Value {
    document().pointer(reference.trim_start_matches('#')).unwrap()
}

/// The most literal path that fits.
fn item(path: &str) -> Option<&'static Value> {
    let parts: Vec<_> = path.split('/').skip(1).collect();
    let fits = |template: &str| {
        let template: Vec<_> = template.trim_start_matches("/sim/v1").split('/').skip(1).collect();
        template.len() == parts.len()
            && template.iter().zip(&parts).all(|(wanted, part)| wanted == part || wanted.starts_with('{'))
    };
    let paths = document()["paths"].as_object()?;
    let fitting = paths.iter().filter(|(template, _)| fits(template));
    fitting.min_by_key(|(template, _)| template.matches('{').count()).map(|(_, item)| item)
}
