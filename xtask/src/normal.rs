//! The normal form of the document, from which everything is generated: every schema is complete in itself.
//!
//! `allOf` is merged into one schema. A reference to anything except an object or an enum is replaced by the schema that it
//! names.

use std::collections::{BTreeMap, BTreeSet};

use openapiv3::{AdditionalProperties, OpenAPI, ReferenceOr, Schema, SchemaData, SchemaKind, Type};

use crate::problems::Problems;
use crate::schema::{self, Slot, object};

/// The deepest nesting of a schema, in steps of its place. A deeper one contains itself.
const DEEPEST: usize = 100;

/// Brings `api` into the normal form. Adds a problem for every `allOf` that cannot be merged.
pub fn normalise(api: &mut OpenAPI, problems: &mut Problems) {
    let source: BTreeMap<String, ReferenceOr<Schema>> =
        api.components.iter().flat_map(|components| components.schemas.clone()).collect();
    let before = problems.len();
    let mut merger = Merger { source: &source, problems };
    schema::each_schema_mut(api, &mut |place, slot| {
        if place.matches('.').count() > DEEPEST {
            slot.set(Schema {
                schema_data: SchemaData::default(),
                schema_kind: SchemaKind::Type(Type::Boolean(Default::default())),
            });
            if merger.problems.len() == before {
                merger.problems.add(
                    place,
                    "never ends, because an allOf on the way contains itself; give that schema a name and refer to the name",
                );
            }
        } else if let Some(merged) = merger.merged(place, slot, &mut Vec::new()) {
            slot.set(merged);
        }
    });
    if problems.len() > before {
        return;
    }
    let bodies = bodies(api);
    let named: BTreeMap<String, Schema> = api
        .components
        .iter()
        .flat_map(|components| &components.schemas)
        .filter_map(|(name, schema)| Some((name.clone(), schema.as_item()?.clone())))
        .filter(|(name, schema)| !keeps_its_name(schema) && !bodies.contains(name))
        .collect();
    for name in named.keys().filter(|name| contains_itself(name, &named)) {
        problems.add(
            &format!("components.schemas.{name}"),
            "is a list or a map that contains itself; put an object in between",
        );
    }
    if problems.len() > before {
        return;
    }
    schema::each_schema_mut(api, &mut |_, slot| {
        if let Some(schema) = slot.reference().and_then(|name| named.get(name)) {
            slot.set(schema.clone());
        }
    });
    schema::schemas_mut(api).retain(|name, schema| schema.as_item().is_some() && !named.contains_key(name));
}

/// Returns whether `name` refers to itself through schemas that are replaced where they are used.
fn contains_itself(name: &str, named: &BTreeMap<String, Schema>) -> bool {
    let mut seen = BTreeSet::new();
    let mut queue = vec![name];
    while let Some(next) = queue.pop() {
        let Some(schema) = named.get(next) else { continue };
        let mut found = Vec::new();
        schema::each_child(schema, &mut |_, child| {
            schema::walk("", child, &mut |_, slot| found.extend(slot.reference()))
        });
        if found.contains(&name) {
            return true;
        }
        queue.extend(found.into_iter().filter(|name| seen.insert(*name)));
    }
    false
}

/// Returns the names of the schemas that are the body of a request or a reply.
fn bodies(api: &OpenAPI) -> BTreeSet<String> {
    let operations = api.paths.paths.values().filter_map(ReferenceOr::as_item).flat_map(|item| item.iter());
    let content = operations.flat_map(|(_, operation)| {
        let request = operation.request_body.iter().filter_map(ReferenceOr::as_item).map(|body| &body.content);
        request.chain(schema::each_response(operation).map(|(_, response)| &response.content))
    });
    let schemas = content.flat_map(|content| content.values()).filter_map(|media| media.schema.as_ref());
    schemas.filter_map(|schema| schema.reference()).map(str::to_owned).collect()
}

/// Returns whether the schema becomes a type of Rust: an object with properties, or an enum.
fn keeps_its_name(schema: &Schema) -> bool {
    match &schema.schema_kind {
        SchemaKind::Type(Type::Object(object)) => !object.properties.is_empty(),
        SchemaKind::Type(Type::String(string)) => !string.enumeration.is_empty(),
        _ => false,
    }
}

/// Returns whether an object is a map: it has no properties of its own, but values under any name.
pub fn is_map(object: &openapiv3::ObjectType) -> bool {
    object.properties.is_empty() && matches!(object.additional_properties, Some(AdditionalProperties::Schema(_)))
}

/// Returns the name in an `allOf` with a single reference, which only gives a named object another description.
pub fn described_reference(schema: &Schema) -> Option<&str> {
    match &schema.schema_kind {
        SchemaKind::AllOf { all_of } if all_of.len() == 1 => all_of[0].reference(),
        _ => None,
    }
}

struct Merger<'a> {
    source: &'a BTreeMap<String, ReferenceOr<Schema>>,
    problems: &'a mut Problems,
}

