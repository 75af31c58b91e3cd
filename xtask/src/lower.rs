//! Lowering: turns the document into one that progenitor can process, and adds what practice demands.
//!
//! Each small step has a name and a reason, and works on a copy of the normal form. The document itself does not change;
//! only the generated code depends on the result.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use openapiv3::{
    IntegerFormat, NumberFormat, OpenAPI, Parameter, ParameterData, ParameterSchemaOrContent, QueryStyle, ReferenceOr,
    Schema, SchemaData, SchemaKind, StringFormat, StringType, Type, VariantOrUnknownOrEmpty,
};
use serde_json::{Value, json};

use crate::document::{BY_HAND, Document, source_of};
use crate::json_schema::RequestLimits;
use crate::names;
use crate::schema::{self, Slot, each_operation_mut, each_schema_mut, object_mut, parameter_data_mut, schemas_mut};

/// The strings of format `password` by name, and the redacting type of wecom-kf-raw that each becomes.
pub const SECRETS: [(&str, &str); 3] =
    [("access_token", "AccessToken"), ("corpsecret", "CorpSecret"), ("token", "SyncToken")];

/// The type of wecom-kf-raw that holds the JSON of one message as WeCom sent it.
pub const MESSAGE_JSON: &str = "MessageJson";

/// The parameter that the security requirement becomes.
pub const TOKEN_PARAMETER: &str = "access_token";

/// The extension that marks the schema of a reply without errcode and errmsg.
pub const NO_ERRCODE: &str = "x-no-errcode";

/// A step that codegen reports: what it does, and how often it applied.
pub struct Step {
    pub name: &'static str,
    pub count: usize,
}

/// The result of lowering.
pub struct Lowered {
    pub document: Document,
    /// The open enums that the requests need, by their name in Rust.
    pub enums: BTreeMap<String, OpenEnum>,
    /// The limits that lowering removes from requests. The JSON Schemas of the Rust types contain them.
    pub limits: RequestLimits,
    pub steps: Vec<Step>,
}

/// The values of an enum in the document. WeCom may add others.
pub struct OpenEnum {
    pub description: String,
    pub values: Vec<String>,
}

/// Lowers the normal form `document`.
pub fn lower(document: &Document) -> Result<Lowered> {
    let mut lowering = Lowering {
        replies: document.reply_schemas(),
        requests: document.request_schemas(),
        descriptions: descriptions(document),
        api: document.api.clone(),
        enums: BTreeMap::new(),
    };
    let mut steps = Vec::new();
    let mut step = |name, count| steps.push(Step { name, count });
    step("operation that moves files left out", lowering.strip_files());
    step("security requirement becomes an access_token parameter", lowering.security_to_parameter());
    step("official page linked in the documentation", lowering.link_official_pages());
    step("default reply left out", lowering.drop_default_replies());
    step("example left out", lowering.drop_examples());
    step("secret becomes a redacting type", lowering.secrets_to_types());
    step("list of messages becomes a list of their JSON", lowering.messages_one_by_one()?);
    step("enum of a request becomes an open enum", lowering.open_enums());
    step("nothing required in a reply schema", lowering.nothing_required());
    step("errcode and errmsg default to 0 and \"\"", lowering.default_outcome());
    step("int32 of a reply becomes int64", lowering.widen_integers());
    step("nullable of a reply left to the lenient decoder", lowering.drop_nullable());
    step("default value or deprecation moved to the documentation", lowering.document_defaults());
    step("string format left out", lowering.drop_string_formats());
    step("validation keyword left out", lowering.drop_validation());
    step("body without properties becomes an empty struct", lowering.empty_bodies());
    Ok(Lowered {
        document: Document::from_api(lowering.api),
        enums: lowering.enums,
        limits: RequestLimits::of(document),
        steps,
    })
}

/// Returns the description of each operation for the generated documentation, by place.
fn descriptions(document: &Document) -> BTreeMap<String, String> {
    let operations = document.operations();
    let described = operations.iter().map(|operation| {
        let deprecated = operation.api.deprecated.then(|| "**Deprecated.**".to_owned());
        let paragraphs =
            [deprecated, operation.api.description.clone(), Some(source_of(operation.body))].into_iter().flatten();
        (operation.place.clone(), paragraphs.collect::<Vec<_>>().join("\n\n"))
    });
    described.collect()
}

struct Lowering {
    api: OpenAPI,
    replies: BTreeSet<String>,
    requests: BTreeSet<String>,
    descriptions: BTreeMap<String, String>,
    enums: BTreeMap<String, OpenEnum>,
}

