//! Adds an operation `probe`, whose parts a test chooses, to the document.

use super::{DOCUMENT, read};

/// The parts of the operation `probe`, as YAML in flow style or indented as the document is.
#[derive(Clone)]
pub struct Probe {
    pub path: String,
    pub method: String,
    pub parameters: String,
    /// The schema `ProbeRequest`.
    pub request: String,
    /// Properties of `ProbeResponse` in addition to errcode and errmsg.
    pub response: String,
    /// Further keys of the operation.
    pub operation: String,
    /// Further schemas.
    pub schemas: String,
    pub id: String,
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            path: "/cgi-bin/kf/probe".to_owned(),
            method: "post".to_owned(),
            parameters: "[]".to_owned(),
            request: "{ type: object, description: d, properties: {} }".to_owned(),
            response: String::new(),
            operation: String::new(),
            schemas: String::new(),
            id: "probe".to_owned(),
        }
    }
}

impl Probe {
    /// Creates a probe whose request has these properties, in flow style.
    pub fn request(properties: &str) -> Self {
        Self {
            request: format!("{{ type: object, description: d, properties: {{ {properties} }} }}"),
            ..Self::default()
        }
    }

    /// Creates a probe whose reply has these properties.
    pub fn reply(properties: &str) -> Self {
        Self { response: properties.to_owned(), ..Self::default() }
    }

    pub fn parameters(parameters: &str) -> Self {
        Self { parameters: parameters.to_owned(), ..Self::default() }
    }

    pub fn with_schemas(mut self, schemas: &str) -> Self {
        self.schemas = schemas.to_owned();
        self
    }

    pub fn with_path(mut self, path: &str) -> Self {
        self.path = path.to_owned();
        self
    }

    /// Names the operation and its schemas, so that a document can have several.
    pub fn named(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self.path = self.path.replace("probe", &id.replace('_', "-"));
        self
    }

    /// Returns `document` with the probe.
    pub fn add_to(&self, document: &str) -> String {
        let name = crate::names::type_name(&self.id);
        let body = match self.method.as_str() {
            "get" | "delete" => String::new(),
            _ => format!(
                "      requestBody:\n        required: true\n        content: {{ application/json: {{ schema: {{ $ref: \"#/components/schemas/{name}Request\" }} }} }}\n"
            ),
        };
        let Self { path, method, parameters, operation, id, .. } = self;
        let path_text = format!(
            "  {path}:\n    {method}:\n      operationId: {id}\n      tags: [account]\n      summary: Probe.\n      \
             x-official-page: 1\n      x-repeat: never\n      security: [{{ access_token: [] }}]\n      parameters: {parameters}\n{operation}{body}      \
             responses:\n        \"200\":\n          description: d\n          content: {{ application/json: {{ schema: {{ $ref: \"#/components/schemas/{name}Response\" }} }} }}\n        \
             default:\n          description: d\n          content: {{ application/json: {{ schema: {{ $ref: \"#/components/schemas/ErrorModel\" }} }} }}\n"
        );
        let separator = if self.response.is_empty() { "" } else { ", " };
        let response = &self.response;
        let mut schemas = format!(
            "    {name}Response: {{ type: object, description: d, properties: {{ errcode: {{ type: integer, format: int32, description: d }}, errmsg: {{ type: string, description: d }}{separator}{response} }} }}\n{}",
            self.schemas
        );
        if !body.is_empty() {
            schemas.push_str(&format!("    {name}Request: {}\n", self.request));
        }
        document.replacen("\npaths:\n", &format!("\npaths:\n{path_text}"), 1).replacen(
            "\n  schemas:\n",
            &format!("\n  schemas:\n{schemas}"),
            1,
        )
    }

    /// Returns the document of the workspace with the probe.
    pub fn document(&self) -> String {
        self.add_to(&read(DOCUMENT))
    }
}
