//! Walks the schemas of a document: visits each schema with its place, and reads or sets references.

use openapiv3::{
    AdditionalProperties, OpenAPI, Parameter, ParameterSchemaOrContent, ReferenceOr, Schema, SchemaKind, Type,
};

/// A place that holds a schema or a reference to one. `openapiv3` has two types for it: `ReferenceOr<Schema>` in lists,
/// maps and media types, and `ReferenceOr<Box<Schema>>` for properties and items.
pub trait Slot {
    /// Returns the name that a `$ref` to `#/components/schemas/NAME` points at.
    fn reference(&self) -> Option<&str>;
    fn schema(&self) -> Option<&Schema>;
    fn schema_mut(&mut self) -> Option<&mut Schema>;
    fn set(&mut self, schema: Schema);
    fn set_reference(&mut self, name: &str);
}

macro_rules! slot {
    ($inner:ty, $into:expr) => {
        impl Slot for ReferenceOr<$inner> {
            fn reference(&self) -> Option<&str> {
                match self {
                    ReferenceOr::Reference { reference } => Some(reference.strip_prefix(SCHEMAS).unwrap_or(reference)),
                    ReferenceOr::Item(_) => None,
                }
            }

            fn schema(&self) -> Option<&Schema> {
                match self {
                    ReferenceOr::Reference { .. } => None,
                    ReferenceOr::Item(schema) => Some(schema),
                }
            }

            fn schema_mut(&mut self) -> Option<&mut Schema> {
                match self {
                    ReferenceOr::Reference { .. } => None,
                    ReferenceOr::Item(schema) => Some(schema),
                }
            }

            fn set(&mut self, schema: Schema) {
                *self = ReferenceOr::Item($into(schema));
            }

            fn set_reference(&mut self, name: &str) {
                *self = ReferenceOr::Reference { reference: format!("{SCHEMAS}{name}") };
            }
        }
    };
}

const SCHEMAS: &str = "#/components/schemas/";

slot!(Schema, |schema| schema);
slot!(Box<Schema>, Box::new);

/// Calls `f` with `slot` and every slot below it, each with its place, outermost first. References are not followed.
pub fn walk<'a>(place: &str, slot: &'a dyn Slot, f: &mut dyn FnMut(&str, &'a dyn Slot)) {
    f(place, slot);
    let Some(schema) = slot.schema() else { return };
    each_child(schema, &mut |key, child| walk(&format!("{place}.{key}"), child, f));
}

/// Like [`walk`], for changing the schemas.
pub fn walk_mut(place: &str, slot: &mut dyn Slot, f: &mut dyn FnMut(&str, &mut dyn Slot)) {
    f(place, slot);
    let Some(schema) = slot.schema_mut() else { return };
    each_child_mut(schema, &mut |key, child| walk_mut(&format!("{place}.{key}"), child, f));
}