impl Lowering {
    /// Leaves out the operations of `BY_HAND`.
    fn strip_files(&mut self) -> usize {
        let mut stripped = 0;
        for (_, item) in &mut self.api.paths.paths {
            let ReferenceOr::Item(item) = item else { continue };
            for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete] {
                let id = operation.as_ref().and_then(|operation| operation.operation_id.as_deref());
                if id.is_some_and(|id| BY_HAND.iter().any(|(by_hand, _)| *by_hand == id)) {
                    *operation = None;
                    stripped += 1;
                }
            }
        }
        self.api.paths.paths.retain(|_, item| item.as_item().is_none_or(|item| item.iter().next().is_some()));
        stripped
    }

    /// Makes the token an argument: progenitor ignores security schemes, and raw access hides nothing.
    fn security_to_parameter(&mut self) -> usize {
        let parameter = ReferenceOr::Item(Parameter::Query {
            parameter_data: ParameterData {
                name: TOKEN_PARAMETER.to_owned(),
                description: Some("The token that `gettoken` returned.".to_owned()),
                required: true,
                deprecated: None,
                format: ParameterSchemaOrContent::Schema(ReferenceOr::Item(Schema {
                    schema_data: SchemaData::default(),
                    schema_kind: string(VariantOrUnknownOrEmpty::Item(StringFormat::Password)),
                })),
                example: None,
                examples: Default::default(),
                explode: None,
                extensions: Default::default(),
            },
            allow_reserved: false,
            style: QueryStyle::Form,
            allow_empty_value: None,
        });
        let mut count = 0;
        each_operation_mut(&mut self.api, &mut |_, operation| {
            if operation.security.take().is_some_and(|required| !required.is_empty()) {
                operation.parameters.insert(0, parameter.clone());
                count += 1;
            }
        });
        count
    }

    /// Adds the link to the official page to the documentation of each operation.
    fn link_official_pages(&mut self) -> usize {
        let mut count = 0;
        each_operation_mut(&mut self.api, &mut |place, operation| {
            operation.description = self.descriptions.get(place).cloned();
            count += 1;
        });
        count
    }

    /// Leaves out `default` replies. progenitor takes them for success and error at once and panics (its issues #344 and
    /// #950). Nothing is lost: WeCom refuses with status 200, so any other status comes from a proxy.
    fn drop_default_replies(&mut self) -> usize {
        self.count_operations(|operation| usize::from(operation.responses.default.take().is_some()))
    }

    /// Leaves out examples, because progenitor ignores them.
    fn drop_examples(&mut self) -> usize {
        let mut count = 0;
        each_operation_mut(&mut self.api, &mut |_, operation| {
            for parameter in operation.parameters.iter_mut().filter_map(parameter_data_mut) {
                count +=
                    usize::from(parameter.example.take().is_some()) + std::mem::take(&mut parameter.examples).len();
            }
            let body = operation.request_body.as_mut().and_then(schema::item_mut);
            let responses = operation.responses.responses.values_mut().filter_map(schema::item_mut);
            let content = body.into_iter().map(|body| &mut body.content);
            for content in
                content.chain(responses.map(|response| &mut response.content)).flat_map(|all| all.values_mut())
            {
                count += usize::from(content.example.take().is_some()) + std::mem::take(&mut content.examples).len();
            }
        });
        self.each_schema(|_, schema| usize::from(schema.schema_data.example.take().is_some())) + count
    }

    /// Gives each secret a redacting type. As a plain string, it would appear in the `Debug` output of some program.
    fn secrets_to_types(&mut self) -> usize {
        let mut replaced = 0;
        each_operation_mut(&mut self.api, &mut |_, operation| {
            for parameter in operation.parameters.iter_mut().filter_map(parameter_data_mut) {
                if let ParameterSchemaOrContent::Schema(schema) = &mut parameter.format {
                    replaced += usize::from(secret_to_type(&parameter.name, schema));
                }
            }
        });
        each_schema_mut(&mut self.api, &mut |place, slot| {
            let name = place.rsplit('.').next().unwrap_or_default().to_owned();
            replaced += usize::from(secret_to_type(&name, slot));
        });
        for (name, secret) in SECRETS {
            self.add_schema(
                secret,
                &format!("A {name}. It is redacted wherever it is printed."),
                string(VariantOrUnknownOrEmpty::Empty),
            );
        }
        replaced
    }

    /// Keeps the JSON of each message, so that a message that does not decode does not make the whole page fail.
    fn messages_one_by_one(&mut self) -> Result<usize> {
        let items = schemas_mut(&mut self.api)
            .get_mut("SyncResponse")
            .and_then(|schema| object_mut(schema.schema_mut()?)?.properties.get_mut("msg_list"))
            .and_then(|list| match &mut list.schema_mut()?.schema_kind {
                SchemaKind::Type(Type::Array(array)) => array.items.as_mut(),
                _ => None,
            })
            .filter(|items| items.reference() == Some("Message"));
        ensure!(
            items.is_some(),
            "components.schemas.SyncResponse.properties.msg_list: is no longer a list of Message; change messages_one_by_one in xtask/src/lower.rs"
        );
        items.into_iter().for_each(|items| items.set_reference(MESSAGE_JSON));
        let object = SchemaKind::Type(Type::Object(Default::default()));
        self.add_schema(MESSAGE_JSON, "The JSON of one message as WeCom sent it.", object);
        Ok(1)
    }

    /// Takes the enums out of requests and returns them as open enums, because WeCom adds values without notice.
    fn open_enums(&mut self) -> usize {
        let mut found = BTreeMap::new();
        each_operation_mut(&mut self.api, &mut |_, operation| {
            let id = operation.operation_id.clone().unwrap_or_default();
            for parameter in operation.parameters.iter_mut().filter_map(parameter_data_mut) {
                let name = names::type_name(&format!("{id}_{}", parameter.name));
                let description = parameter.description.clone().unwrap_or_default();
                if let ParameterSchemaOrContent::Schema(slot) = &mut parameter.format
                    && let Some(values) = values(slot)
                {
                    found.insert(name.clone(), OpenEnum { description, values });
                    Slot::set_reference(slot, &name);
                }
            }
        });
        each_schema_mut(&mut self.api, &mut |place, slot| {
            let Some(values) = values(slot) else { return };
            let data = slot.schema().map(|schema| &schema.schema_data);
            let description = data.and_then(|data| data.description.clone()).unwrap_or_default();
            let name = names::type_at(place);
            found.insert(name.clone(), OpenEnum { description, values });
            let is_named = place == format!("components.schemas.{name}");
            match (is_named, slot.schema_mut()) {
                (true, Some(schema)) => schema.schema_kind = self::string(VariantOrUnknownOrEmpty::Empty),
                // `nullable` stays with the property.
                (false, Some(schema)) if schema.schema_data.nullable => {
                    let mut reference = ReferenceOr::Item(schema.clone());
                    Slot::set_reference(&mut reference, &name);
                    schema.schema_kind = SchemaKind::AllOf { all_of: vec![reference] };
                }
                (_, _) => set_reference_with_description(slot, &name),
            }
        });
        for (name, open) in &found {
            self.add_schema(name, &open.description, string(VariantOrUnknownOrEmpty::Empty));
        }
        self.requests.extend(found.keys().cloned());
        self.enums = found;
        self.enums.len()
    }

    /// Makes every property of a reply optional: a refusal has only errcode and errmsg, and WeCom omits documented values.
    fn nothing_required(&mut self) -> usize {
        self.each_reply_schema(|_, schema| {
            object_mut(schema).map_or(0, |object| usize::from(!std::mem::take(&mut object.required).is_empty()))
        })
    }

    /// Gives errcode and errmsg a default, so that they are plain values instead of Options: absent means success. A reply
    /// that is marked to have none gets them too, because WeCom can refuse any call.
    fn default_outcome(&mut self) -> usize {
        self.each_reply_schema(|_, schema| {
            let has_none = schema.schema_data.extensions.get(NO_ERRCODE) == Some(&Value::Bool(true));
            let Some(object) = object_mut(schema) else { return 0 };
            if has_none {
                let integer = SchemaKind::Type(Type::Integer(Default::default()));
                for (name, kind) in [("errcode", integer), ("errmsg", string(VariantOrUnknownOrEmpty::Empty))] {
                    let description = Some("Present only if WeCom refuses the call.".to_owned());
                    let schema_data = SchemaData { description, ..Default::default() };
                    let property = Schema { schema_data, schema_kind: kind };
                    object.properties.insert(name.to_owned(), ReferenceOr::Item(Box::new(property)));
                }
            }
            let mut defaulted = 0;
            for (name, default) in [("errcode", json!(0)), ("errmsg", json!(""))] {
                if let Some(property) = object.properties.get_mut(name).and_then(|property| property.schema_mut()) {
                    property.schema_data.default = Some(default);
                    defaulted += 1;
                }
            }
            defaulted
        })
    }

    /// Widens integers of replies to 64 bits, because counters and times outgrow 32 bits without notice.
    fn widen_integers(&mut self) -> usize {
        self.each_reply_schema(|_, schema| {
            let SchemaKind::Type(Type::Integer(integer)) = &mut schema.schema_kind else { return 0 };
            let is_narrow = match &integer.format {
                VariantOrUnknownOrEmpty::Item(IntegerFormat::Int32) => true,
                VariantOrUnknownOrEmpty::Unknown(format) => format == "uint32",
                _ => false,
            };
            if is_narrow {
                integer.format = VariantOrUnknownOrEmpty::Item(IntegerFormat::Int64);
            }
            usize::from(is_narrow)
        })
    }

    /// Leaves out `nullable` in replies, because every field of a reply accepts null as absent.
    fn drop_nullable(&mut self) -> usize {
        self.each_reply_schema(|_, schema| usize::from(std::mem::take(&mut schema.schema_data.nullable)))
    }

    /// Moves default values and deprecations to the documentation. A request omits an absent value, so WeCom fills in its
    /// own default, even after that changes. An attribute `deprecated` would break builds that deny warnings.
    fn document_defaults(&mut self) -> usize {
        self.each_schema(|place, schema| {
            let name = place.rsplit('.').next().unwrap_or_default();
            if matches!(name, "errcode" | "errmsg") {
                return 0;
            }
            let default = schema.schema_data.default.take().map(|default| format!("Default: `{default}`."));
            let deprecated = std::mem::take(&mut schema.schema_data.deprecated).then(|| "**Deprecated.**".to_owned());
            if default.is_none() && deprecated.is_none() {
                return 0;
            }
            let parts = [deprecated, schema.schema_data.description.take(), default];
            schema.schema_data.description = Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" "));
            1
        })
    }

    /// Leaves out the formats of strings: WeCom's dates and the like do not always have the form that the format promises.
    fn drop_string_formats(&mut self) -> usize {
        self.each_schema(|_, schema| match &mut schema.schema_kind {
            SchemaKind::Type(Type::String(string)) if string.format != VariantOrUnknownOrEmpty::Empty => {
                string.format = VariantOrUnknownOrEmpty::Empty;
                1
            }
            _ => 0,
        })
    }

    /// Leaves out validation keywords. progenitor would make validating types in its own units; we check with constants.
    fn drop_validation(&mut self) -> usize {
        self.each_schema(|_, schema| {
            // progenitor names a type after the title, and silently merges two inline schemas with the same title.
            schema.schema_data.title = None;
            match &mut schema.schema_kind {
                SchemaKind::Type(Type::String(string)) => {
                    usize::from(string.min_length.take().is_some())
                        + usize::from(string.max_length.take().is_some())
                        + usize::from(string.pattern.take().is_some())
                }
                SchemaKind::Type(Type::Integer(integer)) => {
                    let format = std::mem::take(&mut integer.format);
                    count_and_reset(integer, openapiv3::IntegerType { format, ..Default::default() })
                }
                SchemaKind::Type(Type::Number(number)) => {
                    let format = std::mem::take(&mut number.format);
                    count_and_reset(number, openapiv3::NumberType { format, ..Default::default() })
                }
                SchemaKind::Type(Type::Array(array)) => {
                    let items = array.items.take();
                    let bare = openapiv3::ArrayType { items, min_items: None, max_items: None, unique_items: false };
                    count_and_reset(array, bare)
                }
                SchemaKind::Type(Type::Object(object)) => {
                    let is_closed = object.additional_properties == Some(openapiv3::AdditionalProperties::Any(false));
                    if is_closed {
                        object.additional_properties = None;
                    }
                    let limits = object.min_properties.take().is_some() || object.max_properties.take().is_some();
                    usize::from(is_closed || limits)
                }
                _ => 0,
            }
        })
    }

    /// Closes bodies without properties, because progenitor takes an open one for a map. In the normal form, an object
    /// without properties has a name only if it is a whole body.
    fn empty_bodies(&mut self) -> usize {
        let mut count = 0;
        for schema in schemas_mut(&mut self.api).values_mut().filter_map(schema::item_mut) {
            if let Some(object) = object_mut(schema)
                .filter(|object| object.properties.is_empty() && object.additional_properties.is_none())
            {
                object.additional_properties = Some(openapiv3::AdditionalProperties::Any(false));
                count += 1;
            }
        }
        // This type is written by hand, so its schema stays open.
        if let Some(object) =
            schemas_mut(&mut self.api).get_mut(MESSAGE_JSON).and_then(schema::item_mut).and_then(object_mut)
        {
            object.additional_properties = None;
            count -= 1;
        }
        count
    }

    fn add_schema(&mut self, name: &str, description: &str, schema_kind: SchemaKind) {
        let schema_data = SchemaData { description: Some(description.to_owned()), ..Default::default() };
        schemas_mut(&mut self.api).insert(name.to_owned(), ReferenceOr::Item(Schema { schema_data, schema_kind }));
    }

    fn count_operations(&mut self, mut f: impl FnMut(&mut openapiv3::Operation) -> usize) -> usize {
        let mut count = 0;
        each_operation_mut(&mut self.api, &mut |_, operation| count += f(operation));
        count
    }

    fn each_schema(&mut self, mut f: impl FnMut(&str, &mut Schema) -> usize) -> usize {
        let mut count = 0;
        each_schema_mut(&mut self.api, &mut |place, slot| {
            if let Some(schema) = slot.schema_mut() {
                count += f(place, schema);
            }
        });
        count
    }

    fn each_reply_schema(&mut self, mut f: impl FnMut(&str, &mut Schema) -> usize) -> usize {
        let mut count = 0;
        for name in self.replies.clone() {
            if let Some(schema) = schemas_mut(&mut self.api).get_mut(&name) {
                schema::walk_mut(&name, schema, &mut |place, slot| {
                    if let Some(schema) = slot.schema_mut() {
                        count += f(place, schema);
                    }
                });
            }
        }
        count
    }
}

