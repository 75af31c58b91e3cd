//! Reads `control.yaml` into the model. A schema with a keyword that is not known here is refused, with its place.

use anyhow::{Context, Result, bail, ensure};
use heck::ToUpperCamelCase;
use yaml_serde::Value;

use super::model::{Api, Body, Field, Operation, Reply, Segment, Struct, Type};

const BASE_PATH: &str = "/sim/v1/";
/// A parameter of every operation. The client gets it once, when it is made.
const OF_THE_CLIENT: &str = "corp_id";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The keywords that a schema may have. The simulator checks limits, so the clients leave them out.
const KEYWORDS: [&str; 21] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "default",
    "description",
    "enum",
    "example",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "nullable",
    "oneOf",
    "properties",
    "required",
    "type",
    "title",
];

pub fn api(document: &str) -> Result<Api> {
    let root: Value = yaml_serde::from_str(document).context("control.yaml cannot be read as YAML")?;
    let mut reader = Reader { root: &root, structs: Vec::new(), aliases: Vec::new() };
    for (name, schema) in members(&root["components"]["schemas"]) {
        reader.component(name, schema).with_context(|| format!("schema {name}"))?;
    }
    let (mut operations, mut streams) = (Vec::new(), Vec::new());
    for (path, item) in members(&root["paths"]) {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            let id = text(operation, "operationId");
            ensure!(!id.is_empty(), "{method} {path} has no operationId");
            if operation["responses"]["200"]["content"].get("text/event-stream").is_some() {
                streams.push(id);
                continue;
            }
            let read = reader.operation(id, method, path, item, operation);
            operations.push(read.with_context(|| format!("{method} {path}"))?);
        }
    }
    Ok(Api { operations, structs: reader.structs, aliases: reader.aliases, streams })
}

struct Reader<'a> {
    root: &'a Value,
    structs: Vec<Struct>,
    aliases: Vec<Field>,
}

impl<'a> Reader<'a> {
    /// Adds a schema of `components.schemas` to the model.
    fn component(&mut self, name: &str, schema: &'a Value) -> Result<()> {
        if schema.get("enum").is_some() {
            let (ty, doc) = (self.ty(name, schema)?, text(schema, "description"));
            self.aliases.push(Field { name: name.to_owned(), ty, required: true, doc });
            return Ok(());
        }
        let Some(parts) = schema.get("allOf").and_then(Value::as_sequence) else {
            return self.add_struct(name.to_owned(), None, schema);
        };
        let [base, own] = parts.as_slice() else { bail!("`allOf` must have a `$ref` and an object") };
        let base = reference(base).context("`allOf` must begin with a `$ref`")?;
        let mut own = own.clone();
        if let (Some(own), Some(description)) = (own.as_mapping_mut(), schema.get("description")) {
            own.insert("description".into(), description.clone());
        }
        self.add_struct(name.to_owned(), Some(base.to_owned()), &own)
    }

    fn add_struct(&mut self, name: String, base: Option<String>, schema: &Value) -> Result<()> {
        ensure!(
            schema.get("properties").is_some(),
            "write `properties` or `enum`: other types are written where they are used"
        );
        let index = self.structs.len();
        let is_open = schema["additionalProperties"].as_bool() == Some(true)
            || base.as_ref().is_some_and(|base| self.structs.iter().any(|found| found.name == *base && found.is_open));
        let doc = text(schema, "description");
        self.structs.push(Struct { name: name.clone(), doc, base, fields: Vec::new(), is_open });
        self.structs[index].fields = self.fields(&name, schema)?;
        Ok(())
    }

    fn fields(&mut self, owner: &str, schema: &Value) -> Result<Vec<Field>> {
        known_keywords(schema)?;
        let required: Vec<_> =
            schema["required"].as_sequence().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut fields = Vec::new();
        for (name, property) in members(&schema["properties"]) {
            let ty = self.ty(&format!("{owner}{}", name.to_upper_camel_case()), property);
            let ty = ty.with_context(|| format!("member {name}"))?;
            let required = required.contains(&name);
            fields.push(Field { name: name.to_owned(), ty, required, doc: text(property, "description") });
        }
        Ok(fields)
    }

    /// Returns the type of a schema. An object that has members becomes a struct of this name.
    fn ty(&mut self, name: &str, schema: &Value) -> Result<Type> {
        known_keywords(schema)?;
        let ty = self.ty_without_null(name, schema)?;
        let is_nullable = schema["nullable"].as_bool() == Some(true);
        Ok(if is_nullable { Type::OrNull(Box::new(ty)) } else { ty })
    }