/// Generates the two functions that visit the direct children of a schema. They differ in `mut` only.
macro_rules! children {
    ($name:ident, $iter:ident, $($mutable:tt)?) => {
        pub fn $name<'a>(schema: &'a $($mutable)? Schema, f: &mut dyn FnMut(String, &'a $($mutable)? dyn Slot)) {
            match & $($mutable)? schema.schema_kind {
                SchemaKind::Type(Type::Object(object)) => {
                    for (name, property) in & $($mutable)? object.properties {
                        f(format!("properties.{name}"), property);
                    }
                    if let Some(AdditionalProperties::Schema(values)) = & $($mutable)? object.additional_properties {
                        f("additionalProperties".to_owned(), & $($mutable)? **values);
                    }
                }
                SchemaKind::Type(Type::Array(array)) => {
                    if let Some(items) = & $($mutable)? array.items {
                        f("items".to_owned(), items);
                    }
                }
                SchemaKind::Type(_) => {}
                SchemaKind::OneOf { one_of } => each(one_of.$iter(), "oneOf", f),
                SchemaKind::AllOf { all_of } => each(all_of.$iter(), "allOf", f),
                SchemaKind::AnyOf { any_of } => each(any_of.$iter(), "anyOf", f),
                SchemaKind::Not { not } => f("not".to_owned(), & $($mutable)? **not),
                SchemaKind::Any(any) => {
                    for (name, property) in & $($mutable)? any.properties {
                        f(format!("properties.{name}"), property);
                    }
                    if let Some(AdditionalProperties::Schema(values)) = & $($mutable)? any.additional_properties {
                        f("additionalProperties".to_owned(), & $($mutable)? **values);
                    }
                    if let Some(items) = & $($mutable)? any.items {
                        f("items".to_owned(), items);
                    }
                    each(any.one_of.$iter(), "oneOf", f);
                    each(any.all_of.$iter(), "allOf", f);
                    each(any.any_of.$iter(), "anyOf", f);
                    if let Some(not) = & $($mutable)? any.not {
                        f("not".to_owned(), & $($mutable)? **not);
                    }
                }
            }

            fn each<'a>(
                schemas: impl Iterator<Item = &'a $($mutable)? ReferenceOr<Schema>>,
                key: &str,
                f: &mut dyn FnMut(String, &'a $($mutable)? dyn Slot),
            ) {
                for (index, schema) in schemas.enumerate() {
                    f(format!("{key}[{index}]"), schema);
                }
            }
        }
    };
}

children!(each_child, iter,);
children!(each_child_mut, iter_mut, mut);

/// Calls `f` with every schema of the components and of the operations, and with its place.
pub fn each_schema<'a>(api: &'a OpenAPI, f: &mut dyn FnMut(&str, &'a dyn Slot)) {
    for (name, schema) in api.components.iter().flat_map(|components| &components.schemas) {
        walk(&format!("components.schemas.{name}"), schema, f);
    }
    for (path, item) in &api.paths.paths {
        for (method, operation) in item.as_item().into_iter().flat_map(|item| item.iter()) {
            each_schema_of(&format!("paths.{path}.{method}"), operation, f);
        }
    }
}

/// Calls `f` with every schema that is written in `operation` itself: in its parameters, its body and its replies.
pub fn each_schema_of<'a>(place: &str, operation: &'a openapiv3::Operation, f: &mut dyn FnMut(&str, &'a dyn Slot)) {
    for (index, parameter) in operation.parameters.iter().enumerate() {
        let data = parameter.as_item().map(Parameter::parameter_data_ref);
        if let Some(ParameterSchemaOrContent::Schema(schema)) = data.map(|data| &data.format) {
            walk(&format!("{place}.parameters[{index}].schema"), schema, f);
        }
    }
    let body = operation.request_body.iter().filter_map(ReferenceOr::as_item);
    for (kind, content) in body.flat_map(|body| &body.content) {
        if let Some(schema) = &content.schema {
            walk(&format!("{place}.requestBody.content.{kind}.schema"), schema, f);
        }
    }
    for (status, response) in each_response(operation) {
        for (kind, content) in &response.content {
            if let Some(schema) = &content.schema {
                walk(&format!("{place}.responses.{status}.content.{kind}.schema"), schema, f);
            }
        }
    }
}

/// Like [`each_schema`], for changing the schemas.
pub fn each_schema_mut(api: &mut OpenAPI, f: &mut dyn FnMut(&str, &mut dyn Slot)) {
    for (name, schema) in api.components.iter_mut().flat_map(|components| &mut components.schemas) {
        walk_mut(&format!("components.schemas.{name}"), schema, f);
    }
    each_operation_mut(api, &mut |place, operation| {
        for (index, parameter) in operation.parameters.iter_mut().enumerate() {
            if let Some(ParameterSchemaOrContent::Schema(schema)) =
                parameter_data_mut(parameter).map(|data| &mut data.format)
            {
                walk_mut(&format!("{place}.parameters[{index}].schema"), schema, f);
            }
        }
        if let Some(ReferenceOr::Item(body)) = &mut operation.request_body {
            walk_content_mut(&format!("{place}.requestBody"), &mut body.content, f);
        }
        let responses = &mut operation.responses;
        for (status, response) in &mut responses.responses {
            if let ReferenceOr::Item(response) = response {
                walk_content_mut(&format!("{place}.responses.{status}"), &mut response.content, f);
            }
        }
        if let Some(ReferenceOr::Item(response)) = &mut responses.default {
            walk_content_mut(&format!("{place}.responses.default"), &mut response.content, f);
        }
    });
}