impl Merger<'_> {
    /// Returns the replacement of `slot`, if it is an `allOf` or refers to another reference. `names` are those on the way.
    fn merged(&mut self, place: &str, slot: &dyn Slot, names: &mut Vec<String>) -> Option<Schema> {
        if let Some(name) = slot.reference() {
            let target = self.source.get(name)?;
            // A reference to another reference.
            return target.reference().is_some().then(|| self.resolved(place, slot, names)).flatten();
        }
        let schema = slot.schema()?;
        let parts = parts(schema)?;
        match parts.as_slice() {
            [only] if only.reference().is_some() => {
                let target = self.resolved(place, only, names)?;
                if keeps_its_name(&target) && object(&target).is_some() {
                    return None;
                }
                Some(Schema {
                    schema_data: over(target.schema_data, &schema.schema_data),
                    schema_kind: target.schema_kind,
                })
            }
            parts => {
                let parts = parts.iter().map(|part| self.resolved(place, part, names)).collect::<Option<Vec<_>>>()?;
                self.one_object(place, &schema.schema_data, parts)
            }
        }
    }

    /// Returns the schema that `slot` holds or refers to, with every `allOf` on the way merged.
    fn resolved(&mut self, place: &str, slot: &dyn Slot, names: &mut Vec<String>) -> Option<Schema> {
        let Some(name) = slot.reference() else {
            return self.merged(place, slot, names).or_else(|| slot.schema().cloned());
        };
        if names.iter().any(|known| known == name) {
            self.problems.add(
                place,
                format!(
                    "refers to itself in a circle: {} → {name}; replace one of the references by a schema",
                    names.join(" → ")
                ),
            );
            return None;
        }
        // `check` has refused references to schemas that do not exist.
        let target = self.source.get(name)?;
        names.push(name.to_owned());
        let schema = self.resolved(place, target, names);
        names.pop();
        schema
    }

    fn one_object(&mut self, place: &str, data: &SchemaData, parts: Vec<Schema>) -> Option<Schema> {
        let mut merged = openapiv3::ObjectType::default();
        let mut merged_data = SchemaData::default();
        for part in parts.into_iter().rev() {
            let SchemaKind::Type(Type::Object(part_object)) = as_object(part.schema_kind) else {
                self.problems
                    .add(place, "merges schemas that are not all objects; `allOf` is supported for objects only");
                return None;
            };
            merged_data = over(merged_data, &part.schema_data);
            for (name, property) in part_object.properties {
                match merged.properties.get(&name) {
                    Some(other) if *other != property => {
                        self.problems.add(
                            place,
                            format!("merges objects that declare {name} differently; declare it in one of them only"),
                        );
                    }
                    _ => drop(merged.properties.insert(name, property)),
                }
            }
            merged.required.extend(part_object.required);
            merged.additional_properties = merged.additional_properties.or(part_object.additional_properties);
            merged.min_properties = merged.min_properties.max(part_object.min_properties);
            merged.max_properties = merged.max_properties.or(part_object.max_properties);
        }
        merged.required.sort();
        merged.required.dedup();
        merged.properties.sort_keys();
        let schema_data = over(merged_data, data);
        Some(Schema { schema_data, schema_kind: SchemaKind::Type(Type::Object(merged)) })
    }
}

/// Returns the schemas that an `allOf` combines. Keywords beside the `allOf` count as one more schema.
fn parts(schema: &Schema) -> Option<Vec<ReferenceOr<Schema>>> {
    match &schema.schema_kind {
        SchemaKind::AllOf { all_of } => Some(all_of.clone()),
        SchemaKind::Any(any) if !any.all_of.is_empty() => {
            let mut parts = any.all_of.clone();
            let beside = openapiv3::AnySchema { all_of: Vec::new(), ..any.clone() };
            let says_something =
                openapiv3::AnySchema { typ: None, ..beside.clone() } != openapiv3::AnySchema::default();
            if says_something || beside.typ.as_deref() != Some("object") {
                parts.push(ReferenceOr::Item(Schema {
                    schema_data: SchemaData::default(),
                    schema_kind: SchemaKind::Any(beside),
                }));
            }
            Some(parts)
        }
        _ => None,
    }
}

/// Turns a schema without `type` into an object if it has keywords of objects only, as is usual in `allOf`.
fn as_object(kind: SchemaKind) -> SchemaKind {
    let SchemaKind::Any(any) = kind else { return kind };
    let object = openapiv3::ObjectType {
        properties: any.properties.clone(),
        required: any.required.clone(),
        additional_properties: any.additional_properties.clone(),
        min_properties: any.min_properties,
        max_properties: any.max_properties,
    };
    let rest = openapiv3::AnySchema {
        properties: Default::default(),
        required: Vec::new(),
        additional_properties: None,
        min_properties: None,
        max_properties: None,
        ..any.clone()
    };
    let is_object = match rest.typ.as_deref() {
        None => rest == openapiv3::AnySchema::default() && object != openapiv3::ObjectType::default(),
        Some("object") => rest == openapiv3::AnySchema { typ: rest.typ.clone(), ..Default::default() },
        Some(_) => false,
    };
    if is_object { SchemaKind::Type(Type::Object(object)) } else { SchemaKind::Any(any) }
}

/// Returns `data`, overridden by everything that `by` sets.
fn over(mut data: SchemaData, by: &SchemaData) -> SchemaData {
    data.nullable |= by.nullable;
    data.deprecated |= by.deprecated;
    data.read_only |= by.read_only;
    data.write_only |= by.write_only;
    data.title = by.title.clone().or(data.title);
    data.description = by.description.clone().or(data.description);
    data.default = by.default.clone().or(data.default);
    data.example = by.example.clone().or(data.example);
    data.external_docs = by.external_docs.clone().or(data.external_docs);
    data.extensions.extend(by.extensions.clone());
    data
}