    fn ty_without_null(&mut self, name: &str, schema: &Value) -> Result<Type> {
        if let Some(target) = reference(schema) {
            return Ok(Type::Named(target.to_owned()));
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_sequence) {
            let [only] = parts.as_slice() else {
                bail!("`allOf` with more than a `$ref` needs a name: move it to components")
            };
            return self.ty(name, only);
        }
        if let Some(parts) = schema.get("oneOf").and_then(Value::as_sequence) {
            return Ok(Type::OneOf(parts.iter().map(|part| self.ty(name, part)).collect::<Result<_>>()?));
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_sequence) {
            let values = values.iter().filter(|value| !value.is_null());
            let literals: Result<_, _> = values.map(serde_json::to_string).collect();
            return Ok(Type::Literals(literals?));
        }
        Ok(match schema["type"].as_str() {
            None => Type::Any,
            Some("string") => Type::String,
            Some("integer") => Type::Integer,
            Some("number") => Type::Number,
            Some("boolean") => Type::Boolean,
            Some("array") => {
                let singular = name.strip_suffix('s').unwrap_or(name);
                Type::List(Box::new(self.ty(singular, &schema["items"])?))
            }
            Some("object") if schema.get("properties").is_none() => Type::Object,
            Some("object") => {
                self.add_struct(name.to_owned(), None, schema)?;
                Type::Named(name.to_owned())
            }
            Some(other) => bail!("the type `{other}` is not known"),
        })
    }

    fn operation(
        &mut self,
        id: String,
        method: &str,
        path: &str,
        item: &'a Value,
        operation: &'a Value,
    ) -> Result<Operation> {
        let name = id.to_upper_camel_case();
        let (mut path_parameters, mut query) = (Vec::new(), Vec::new());
        for holder in [item, operation] {
            for parameter in holder["parameters"].as_sequence().into_iter().flatten() {
                let parameter = self.resolved(parameter)?;
                let field = self.parameter(&name, parameter)?;
                match parameter["in"].as_str() {
                    Some("path") => path_parameters.push(field),
                    Some("query") if field.name == OF_THE_CLIENT => {}
                    Some("query") => query.push(field),
                    _ => bail!("parameter {}: only `path` and `query` are known", field.name),
                }
            }
        }
        let operation = Operation {
            path: segments(path)?,
            doc: [text(operation, "summary"), text(operation, "description")].join("\n\n").trim().to_owned(),
            path_parameters,
            query,
            body: self.body(&name, operation)?,
            reply: self.reply(operation)?,
            method: method.to_ascii_uppercase(),
            id,
        };
        let mut names: Vec<_> =
            operation.path_parameters.iter().chain(operation.named_arguments()).map(|field| &field.name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("`{}` is the name of two arguments: rename a parameter or a member of the body", twice[0]);
        }
        Ok(operation)
    }

    fn parameter(&mut self, operation: &str, parameter: &Value) -> Result<Field> {
        let name = text(parameter, "name");
        let ty = self.ty(&format!("{operation}{}", name.to_upper_camel_case()), &parameter["schema"])?;
        let required = parameter["required"].as_bool() == Some(true);
        Ok(Field { name, ty, required, doc: text(parameter, "description") })
    }

    fn body(&mut self, operation: &str, holder: &'a Value) -> Result<Body> {
        let Some(body) = holder.get("requestBody") else { return Ok(Body::None) };
        let content = &self.resolved(body)?["content"];
        if content.get("application/octet-stream").is_some() {
            return Ok(Body::Bytes);
        }
        let schema = &content["application/json"]["schema"];
        ensure!(schema.is_mapping(), "a body is JSON or application/octet-stream");
        let is_closed = schema["additionalProperties"].as_bool() == Some(false);
        if !is_closed {
            return Ok(Body::Value(self.ty(operation, schema)?));
        }
        let members = self.fields(operation, schema)?;
        Ok(if members.is_empty() { Body::Empty } else { Body::Members(members) })
    }

    fn reply(&self, operation: &'a Value) -> Result<Reply> {
        let reply = self.resolved(&operation["responses"]["200"])?;
        let content = &reply["content"];
        if content.get("application/octet-stream").is_some() {
            return Ok(Reply::Bytes);
        }
        let Some(schema) = content.get("application/json").map(|json| &json["schema"]) else { return Ok(Reply::Text) };
        let name =
            reference(schema).context("the schema of a reply needs a name: move it to components and write `$ref`")?;
        Ok(Reply::Json(name.to_owned()))
    }

    /// Returns the target of `value` if it is a `$ref`, and otherwise `value`.
    fn resolved(&self, value: &'a Value) -> Result<&'a Value> {
        let Some(target) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
        let found = target.split('/').skip(1).try_fold(self.root, |place, part| place.get(part));
        found.with_context(|| format!("{target} does not exist"))
    }
}

fn segments(path: &str) -> Result<Vec<Segment>> {
    let below = path.strip_prefix(BASE_PATH).with_context(|| format!("a path begins with {BASE_PATH}"))?;
    let segment = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => Segment::Parameter(name.to_owned()),
        None => Segment::Literal(part.to_owned()),
    };
    Ok(below.split('/').map(segment).collect())
}

fn known_keywords(schema: &Value) -> Result<()> {
    ensure!(schema.is_mapping(), "a schema is missing");
    let unknown = members(schema).map(|(keyword, _)| keyword).find(|keyword| !KEYWORDS.contains(keyword));
    match unknown {
        Some(keyword) => bail!("the keyword `{keyword}` is not known: add it to xtask/src/control/read.rs"),
        None => Ok(()),
    }
}

/// Returns the last part of a schema's `$ref`.
fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")
}

fn members(map: &Value) -> impl Iterator<Item = (&str, &Value)> {
    map.as_mapping().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str()?, value)))
}

fn text(holder: &Value, key: &str) -> String {
    holder[key].as_str().unwrap_or_default().trim().to_owned()
}