fn secret_to_type(name: &str, slot: &mut dyn Slot) -> bool {
    let is_password = slot.schema().is_some_and(is_password);
    let secret = SECRETS.iter().find(|(secret, _)| *secret == name).filter(|_| is_password);
    if let Some((_, secret)) = secret {
        set_reference_with_description(slot, secret);
    }
    secret.is_some()
}

/// Makes `slot` a reference to `name`. OpenAPI allows nothing beside a reference, so an `allOf` carries the description.
fn set_reference_with_description(slot: &mut dyn Slot, name: &str) {
    let description = slot.schema().and_then(|schema| schema.schema_data.description.clone());
    slot.set_reference(name);
    if description.is_some() {
        let mut reference: ReferenceOr<Schema> = ReferenceOr::Reference { reference: String::new() };
        Slot::set_reference(&mut reference, name);
        slot.set(Schema {
            schema_data: SchemaData { description, ..Default::default() },
            schema_kind: SchemaKind::AllOf { all_of: vec![reference] },
        });
    }
}

/// Returns the values of an enum of strings.
fn values(slot: &dyn Slot) -> Option<Vec<String>> {
    let SchemaKind::Type(Type::String(string)) = &slot.schema()?.schema_kind else { return None };
    (!string.enumeration.is_empty()).then(|| string.enumeration.iter().flatten().cloned().collect())
}

