//! The OpenAPI document: reads it, and answers questions about its operations and schemas.

use std::collections::BTreeSet;

use anyhow::{Context, Result, anyhow};
use openapiv3::{OpenAPI, Parameter, ParameterData, ReferenceOr, Schema};
use serde_json::{Map, Value};

use crate::problems::Problems;
use crate::schema::{self, Slot};
use crate::unknown;

/// The source document.
pub const FILE: &str = "spec/wecom-kf.yaml";

/// The HTTP methods that operations may have. WeCom uses `get` and `post` only.
pub const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The operations that move files, each with the schema of its reply. progenitor cannot generate them (its issues #402
/// and #518), so their request values are written by hand in crates/wecom-kf-raw/src/media.
pub const BY_HAND: [(&str, &str); 3] = [
    ("media_get", "ErrorModel"),
    ("media_upload", "MediaUploadResponse"),
    ("media_uploadimg", "MediaUploadimgResponse"),
];

/// The document in two forms with the same content: a JSON tree for extensions, and `OpenAPI` for everything else.
#[derive(Clone, Debug)]
pub struct Document {
    pub root: Value,
    pub api: OpenAPI,
}

/// One operation of the document.
pub struct Operation<'a> {
    /// The place that refusals name, such as `paths./cgi-bin/kf/send_msg.post`.
    pub place: String,
    pub path: &'a str,
    pub method: &'a str,
    pub body: &'a Map<String, Value>,
    pub api: &'a openapiv3::Operation,
}

/// Parses YAML into JSON. Refuses duplicate keys, of which a reader sees only one, and values that JSON does not have.
pub fn read_yaml(text: &str, name: &str) -> Result<Value> {
    // Parse into a YAML value first: parsing directly into JSON would silently keep the last of two equal keys.
    let value: yaml_serde::Value =
        yaml_serde::from_str(text).with_context(|| format!("{name} cannot be read as YAML"))?;
    let mut problems = Problems::default();
    let json = to_json(value, "", &mut problems);
    problems.into_result(name)?;
    Ok(json)
}

fn to_json(value: yaml_serde::Value, place: &str, problems: &mut Problems) -> Value {
    match value {
        yaml_serde::Value::Null => Value::Null,
        yaml_serde::Value::Bool(value) => Value::Bool(value),
        yaml_serde::Value::String(text) => Value::String(text),
        yaml_serde::Value::Number(number) => match serde_json::to_value(&number) {
            Ok(Value::Number(number)) => Value::Number(number),
            _ => {
                problems.add(place, format!("is {number}, which JSON cannot represent; write a finite number"));
                Value::Null
            }
        },
        yaml_serde::Value::Sequence(items) => {
            let items = items.into_iter().enumerate();
            items.map(|(index, item)| to_json(item, &format!("{place}[{index}]"), problems)).collect()
        }
        yaml_serde::Value::Mapping(map) => {
            let mut object = Map::new();
            for (key, child) in map {
                let key = match key {
                    yaml_serde::Value::String(key) => key,
                    yaml_serde::Value::Number(key) => key.to_string(),
                    yaml_serde::Value::Bool(key) => key.to_string(),
                    other => {
                        problems.add(
                            if place.is_empty() { "the document" } else { place },
                            format!(
                                "has a key that is {}, not text; put the key in quotes, or correct the braces",
                                kind_of(&other)
                            ),
                        );
                        continue;
                    }
                };
                let below = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                let child = to_json(child, &below, problems);
                if object.insert(key, child).is_some() {
                    problems.add(&below, "is defined twice, once as text and once as a number; drop one");
                }
            }
            Value::Object(object)
        }
        yaml_serde::Value::Tagged(tagged) => {
            problems.add(place, format!("has the YAML tag {}, which has no meaning here; drop it", tagged.tag));
            Value::Null
        }
    }
}

fn kind_of(value: &yaml_serde::Value) -> &'static str {
    match value {
        yaml_serde::Value::Null => "null",
        yaml_serde::Value::Sequence(_) => "a list",
        yaml_serde::Value::Mapping(_) => "an object",
        _ => "a tag",
    }
}

impl Document {
    /// Reads the document. Refuses everything that is not OpenAPI 3.0, and reports all places at once.
    pub fn read(text: &str) -> Result<Self> {
        let root = read_yaml(text, FILE)?;
        let mut problems = Problems::default();
        let version = root["openapi"].as_str().unwrap_or_default();
        if !version.starts_with("3.0.") {
            problems.add("openapi", format!("is {version:?}, but the generator reads OpenAPI 3.0 only; write 3.0.3"));
        }
        let api = unknown::parse(&root, &mut problems);
        if let Some(api) = &api {
            unknown::check(&root, api, &mut problems);
        }
        problems.into_result(FILE)?;
        Ok(Self { root, api: api.expect("`parse` returns None only after it added a problem") })
    }

    /// Creates a document from `api`, and derives the tree from it.
    pub fn from_api(api: OpenAPI) -> Self {
        let mut root = serde_json::to_value(&api).expect("an OpenAPI document is JSON");
        whole_numbers(&mut root);
        Self { root, api }
    }

