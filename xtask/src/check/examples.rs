//! Rules for examples and defaults: each must satisfy its schema. The example of a request may only have properties that
//! the schema declares.

use std::collections::BTreeMap;

use jsonschema::{Draft, Validator};
use openapiv3::{ParameterSchemaOrContent, ReferenceOr};
use serde_json::{Value, json};

use crate::document::Document;
use crate::problems::Problems;
use crate::schema::{Slot, each_response, each_schema};
use crate::strict;

pub fn check(normal: &Document, problems: &mut Problems) {
    let mut examples = Examples { strict: strict::document(normal).root, compiled: BTreeMap::new(), problems };
    for operation in normal.operations() {
        let place = operation.place.as_str();
        for (index, parameter) in operation.parameters().enumerate() {
            let ParameterSchemaOrContent::Schema(schema) = &parameter.format else { continue };
            let place = format!("{place}.parameters[{index}]");
            examples.check(&place, schema, parameter.example.as_ref(), &parameter.examples);
        }
        let body = operation.api.request_body.as_ref().and_then(ReferenceOr::as_item);
        let body = body.map(|body| ("requestBody".to_owned(), &body.content));
        let replies =
            each_response(operation.api).map(|(status, response)| (format!("responses.{status}"), &response.content));
        for (part, content) in body.into_iter().chain(replies) {
            for (kind, media) in content {
                let Some(schema) = media.schema.as_ref().filter(|_| kind == "application/json") else { continue };
                let place = format!("{place}.{part}.content.{kind}");
                examples.check(&place, schema, media.example.as_ref(), &media.examples);
            }
        }
    }
    each_schema(&normal.api, &mut |place, slot| {
        let Some(schema) = slot.schema() else { return };
        for (key, value) in [("example", &schema.schema_data.example), ("default", &schema.schema_data.default)] {
            if let Some(value) = value {
                examples.value(&format!("{place}.{key}"), slot, value);
            }
        }
    });
}

struct Examples<'a> {
    strict: Value,
    compiled: BTreeMap<String, Result<Validator, String>>,
    problems: &'a mut Problems,
}

impl Examples<'_> {
    fn check(
        &mut self,
        place: &str,
        schema: &dyn Slot,
        example: Option<&Value>,
        examples: &indexmap::IndexMap<String, ReferenceOr<openapiv3::Example>>,
    ) {
        if let Some(example) = example {
            self.value(&format!("{place}.example"), schema, example);
        }
        if example.is_some() && !examples.is_empty() {
            self.problems.add(place, "has `example` and `examples`; keep one of the two");
        }
        for (name, example) in examples {
            let place = format!("{place}.examples.{name}");
            match example.as_item().and_then(|example| example.value.as_ref()) {
                Some(value) => self.value(&format!("{place}.value"), schema, value),
                None => self.problems.add(&place, "has no `value`; write the example here"),
            }
        }
    }

    fn value(&mut self, place: &str, schema: &dyn Slot, value: &Value) {
        let schema = match schema.reference() {
            Some(name) => json!({ "$ref": format!("#/components/schemas/{name}") }),
            None => schema.schema().map(|schema| json!(schema)).unwrap_or_default(),
        };
        let key = schema.to_string();
        let strict = &self.strict;
        let validator = self.compiled.entry(key).or_insert_with(|| compile(schema, strict));
        match validator {
            Err(error) => self
                .problems
                .add(place, format!("cannot be checked, because its schema is invalid: {error}; correct the schema")),
            Ok(validator) => {
                for error in validator.iter_errors(value) {
                    let at = error.instance_path().to_string();
                    let at = if at.is_empty() { String::new() } else { format!("{at}: ") };
                    self.problems
                        .add(place, format!("contradicts its schema: {at}{error}; correct the one that is wrong"));
                }
            }
        }
    }
}

fn compile(schema: Value, strict: &Value) -> Result<Validator, String> {
    let mut schema = json!({ "allOf": [schema], "components": { "schemas": strict["components"]["schemas"] } });
    strict::to_json_schema(&mut schema);
    strict::options().with_draft(Draft::Draft4).build(&schema).map_err(|error| error.to_string())
}