pub fn is_password(schema: &Schema) -> bool {
    let SchemaKind::Type(Type::String(string)) = &schema.schema_kind else { return false };
    string.format == VariantOrUnknownOrEmpty::Item(StringFormat::Password)
}

fn string(format: VariantOrUnknownOrEmpty<StringFormat>) -> SchemaKind {
    SchemaKind::Type(Type::String(StringType { format, ..Default::default() }))
}

/// Replaces `full` by `bare`. Returns 1 if that removed something, otherwise 0.
fn count_and_reset<T: PartialEq>(full: &mut T, bare: T) -> usize {
    let changes = *full != bare;
    *full = bare;
    usize::from(changes)
}

/// Returns whether the generated code has a type for the format of a number. True for other schemas.
pub fn is_known_number(schema: &Schema) -> bool {
    match &schema.schema_kind {
        SchemaKind::Type(Type::Integer(integer)) => match &integer.format {
            VariantOrUnknownOrEmpty::Unknown(format) => format == "uint32" || format == "uint64",
            _ => true,
        },
        SchemaKind::Type(Type::Number(number)) => matches!(
            number.format,
            VariantOrUnknownOrEmpty::Empty | VariantOrUnknownOrEmpty::Item(NumberFormat::Float | NumberFormat::Double)
        ),
        _ => true,
    }
}