    /// Returns all operations, sorted by path.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in &self.api.paths.paths {
            for (method, api) in item.as_item().into_iter().flat_map(|item| item.iter()) {
                if let Some(body) = self.root["paths"][path][method].as_object() {
                    operations.push(Operation { place: format!("paths.{path}.{method}"), path, method, body, api });
                }
            }
        }
        operations.sort_by(|a, b| (a.path, a.method).cmp(&(b.path, b.method)));
        operations
    }

    pub fn schemas(&self) -> impl Iterator<Item = (&String, &ReferenceOr<Schema>)> {
        self.api.components.iter().flat_map(|components| &components.schemas)
    }

    /// Returns the schema with this name. Follows a reference from one name to another.
    pub fn schema(&self, name: &str) -> Result<&Schema> {
        let mut name = name;
        let mut seen = BTreeSet::new();
        while seen.insert(name) {
            match self.api.components.as_ref().and_then(|components| components.schemas.get(name)) {
                Some(ReferenceOr::Item(schema)) => return Ok(schema),
                Some(target) => name = target.reference().unwrap_or_default(),
                None => {
                    return Err(anyhow!(
                        "there is no schema named {name}; add it below components.schemas or correct the $ref"
                    ));
                }
            }
        }
        Err(anyhow!("the schema {name} is part of a circle of references; replace one of them by a schema"))
    }

    /// Returns the names of all schemas that requests use, also indirectly.
    pub fn request_schemas(&self) -> BTreeSet<String> {
        self.operations().iter().flat_map(|operation| self.names_in(&operation.request_slots())).collect()
    }

    /// Returns the names of all schemas that replies use, also indirectly.
    pub fn reply_schemas(&self) -> BTreeSet<String> {
        self.operations().iter().flat_map(|operation| self.names_in(&operation.reply_slots())).collect()
    }

    /// Returns the names of the schemas that `slots` refer to, also indirectly.
    pub fn names_in(&self, slots: &[&dyn Slot]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut queue = slots.to_vec();
        while let Some(next) = queue.pop() {
            let mut names = Vec::new();
            schema::walk("", next, &mut |_, slot| names.extend(slot.reference()));
            for name in names {
                if found.insert(name.to_owned())
                    && let Some(target) =
                        self.api.components.as_ref().and_then(|components| components.schemas.get(name))
                {
                    queue.push(target);
                }
            }
        }
        found
    }
}

impl<'a> Operation<'a> {
    pub fn id(&self) -> &'a str {
        self.api.operation_id.as_deref().unwrap_or_default()
    }

    /// Returns the text at `key`, or "" if there is none. `check` refuses a document that lacks a text the generator needs.
    pub fn text(&self, key: &str) -> &'a str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn tag(&self) -> &'a str {
        self.api.tags.first().map_or("", String::as_str)
    }

    pub fn needs_access_token(&self) -> bool {
        self.api.security.as_ref().is_some_and(|required| !required.is_empty())
    }

    pub fn parameters(&self) -> impl Iterator<Item = &'a ParameterData> {
        self.api.parameters.iter().filter_map(ReferenceOr::as_item).map(Parameter::parameter_data_ref)
    }

    fn request_body(&self) -> Option<&'a openapiv3::RequestBody> {
        self.api.request_body.as_ref()?.as_item()
    }

    /// Returns the name of the schema of the JSON request body.
    pub fn request_schema(&self) -> Option<&'a str> {
        self.request_body()?.content.get("application/json")?.schema.as_ref()?.reference()
    }

    /// Returns the schema of a multipart request.
    pub fn parts_schema(&self) -> Option<&'a ReferenceOr<Schema>> {
        self.request_body()?.content.get("multipart/form-data")?.schema.as_ref()
    }

    /// Returns the response with status 200.
    pub fn response(&self) -> Option<&'a openapiv3::Response> {
        self.api.responses.responses.get(&openapiv3::StatusCode::Code(200))?.as_item()
    }

    /// Returns the name of the schema of the reply.
    pub fn reply_schema(&self) -> Option<&'a str> {
        self.response()?.content.get("application/json")?.schema.as_ref()?.reference()
    }

    /// Returns the number of the official page, if there is one.
    pub fn official_page(&self) -> Option<u64> {
        self.body.get("x-official-page")?.as_u64()
    }

    /// Returns whether the operation moves files: its request is multipart, or its reply is bytes.
    pub fn moves_files(&self) -> bool {
        self.parts_schema().is_some() || self.answers_bytes()
    }

    pub fn answers_bytes(&self) -> bool {
        self.response().is_some_and(|response| response.content.contains_key("*/*"))
    }

    /// Returns every schema that is written in the operation itself: in its parameters, its body and its replies.
    pub fn slots(&self) -> Vec<&'a dyn Slot> {
        let mut slots: Vec<&dyn Slot> = Vec::new();
        schema::each_schema_of("", self.api, &mut |_, slot| slots.push(slot));
        slots
    }

    fn request_slots(&self) -> Vec<&'a dyn Slot> {
        let content = self.request_body().into_iter().flat_map(|body| body.content.values());
        content.filter_map(|content| content.schema.as_ref()).map(|schema| schema as &dyn Slot).collect()
    }

    fn reply_slots(&self) -> Vec<&'a dyn Slot> {
        let content = schema::each_response(self.api).flat_map(|(_, response)| response.content.values());
        content.filter_map(|content| content.schema.as_ref()).map(|schema| schema as &dyn Slot).collect()
    }
}

/// Returns the name of the schema that the `$ref` of a JSON tree points at.
pub fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

/// Returns the text about the source of an operation: its official page and the edition consulted, or the text of
/// `x-unconfirmed`.
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

/// Turns floats that are whole numbers into integers. `openapiv3` holds every number as a float, so 90 becomes 90.0.
pub fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) =
                number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15)
            {
                *value = Value::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        _ => {}
    }
}
