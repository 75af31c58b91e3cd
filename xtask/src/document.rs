//! Reading the OpenAPI document, and walking it.

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value};

/// The document as JSON, and what the generator asks of it.
#[derive(Clone)]
pub struct Document {
    pub root: Value,
}

/// One operation of the document.
pub struct Operation<'a> {
    /// Where it stands, for people: `paths./cgi-bin/kf/send_msg.post`.
    pub place: String,
    pub path: &'a str,
    pub method: &'a str,
    pub body: &'a Map<String, Value>,
}

/// Reads YAML, refusing what a person would not see: a key that stands twice.
pub fn read_yaml(text: &str, name: &str) -> Result<Value> {
    // By way of a YAML value: reading straight into a struct lets the last of two equal keys win in silence.
    let value: yaml_serde::Value =
        yaml_serde::from_str(text).with_context(|| format!("{name} is not the YAML it should be"))?;
    serde_json::to_value(value)
        .with_context(|| format!("{name} has something JSON cannot say, such as a key that is no string"))
}

pub const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

impl Document {
    pub fn read(text: &str) -> Result<Self> {
        Ok(Self { root: read_yaml(text, "spec/wecom-kf.yaml")? })
    }

    /// All operations, in the order of their paths.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in self.root["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                if let Some(body) = item[method].as_object() {
                    operations.push(Operation { place: format!("paths.{path}.{method}"), path, method, body });
                }
            }
        }
        operations
    }

    pub fn schemas(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.root["components"]["schemas"].as_object().into_iter().flatten()
    }

    pub fn schema(&self, name: &str) -> Result<&Value> {
        self.root["components"]["schemas"]
            .get(name)
            .ok_or_else(|| anyhow!("there is no schema named {name}; add it below components.schemas or mend the $ref"))
    }

    /// Names of the schemas that `schema` leads to, itself not counted.
    pub fn reachable(&self, schema: &Value) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut queue = vec![schema];
        while let Some(next) = queue.pop() {
            for name in references(next) {
                if !found.contains(&name) {
                    queue.push(self.schema(&name)?);
                    found.push(name);
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Names of the schemas that requests are made of.
    pub fn request_schemas(&self) -> Result<Vec<String>> {
        self.schemas_of(|operation| operation.get("requestBody"))
    }

    /// Names of the schemas that replies are made of.
    pub fn reply_schemas(&self) -> Result<Vec<String>> {
        self.schemas_of(|operation| operation.get("responses"))
    }

    fn schemas_of(&self, part: impl Fn(&Map<String, Value>) -> Option<&Value>) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for operation in self.operations() {
            if let Some(part) = part(operation.body) {
                names.extend(self.reachable(part).with_context(|| operation.place.clone())?);
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }
}

impl Operation<'_> {
    pub fn id(&self) -> &str {
        self.text("operationId")
    }

    /// A text of the operation; "" where there is none, which `check` has refused before anyone relies on it.
    pub fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn tag(&self) -> &str {
        self.body.get("tags").and_then(|tags| tags[0].as_str()).unwrap_or_default()
    }

    pub fn needs_access_token(&self) -> bool {
        self.body.get("security").and_then(Value::as_array).is_some_and(|required| !required.is_empty())
    }

    pub fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.body.get("parameters").and_then(Value::as_array).into_iter().flatten()
    }

    /// The name of the schema of its JSON request body.
    pub fn request_schema(&self) -> Option<&str> {
        reference(&self.body.get("requestBody")?["content"]["application/json"]["schema"])
    }

    /// The schema of its request in parts.
    pub fn parts_schema(&self) -> Option<&Value> {
        self.body.get("requestBody")?["content"].get("multipart/form-data").map(|content| &content["schema"])
    }

    /// The name of the schema of its reply.
    pub fn reply_schema(&self) -> Option<&str> {
        reference(&self.body.get("responses")?["200"]["content"]["application/json"]["schema"])
    }

    /// The number of its official page, where there is one.
    pub fn official_page(&self) -> Option<u64> {
        self.body.get("x-official-page")?.as_u64()
    }

    /// Whether it moves files: a request in parts, or a reply of bytes. The generator has neither (progenitor #402,
    /// #518), so its request value is written by hand.
    pub fn is_by_hand(&self) -> bool {
        self.parts_schema().is_some() || self.answers_bytes()
    }

    pub fn answers_bytes(&self) -> bool {
        self.body.get("responses").is_some_and(|responses| responses["200"]["content"].get("*/*").is_some())
    }
}

/// What the operation with this body is known from: its official page and the edition consulted, or else what
/// `x-unconfirmed` says.
pub fn source_of(body: &Map<String, Value>) -> String {
    match body.get("x-official-page").and_then(Value::as_u64) {
        Some(page) => {
            let edition = body.get("x-edition").and_then(Value::as_str).map(|month| format!(", edition of {month}"));
            let link = format!("[Official page](https://developer.work.weixin.qq.com/document/path/{page})");
            link + &edition.unwrap_or_default()
        }
        None => format!("Unconfirmed. {}", body.get("x-unconfirmed").and_then(Value::as_str).unwrap_or_default()),
    }
}

/// The name a `$ref` to a schema points at.
pub fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

fn references(value: &Value) -> Vec<String> {
    let mut names = Vec::new();
    visit(value, "", &mut |_, node| {
        if let Some(name) = reference(node) {
            names.push(name.to_owned());
        }
    });
    names
}

/// Calls `f` with every object below `value` and where it stands.
pub fn visit<'a>(value: &'a Value, place: &str, f: &mut impl FnMut(&str, &'a Value)) {
    match value {
        Value::Object(map) => {
            f(place, value);
            for (key, child) in map {
                visit(child, &format!("{place}.{key}"), f);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                visit(child, &format!("{place}[{index}]"), f);
            }
        }
        _ => {}
    }
}

/// `send_msg` → `SendMsg`
pub fn pascal_case(snake: &str) -> String {
    snake
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
        })
        .collect()
}