fn walk_content_mut(place: &str, content: &mut openapiv3::Content, f: &mut dyn FnMut(&str, &mut dyn Slot)) {
    for (kind, content) in content {
        if let Some(schema) = &mut content.schema {
            walk_mut(&format!("{place}.content.{kind}.schema"), schema, f);
        }
    }
}

/// Returns the responses of an operation with their status. The default response is the last one.
pub fn each_response(operation: &openapiv3::Operation) -> impl Iterator<Item = (String, &openapiv3::Response)> {
    let by_status = operation.responses.responses.iter().map(|(status, response)| (status.to_string(), response));
    let default = operation.responses.default.iter().map(|response| ("default".to_owned(), response));
    by_status.chain(default).filter_map(|(status, response)| Some((status, response.as_item()?)))
}

pub fn each_operation_mut(api: &mut OpenAPI, f: &mut dyn FnMut(&str, &mut openapiv3::Operation)) {
    for (path, item) in &mut api.paths.paths {
        let ReferenceOr::Item(item) = item else { continue };
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("options", &mut item.options),
            ("head", &mut item.head),
            ("patch", &mut item.patch),
            ("trace", &mut item.trace),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                f(&format!("paths.{path}.{method}"), operation);
            }
        }
    }
}

pub fn parameter_data_mut(parameter: &mut ReferenceOr<Parameter>) -> Option<&mut openapiv3::ParameterData> {
    match parameter {
        ReferenceOr::Reference { .. } => None,
        ReferenceOr::Item(
            Parameter::Query { parameter_data, .. }
            | Parameter::Header { parameter_data, .. }
            | Parameter::Path { parameter_data, .. }
            | Parameter::Cookie { parameter_data, .. },
        ) => Some(parameter_data),
    }
}

pub fn item_mut<T>(item: &mut ReferenceOr<T>) -> Option<&mut T> {
    match item {
        ReferenceOr::Reference { .. } => None,
        ReferenceOr::Item(item) => Some(item),
    }
}

pub fn schemas_mut(api: &mut OpenAPI) -> &mut indexmap::IndexMap<String, ReferenceOr<Schema>> {
    &mut api.components.get_or_insert_default().schemas
}

/// Returns the object type, if the schema describes an object.
pub fn object(schema: &Schema) -> Option<&openapiv3::ObjectType> {
    match &schema.schema_kind {
        SchemaKind::Type(Type::Object(object)) => Some(object),
        _ => None,
    }
}

pub fn object_mut(schema: &mut Schema) -> Option<&mut openapiv3::ObjectType> {
    match &mut schema.schema_kind {
        SchemaKind::Type(Type::Object(object)) => Some(object),
        _ => None,
    }
}

/// Returns the smallest and the largest number of an integer format.
pub fn integer_range(format: &str) -> Option<(i128, i128)> {
    Some(match format {
        "int8" => (i8::MIN.into(), i8::MAX.into()),
        "uint8" => (0, u8::MAX.into()),
        "int16" => (i16::MIN.into(), i16::MAX.into()),
        "uint16" => (0, u16::MAX.into()),
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "int64" => (i64::MIN.into(), i64::MAX.into()),
        "uint64" => (0, u64::MAX.into()),
        _ => return None,
    })
}
